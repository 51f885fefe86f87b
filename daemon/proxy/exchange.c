/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request and its answer
 *
 * The request decides everything at its head: whose site it is, what answers,
 * whether its body may come. Only then is the body asked for (100 Continue)
 * and read, and only when that is whole does a pool hear of it. What is
 * refused before its body was read ends the connection: the bytes that follow
 * must not be taken for the next request.
 *
 * The head stays in connection->in until the answer is sent; slices of the
 * request point there. When a read of a chunked body has moved that buffer the
 * head is parsed again, which gives the same slices at their new place.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "http/uri.h"
#include "proxy/exchange.h"
#include "proxy/file.h"
#include "proxy/proxy.h"
#include "proxy/trouble.h"
#include "util/log.h"

static Exchange *exchange_new(Connection *connection) {
        Proxy *proxy = connection->proxy;
        Exchange *exchange;

        exchange = malloc(sizeof(*exchange)); /* large, and nearly all of it is filled in by parsing */
        if (!exchange)
                return NULL;

        exchange->connection = connection;
        exchange->sites = sites_ref(proxy->sites);
        exchange->site = NULL;
        exchange->request.method = (HttpSlice){};
        exchange->request.uri = (HttpSlice){};
        exchange->request.version_minor = 1;
        exchange->request.body = HTTP_BODY_NONE;
        exchange->route.script[0] = '\0';
        exchange->body_whole = false;
        exchange->answer = (Answer){};
        (void)snprintf(exchange->id, sizeof(exchange->id), "%016" PRIx64, proxy->next_id++);
        body_init(&exchange->body, proxy->sites->config->body_memory);
        http_chunked_init(&exchange->chunked);
        relay_init(&exchange->relay, exchange);
        return exchange;
}

Exchange *exchange_free(Exchange *exchange) {
        if (!exchange)
                return NULL;

        relay_done(&exchange->relay);
        body_done(&exchange->body);
        sites_unref(exchange->sites);
        free(exchange);
        return NULL;
}

static void exchange_answered(Exchange *exchange) {
        timer_unset(&exchange->relay.timer);
        exchange->connection->state = CONNECTION_SENDING;
}

static void exchange_reject_with(Exchange *exchange, unsigned int status, const char *explanation) {
        if (!exchange->body_whole)
                exchange->connection->keep = false;
        answer_page(exchange, status, explanation);
        exchange_answered(exchange);
}

void exchange_reject(Exchange *exchange, unsigned int status, const char *reason) {
        if (reason)
                log_debug("%u for request %s: %s", status, exchange->id, reason);
        exchange_reject_with(exchange, status, NULL);
}

void exchange_reject_head(Connection *connection, unsigned int status, const char *reason) {
        Exchange *exchange = exchange_new(connection);

        if (!exchange) {
                connection_close(connection);
                return;
        }
        connection->exchange = exchange;
        connection->in_used = buffer_size(&connection->in);
        connection->keep = false;
        exchange_reject(exchange, status, reason);
}

static void exchange_redirect(Exchange *exchange) {
        char path[3 * ROUTE_PATH_MAX + 2], *location = NULL;
        HttpSlice query = exchange->request.query;
        size_t n;

        if (http_path_encode(exchange->route.path, path, sizeof(path) - 1) != 0) {
                exchange_reject(exchange, 414, "the redirect would be too long");
                return;
        }

        /* a path alone, and one that was normalised: "//host" cannot come back as another site */
        n = strlen(path);
        path[n] = '/';
        path[n + 1] = '\0';
        if (asprintf(&location, "%s%s%.*s", path, query.data ? "?" : "", (int)query.size, query.data ?: "") <
            0) {
                connection_close(exchange->connection);
                return;
        }

        if (!exchange->body_whole)
                exchange->connection->keep = false;
        answer_redirect(exchange, location);
        free(location);
        exchange_answered(exchange);
}

static void exchange_send_file(Exchange *exchange) {
        int r;

        if (!file_accepts_method(exchange)) {
                exchange_reject(exchange, 405, "a file is only read");
                return;
        }
        if (!exchange->body_whole)
                exchange->connection->keep = false;

        r = file_answer(exchange, &exchange->site->docroot);
        if (r < 0) {
                unsigned int status = r == -EACCES ? 403 : 500;

                trouble_log(exchange, status, exchange->site->config->name, r, "cannot open the file");
                exchange_reject(exchange, status, NULL);
                return;
        }
        exchange_answered(exchange);
}

/* What was refused by a rule of the site, not for want of a file, is for the journal. */
static void exchange_send_error(Exchange *exchange) {
        const Route *route = &exchange->route;

        if (route->status != 404)
                trouble_log(exchange, route->status, exchange->site->config->name, 0, route->reason);
        exchange_reject(exchange, route->status, route->reason);
}

