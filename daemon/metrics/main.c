/* SPDX-License-Identifier: MIT */
/*
 * php-pool-metrics: the figures of all pools and the proxy, for Prometheus and its like
 *
 * Behind php-pool-metrics.socket. Every pool's PHP can connect to loopback, so
 * what is served is numbers and names of pools, nothing that came with a
 * request. A pool is asked by its control socket, which its manager opens and
 * answers itself: asking wakes none and takes no worker. What was found is good
 * for a second, so many who ask cost no more than one.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include "config.h"
#include "ctl/serve.h"
#include "ctl/view.h"
#include "metrics/expose.h"
#include "util/listen.h"
#include "util/log.h"

#define METRICS_KEEP_USEC (USEC_PER_SEC)

/* Prometheus waits ten seconds; a silent pool must not take them from the others. */
#define METRICS_STATUS_USEC (USEC_PER_SEC)

typedef struct Metrics Metrics;

struct Metrics {
        Ctl ctl;
        const char *proxy_control;
        char *texts[_EXPOSE_FORMAT_MAX]; /* owned; what was found at look_usec */
        size_t sizes[_EXPOSE_FORMAT_MAX];
        uint64_t look_usec; /* 0: never yet */
};

static void metrics_print_usage(FILE *f) {
        fputs("Usage: php-pool-metrics [OPTION...]\n\n"
              "Serves the figures of all pools and the proxy as OpenMetrics.\n\n"
              "  --print               print them once instead\n"
              "  --list                print what figures there are\n"
              "  --config-dir DIR      where conf.d is (" PKGSYSCONFDIR ")\n"
              "  --run-dir DIR         where NAME/control stands (/run/php-pool.d)\n"
              "  --proxy-control PATH  control socket of the proxy (/run/php-pool-proxy/control)\n"
              "  --help                this text\n"
              "  --version             the version\n\n"
              "Sockets come from the service manager. By hand:\n"
              "  systemd-socket-activate -l 127.0.0.1:9253 php-pool-metrics\n",
              f);
}

static int metrics_render(Metrics *metrics, const Views *views, const View *proxy) {
        for (ExposeFormat format = 0; format < _EXPOSE_FORMAT_MAX; format++) {
                char *text = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);
                int r;

                if (!f)
                        return -ENOMEM;
                r = expose(f, format, views->views, views->n_views, proxy);
                if (fclose(f) != 0 || r < 0) {
                        free(text);
                        return -ENOMEM;
                }
                free(metrics->texts[format]);
                metrics->texts[format] = text;
                metrics->sizes[format] = size;
        }

        return 0;
}

static int metrics_look(Metrics *metrics) {
        _cleanup_(views_done) Views views = {};
        _cleanup_(view_done) View proxy = {};
        uint64_t now = clock_now_usec();
        int r;

        if (metrics->look_usec > 0 && now - metrics->look_usec < METRICS_KEEP_USEC)
                return 0;

        r = views_load(&views, &metrics->ctl);
        if (r < 0)
                return log_error_errno(r,
                                       "Failed to look at the pools of '%s/conf.d': %m",
                                       metrics->ctl.config_dir);
        r = view_load_proxy(&proxy, &metrics->ctl, metrics->proxy_control);
        if (r == 0)
                r = metrics_render(metrics, &views, &proxy);
        if (r < 0)
                return log_error_errno(r, "Failed to render the figures: %m");

        metrics->look_usec = clock_now_usec();
        return 0;
}

/* Prometheus asks for OpenMetrics by name; who does not may not know it (RFC 9110 section 12.5.1). */
static ExposeFormat metrics_choose_format(const HttpRequest *request) {
        const HttpHeader *accept = http_request_header(request, "Accept");

        return accept && memmem(accept->value.data,
                                accept->value.size,
                                "application/openmetrics-text",
                                strlen("application/openmetrics-text"))
                       ? EXPOSE_OPENMETRICS
                       : EXPOSE_PROMETHEUS;
}

static int metrics_on_request(const HttpRequest *request, ServeAnswer *ret, void *userdata) {
        static const char path[] = "/metrics";
        ExposeFormat format = metrics_choose_format(request);
        Metrics *metrics = userdata;
        int r;

        if (request->path.size != strlen(path) || memcmp(request->path.data, path, strlen(path)) != 0)
                return 0;
        if (request->method.data[0] == 'P') {
                ret->status = 405;
                return 0;
        }

        r = metrics_look(metrics);
        if (r < 0)
                return r;
        ret->body = strdup(metrics->texts[format]);
        if (!ret->body)
                return -ENOMEM;
        ret->size = metrics->sizes[format];
        ret->type = expose_content_type(format);
        ret->status = 200;
        return 0;
}

