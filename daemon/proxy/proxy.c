/* SPDX-License-Identifier: MIT */
/*
 * The proxy as a whole
 *
 * SIGHUP loads the configuration anew; it is used only if every file of it is
 * good, else the old one stays. Requests that have begun keep the generation
 * they began with. SIGTERM drains: nothing is accepted any more (the service
 * manager's socket keeps who comes now for the next start), waiting
 * connections are closed, begun requests are answered, with a deadline.
 *
 * connections_max is kept, and the limit of descriptors met, by closing the
 * connection that has waited longest for a request; when all are busy,
 * accepting pauses and the kernel's backlog holds the rest.
 */

#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "proxy/connection.h"
#include "proxy/proxy.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define PROXY_MIME_TYPES    "/etc/mime.types"
#define PROXY_TICK_USEC     (10 * USEC_PER_SEC)
#define PROXY_DRAIN_USEC    (80 * USEC_PER_SEC) /* below systemd's TimeoutStopSec= of 90s */
#define PROXY_BACKOFF_USEC  (100 * USEC_PER_MSEC)
#define PROXY_ACCEPT_MAX    64U /* in one turn of one listener */
#define PROXY_EVICT_MAX     16U
#define PROXY_FILES_RESERVE 64U /* listeners, document roots, kept connections, what accepting is ahead */
#define PROXY_PARAMS_MAX    256U
#define PROXY_PARAMS_SIZE   (1024U * 1024U)

static void proxy_accept(ProxyListener *listener);

const char *proxy_date(Proxy *proxy) {
        uint64_t seconds = clock_wall_usec() / USEC_PER_SEC;

        if (seconds != proxy->date_seconds) {
                http_date_format(proxy->date, seconds);
                proxy->date_seconds = seconds;
        }
        return proxy->date;
}

static void proxy_notify_status(const Proxy *proxy) {
        (void)sd_notifyf(0,
                         "STATUS=%zu sites, %zu connections, %llu requests%s%s%s%s",
                         proxy->sites->config->n_sites,
                         proxy->n_connections,
                         (unsigned long long)proxy->n_requests,
                         proxy->draining ? "; ending" : "",
                         proxy->reload_refused ? "; reload refused, the old configuration serves" : "",
                         proxy->sites->n_broken > 0 ? "; broken: " : "",
                         proxy->sites->broken);
}

static void proxy_on_tick(Timer *timer) {
        Proxy *proxy = list_entry(timer, Proxy, tick);
        uint64_t next = PROXY_TICK_USEC;

        if (proxy->watchdog_usec > 0) {
                (void)sd_notify(0, "WATCHDOG=1");
                next = MIN2(next, proxy->watchdog_usec / 2);
        }
        proxy_notify_status(proxy);
        timer_set(&proxy->loop, &proxy->tick, next);
}

static void proxy_resume_accepting(Proxy *proxy) {
        for (size_t i = 0; i < proxy->listeners.n_items; i++)
                if (proxy->accepting[i].pending)
                        proxy_accept(&proxy->accepting[i]);
}

static void proxy_on_accept_timer(Timer *timer) {
        proxy_resume_accepting(list_entry(timer, Proxy, accept_timer));
}

void proxy_on_connection_closed(Proxy *proxy) {
        proxy->n_connections--;
        if (proxy->draining)
                proxy->loop.exit = proxy->n_connections == 0;
        for (size_t i = 0; i < proxy->listeners.n_items && !proxy->draining; i++)
                if (proxy->accepting[i].pending && list_is_empty(&proxy->accept_timer.link))
                        timer_set(&proxy->loop, &proxy->accept_timer, 0);
}

static uint64_t proxy_connections_max(const Proxy *proxy) {
        return MIN2(proxy->sites->config->connections_max, proxy->n_connections_possible);
}

/* Whether one more can be had: there is room, or a connection that only waits could make some. */
static bool proxy_has_room(const Proxy *proxy) {
        uint64_t max = proxy_connections_max(proxy);

        return proxy->n_connections < max ||
               (proxy->n_connections < max + PROXY_EVICT_MAX && !list_is_empty(&proxy->idle));
}

