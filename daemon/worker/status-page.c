/* SPDX-License-Identifier: MIT */
/*
 * The status page
 *
 * The figures stand in two tables, one for the pool and one for a worker, and
 * each format is a way to write a name and a value. Every text is escaped for
 * its format: php-fpm's page let a visitor's URI through twice (CVE-2026-6735,
 * CVE-2026-129292).
 *
 * Busy workers are counted without asking them, so the page tells the truth
 * under load; but the request for it waits for a worker like any other. What
 * must not wait asks the control socket (php-poolctl) or the metrics.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "util/clock.h"
#include "worker/figures.h"
#include "worker/status-page.h"

#define HEAD_ALWAYS                                                         \
        "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"                        \
        "Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n" \
        "X-Content-Type-Options: nosniff\r\n"

typedef enum PageFormat {
        PAGE_TEXT,
        PAGE_JSON,
        PAGE_XML,
        PAGE_HTML,
        PAGE_OPENMETRICS,
} PageFormat;

typedef struct Page Page;

struct Page {
        FILE *f;
        PageFormat format;
        bool first; /* no value of this object is written yet */
};

static void page_escape_json(FILE *f, const char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f || strchr("\"\\<>&", *text))
                        fprintf(f, "\\u%04x", (unsigned char)*text);
                else
                        fputc(*text, f);
}

static void page_escape_xml(FILE *f, const char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        fputc('?', f);
                else if (strchr("<>&\"'", *text))
                        fprintf(f, "&#%d;", *text);
                else
                        fputc(*text, f);
}

/* "start since" as the name of an XML element */
static void page_put_tag(FILE *f, const char *name, const char *before) {
        fputs(before, f);
        for (; *name; name++)
                fputc(*name == ' ' ? '-' : *name, f);
        fputc('>', f);
}

static void page_put(Page *page, const char *name, const char *value, bool is_number) {
        switch (page->format) {
        case PAGE_JSON:
                fprintf(page->f, "%s\"%s\":%s", page->first ? "" : ",", name, is_number ? "" : "\"");
                page_escape_json(page->f, value);
                fputs(is_number ? "" : "\"", page->f);
                break;
        case PAGE_XML:
                page_put_tag(page->f, name, "<");
                page_escape_xml(page->f, value);
                page_put_tag(page->f, name, "</");
                fputc('\n', page->f);
                break;
        case PAGE_HTML:
                fprintf(page->f, "<tr><th>%s</th><td>", name);
                page_escape_xml(page->f, value);
                fputs("</td></tr>\n", page->f);
                break;
        case PAGE_TEXT:
                fprintf(page->f, "%s:%*s%s\n", name, (int)(21 - MIN2(strlen(name), 20)), "", value);
                break;
        case PAGE_OPENMETRICS:
                break;
        }
        page->first = false;
}

static void page_put_number(Page *page, const char *name, uint64_t value) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
        page_put(page, name, text, /* is_number= */ true);
}

/* Seconds since the epoch; in words where people read it. */
static void page_put_time(Page *page, const char *name, uint64_t seconds) {
        time_t t = (time_t)seconds;
        char text[64] = "";
        struct tm tm;

        if (page->format == PAGE_JSON || page->format == PAGE_XML) {
                page_put_number(page, name, seconds);
                return;
        }

        if (localtime_r(&t, &tm))
                (void)strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S %z", &tm); /* it has room */
        page_put(page, name, text, /* is_number= */ false);
}

static void page_put_worker(Page *page, const SapiWorkerStatus *worker, uint64_t now) {
        char cpu[32];

        page_put_number(page, "pid", (uint64_t)worker->pid);
        page_put(page, "state", worker->state, false);
        page_put_time(page, "start time", now - MIN2(now, worker->age_usec / USEC_PER_SEC));
        page_put_number(page, "start since", worker->age_usec / USEC_PER_SEC);
        page_put_number(page, "requests", worker->n_requests);
        page_put_number(page, "request duration", worker->busy ? worker->state_usec : 0);
        page_put(page, "request method", worker->method[0] ? worker->method : "-", false);
        page_put(page, "request uri", worker->uri[0] ? worker->uri : "-", false);
        page_put_number(page, "content length", worker->body_size);
        page_put(page, "user", worker->user[0] ? worker->user : "-", false);
        page_put(page, "script", worker->script[0] ? worker->script : "-", false);
        (void)snprintf(cpu, sizeof(cpu), "%.2f", worker->cpu_percent);
        page_put(page, "last request cpu", cpu, /* is_number= */ true);
        page_put_number(page, "last request memory", worker->memory);
}

