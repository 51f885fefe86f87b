/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "proxy/exchange.h"
#include "proxy/trouble.h"
#include "util/clock.h"
#include "util/log.h"

#define TROUBLE_URI_MAX    1024
#define TROUBLE_STDERR_MAX 512U

void trouble_log(const Exchange *exchange,
                 unsigned int status,
                 const char *pool,
                 int error,
                 const char *why) {
        static LogLimit limit = LOG_LIMIT(10 * USEC_PER_SEC, 20);
        char id[96], uri[TROUBLE_URI_MAX + 32], name[64];
        const char *fields[] = { id, uri, name, NULL };
        const HttpSlice *target = &exchange->request.uri;

        if (!log_limit_below(&limit))
                return;

        (void)snprintf(id, sizeof(id), "PHP_REQUEST_ID=%s", exchange->id);
        (void)snprintf(uri,
                       sizeof(uri),
                       "PHP_REQUEST_URI=%.*s",
                       (int)MIN2(target->size, (size_t)TROUBLE_URI_MAX),
                       target->data ?: "");
        (void)snprintf(name, sizeof(name), "PHP_POOL=%s", pool ?: "");

        if (error < 0)
                log_message(LOG_WARNING,
                            error,
                            fields,
                            "%s: %u for request %s: %s: %m",
                            pool ?: "-",
                            status,
                            exchange->id,
                            why);
        else
                log_message(LOG_WARNING,
                            0,
                            fields,
                            "%s: %u for request %s: %s",
                            pool ?: "-",
                            status,
                            exchange->id,
                            why);
}

void trouble_log_limit(const Connection *connection, const char *why) {
        static LogLimit limit = LOG_LIMIT(60 * USEC_PER_SEC, 6);
        char text[INET6_ADDRSTRLEN];

        if (log_limit_below(&limit))
                log_notice("A client, %s, was refused or cut off: %s",
                           address_format(connection->exchange ? &connection->exchange->client
                                                               : &connection->peer,
                                          text),
                           why);
}

void trouble_log_stderr(const Exchange *exchange, const uint8_t *data, size_t size) {
        static LogLimit limit = LOG_LIMIT(10 * USEC_PER_SEC, 20);
        char text[TROUBLE_STDERR_MAX + 1];
        size_t n = MIN2(size, (size_t)TROUBLE_STDERR_MAX);

        if (n == 0 || !log_limit_below(&limit))
                return;

        /* control bytes would let a script write what looks like lines of ours */
        for (size_t i = 0; i < n; i++)
                text[i] = data[i] >= ' ' && data[i] != 0x7f ? (char)data[i] : ' ';
        text[n] = '\0';
        log_notice("%s: request %s: %s", exchange->relay.upstream->name, exchange->id, text);
}
