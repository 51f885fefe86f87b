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
#include <stdlib.h>
#include <string.h>
#include "http/uri.h"
#include "proxy/access-log.h"
#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/file.h"
#include "proxy/proxy.h"
#include "proxy/trouble.h"
#include "proxy/visible.h"
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
        exchange->request.n_headers = 0;
        exchange->request.body = HTTP_BODY_NONE;
        exchange->target = NULL;
        exchange->page = NULL;
        exchange->body_progress = 0;
        exchange->body_whole = false;
        exchange->begin_usec = 0;
        exchange->client = connection->peer;
        exchange->answer = (Answer){};
        (void)snprintf(exchange->id, sizeof(exchange->id), "%016" PRIx64, proxy->next_id++);
        spool_init(&exchange->body, proxy->sites->config->body_memory);
        http_chunked_init(&exchange->chunked);
        relay_init(&exchange->relay, exchange);
        return exchange;
}

Exchange *exchange_free(Exchange *exchange) {
        if (!exchange)
                return NULL;

        if (exchange->begin_usec > 0)
                access_log(exchange);
        relay_done(&exchange->relay);
        spool_done(&exchange->body);
        target_unref(exchange->page);
        target_unref(exchange->target);
        sites_unref(exchange->sites);
        free(exchange);
        return NULL;
}

static void exchange_answered(Exchange *exchange) {
        timer_unset(&exchange->relay.timer);
        exchange->connection->state = CONNECTION_SENDING;
}

/* The site's own page for the status. */
static bool exchange_send_page(Exchange *exchange, unsigned int status) {
        char **pages = exchange->site ? exchange->site->config->error_pages : NULL;

        for (; pages && *pages; pages++) {
                if ((unsigned int)atoi(*pages) != status)
                        continue;
                exchange->page = target_unref(exchange->page);
                if (target_open(&exchange->site->docroot,
                                *pages + sizeof("404"),
                                exchange->connection->proxy->loop.now_usec,
                                &exchange->page) < 0)
                        return false;
                file_answer_page(exchange, exchange->page, status);
                return true;
        }
        return false;
}

static void exchange_reject_with(Exchange *exchange, unsigned int status, const char *explanation) {
        if (!exchange->body_whole)
                exchange->connection->keep = false;
        if (!exchange_send_page(exchange, status))
                answer_page(exchange, status, explanation);
        exchange_answered(exchange);
}

void exchange_reject(Exchange *exchange, unsigned int status, const char *reason) {
        if (reason)
                log_debug("%u for request %s: %s", status, exchange->id, reason);
        if (reason && (status == 408 || status == 413))
                trouble_log_limit(exchange->connection, reason);
        else if (reason && (status == 414 || status == 431))
                trouble_log_limit(exchange->connection,
                                  "a head, a path or a number of fields over its limit (limits.head)");
        exchange_reject_with(exchange, status, NULL);
}

static void exchange_take_place(Exchange *exchange) {
        Connection *connection = exchange->connection;

        connection->exchange = exchange;
        exchange->begin_usec = connection->proxy->loop.now_usec;
        exchange->sent_before_bytes = connection->sent_bytes;
}

void exchange_reject_head(Connection *connection, unsigned int status, const char *reason) {
        Exchange *exchange = exchange_new(connection);

        if (!exchange) {
                connection_close(connection);
                return;
        }
        exchange_take_place(exchange);
        connection->in_used = buffer_size(&connection->in);
        connection->keep = false;
        exchange_reject(exchange, status, reason);
}

/* @location may lack the query. */
static void exchange_redirect(Exchange *exchange, unsigned int status, const char *location) {
        HttpSlice query = exchange->request.query;
        bool add = query.data && !strchr(location, '?');
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text,
                     "%s%s%.*s",
                     location,
                     add ? "?" : "",
                     add ? (int)query.size : 0,
                     query.data ?: "") < 0) {
                text = NULL;
                connection_close(exchange->connection);
                return;
        }

        if (!exchange->body_whole)
                exchange->connection->keep = false;
        answer_redirect(exchange, status, text);
        exchange_answered(exchange);
}

static void exchange_send_file(Exchange *exchange) {
        if (!file_accepts_method(exchange)) {
                exchange_reject(exchange, 405, "a file is only read");
                return;
        }
        if (!exchange->body_whole)
                exchange->connection->keep = false;

        file_answer(exchange, exchange->target, NULL);
        exchange_answered(exchange);
}

