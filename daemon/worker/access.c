/* SPDX-License-Identifier: MIT */
/*
 * The access log
 *
 * What a client sent stands in the message with quotes, backslashes and control
 * characters as \\xHH, so that nobody can forge a line or a field of one. The
 * values as they came are in the fields of the entry.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "util/clock.h"
#include "util/log.h"
#include "worker/access.h"

#define LINE_SIZE    8192U
#define TIME_DEFAULT "%d/%b/%Y:%H:%M:%S %z"

typedef struct Line Line;

struct Line {
        char text[LINE_SIZE];
        size_t used;
};

int access_init(Access *access, const PoolConfig *config) {
        const char *reason;
        int r;

        *access = (Access){ .config = config };
        if (!config->log_format)
                return 0;

        r = line_format_parse(&access->format, config->log_format, &reason);
        if (r < 0)
                return r;

        for (size_t i = 0; i < access->format->n_items && access->n_wanted < ACCESS_HEADERS_MAX; i++)
                if (access->format->items[i].conversion == 'o')
                        access->wanted[access->n_wanted++] = access->format->items[i].text;
        return 0;
}

static void access_forget(Access *access) {
        for (size_t i = 0; i < access->n_wanted; i++) {
                free(access->headers[i]);
                access->headers[i] = NULL;
        }
}

void access_done(Access *access) {
        access_forget(access);
        access->format = line_format_free(access->format);
}

bool access_is_on(const Access *access) {
        return access->config->log_access != POOL_LOG_ACCESS_OFF;
}

void access_see_header(Access *access, const char *line, size_t size) {
        for (size_t i = 0; i < access->n_wanted; i++) {
                size_t n = strlen(access->wanted[i]);

                if (size <= n || line[n] != ':' || strncasecmp(line, access->wanted[i], n) != 0)
                        continue;
                n++;
                while (n < size && line[n] == ' ')
                        n++;
                free(access->headers[i]);
                access->headers[i] = strndup(line + n, size - n); /* "-" in the log if there is no memory */
        }
}

static void line_add(Line *line, const char *format, ...) _printf_(2, 3);

static void line_add(Line *line, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(line->text + line->used, LINE_SIZE - line->used, format, args);
        va_end(args);
        if (n > 0)
                line->used = MIN2(line->used + (size_t)n, LINE_SIZE - 1);
}

/* @size SIZE_MAX: up to its NUL. */
static void line_add_foreign(Line *line, const char *text, size_t size) {
        if (!text || *text == '\0' || size == 0) {
                line_add(line, "-");
                return;
        }

        for (; size > 0 && *text != '\0'; text++, size--)
                if ((unsigned char)*text < ' ' || *text == 0x7f || *text == '"' || *text == '\\')
                        line_add(line, "\\x%02x", (unsigned char)*text);
                else
                        line_add(line, "%c", *text);
}

static void line_add_time(Line *line, const char *format, uint64_t wall_usec) {
        time_t seconds = (time_t)(wall_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm))
                return;
        line->used += strftime(line->text + line->used,
                               LINE_SIZE - line->used,
                               *format != '\0' ? format : TIME_DEFAULT,
                               &tm);
        line->text[line->used] = '\0'; /* strftime(3) leaves garbage where it does not fit */
}

/* Percent of one processor. */
static void line_add_cpu(Line *line, const char *which, const AccessRequest *request) {
        uint64_t usec = 0;

        if (strcmp(which, "system") != 0)
                usec += request->cpu_user_usec;
        if (strcmp(which, "user") != 0)
                usec += request->cpu_system_usec;
        line_add(line, "%.2f", 100.0 * (double)usec / (double)MAX2(request->duration_usec, 1));
}

static void line_add_duration(Line *line, const char *unit, uint64_t usec) {
        if (strncmp(unit, "micro", 5) == 0)
                line_add(line, "%" PRIu64, usec);
        else if (strncmp(unit, "milli", 5) == 0 || strncmp(unit, "mili", 4) == 0)
                line_add(line, "%.3f", (double)usec / USEC_PER_MSEC);
        else
                line_add(line, "%.3f", (double)usec / USEC_PER_SEC);
}

static void line_add_memory(Line *line, const char *unit, uint64_t bytes) {
        unsigned int shift = strncmp(unit, "kilo", 4) == 0 ? 10 : strncmp(unit, "mega", 4) == 0 ? 20 : 0;

        line_add(line, "%" PRIu64, bytes >> shift);
}

/* The other end of the FastCGI connection; "-" on unix sockets. */
static void line_add_peer(Line *line, int fd) {
        union {
                struct sockaddr any;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } address = {};
        socklen_t size = sizeof(address);
        char text[INET6_ADDRSTRLEN] = "";

        if (fd >= 0 && getpeername(fd, &address.any, &size) == 0) {
                if (address.any.sa_family == AF_INET)
                        (void)inet_ntop(AF_INET, &address.in.sin_addr, text, sizeof(text)); /* has room */
                else if (address.any.sa_family == AF_INET6)
                        (void)inet_ntop(AF_INET6, &address.in6.sin6_addr, text, sizeof(text));
        }
        line_add(line, "%s", text[0] != '\0' ? text : "-");
}

