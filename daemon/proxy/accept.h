/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Taking connections, each by the process that has the fewest
 */

#include <stddef.h>
#include <sys/socket.h>

typedef struct AcceptedConnection AcceptedConnection;
typedef struct Proxy Proxy;

/* As it is passed between processes. */
struct AcceptedConnection {
        struct sockaddr_storage peer;
        size_t listener; /* which one of the proxy's */
};

int accept_start(Proxy *proxy);
void accept_stop(Proxy *proxy);   /* for good; what others have passed on is taken */
void accept_update(Proxy *proxy); /* the limits may have changed */
void accept_closed(Proxy *proxy); /* a connection has */
