/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One client connection
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "proxy/loop.h"
#include "util/buffer.h"

typedef struct Connection Connection;
typedef struct Exchange Exchange;
typedef struct Proxy Proxy;

typedef enum ConnectionState {
        CONNECTION_HEAD,    /* between requests, or inside a request head */
        CONNECTION_BODY,    /* inside a request body */
        CONNECTION_RELAY,   /* a pool has the request */
        CONNECTION_SENDING, /* the answer is complete, but not yet sent */
        CONNECTION_LINGER,  /* sent; reads and drops what the client still says, then closes */
        CONNECTION_CLOSED,  /* freed after this batch of events */
} ConnectionState;

struct Connection {
        Source source;
        Timer timer;
        Deferred deferred;
        List link; /* in proxy->connections */
        List idle; /* in proxy->idle, while no request has begun */
        Proxy *proxy;
        ConnectionState state;

        Buffer in;      /* the head of the current request and what was read behind it */
        size_t in_used; /* bytes of it that belong to the current request */
        size_t in_checked;

        Buffer out;
        int file_fd; /* sent behind out */
        uint64_t file_offset;
        uint64_t file_left;

        bool readable; /* an edge was seen and not yet exhausted */
        bool writable;
        bool hung_up; /* the client sends nothing more */
        bool blocked; /* the client does not take what out holds */
        bool out_failed;
        bool keep; /* for another request */

        Exchange *exchange; /* the request, from its head until its answer is sent; owned */

        struct sockaddr_storage peer;
        char remote_address[INET6_ADDRSTRLEN]; /* "": not yet known */
        char server_address[INET6_ADDRSTRLEN];
        uint16_t remote_port;
        uint16_t server_port;
};

/* The descriptor is the Connection's in any case. */
int connection_new_take_fd(Proxy *proxy, int fd, const struct sockaddr_storage *peer);

/* At once: what is unsent is lost, the pool's connection too. */
void connection_close(Connection *connection);

/* Goes on as far as it can without waiting. */
void connection_run(Connection *connection);

/* Closes it unless a request has begun, or has come in this instant. */
void connection_close_if_idle(Connection *connection);

/* 0: all is sent. -EAGAIN: the rest goes when the client takes it. Other -errno: close. */
int connection_flush(Connection *connection);

/* Fills in the addresses for CGI variables. */
void connection_describe(Connection *connection);
