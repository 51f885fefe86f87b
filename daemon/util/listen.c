/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include "util/fd.h"
#include "util/listen.h"

static char *listener_address(int fd) {
        union {
                struct sockaddr any;
                struct sockaddr_un un;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } a = {};
        socklen_t size = sizeof(a);
        char host[INET6_ADDRSTRLEN] = "";
        char *text = NULL;

        if (getsockname(fd, &a.any, &size) < 0)
                return strdup("?");

        switch (a.any.sa_family) {
        case AF_UNIX:
                if (size <= offsetof(struct sockaddr_un, sun_path))
                        return strdup("(unnamed)");
                if (a.un.sun_path[0] == '\0')
                        a.un.sun_path[0] = '@'; /* abstract, as systemd writes it */
                return strndup(a.un.sun_path, size - offsetof(struct sockaddr_un, sun_path));
        case AF_INET:
                (void)inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
                return asprintf(&text, "%s:%u", host, ntohs(a.in.sin_port)) < 0 ? NULL : text;
        case AF_INET6:
                (void)inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
                return asprintf(&text, "[%s]:%u", host, ntohs(a.in6.sin6_port)) < 0 ? NULL : text;
        default:
                return asprintf(&text, "family %u", a.any.sa_family) < 0 ? NULL : text;
        }
}

static int listener_init(Listener *listener, int fd, const char *name) {
        socklen_t size = sizeof(listener->family);
        int r;

        r = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOTSOCK;

        r = fd_set_nonblock(fd, true);
        if (r < 0)
                return r;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &listener->family, &size) < 0)
                return -errno;

        listener->fd = fd;
        listener->name = strdup(name);
        listener->address = listener_address(fd);
        return listener->name && listener->address ? 0 : -ENOMEM;
}

static void strv_freep(char ***strv) {
        for (char **p = *strv; p && *p; p++)
                free(*p);
        free(*strv);
}

static void listeners_donep(Listeners *listeners) {
        listeners_done(listeners);
}

int listeners_take(Listeners *ret) {
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(listeners_donep) Listeners listeners = {};
        int n, r;

        n = sd_listen_fds_with_names(/* unset_environment= */ 1, &names);
        if (n < 0)
                return n;
        if (n == 0)
                return -ENOTCONN;

        listeners.items = calloc((size_t)n, sizeof(Listener));
        if (!listeners.items)
                return -ENOMEM;

        for (int i = 0; i < n; i++) {
                Listener *listener = &listeners.items[listeners.n_items++];

                listener->fd = -EBADF;
                r = listener_init(listener, SD_LISTEN_FDS_START + i, names[i]);
                if (r < 0)
                        return r;
        }

        *ret = listeners;
        listeners = (Listeners){};
        return 0;
}

void listeners_done(Listeners *listeners) {
        for (size_t i = listeners->n_items; i > 0; i--) {
                fd_close(listeners->items[i - 1].fd);
                free(listeners->items[i - 1].name);
                free(listeners->items[i - 1].address);
        }
        free(listeners->items);
        *listeners = (Listeners){};
}
