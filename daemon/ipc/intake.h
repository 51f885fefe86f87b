/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A connection and the request that is coming in on it
 *
 * Used by workers and by the manager, because a request that stalls travels
 * between them: the worker gives the connection with the bytes read so far, the
 * manager reads the rest, a worker takes it back whole. What travels is the
 * connection and the raw bytes in a file, nothing decoded; whoever takes it
 * decodes again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "fcgi/server.h"
#include "util/buffer.h"

typedef struct Intake Intake;
typedef struct IntakeLimits IntakeLimits;

struct IntakeLimits {
        size_t n_params_max;
        size_t params_max;           /* bytes */
        uint64_t body_max;           /* bytes; 0: none */
        size_t chunk_size;           /* bytes asked for in one receive */
        unsigned int receives_max;   /* in one intake_read(), which then says INTAKE_E_WAIT; 0: any number */
        size_t memory_max;           /* raw bytes kept in memory; more go to a file. At least chunk_size */
        const char *spool_directory; /* borrowed; NULL: a memfd */
};

enum {
        _INTAKE_E_SUCCESS,
        INTAKE_E_WAIT,   /* no more bytes now */
        INTAKE_E_CLOSED, /* the peer closed between two requests */
        INTAKE_E_BROKEN, /* the peer broke the protocol or closed in mid-request: close; intake->error says */
        INTAKE_E_TOO_LARGE,        /* the body is larger than body_max: answer and close */
        INTAKE_E_PARAMS_TOO_LARGE, /* the parameters are larger or more than allowed: answer and close */
};

struct Intake {
        IntakeLimits limits;
        int fd; /* the connection; owned; -EBADF: none */
        FcgiServer server;
        uint64_t since_usec; /* for the owner: when this wait, or this request, began */
        uint64_t body_size;  /* bytes of stdin so far */
        bool fresh;          /* no request has ended on the connection yet */
        const char *error;   /* static string */

        /* private: the raw bytes of the request, in memory or in a file, and how many of them are decoded */
        Buffer raw;
        int spool;
        uint64_t spool_size;
        uint64_t decoded;
        uint64_t answered; /* replies up to here were sent by whoever had it before */
        uint64_t body_offset;
        uint8_t *scratch; /* chunk_size bytes, for file mode; owned */
};

/* Where a reader of the body stands; zero-initialise. */
typedef struct IntakeCursor IntakeCursor;

struct IntakeCursor {
        uint64_t offset;
        uint32_t content_left;
        uint32_t padding_left;
        bool started;
        bool ended;
};

void intake_init(Intake *intake, const IntakeLimits *limits);
void intake_done(Intake *intake); /* closes what it holds */

/* A fresh connection; @fd is owned from now on. The intake must hold none. */
void intake_attach_take_fd(Intake *intake, int fd, uint64_t now_usec);

/* A connection with bytes that were read from it already; owns both. @spool may be -EBADF. 0 or -errno (then
 * neither is owned). */
int intake_attach_take_fds(Intake *intake, int fd, int spool, uint64_t since_usec);

/* Bytes of memory that the unfinished request takes. */
size_t intake_memory(const Intake *intake);

/* Closes the connection and forgets everything. */
void intake_close(Intake *intake);

/*
 * Reads (never waits) and decodes until the request is whole. 0: it is;
 * intake->server.params and the body can be read. Else an INTAKE_E_ above, or
 * -errno when we lack memory or space.
 */
int intake_read(Intake *intake);

/*
 * Throws away what has arrived, within a bound: closing on unread bytes resets the
 * connection (tcp(7), unix(7)), and a peer that meets that while it writes may not
 * read the answer.
 */
void intake_drain(Intake *intake);

/* True between two requests with nothing of the next one read. */
bool intake_is_quiet(const Intake *intake);

/* The request is whole, and bytes of a next one came with it. */
bool intake_has_more(const Intake *intake);

/*
 * The request is whole, and the peer has closed the connection or sent
 * ABORT_REQUEST for it. False while bytes came with it, which may be those of a
 * next request: that wants the connection. Changes nothing and is safe in a signal
 * handler.
 */
bool intake_is_abandoned(const Intake *intake);

/* ABORT_REQUEST alone, be it that it came with the request: a peer that has merely gone does not count. */
bool intake_is_aborted(const Intake *intake);

/* The request is answered; bytes of a next one that came with it stay. 0 or -errno. */
int intake_next(Intake *intake);

/* More than body_max, or so much padding that what is kept of it would be. */
bool intake_body_is_too_large(const Intake *intake);

/* Reads the body of a whole request. Bytes, 0 at its end, or -errno. */
ssize_t intake_read_body(Intake *intake, IntakeCursor *cursor, void *data, size_t size);

/* Writes what was read to the file that travels with the connection. *ret_spool is borrowed, -EBADF if nothing was
 * read. After sending both, intake_close(). */
int intake_pack(Intake *intake, int *ret_spool);