/* What was refused by a rule of the site, not for want of a file, is for the journal. */
static void exchange_send_error(Exchange *exchange) {
        const Target *target = exchange->target;

        if (target->status != 404)
                trouble_log(exchange, target->status, exchange->site->config->name, 0, target->reason);
        exchange_reject(exchange, target->status, target->reason);
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
                connection_append(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25);
                (void)connection_flush(connection); /* what is left goes with the answer */
        }

        connection->state = CONNECTION_BODY;
        timer_set(&connection->proxy->loop, &connection->timer, exchange->sites->config->body_usec);
}

void exchange_to_pool(Exchange *exchange) {
        Upstream *upstream = exchange->site->upstream;

        if (exchange->target->pool)
                upstream = upstream_find(&exchange->connection->proxy->upstreams, exchange->target->pool);
        if (!upstream) {
                exchange_reject(exchange, 503, "the rule's pool is not known");
                return;
        }
        relay_begin(exchange, upstream);
}

static void exchange_decide(Exchange *exchange) {
        Proxy *proxy = exchange->connection->proxy;
        int r;

        if (!visible_is_clear(exchange)) {
                exchange_reject(exchange,
                                400,
                                "a path with dot segments, where site.access decides by path");
                return;
        }

        r = targets_find(&exchange->sites->targets,
                         exchange->site,
                         &proxy->route,
                         proxy->loop.now_usec,
                         &exchange->target);
        if (r < 0) {
                trouble_log(exchange, 503, exchange->site->config->name, r, "cannot open the document root");
                exchange_reject(exchange, 503, NULL);
                return;
        }

        if (!visible_to_client(exchange)) {
                exchange_reject(exchange, 403, "not for this client (site.access)");
                return;
        }

        switch (exchange->target->kind) {
        case ROUTE_FILE:
                exchange_send_file(exchange);
                break;
        case ROUTE_REDIRECT:
                exchange_redirect(exchange, exchange->target->status, exchange->target->script);
                break;
        case ROUTE_SCRIPT:
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

/* The host is not that of a good site. */
static void exchange_refuse_host(Exchange *exchange, bool broken) {
        ProxyUnknownHost unknown = exchange->sites->config->unknown_host;

        if (broken)
                exchange_reject_with(exchange, 503, "This site's configuration is broken.");
        else if (unknown == PROXY_UNKNOWN_HOST_CLOSE)
                connection_close(exchange->connection);
        else
                exchange_reject_with(exchange,
                                     unknown == PROXY_UNKNOWN_HOST_421 ? 421 : 404,
                                     "No site of this name is served here.");
}

/* True: the request is answered, before anybody has looked at its path. */
static bool exchange_at_the_door(Exchange *exchange) {
        const HttpRequest *request = &exchange->request;
        char location[HTTP_HOST_MAX + sizeof("https://") + ROUTE_PATH_MAX];
        int r;

        if (request->path.size == 1 && request->path.data[0] == '*') {
                exchange_answer_options(exchange);
                return true;
        }

        r = sites_find(exchange->sites, request->host_name, &exchange->site);
        if (r != 0) {
                exchange_refuse_host(exchange, r == SITES_E_BROKEN);
                return true;
        }

        if (exchange->site->config->https == SITE_HTTPS_REDIRECT && !exchange->https &&
            request->host_name[0]) {
                r = snprintf(location,
                             sizeof(location),
                             "https://%s%.*s",
                             request->host_name,
                             (int)request->path.size,
                             request->path.data);
                if (r < (int)sizeof(location))
                        exchange_redirect(exchange, 308, location);
                else
                        exchange_reject(exchange, 414, "the redirect would be too long");
                return true;
        }

        if (site_is_maintained(exchange->site, exchange->connection->proxy->loop.now_usec)) {
                exchange_reject_with(exchange,
                                     503,
                                     "This site is being worked on. Please try again in a moment.");
                return true;
        }
        return false;
}

static void exchange_start(Exchange *exchange) {
        Route *route = &exchange->connection->proxy->route;
        size_t size;
        int r;

        if (exchange_at_the_door(exchange))
                return;

        r = http_path_normalise(exchange->request.path, route->path, sizeof(route->path), &size);
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

        exchange_take_place(exchange);
        list_remove(&connection->idle);
        if (r != 0) {
                unsigned int status = exchange->request.status;
                const char *reason = exchange->request.reason;

                connection->in_used = buffer_size(&connection->in);
                connection->keep = false;
                exchange->request.method = (HttpSlice){};
                exchange->request.uri = (HttpSlice){};
                exchange->request.version_minor = 1;
                exchange->request.n_headers = 0;
                exchange_reject(exchange, status, reason);
                return true;
        }

        connection->in_used = exchange->request.head_size;
        connection->keep = exchange->request.keep_alive && !proxy->draining;
        exchange->body_whole = exchange->request.body == HTTP_BODY_NONE;
        client_identify(exchange);
        exchange_start(exchange);
        return true;
}