static int metrics_take_sockets(Metrics *metrics, sd_event *event, Serve **serves, size_t n_max) {
        Listeners listeners = {};
        int r;

        r = listeners_take(&listeners);
        if (r == -ENOTCONN) {
                log_error("No socket was passed. Start php-pool-metrics.socket, or try it by hand: "
                          "systemd-socket-activate -l 127.0.0.1:9253 php-pool-metrics");
                return r;
        }
        if (r < 0)
                return log_error_errno(r, "Failed to take the sockets that were passed: %m");

        for (size_t i = 0; i < MIN2(listeners.n_items, n_max); i++) {
                r = serve_new_take_fd(&serves[i], event, listeners.items[i].fd, metrics_on_request, metrics);
                if (r < 0)
                        return log_error_errno(r, "Failed to serve '%s': %m", listeners.items[i].address);
                listeners.items[i].fd = -EBADF;
        }
        listeners_done(&listeners);
        return 0;
}

static int metrics_serve(Metrics *metrics) {
        enum { SOCKETS_MAX = 16 };
        Serve *serves[SOCKETS_MAX] = {};
        sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_set_signal_exit(event, true);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                log_error_errno(r, "Failed to set up the event loop: %m");
        else
                r = metrics_take_sockets(metrics, event, serves, SOCKETS_MAX);
        if (r >= 0) {
                (void)sd_notify(/* unset_environment= */ 0, "READY=1"); /* or nobody listens */
                r = sd_event_loop(event);
        }

        for (size_t i = 0; i < SOCKETS_MAX; i++)
                serve_free(serves[i]);
        sd_event_unref(event);
        return r == -ENOTCONN ? EX_CONFIG : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int metrics_print(Metrics *metrics) {
        if (metrics_look(metrics) < 0)
                return EXIT_FAILURE;

        (void)fputs(metrics->texts[EXPOSE_OPENMETRICS], stdout);
        return fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Positive: go on, 1 to serve and 2 to print. Else what to exit with, negated. */
static int metrics_parse_arguments(Metrics *metrics, int argc, char **argv) {
        enum {
                OPTION_CONFIG = 256,
                OPTION_RUN,
                OPTION_PROXY,
                OPTION_PRINT,
                OPTION_LIST,
                OPTION_HELP,
                OPTION_VERSION
        };
        static const struct option options[] = {
                { "config-dir", required_argument, NULL, OPTION_CONFIG },
                { "run-dir", required_argument, NULL, OPTION_RUN },
                { "proxy-control", required_argument, NULL, OPTION_PROXY },
                { "print", no_argument, NULL, OPTION_PRINT },
                { "list", no_argument, NULL, OPTION_LIST },
                { "help", no_argument, NULL, OPTION_HELP },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        int option, result = 1;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (option) {
                case OPTION_CONFIG:
                        metrics->ctl.config_dir = optarg;
                        break;
                case OPTION_RUN:
                        metrics->ctl.run_dir = optarg;
                        break;
                case OPTION_PROXY:
                        metrics->proxy_control = optarg;
                        break;
                case OPTION_PRINT:
                        result = 2;
                        break;
                case OPTION_LIST:
                        expose_list(stdout);
                        return -EX_OK;
                case OPTION_HELP:
                        metrics_print_usage(stdout);
                        return -EX_OK;
                case OPTION_VERSION:
                        puts("php-pool-metrics " PACKAGE_VERSION);
                        return -EX_OK;
                default:
                        metrics_print_usage(stderr);
                        return -EX_USAGE;
                }

        if (optind < argc) {
                fprintf(stderr, "php-pool-metrics: unexpected argument '%s'\n", argv[optind]);
                metrics_print_usage(stderr);
                return -EX_USAGE;
        }
        return result;
}

int main(int argc, char **argv) {
        Metrics metrics = {
                .ctl = { .config_dir = PKGSYSCONFDIR,
                         .run_dir = "/run/php-pool.d",
                         .status_usec = METRICS_STATUS_USEC },
                .proxy_control = "/run/php-pool-proxy/control",
        };
        int r;

        log_open("php-pool-metrics");
        r = metrics_parse_arguments(&metrics, argc, argv);
        if (r <= 0)
                return -r;

        r = r == 2 ? metrics_print(&metrics) : metrics_serve(&metrics);
        for (ExposeFormat format = 0; format < _EXPOSE_FORMAT_MAX; format++)
                free(metrics.texts[format]);
        return r;
}
