/* SPDX-License-Identifier: MIT */
/*
 * Files that a script has sent in place of its own body
 *
 * It names them by X-Accel-Redirect, a path of a URL below the name of an
 * internal directory, or by X-Sendfile, a file below that directory itself.
 * Nothing outside the configured directories can be had, whatever links or
 * dots there are: the look-up is that of a document root.
 */

#include <string.h>
#include "http/uri.h"
#include "proxy/exchange.h"
#include "proxy/file.h"
#include "proxy/internal.h"
#include "proxy/proxy.h"
#include "proxy/trouble.h"

/* What is behind @prefix in @path, from its '/' on; NULL: it does not lie below it. */
static const char *path_behind(const char *path, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(path, prefix, n) == 0 && path[n] == '/' ? path + n : NULL;
}

/* -EINVAL: the script has named no file of an internal directory. */
static int internal_open(Exchange *exchange, const HttpResponse *response, Target **ret) {
        Site *site = exchange->site;
        uint64_t now_usec = exchange->connection->proxy->loop.now_usec;
        char path[ROUTE_PATH_MAX];
        size_t size;

        if (response->accel_redirect.data) {
                if (http_path_normalise(response->accel_redirect, path, sizeof(path), &size) != 0)
                        return -EINVAL;
        } else {
                if (response->sendfile.size >= sizeof(path))
                        return -EINVAL;
                memcpy(path, response->sendfile.data, response->sendfile.size);
                path[response->sendfile.size] = '\0';
        }

        for (size_t i = 0; i < site->config->n_internal; i++) {
                const SiteInternal *internal = &site->config->internal[i];
                const char *rest =
                        path_behind(path, response->accel_redirect.data ? internal->path : internal->root);

                if (rest)
                        return target_open(&site->internal[i], rest, now_usec, ret);
        }
        return -EINVAL;
}

void internal_answer(Exchange *exchange) {
        Relay *relay = &exchange->relay;
        HttpResponse *response = &exchange->connection->proxy->response;
        int r;

        (void)http_response_parse(response,
                                  (const char *)buffer_data(&relay->head),
                                  buffer_size(&relay->head),
                                  0,
                                  exchange->sites->config->response_head_max);
        if (answer_has_no_body(
                    response->status)) { /* whatever it names: a client takes what follows for the next answer */
                answer_response(exchange, response, /* whole= */ true, 0);
                return;
        }

        r = internal_open(exchange, response, &exchange->page);
        if (r < 0) {
                unsigned int status = r == -ENOENT                                 ? 404
                                      : r == -EACCES || r == -EXDEV || r == -ELOOP ? 403
                                                                                   : 500;

                trouble_log(exchange,
                            status,
                            relay->upstream->name,
                            r,
                            "the file that the script has sent cannot be had (site.internal)");
                exchange_reject(exchange, status, NULL);
                return;
        }

        if (response->status == 200)
                file_answer(exchange, exchange->page, response);
        else
                file_answer_page(exchange, exchange->page, response->status);
}