static const char *access_header(const Access *access, const char *name) {
        for (size_t i = 0; i < access->n_wanted; i++)
                if (strcmp(access->wanted[i], name) == 0)
                        return access->headers[i];

        return NULL;
}

static const char *access_param(const AccessRequest *request, const char *name) {
        return pairs_get(request->params, name, NULL);
}

static void
line_add_item(Line *line, const LineItem *item, const Access *access, const AccessRequest *request) {
        const char *uri = access_param(request, "REQUEST_URI"),
                   *query = access_param(request, "QUERY_STRING");

        switch (item->conversion) {
        case '\0':
                line_add(line, "%s", item->text);
                break;
        case 'C':
                line_add_cpu(line, item->text, request);
                break;
        case 'd':
                line_add_duration(line, item->text, request->duration_usec);
                break;
        case 'e':
                line_add_foreign(line, access_param(request, item->text), SIZE_MAX);
                break;
        case 'f':
                line_add_foreign(line, request->script, SIZE_MAX);
                break;
        case 'l':
                line_add(line, "%" PRIu64, request->body_size);
                break;
        case 'm':
                line_add_foreign(line, access_param(request, "REQUEST_METHOD"), SIZE_MAX);
                break;
        case 'M':
                line_add_memory(line, item->text, request->memory_peak);
                break;
        case 'n':
                line_add(line, "%s", access->config->name);
                break;
        case 'o':
                line_add_foreign(line, access_header(access, item->text), SIZE_MAX);
                break;
        case 'p':
                line_add(line, "%d", (int)getpid());
                break;
        case 'P':
                line_add(line, "%d", (int)getppid());
                break;
        case 'q':
                if (query && *query != '\0')
                        line_add_foreign(line, query, SIZE_MAX);
                break;
        case 'Q':
                line_add(line, "%s", query && *query != '\0' ? "?" : "");
                break;
        case 'r':
                line_add_foreign(line, uri, uri ? strcspn(uri, "?") : 0);
                break;
        case 'R':
                line_add_peer(line, request->connection);
                break;
        case 's':
                line_add(line, "%d", request->status);
                break;
        case 't':
                line_add_time(line, item->text, clock_wall_usec() - request->duration_usec);
                break;
        case 'T':
                line_add_time(line, item->text, clock_wall_usec());
                break;
        case 'u':
                line_add_foreign(line,
                                 request->user[0] ? request->user : access_param(request, "REMOTE_USER"),
                                 SIZE_MAX);
                break;
        }
}

/* Health checks: GET or HEAD of just this URI, without query and body, that went well. */
static bool access_is_suppressed(const Access *access, const AccessRequest *request) {
        const char *method = access_param(request, "REQUEST_METHOD"),
                   *uri = access_param(request, "REQUEST_URI");

        if (!method || !uri || request->body_size > 0 || request->status < 200 || request->status > 299 ||
            (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
                return false;

        for (char **path = access->config->log_suppress; *path; path++)
                if (strcmp(*path, uri) == 0)
                        return true;

        return false;
}

static void access_write(const Access *access, const AccessRequest *request) {
        const char *method = access_param(request, "REQUEST_METHOD"),
                   *uri = access_param(request, "REQUEST_URI");
        _cleanup_(log_fields_done) LogFields fields = {};
        Line line = {};

        log_fields_add(&fields, "PHP_REQUEST_ID=%s", request->id);
        log_fields_add(&fields, "PHP_REQUEST_METHOD=%s", method ? method : "");
        log_fields_add(&fields, "PHP_REQUEST_URI=%s", uri ? uri : "");
        log_fields_add(&fields, "PHP_SCRIPT=%s", request->script ? request->script : "");
        log_fields_add(&fields, "PHP_STATUS=%d", request->status);
        log_fields_add(&fields, "PHP_DURATION_USEC=%" PRIu64, request->duration_usec);
        log_fields_add(&fields, "PHP_CPU_USEC=%" PRIu64, request->cpu_user_usec + request->cpu_system_usec);
        log_fields_add(&fields, "PHP_MEMORY_PEAK=%" PRIu64, request->memory_peak);

        if (access->format)
                for (size_t i = 0; i < access->format->n_items; i++)
                        line_add_item(&line, &access->format->items[i], access, request);
        else {
                line_add_foreign(&line, method, SIZE_MAX);
                line_add(&line, " ");
                line_add_foreign(&line, uri, SIZE_MAX);
                line_add(&line,
                         " %d in %" PRIu64 " ms",
                         request->status,
                         request->duration_usec / USEC_PER_MSEC);
        }
        log_entry(LOG_INFO, line.text, log_fields_list(&fields));
}

void access_log(Access *access, const AccessRequest *request) {
        PoolLogAccess which = access->config->log_access;

        if ((which == POOL_LOG_ACCESS_ALL || (which == POOL_LOG_ACCESS_ERRORS && request->status >= 500)) &&
            !access_is_suppressed(access, request))
                access_write(access, request);
        access_forget(access);
}