static void page_put_workers(Page *page, const SapiPoolStatus *status, uint64_t now) {
        if (page->format == PAGE_JSON)
                fputs(",\"processes\":[", page->f);
        if (page->format == PAGE_XML)
                fputs("<processes>\n", page->f);

        for (size_t i = 0; i < status->n_workers; i++) {
                static const char *const before[] = {
                        [PAGE_TEXT] = "\n************************\n",
                        [PAGE_XML] = "<process>\n",
                        [PAGE_HTML] = "</table>\n<table>\n",
                };

                page->first = true;
                if (page->format == PAGE_JSON)
                        fputs(i == 0 ? "{" : ",{", page->f);
                else
                        fputs(before[page->format], page->f);
                page_put_worker(page, &status->workers[i], now);
                if (page->format == PAGE_JSON)
                        fputs("}", page->f);
                if (page->format == PAGE_XML)
                        fputs("</process>\n", page->f);
        }

        if (page->format == PAGE_JSON)
                fputs("]", page->f);
        if (page->format == PAGE_XML)
                fputs("</processes>\n", page->f);
}

static void page_put_pool(Page *page, const char *pool, const SapiPoolStatus *status, uint64_t now) {
        uint64_t start = status->start_usec / USEC_PER_SEC;

        page_put(page, "pool", pool, false);
        page_put(page, "process manager", "dynamic", false);
        page_put_time(page, "start time", start);
        page_put_number(page, "start since", now - MIN2(now, start));
        page_put_number(page, "accepted conn", status->n_requests);
        page_put_number(page, "listen queue", status->n_queued);
        page_put_number(page, "max listen queue", status->n_queued_most);
        page_put_number(page, "listen queue len", status->n_queued_max);
        page_put_number(page, "idle processes", status->n_idle);
        page_put_number(page, "active processes", status->n_busy);
        page_put_number(page, "total processes", status->n_idle + status->n_busy);
        page_put_number(page, "max active processes", MAX2(status->n_busy_most, status->n_busy));
        page_put_number(page, "max children reached", status->n_max_reached);
        page_put_number(page, "slow requests", status->n_slow);
}

/* php-fpm's names, for dashboards that have them; php-pool-metrics has more. */
static void page_put_metrics(FILE *f, const SapiPoolStatus *status, uint64_t now) {
        const struct {
                const char *name, *type, *help;
                uint64_t value;
        } metrics[] = {
                { "phpfpm_up", "gauge", "The pool answers.", 1 },
                { "phpfpm_start_since",
                  "counter",
                  "Seconds since the pool started.",
                  now - MIN2(now, status->start_usec / USEC_PER_SEC) },
                { "phpfpm_accepted_connections", "counter", "Requests that were run.", status->n_requests },
                { "phpfpm_listen_queue", "gauge", "Requests that wait for a worker.", status->n_queued },
                { "phpfpm_max_listen_queue",
                  "counter",
                  "Most requests that waited at once.",
                  status->n_queued_most },
                { "phpfpm_listen_queue_length", "gauge", "How many may wait.", status->n_queued_max },
                { "phpfpm_idle_processes", "gauge", "Idle workers.", status->n_idle },
                { "phpfpm_active_processes", "gauge", "Workers that run a request.", status->n_busy },
                { "phpfpm_total_processes", "gauge", "All workers.", status->n_idle + status->n_busy },
                { "phpfpm_max_active_processes",
                  "counter",
                  "Most workers that were busy at once.",
                  MAX2(status->n_busy_most, status->n_busy) },
                { "phpfpm_max_children_reached",
                  "counter",
                  "How often somebody waited with all workers busy.",
                  status->n_max_reached },
                { "phpfpm_slow_requests", "counter", "Requests beyond timeouts.slow.", status->n_slow },
        };

        for (size_t i = 0; i < ELEMENTSOF(metrics); i++)
                fprintf(f,
                        "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n",
                        metrics[i].name,
                        metrics[i].help,
                        metrics[i].name,
                        metrics[i].type,
                        metrics[i].name,
                        metrics[i].value);
        fputs("# EOF\n", f);
}

