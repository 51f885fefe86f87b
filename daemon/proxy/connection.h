/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One client connection
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "util/address.h"
#include "util/buffer.h"
#include "util/loop.h"

typedef struct AcceptedConnection AcceptedConnection;
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

        Buffer out;  /* sent first, then the file, then tail */
        int file_fd; /* the target's, or spool_fd */
        uint64_t file_offset;
        uint64_t file_left;
        int spool_fd; /* owned; what the client has not taken goes there while there is one */
        Buffer tail;  /* what did not fit into it */
        uint64_t sent_bytes;

        bool readable; /* an edge was seen and not yet exhausted */
        bool writable;
        bool hung_up; /* the client sends nothing more */
        bool blocked; /* the client does not take what out holds */
        int unsent;   /* bytes that the kernel held when it was looked at last */
        bool out_failed;
        bool keep; /* for another request */
        bool used; /* has had a request */

        Exchange *exchange; /* the request, from its head until its answer is sent; owned */

        Address peer;  /* or who the PROXY protocol names */
        Address local; /* where the client connected to, once knows_local */
        bool knows_local;
        bool trusted;        /* its word on others is taken */
        bool expects_header; /* of the PROXY protocol */
        size_t client_slot;  /* in proxy->n_of_client */
        bool tls;            /* the client has spoken TLS, to a proxy before this one */
};

/* The descriptor is the Connection's in any case. -EPERM: the client may have none, or no more. */
int connection_new_take_fd(Proxy *proxy, int fd, const AcceptedConnection *accepted);

/* Its peer is another than at first: counts it for that one. False: who may have no more. */
bool connection_count_anew(Connection *connection);

/* At once: what is unsent is lost, the pool's connection too. */
void connection_close(Connection *connection);

/* Goes on as far as it can without waiting. */
void connection_run(Connection *connection);

/* The program ends: without a request it is closed after one of these times. */
void connection_part(Connection *connection, uint64_t fresh_usec, uint64_t kept_usec);

/* Closes it unless a request has begun, or has come in this instant. */
void connection_close_if_idle(Connection *connection);

/* Appends to what is sent; what fails for want of memory ends the connection with the next flush. */
void connection_append(Connection *connection, const void *data, size_t size);

/* Whether more of an answer is welcome. @spool: what the client does not take may go to a file. */
bool connection_has_room(Connection *connection, bool spool);

/* 0: all is sent. -EAGAIN: the rest goes when the client takes it. Other -errno: close. */
int connection_flush(Connection *connection);

/* Fills in local. */
void connection_describe(Connection *connection);
