/* SPDX-License-Identifier: MIT */
/*
 * What is told of a request when it is over
 *
 * To the journal as an entry with fields, or to the standard output as a line
 * of the combined format, for which the unit may name a file
 * (StandardOutput=append:). What a client has sent is written there so that it
 * cannot end the line or a quoted part of it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "proxy/access-log.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "util/clock.h"
#include "util/log.h"

#define ACCESS_TEXT_MAX 2048U /* of one value of a client, before it is written */
#define ACCESS_LINE_MAX 32768U

static void access_count(const Exchange *exchange, unsigned int status, uint64_t usec) {
        Counters *counters = exchange->connection->proxy->counters;
        size_t bucket = 0;

        while (bucket < COUNTERS_N_BUCKETS - 1 && usec > counters_bounds_usec[bucket])
                bucket++;
        counter_add(&counters->durations[bucket], 1);
        counter_add(&counters->duration_usec, usec);
        counter_add(&counters->n_requests[status / 100 % COUNTERS_N_CLASSES], 1);
        counter_add(&counters->received_bytes, exchange->body.size);
        if (exchange->target && exchange->target->kind == ROUTE_FILE && status < 400)
                counter_add(&counters->n_files, 1);
}

static void access_to_journal(const Exchange *exchange, unsigned int status, uint64_t usec, uint64_t size) {
        const HttpSlice *method = &exchange->request.method, *uri = &exchange->request.uri;
        const Target *target = exchange->target;
        char text[9][ACCESS_TEXT_MAX + 32], client[INET6_ADDRSTRLEN];
        const char *fields[ELEMENTSOF(text) + 1] = {};
        int uri_size = (int)MIN2(uri->size, (size_t)ACCESS_TEXT_MAX);

        (void)address_format(&exchange->client, client);
        (void)snprintf(text[0], sizeof(text[0]), "PHP_REQUEST_ID=%s", exchange->id);
        (void)snprintf(text[1],
                       sizeof(text[1]),
                       "PHP_REQUEST_METHOD=%.*s",
                       (int)method->size,
                       method->data ?: "");
        (void)snprintf(text[2], sizeof(text[2]), "PHP_REQUEST_URI=%.*s", uri_size, uri->data ?: "");
        (void)snprintf(text[3], sizeof(text[3]), "PHP_STATUS=%u", status);
        (void)snprintf(text[4], sizeof(text[4]), "PHP_DURATION_USEC=%" PRIu64, usec);
        (void)snprintf(text[5], sizeof(text[5]), "PHP_CLIENT=%s", client);
        (void)snprintf(text[6], sizeof(text[6]), "PHP_BYTES=%" PRIu64, size);
        (void)snprintf(text[7],
                       sizeof(text[7]),
                       "PHP_POOL=%s",
                       exchange->site ? exchange->site->config->name : "");
        (void)snprintf(text[8],
                       sizeof(text[8]),
                       "PHP_SCRIPT=%.*s",
                       (int)ACCESS_TEXT_MAX,
                       target && target->kind == ROUTE_SCRIPT ? target->script : "");
        for (size_t i = 0; i < ELEMENTSOF(text); i++)
                fields[i] = text[i];
        log_struct(LOG_INFO,
                   fields,
                   "%s %.*s %.*s %u %" PRIu64 " in %" PRIu64 " ms",
                   client,
                   (int)method->size,
                   method->data ?: "-",
                   uri_size,
                   uri->data ?: "-",
                   status,
                   size,
                   usec / USEC_PER_MSEC);
}

/* A value of the client; "-" if there is none. */
static void access_append(Buffer *line, HttpSlice value) {
        if (value.size == 0)
                (void)buffer_append(line, "-", 1);
        for (size_t i = 0; i < MIN2(value.size, (size_t)ACCESS_TEXT_MAX); i++) {
                uint8_t c = (uint8_t)value.data[i];

                if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
                        (void)buffer_appendf(line, "\\x%02x", c);
                else
                        (void)buffer_append(line, &c, 1);
        }
}

static HttpSlice access_header(const Exchange *exchange, const char *name) {
        const HttpHeader *header = http_request_header(&exchange->request, name);

        return header ? header->value : (HttpSlice){};
}

static void access_to_output(const Exchange *exchange, unsigned int status, uint64_t size) {
        static LogLimit limit = LOG_LIMIT(600 * USEC_PER_SEC, 1);
        _cleanup_(buffer_done) Buffer line = BUFFER_NULL(ACCESS_LINE_MAX);
        const HttpRequest *request = &exchange->request;
        char client[INET6_ADDRSTRLEN], date[64];
        time_t now = (time_t)(clock_wall_usec() / USEC_PER_SEC);
        struct tm tm;

        (void)strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&now, &tm));
        (void)buffer_appendf(&line, "%s - - [%s] \"", address_format(&exchange->client, client), date);
        if (request->method.size > 0) {
                access_append(&line, request->method);
                (void)buffer_append(&line, " ", 1);
                access_append(&line, request->uri);
                (void)buffer_appendf(&line, " HTTP/1.%u", request->version_minor);
        } else
                (void)buffer_append(&line, "-", 1);
        (void)buffer_appendf(&line, "\" %u %" PRIu64 " \"", status, size);
        access_append(&line, access_header(exchange, "Referer"));
        (void)buffer_append(&line, "\" \"", 3);
        access_append(&line, access_header(exchange, "User-Agent"));
        (void)buffer_append(&line, "\"\n", 2);

        /* one write, so that lines of several processes do not mix */
        if (write(STDOUT_FILENO, buffer_data(&line), buffer_size(&line)) < 0 && log_limit_below(&limit))
                log_warning_errno(-errno, "The access log cannot be written: %m");
}

void access_log(const Exchange *exchange) {
        const ProxyConfig *config = exchange->sites->config;
        uint64_t usec = exchange->connection->proxy->loop.now_usec - exchange->begin_usec;
        uint64_t size = exchange->connection->sent_bytes - exchange->sent_before_bytes;
        unsigned int status = exchange->answer.begun ? exchange->answer.status : 499;

        access_count(exchange, exchange->answer.begun ? status : 0, usec);
        if (config->log_access == PROXY_LOG_OFF || (config->log_access == PROXY_LOG_ERRORS && status < 500))
                return;
        if (config->log_format == PROXY_LOG_JOURNAL)
                access_to_journal(exchange, status, usec, size);
        else
                access_to_output(exchange, status, size);
}