static PageFormat page_choose(const char *query, const char **ret_type) {
        static const struct {
                const char *word, *type;
        } formats[] = {
                [PAGE_TEXT] = { "text", "text/plain; charset=utf-8" },
                [PAGE_JSON] = { "json", "application/json" },
                [PAGE_XML] = { "xml", "text/xml; charset=utf-8" },
                [PAGE_HTML] = { "html", "text/html; charset=utf-8" },
                [PAGE_OPENMETRICS] = { "openmetrics",
                                       "application/openmetrics-text; version=1.0.0; charset=utf-8" },
        };
        PageFormat format = PAGE_TEXT;

        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (strstr(query, formats[i].word))
                        format = (PageFormat)i;

        *ret_type = formats[format].type;
        return format;
}

char *status_page_format(const char *pool,
                         const SapiPoolStatus *status,
                         const char *query,
                         const char **ret_type) {
        static const char *const open[] = {
                [PAGE_TEXT] = "",
                [PAGE_JSON] = "{",
                [PAGE_XML] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<status>\n",
                [PAGE_HTML] =
                        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Pool status</title></head><body>\n<table>\n",
                [PAGE_OPENMETRICS] = "",
        };
        static const char *const close[] = {
                [PAGE_TEXT] = "",           [PAGE_JSON] = "}",
                [PAGE_XML] = "</status>\n", [PAGE_HTML] = "</table>\n</body></html>\n",
                [PAGE_OPENMETRICS] = "",
        };
        uint64_t now = clock_wall_usec() / USEC_PER_SEC;
        Page page = { .first = true };
        char *text = NULL;
        size_t size;

        page.format = page_choose(query, ret_type);
        page.f = open_memstream(&text, &size);
        if (!page.f)
                return NULL;

        fputs(open[page.format], page.f);
        if (page.format == PAGE_OPENMETRICS)
                page_put_metrics(page.f, status, now);
        else {
                page_put_pool(&page, pool, status, now);
                if (strstr(query, "full"))
                        page_put_workers(&page, status, now);
        }
        fputs(close[page.format], page.f);

        if (fclose(page.f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static void status_page_send(Answer *answer, bool head_only, const char *type, const char *text) {
        char head[512];
        int n;

        n = snprintf(head,
                     sizeof(head),
                     HEAD_ALWAYS "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                     type,
                     strlen(text));
        if (answer_write(answer, head, (size_t)n) >= 0 && !head_only)
                (void)answer_write(answer, text, strlen(text)); /* or it is gone */
}

bool status_page_answer(const PoolConfig *config, const Pairs *params, Answer *answer) {
        const char *name = pairs_get(params, "SCRIPT_NAME", NULL),
                   *query = pairs_get(params, "QUERY_STRING", NULL);
        const char *method = pairs_get(params, "REQUEST_METHOD", NULL), *type;
        bool head_only = method && strcmp(method, "HEAD") == 0;
        _cleanup_(freep) char *text = NULL;
        SapiPoolStatus status;

        if (!name)
                return false;

        if (config->status_ping && strcmp(name, config->status_ping) == 0) {
                status_page_send(answer,
                                 head_only,
                                 "text/plain; charset=utf-8",
                                 config->status_pong ? config->status_pong : "");
                return true;
        }
        if (!config->status_path || strcmp(name, config->status_path) != 0)
                return false;

        if (figures_get(&status) == 0) {
                text = status_page_format(config->name, &status, query ? query : "", &type);
                free(status.workers);
        }
        if (text)
                status_page_send(answer, head_only, type, text);
        else
                status_page_send(answer, head_only, "text/plain", "Memory is short\n");
        return true;
}
