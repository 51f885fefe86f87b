/* SPDX-License-Identifier: MIT */
/*
 * A process of the proxy
 *
 * It serves its connections alone; what several processes have to agree on
 * comes over the channel from the supervisor. A new configuration is loaded
 * first and used when all have loaded it; requests that have begun keep the
 * generation they began with. To drain: nothing is accepted any more (the
 * service manager's socket keeps who comes now for the next start), begun
 * requests are answered, with a deadline. A connection that has just been
 * accepted has some time to send its request, a kept one an instant, so that
 * a busy client learns by "Connection: close" and not by a reset.
 */

#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>
#include "proxy/connection.h"
#include "proxy/proxy.h"
#include "proxy/supervisor.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define PROXY_MIME_TYPES    "/etc/mime.types"
#define PROXY_TICK_USEC     (2 * USEC_PER_SEC)
#define PROXY_FRESH_USEC    (5 * USEC_PER_SEC)
#define PROXY_PARTING_USEC  (250 * USEC_PER_MSEC)
#define PROXY_FILES_RESERVE 64U /* listeners, document roots, kept connections, what accepting is ahead */
#define PROXY_PARAMS_MAX    256U
#define PROXY_PARAMS_SIZE   (1024U * 1024U)

const char *proxy_date(Proxy *proxy) {
        uint64_t seconds = clock_wall_usec() / USEC_PER_SEC;

        if (seconds != proxy->date_seconds) {
                http_date_format(proxy->date, seconds);
                proxy->date_seconds = seconds;
        }
        return proxy->date;
}

static void proxy_tell(const Proxy *proxy, char message) {
        (void)send(proxy->channel.fd,
                   &message,
                   1,
                   MSG_NOSIGNAL); /* a supervisor that is gone shows as the end */
}

static void proxy_on_tick(Timer *timer) {
        Proxy *proxy = list_entry(timer, Proxy, tick);
        uint64_t now = proxy->loop.now_usec, n_waiting = 0;

        LIST_FOREACH (link, &proxy->upstreams)
                n_waiting += list_entry(link, Upstream, link)->queue.n;
        counter_set(&proxy->counters->n_waiting, n_waiting);
        counter_set(&proxy->counters->alive_usec, now);
        targets_forget(&proxy->sites->targets, now - TARGETS_USEC);
        timer_set(&proxy->loop, &proxy->tick, PROXY_TICK_USEC);
}

static int proxy_load(Proxy *proxy) {
        _cleanup_(sites_unrefp) Sites *sites = NULL;
        ConfigError error = {};
        int r;

        r = sites_load(&sites, proxy->start->config_dir, &error);
        if (r < 0)
                return log_error_errno(r,
                                       "Reload refused: %s:%u: %s",
                                       error.file,
                                       error.line,
                                       error.message);
        if (sites->n_broken > 0)
                return log_error_errno(-EINVAL, "Reload refused: broken: %s", sites->broken);

        proxy->next_sites = TAKE_PTR(sites);
        return 0;
}

static void proxy_use(Proxy *proxy) {
        int r;

        if (!proxy->next_sites)
                return;

        r = sites_connect(proxy->next_sites, proxy);
        if (r < 0) {
                log_error_errno(r, "The new configuration cannot be used: %m");
                proxy->next_sites = sites_unref(proxy->next_sites);
                return;
        }
        sites_unref(proxy->sites);
        proxy->sites = TAKE_PTR(proxy->next_sites);
        accept_update(proxy);
}

static void proxy_on_drain_timer(Timer *timer) {
        Proxy *proxy = list_entry(timer, Proxy, drain_timer);

        log_warning("%zu connections were cut: their requests did not end in time", proxy->n_connections);
        proxy->loop.exit = true;
}

static void proxy_drain(Proxy *proxy) {
        if (proxy->draining)
                return;

        accept_stop(proxy);
        proxy->draining = true;
        LIST_FOREACH_SAFE (link, &proxy->connections)
                connection_part(list_entry(link, Connection, link), PROXY_FRESH_USEC, PROXY_PARTING_USEC);

        timer_set(&proxy->loop, &proxy->drain_timer, proxy->sites->config->stop_usec);
        proxy->loop.exit = proxy->n_connections == 0;
}

static void proxy_on_channel(Source *source, uint32_t events) {
        Proxy *proxy = list_entry(source, Proxy, channel);
        char order;

        for (;;) {
                ssize_t n = recv(source->fd, &order, 1, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        proxy_drain(proxy);
                        return;
                }

                if (order == SUPERVISOR_LOAD)
                        proxy_tell(proxy, proxy_load(proxy) < 0 ? SUPERVISOR_REFUSED : SUPERVISOR_LOADED);
                else if (order == SUPERVISOR_USE)
                        proxy_use(proxy);
                else if (order == SUPERVISOR_FORGET)
                        proxy->next_sites = sites_unref(proxy->next_sites);
                else if (order == SUPERVISOR_DRAIN)
                        proxy_drain(proxy);
        }
}

