/* SPDX-License-Identifier: MIT */
/*
 * fcgi-load: load on a FastCGI server, and figures of what came of it as JSON
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include "bench/load.h"
#include "bench/request.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/parse.h"

enum {
        EXIT_USAGE = 64,
        PARAMS_MAX = 64,
};

typedef struct Arguments {
        LoadOptions load;
        const char *script;
        const char *root;
        const char *method;
        const char *query;
        uint64_t body_size;
        const char *params[PARAMS_MAX]; /* --param */
        size_t n_params;
} Arguments;

static const char help[] =
        "Usage: fcgi-load [OPTIONS...] ADDRESS SCRIPT\n\n"
        "Loads a FastCGI server at ADDRESS, the path of a unix socket or HOST:PORT, with\n"
        "requests for SCRIPT, and prints figures as JSON.\n\n"
        "  --connections N    at once (1; in an open loop at most, 256)\n"
        "  --keep             keep connections; else each request has its own\n"
        "  --rate R           open loop: R requests a second are due, however long answers take\n"
        "  --poisson          with random gaps\n"
        "  --seed N           of these gaps (1)\n"
        "  --duration SPAN    (5s)\n"
        "  --count N          end after so many requests\n"
        "  --grace SPAN       wait for the last answers (2s)\n"
        "  --method M         (GET; POST when there is a body)\n"
        "  --query Q\n"
        "  --body SIZE        send so many bytes\n"
        "  --root DIR         DOCUMENT_ROOT (the directory of SCRIPT)\n"
        "  --param NAME=VALUE one more parameter\n"
        "  --help\n";

static int address_parse(const char *text, LoadOptions *ret) {
        struct sockaddr_un *un = (struct sockaddr_un *)&ret->address;
        const struct addrinfo hints = { .ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
        struct addrinfo *found = NULL;
        const char *colon = strrchr(text, ':');
        char host[256];
        int r;

        if (text[0] == '/') {
                if (strlen(text) >= sizeof(un->sun_path))
                        return -ENAMETOOLONG;
                un->sun_family = AF_UNIX;
                strcpy(un->sun_path, text);
                ret->address_size = sizeof(*un);
                return 0;
        }

        if (!colon || snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text) >= (int)sizeof(host))
                return -EINVAL;
        r = getaddrinfo(host, colon + 1, &hints, &found);
        if (r != 0)
                return -EADDRNOTAVAIL;
        memcpy(&ret->address, found->ai_addr, found->ai_addrlen);
        ret->address_size = found->ai_addrlen;
        freeaddrinfo(found);
        return 0;
}

static int number_parse(const char *text, uint64_t max, uint64_t *ret) {
        return parse_u64(text, strlen(text), max, ret);
}

static int rate_parse(const char *text, double *ret) {
        char *end;
        double rate = strtod(text, &end);

        if (*end || end == text || !(rate > 0 && rate <= 1e6))
                return -EINVAL;
        *ret = rate;
        return 0;
}

enum {
        OPTION_CONNECTIONS = 256,
        OPTION_KEEP,
        OPTION_RATE,
        OPTION_POISSON,
        OPTION_SEED,
        OPTION_DURATION,
        OPTION_COUNT,
        OPTION_GRACE,
        OPTION_METHOD,
        OPTION_QUERY,
        OPTION_BODY,
        OPTION_ROOT,
        OPTION_PARAM,
        OPTION_HELP,
};

static const struct option long_options[] = {
        { "connections", required_argument, NULL, OPTION_CONNECTIONS },
        { "keep", no_argument, NULL, OPTION_KEEP },
        { "rate", required_argument, NULL, OPTION_RATE },
        { "poisson", no_argument, NULL, OPTION_POISSON },
        { "seed", required_argument, NULL, OPTION_SEED },
        { "duration", required_argument, NULL, OPTION_DURATION },
        { "count", required_argument, NULL, OPTION_COUNT },
        { "grace", required_argument, NULL, OPTION_GRACE },
        { "method", required_argument, NULL, OPTION_METHOD },
        { "query", required_argument, NULL, OPTION_QUERY },
        { "body", required_argument, NULL, OPTION_BODY },
        { "root", required_argument, NULL, OPTION_ROOT },
        { "param", required_argument, NULL, OPTION_PARAM },
        { "help", no_argument, NULL, OPTION_HELP },
        {},
};

