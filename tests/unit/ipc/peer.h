/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An intake with its peer, and requests to send to it
 */

#include <stdlib.h>
#include <sys/socket.h>
#include "../fcgi/wire.h"
#include "ipc/intake.h"
#include "util/fd.h"

static const IntakeLimits small = {
        .n_params_max = 100,
        .params_max = 8192,
        .body_max = 1 << 20,
        .chunk_size = 512,
        .memory_max = 1024,
};

/* The body as it will be read: i * 3, so that a mix-up shows. */
static inline void fill(uint8_t *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)(i * 3 + i / 256);
}

/* A request whose body comes in records of @step bytes with padding, and with records of a foreign id between. */
static inline void wire_whole(Buffer *wire, unsigned int id, size_t body_size, size_t step) {
        uint8_t *body = malloc(body_size + 1);

        fill(body, body_size);
        wire_begin(wire, id, 1, 1);
        wire_record(wire, 4, id, L("\x01\x01XY"));
        wire_record_padded(wire, 4, id, "", 0, 8);
        for (size_t i = 0; i < body_size; i += step) {
                wire_record_padded(wire, 5, id, body + i, MIN2(step, body_size - i), i % 7);
                if (i % 5 == 0)
                        wire_record_padded(wire, 5, id + 1, L("foreign"), 1);
        }
        wire_record_padded(wire, 5, id, "", 0, 3);
        free(body);
}

static inline int connect_intake(Intake *intake, const IntakeLimits *limits) {
        int fds[2];

        test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        intake_init(intake, limits);
        intake_attach_take_fd(intake, fds[0], 1);
        return fds[1];
}

static inline void send_bytes(int fd, const Buffer *wire, size_t from, size_t to) {
        test_int(fd_write_all(fd, buffer_data(wire) + from, to - from), 0);
}

/* Gives it to another process, as worker and manager do; @from is done with. */
static inline void travel(Intake *from, Intake *to) {
        int spool;

        test_int(intake_pack(from, &spool), 0);
        intake_init(to, &small);
        test_int(intake_attach_take_fds(to, dup(from->fd), spool >= 0 ? dup(spool) : -EBADF, 1), 0);
        intake_done(from);
}