static void exchange_expect_body(Exchange *exchange) {
        Connection *connection = exchange->connection;
        const HttpRequest *request = &exchange->request;
        uint64_t max = exchange->site->config->body_max;

        if (max > 0 && request->body == HTTP_BODY_LENGTH && request->content_length > max) {
                exchange_reject(exchange, 413, "the body is larger than limits.body");
                return;
        }

        if (request->expect_continue && buffer_size(&connection->in) == connection->in_used) {
                if (buffer_append(&connection->out, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0)
                        connection->out_failed = true;
                (void)connection_flush(connection); /* what is left goes with the answer */
        }

        connection->state = CONNECTION_BODY;
        timer_set(&connection->proxy->loop, &connection->timer, exchange->sites->config->body_usec);
}

void exchange_to_pool(Exchange *exchange) {
        Upstream *upstream = exchange->site->upstream;

        if (exchange->route.pool)
                upstream = upstream_find(&exchange->connection->proxy->upstreams, exchange->route.pool);
        if (!upstream) {
                exchange_reject(exchange, 503, "the rule's pool is not known");
                return;
        }
        relay_begin(exchange, upstream);
}

static void exchange_decide(Exchange *exchange) {
        Docroot *docroot = &exchange->site->docroot;
        int r;

        r = docroot_refresh(docroot);
        if (r < 0) {
                trouble_log(exchange, 503, exchange->site->config->name, r, "cannot open the document root");
                exchange_reject(exchange, 503, NULL);
                return;
        }

        route_decide(&exchange->route, exchange->site->config, exchange->site->rules, &docroot->tree);
        switch (exchange->route.kind) {
        case ROUTE_FILE:
                exchange_send_file(exchange);
                break;
        case ROUTE_REDIRECT:
                exchange_redirect(exchange);
                break;
        case ROUTE_SCRIPT:
                memcpy(exchange->document_root, docroot->real, strlen(docroot->real) + 1);
                if (exchange->body_whole)
                        exchange_to_pool(exchange);
                else
                        exchange_expect_body(exchange);
                break;
        case ROUTE_ERROR:
        default:
                exchange_send_error(exchange);
                break;
        }
        docroot_forget_entry(docroot);
}

/* "OPTIONS *" asks about the server, not about a site. */
static void exchange_answer_options(Exchange *exchange) {
        if (!exchange->body_whole)
                exchange->connection->keep = false;
        answer_begin(exchange, 204, (HttpSlice){}, false);
        answer_string(exchange, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        answer_end_head(exchange);
        exchange_answered(exchange);
}

static void exchange_start(Exchange *exchange) {
        HttpRequest *request = &exchange->request;
        size_t size;
        int r;

        if (request->path.size == 1 && request->path.data[0] == '*') {
                exchange_answer_options(exchange);
                return;
        }

        r = sites_find(exchange->sites, request->host_name, &exchange->site);
        if (r != 0) {
                if (r == SITES_E_BROKEN)
                        exchange_reject_with(exchange, 503, "This site's configuration is broken.");
                else
                        exchange_reject_with(exchange, 404, "No site of this name is served here.");
                return;
        }

        r = http_path_normalise(request->path, exchange->route.path, sizeof(exchange->route.path), &size);
        switch (r) {
        case 0:
                exchange_decide(exchange);
                break;
        case HTTP_PATH_E_ENCODED_SLASH:
                exchange_reject(exchange, 404, "an encoded slash");
                break;
        case HTTP_PATH_E_TOO_LONG:
                exchange_reject(exchange, 414, "the path is too long");
                break;
        default:
                exchange_reject(exchange, 400, "the path is malformed");
                break;
        }
}

bool exchange_begin(Connection *connection) {
        Proxy *proxy = connection->proxy;
        Exchange *exchange = exchange_new(connection);
        int r;

        if (!exchange) {
                connection_close(connection);
                return false;
        }

        r = http_request_parse(&exchange->request,
                               (const char *)buffer_data(&connection->in),
                               buffer_size(&connection->in),
                               connection->in_checked,
                               exchange->sites->config->head_max);
        if (r == HTTP_REQUEST_E_INCOMPLETE) {
                proxy->next_id--;
                exchange_free(exchange);
                return false;
        }

        connection->exchange = exchange;
        list_remove(&connection->idle);
        proxy->n_requests++;
        if (r != 0) {
                unsigned int status = exchange->request.status;
                const char *reason = exchange->request.reason;

                connection->in_used = buffer_size(&connection->in);
                connection->keep = false;
                exchange->request.method = (HttpSlice){};
                exchange->request.uri = (HttpSlice){};
                exchange->request.version_minor = 1;
                exchange_reject(exchange, status, reason);
                return true;
        }

        connection->in_used = exchange->request.head_size;
        connection->keep = exchange->request.keep_alive && !proxy->draining;
        exchange->body_whole = exchange->request.body == HTTP_BODY_NONE;
        exchange_start(exchange);
        return true;
}