/* 0, or -errno: the option's value is wrong. */
static int option_take(int option, const char *value, Arguments *a) {
        uint64_t number = 0;
        int r = 0;

        switch (option) {
        case OPTION_CONNECTIONS:
                r = number_parse(value, 100000, &number);
                a->load.connections_max = (unsigned)number;
                return r == 0 && number == 0 ? -ERANGE : r;
        case OPTION_KEEP:
                a->load.keep = true;
                return 0;
        case OPTION_RATE:
                return rate_parse(value, &a->load.rate);
        case OPTION_POISSON:
                a->load.poisson = true;
                return 0;
        case OPTION_SEED:
                r = number_parse(value, UINT32_MAX, &number);
                a->load.seed = (unsigned)number;
                return r;
        case OPTION_DURATION:
                return parse_span(value, &a->load.duration_usec);
        case OPTION_COUNT:
                return number_parse(value, UINT64_MAX, &a->load.count_max);
        case OPTION_GRACE:
                return parse_span(value, &a->load.grace_usec);
        case OPTION_METHOD:
                a->method = value;
                return 0;
        case OPTION_QUERY:
                a->query = value;
                return 0;
        case OPTION_BODY:
                r = parse_size(value, &a->body_size);
                return r == 0 && a->body_size > UINT64_C(1) << 30 ? -ERANGE : r;
        case OPTION_ROOT:
                a->root = value;
                return 0;
        default:
                if (a->n_params == PARAMS_MAX)
                        return -E2BIG;
                a->params[a->n_params++] = value;
                return 0;
        }
}

/* 0; 1: help was printed; -EINVAL: usage was. */
static int arguments_parse(int argc, char **argv, Arguments *ret) {
        int option, r;

        while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
                if (option == OPTION_HELP) {
                        fputs(help, stdout);
                        return 1;
                }
                if (option == '?')
                        return -EINVAL;
                r = option_take(option, optarg, ret);
                if (r < 0) {
                        fprintf(stderr, "%s: %s: %s\n", argv[optind - 1], optarg, strerror(-r));
                        return -EINVAL;
                }
        }
        if (argc - optind != 2 || ret->load.duration_usec > UINT64_C(86400) * USEC_PER_SEC) {
                fputs(help, stderr);
                return -EINVAL;
        }
        r = address_parse(argv[optind], &ret->load);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", argv[optind], strerror(-r));
                return -EINVAL;
        }
        ret->script = argv[optind + 1];
        if (ret->load.connections_max == 0)
                ret->load.connections_max = ret->load.rate > 0 ? 256 : 1;
        return 0;
}