/* One that is found to have a request in the kernel goes on, and the next is asked. */
static void proxy_make_room(Proxy *proxy) {
        for (unsigned int i = 0; i < PROXY_EVICT_MAX; i++) {
                if (proxy->n_connections <= proxy_connections_max(proxy) || list_is_empty(&proxy->idle))
                        return;
                connection_close_if_idle(list_entry(proxy->idle.next, Connection, idle));
        }
}

/* -EAGAIN: nobody is waiting. Other -errno: not now. */
static int proxy_accept_one(ProxyListener *listener) {
        Proxy *proxy = listener->proxy;
        struct sockaddr_storage peer = {};
        socklen_t size = sizeof(peer);
        int fd, r;

        if (!proxy_has_room(proxy))
                return -EUSERS;

        fd = accept4(listener->source.fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;

        proxy->n_connections++;
        proxy_make_room(proxy);
        r = connection_new_take_fd(proxy, fd, &peer);
        if (r < 0)
                proxy->n_connections--;
        return r;
}

static void proxy_accept(ProxyListener *listener) {
        static LogLimit limit = LOG_LIMIT(60 * USEC_PER_SEC, 1);
        Proxy *proxy = listener->proxy;

        for (unsigned int i = 0; i < PROXY_ACCEPT_MAX && listener->pending && !proxy->draining; i++) {
                int r = proxy_accept_one(listener);

                if (r == -EAGAIN)
                        listener->pending = false;
                else if ((r == -EMFILE || r == -ENFILE) && !list_is_empty(&proxy->idle))
                        connection_close_if_idle(list_entry(proxy->idle.next, Connection, idle));
                else if (r < 0) {
                        if (log_limit_below(&limit))
                                log_warning_errno(r,
                                                  "Cannot accept connections for now (%zu open): %m",
                                                  proxy->n_connections);
                        timer_set(&proxy->loop, &proxy->accept_timer, PROXY_BACKOFF_USEC);
                        return;
                }
        }

        if (listener->pending && !proxy->draining)
                loop_defer(&proxy->loop, &listener->again);
}

static void proxy_accept_again(Deferred *deferred) {
        proxy_accept(list_entry(deferred, ProxyListener, again));
}

static void proxy_on_listener(Source *source, uint32_t events) {
        ProxyListener *listener = list_entry(source, ProxyListener, source);

        listener->pending = true;
        proxy_accept(listener);
}

static int proxy_reload(Proxy *proxy) {
        _cleanup_(sites_unrefp) Sites *sites = NULL;
        ConfigError error = {};
        int r;

        r = sites_load(&sites, proxy->config_dir, &error);
        if (r < 0)
                return log_error_errno(r,
                                       "Reload refused: %s:%u: %s",
                                       error.file,
                                       error.line,
                                       error.message);
        if (sites->n_broken > 0)
                return log_error_errno(-EINVAL, "Reload refused: broken: %s", sites->broken);

        r = sites_connect(sites, &proxy->upstreams, &proxy->loop);
        if (r < 0)
                return log_error_errno(r, "Reload refused: %m");

        sites_unref(proxy->sites);
        proxy->sites = TAKE_PTR(sites);
        log_info("Configuration reloaded: %zu sites", proxy->sites->config->n_sites);
        return 0;
}

static void proxy_on_hangup(Proxy *proxy) {
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now_usec());
        proxy->reload_refused = proxy_reload(proxy) < 0;
        proxy_notify_status(proxy);
        (void)sd_notify(0, "READY=1");
}

static void proxy_on_drain_timer(Timer *timer) {
        Proxy *proxy = list_entry(timer, Proxy, drain_timer);

        log_warning("%zu connections were cut: their requests did not end in time", proxy->n_connections);
        proxy->loop.exit = true;
}