static int proxy_init_channel(Proxy *proxy) {
        int fd = TAKE_FD(proxy->start->channel_fd), r;

        proxy->channel = (Source){ .fd = -EBADF, .on_events = proxy_on_channel };
        r = loop_add_take_fd(&proxy->loop, &proxy->channel, fd, EPOLLIN);
        if (r < 0)
                fd_close(fd);
        return r;
}

static int proxy_init_identity(Proxy *proxy) {
        const char *cache = getenv("CACHE_DIRECTORY");

        /* not from 0: ids of two runs must not meet in one journal */
        if (getrandom(&proxy->next_id, sizeof(proxy->next_id), 0) != (ssize_t)sizeof(proxy->next_id) ||
            getrandom(&proxy->hash_seed, sizeof(proxy->hash_seed), 0) != (ssize_t)sizeof(proxy->hash_seed))
                return -errno;

        proxy->spool_dir = cache && cache[0] == '/' && !strchr(cache, ':') ? cache : "/tmp";
        return 0;
}

/* A connection needs two: its own, and that of its file or its pool. */
static void proxy_init_limit(Proxy *proxy) {
        uint64_t n_files, wanted = proxy->sites->config->connections_max;

        if (process_raise_nofile(&n_files) < 0)
                n_files = 1024; /* the soft limit that services have by default (systemd.exec(5)) */

        proxy->n_connections_possible = n_files > 2 * PROXY_FILES_RESERVE
                                                ? (n_files - PROXY_FILES_RESERVE) / 2
                                                : PROXY_FILES_RESERVE / 2;
        if (proxy->n_connections_possible < wanted && proxy->start->index == 0)
                log_notice("LimitNOFILE=%llu allows %llu connections of the %llu of limits.connections",
                           (unsigned long long)n_files,
                           (unsigned long long)proxy->n_connections_possible,
                           (unsigned long long)wanted);
}

int proxy_new(Proxy **ret, ProxyStart *start) {
        _cleanup_(proxy_freep) Proxy *proxy = NULL;
        int r;

        proxy = calloc(1, sizeof(*proxy));
        if (!proxy)
                return -ENOMEM;

        proxy->start = start;
        proxy->counters = &start->counters[start->index];
        proxy->sites = sites_ref(start->sites);
        proxy->spare_fd = -EBADF;
        list_init(&proxy->upstreams);
        list_init(&proxy->connections);
        list_init(&proxy->idle);
        timer_init(&proxy->tick, proxy_on_tick);
        timer_init(&proxy->drain_timer, proxy_on_drain_timer);
        pairs_init(&proxy->pairs, PROXY_PARAMS_MAX, PROXY_PARAMS_SIZE);
        proxy->scratch = malloc(PROXY_SCRATCH_SIZE);

        r = loop_init(&proxy->loop);
        if (r < 0)
                return r;
        if (!proxy->scratch)
                return -ENOMEM;

        proxy_init_limit(proxy);
        r = mime_new(&proxy->mime, PROXY_MIME_TYPES);
        r = r ?: proxy_init_identity(proxy);
        r = r ?: proxy_init_channel(proxy);
        r = r ?: sites_connect(proxy->sites, proxy);
        r = r ?: accept_start(proxy);
        if (r < 0)
                return r;

        accept_update(proxy);
        *ret = TAKE_PTR(proxy);
        return 0;
}

Proxy *proxy_free(Proxy *proxy) {
        if (!proxy)
                return NULL;

        proxy->draining = true;
        LIST_FOREACH_SAFE (link, &proxy->connections)
                connection_close(list_entry(link, Connection, link));
        LIST_FOREACH_SAFE (link, &proxy->upstreams)
                upstream_free(list_entry(link, Upstream, link));
        loop_run_deferred(&proxy->loop);

        free(proxy->accepting);
        source_close(&proxy->inbox);
        source_close(&proxy->channel);
        fd_close(proxy->spare_fd);
        sites_unref(proxy->next_sites);
        sites_unref(proxy->sites);
        mime_free(proxy->mime);
        pairs_done(&proxy->pairs);
        free(proxy->scratch);
        loop_done(&proxy->loop);
        free(proxy);
        return NULL;
}

int proxy_run(Proxy *proxy) {
        proxy_on_tick(&proxy->tick);
        proxy_tell(proxy, SUPERVISOR_READY);
        return loop_run(&proxy->loop);
}