static int request_make(const Arguments *a, Buffer *ret) {
        const char *slash = strrchr(a->script, '/'), *name = slash ? slash : a->script;
        const char *method = a->method ? a->method : a->body_size > 0 ? "POST" : "GET";
        char *texts[8] = {};
        const char *params[ELEMENTSOF(texts) + 5 + PARAMS_MAX];
        size_t n = 0;
        int r = -ENOMEM;

        if (asprintf(texts + 0, "SCRIPT_FILENAME=%s", a->script) < 0 ||
            asprintf(texts + 1, "SCRIPT_NAME=%s", name) < 0 ||
            asprintf(texts + 2, "REQUEST_METHOD=%s", method) < 0 ||
            asprintf(texts + 3, "QUERY_STRING=%s", a->query) < 0 ||
            asprintf(texts + 4, "REQUEST_URI=%s%s%s", name, a->query[0] ? "?" : "", a->query) < 0 ||
            asprintf(texts + 5, "DOCUMENT_ROOT=%s", a->root ? a->root : "") < 0 ||
            asprintf(texts + 6,
                     a->body_size > 0 ? "CONTENT_LENGTH=%zu" : "CONTENT_LENGTH=",
                     (size_t)a->body_size) < 0 ||
            asprintf(texts + 7, "CONTENT_TYPE=%s", a->body_size > 0 ? "application/octet-stream" : "") < 0)
                goto out;
        if (!a->root && slash) {
                free(texts[5]);
                if (asprintf(texts + 5, "DOCUMENT_ROOT=%.*s", (int)(slash - a->script), a->script) < 0)
                        goto out;
        }

        for (; n < ELEMENTSOF(texts); n++)
                params[n] = texts[n];
        params[n++] = "GATEWAY_INTERFACE=CGI/1.1";
        params[n++] = "SERVER_PROTOCOL=HTTP/1.1";
        params[n++] = "SERVER_NAME=localhost";
        params[n++] = "SERVER_PORT=80";
        params[n++] = "REMOTE_ADDR=127.0.0.1";
        for (size_t i = 0; i < a->n_params; i++)
                params[n++] = a->params[i];
        r = request_append(ret, params, n, (size_t)a->body_size, a->load.keep);
out:
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                free(texts[i]);
        return r;
}

static double msec(uint64_t usec) {
        return (double)usec / 1000;
}

static void report_print(const LoadOptions *options, const LoadReport *report) {
        static const struct {
                const char *name;
                double fraction;
        } quantiles[] = { { "p50", 0.5 },
                          { "p90", 0.9 },
                          { "p99", 0.99 },
                          { "p99.9", 0.999 },
                          { "max", 1 } };
        double seconds = (double)report->elapsed_usec / USEC_PER_SEC;

        printf("{ \"loop\": \"%s\", \"seconds\": %.3f, \"requests\": %" PRIu64
               ", \"rate\": %.1f,\n  \"errors\": {",
               options->rate > 0 ? "open" : "closed",
               seconds,
               report->answers,
               seconds > 0 ? (double)report->answers / seconds : 0);
        for (LoadError e = 0; e < _LOAD_ERROR_MAX; e++)
                printf("%s \"%s\": %" PRIu64, e > 0 ? "," : "", load_error_to_string(e), report->errors[e]);
        printf(" },\n  \"stale\": %" PRIu64 ", \"unanswered\": %" PRIu64
               ", \"unanswered_ms\": %.3f,\n  \"latency_ms\": {",
               report->stale,
               report->unanswered,
               msec(report->unanswered_usec));
        for (size_t i = 0; i < ELEMENTSOF(quantiles); i++)
                printf(" \"%s\": %.3f,",
                       quantiles[i].name,
                       msec(histogram_quantile(&report->latency_usec, quantiles[i].fraction)));
        printf(" \"mean\": %.3f },\n  \"bytes\": { \"in\": %" PRIu64 ", \"out\": %" PRIu64 " } }\n",
               histogram_mean(&report->latency_usec) / 1000,
               report->bytes_in,
               report->bytes_out);
}

int main(int argc, char **argv) {
        Arguments arguments = {
                .query = "",
                .load = { .duration_usec = 5 * USEC_PER_SEC, .grace_usec = 2 * USEC_PER_SEC, .seed = 1 },
        };
        Buffer request = BUFFER_NULL(SIZE_MAX / 2);
        static LoadReport report;
        struct rlimit files;
        int r;

        r = arguments_parse(argc, argv, &arguments);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : EXIT_USAGE;

        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }

        r = request_make(&arguments, &request);
        if (r == 0) {
                arguments.load.request = buffer_data(&request);
                arguments.load.request_size = buffer_size(&request);
                r = load_run(&arguments.load, &report);
        }
        buffer_done(&request);
        if (r < 0) {
                fprintf(stderr, "fcgi-load: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        report_print(&arguments.load, &report);
        return EXIT_SUCCESS;
}