static void proxy_drain(Proxy *proxy) {
        if (proxy->draining)
                return;

        (void)sd_notify(0, "STOPPING=1");
        proxy->draining = true;
        timer_unset(&proxy->accept_timer);
        LIST_FOREACH_SAFE (link, &proxy->connections) {
                Connection *connection = list_entry(link, Connection, link);

                connection->keep = false;
                connection_close_if_idle(connection);
        }

        timer_set(&proxy->loop, &proxy->drain_timer, PROXY_DRAIN_USEC);
        proxy_notify_status(proxy);
        proxy->loop.exit = proxy->n_connections == 0;
}

static void proxy_on_signal(Source *source, uint32_t events) {
        Proxy *proxy = list_entry(source, Proxy, signals);
        struct signalfd_siginfo info;

        while (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                if (info.ssi_signo == SIGHUP)
                        proxy_on_hangup(proxy);
                else
                        proxy_drain(proxy);
        }
}

static int proxy_watch_signals(Proxy *proxy) {
        _cleanup_(fd_closep) int fd = -EBADF;
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGHUP);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        (void)signal(SIGPIPE, SIG_IGN); /* sendfile(2) knows no MSG_NOSIGNAL */

        fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
        if (fd < 0)
                return -errno;

        r = loop_add_take_fd(&proxy->loop, &proxy->signals, fd, EPOLLIN);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        return 0;
}

static int proxy_watch_listeners(Proxy *proxy) {
        proxy->accepting = calloc(proxy->listeners.n_items, sizeof(*proxy->accepting));
        if (!proxy->accepting)
                return -ENOMEM;

        for (size_t i = 0; i < proxy->listeners.n_items; i++) {
                ProxyListener *listener = &proxy->accepting[i];
                int one = 1, r;

                /* inherited by what it accepts; on a unix socket it fails, and nothing is lost */
                (void)setsockopt(proxy->listeners.items[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

                listener->proxy = proxy;
                deferred_init(&listener->again, proxy_accept_again);
                listener->source.on_events = proxy_on_listener;
                r = loop_add_take_fd(&proxy->loop, &listener->source, proxy->listeners.items[i].fd, EPOLLIN);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int proxy_init_identity(Proxy *proxy) {
        const char *cache = getenv("CACHE_DIRECTORY");
        uint64_t watchdog_usec = 0;

        /* not from 0: ids of two runs must not meet in one journal */
        if (getrandom(&proxy->next_id, sizeof(proxy->next_id), 0) != (ssize_t)sizeof(proxy->next_id))
                return -errno;

        proxy->spool_dir = cache && cache[0] == '/' && !strchr(cache, ':') ? cache : "/tmp";
        if (sd_watchdog_enabled(0, &watchdog_usec) > 0)
                proxy->watchdog_usec = watchdog_usec;
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
        if (proxy->n_connections_possible < wanted)
                log_notice("LimitNOFILE=%llu allows %llu connections of the %llu of limits.connections",
                           (unsigned long long)n_files,
                           (unsigned long long)proxy->n_connections_possible,
                           (unsigned long long)wanted);
}

int proxy_new(Proxy **ret, const char *config_dir, Sites *sites) {
        _cleanup_(proxy_freep) Proxy *proxy = NULL;
        int r;

        proxy = calloc(1, sizeof(*proxy));
        if (!proxy) {
                sites_unref(sites);
                return -ENOMEM;
        }

        proxy->config_dir = config_dir;
        proxy->sites = sites;
        proxy->signals = (Source){ .fd = -EBADF, .on_events = proxy_on_signal };
        list_init(&proxy->upstreams);
        list_init(&proxy->connections);
        list_init(&proxy->idle);
        timer_init(&proxy->tick, proxy_on_tick);
        timer_init(&proxy->accept_timer, proxy_on_accept_timer);
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
        r = r ?: sites_connect(proxy->sites, &proxy->upstreams, &proxy->loop);
        r = r ?: proxy_watch_signals(proxy);
        r = r ?: listeners_take(&proxy->listeners);
        r = r ?: proxy_watch_listeners(proxy);
        if (r < 0)
                return r;

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
        listeners_done(&proxy->listeners);
        source_close(&proxy->signals);
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
        (void)sd_notify(0, "READY=1");
        return loop_run(&proxy->loop);
}
