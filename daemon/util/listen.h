/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The sockets that the service manager passed: sd_listen_fds_with_names(3)
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct Listener Listener;
typedef struct Listeners Listeners;

struct Listener {
        int fd;        /* listening stream socket; close-on-exec, non-blocking; kept for ever */
        int family;    /* AF_UNIX, AF_INET, ... */
        char *name;    /* FileDescriptorName= */
        char *address; /* "/run/x.sock", "127.0.0.1:9000"; for messages */
};

struct Listeners {
        Listener *items;
        size_t n_items;
};

/* Also removes LISTEN_* from the environment. -ENOTCONN: none was passed.
 * -ENOTSOCK: one of them is not a listening stream socket. */
int listeners_take(Listeners *ret);
void listeners_done(Listeners *listeners); /* closes them */
