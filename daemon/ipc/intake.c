/* SPDX-License-Identifier: MIT */
/*
 * A connection and the request that is coming in on it
 *
 * The raw bytes of one request lie in `raw`, or, when they outgrow memory_max
 * or came from another process, in the file `spool` (never in both). `decoded`
 * says how far the FastCGI decoder has come. The body is not copied anywhere:
 * whoever wants it walks the STDIN records of the raw bytes again, which the
 * decoder has found valid, from `body_offset` on.
 *
 *      raw bytes:  | BEGIN PARAMS PARAMS0 | STDIN ... STDIN0 | next request ...
 *                                         ^ body_offset      ^ decoded, when whole
 */

#include <assert.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ipc/intake.h"
#include "util/fd.h"

void intake_init(Intake *intake, const IntakeLimits *limits) {
        *intake = (Intake){ .limits = *limits, .fd = -EBADF, .spool = -EBADF };
        assert(limits->memory_max >= limits->chunk_size);
        fcgi_server_init(&intake->server, limits->n_params_max, limits->params_max);
        buffer_init(&intake->raw, limits->memory_max);
}

void intake_done(Intake *intake) {
        intake_close(intake);
        free(intake->scratch);
        intake->scratch = NULL;
        buffer_done(&intake->raw);
        fcgi_server_done(&intake->server);
}

/* Between two requests: the decoder starts afresh, the connection stays. */
static void intake_reset(Intake *intake) {
        intake->spool = fd_close(intake->spool);
        intake->spool_size = 0;
        intake->decoded = 0;
        intake->answered = 0;
        intake->body_offset = 0;
        intake->body_size = 0;
        intake->error = NULL;
}

void intake_close(Intake *intake) {
        intake->fd = fd_close(intake->fd);
        intake_reset(intake);
        buffer_clear(&intake->raw);
        fcgi_server_restart(&intake->server);
}

void intake_attach_take_fd(Intake *intake, int fd, uint64_t now_usec) {
        assert(intake->fd < 0);
        intake->fd = fd;
        intake->fresh = true;
        intake->since_usec = now_usec;
}

int intake_attach_take_fds(Intake *intake, int fd, int spool, uint64_t since_usec) {
        struct stat st = {};

        if (spool >= 0) {
                if (fstat(spool, &st) < 0)
                        return -errno;
                if (!S_ISREG(st.st_mode))
                        return -EBADF;
        }

        intake_attach_take_fd(intake, fd, since_usec);
        intake->spool = spool;
        intake->spool_size = (uint64_t)st.st_size;
        if (spool >= 0) {
                off_t answered = lseek(spool, 0, SEEK_CUR);

                intake->answered = answered > 0 ? (uint64_t)answered : 0;
                (void)lseek(spool, 0, SEEK_END); /* where writing goes on; cannot fail for a regular file */
        }
        return 0;
}

bool intake_is_quiet(const Intake *intake) {
        return intake->server.state == FCGI_SERVER_IDLE && intake->decoded == 0 && intake->spool < 0 &&
               buffer_size(&intake->raw) == 0;
}

static int intake_scratch(Intake *intake) {
        if (!intake->scratch)
                intake->scratch = malloc(intake->limits.chunk_size);
        return intake->scratch ? 0 : -ENOMEM;
}

static int intake_fail(Intake *intake, const char *error) {
        intake->error = error;
        return INTAKE_E_BROKEN;
}

static int intake_send(Intake *intake, const uint8_t *data, size_t size) {
        ssize_t n;

        if (intake->decoded <= intake->answered)
                return 0; /* by whoever read these bytes first */

        n = send(intake->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n == (ssize_t)size)
                return 0;

        /* a peer that asks for management replies and does not read them */
        return intake_fail(intake, "it does not take the reply to a management record");
}

/* The request was aborted before it was whole: it never runs (section 5.4). */
static int intake_answer_abort(Intake *intake) {
        uint8_t end[FCGI_END_SIZE];
        bool keep = intake->server.keep_conn;
        int r;

        fcgi_end_encode(end, intake->server.id, /* app_status= */ 1, FCGI_REQUEST_COMPLETE);
        r = intake_send(intake, end, sizeof(end));
        if (r)
                return r;
        if (!keep)
                return intake_fail(intake, "request aborted by the front end");

        return intake_next(intake);
}

/* 0: go on; INTAKE_E_... or -errno: stop. *ret_whole: the request is complete. */
static int intake_on_event(Intake *intake, const FcgiEvent *event, bool *ret_whole) {
        switch (event->type) {
        case FCGI_EVENT_PARAMS:
                intake->body_offset = intake->decoded;
                return 0;
        case FCGI_EVENT_STDIN:
                intake->body_size += event->size;
                return intake_body_is_too_large(intake) ? INTAKE_E_TOO_LARGE : 0;
        case FCGI_EVENT_STDIN_END:
                *ret_whole = true;
                return 0;
        case FCGI_EVENT_REPLY:
                return intake_send(intake, event->data, event->size);
        case FCGI_EVENT_ABORT:
                return intake_answer_abort(intake);
        case FCGI_EVENT_CLOSE:
                return intake_fail(intake, "it asked for a role that is not served");
        case FCGI_EVENT_VIOLATION:
                if (intake->server.too_large)
                        return INTAKE_E_PARAMS_TOO_LARGE;
                return intake_fail(intake, event->error);
        case FCGI_EVENT_NEED_MORE:
        case _FCGI_EVENT_TYPE_MAX:
                break;
        }

        return 0;
}

/* The next bytes that are not decoded: all of them in memory, a chunk of them in a file. */
static ssize_t intake_undecoded(Intake *intake, const uint8_t **ret) {
        ssize_t n;
        int r;

        if (intake->spool < 0) {
                *ret = buffer_data(&intake->raw) + intake->decoded;
                return (ssize_t)(buffer_size(&intake->raw) - intake->decoded);
        }

        if (intake->decoded >= intake->spool_size)
                return 0;

        r = intake_scratch(intake);
        if (r < 0)
                return r;

        n = pread(intake->spool, intake->scratch, intake->limits.chunk_size, (off_t)intake->decoded);
        if (n < 0)
                return -errno;
        if (n == 0)
                return -EIO; /* the file shrank under us */

        *ret = intake->scratch;
        return n;
}

/* Between two requests nothing of what was read concerns the next one: management records, strays. */
static void intake_forget_idle(Intake *intake) {
        if (intake->server.state != FCGI_SERVER_IDLE || intake->spool >= 0 || intake->decoded == 0)
                return;

        buffer_consume(&intake->raw, (size_t)intake->decoded);
        intake->decoded = 0;
}

/* Decodes all that is there. INTAKE_E_WAIT: more bytes are needed. */
static int intake_decode(Intake *intake) {
        for (;;) {
                const uint8_t *data = NULL;
                ssize_t size = intake_undecoded(intake, &data);

                if (size < 0)
                        return (int)size;
                if (size == 0)
                        return INTAKE_E_WAIT;

                while (size > 0) {
                        uint64_t before = intake->decoded;
                        bool whole = false;
                        FcgiEvent event;
                        size_t used;
                        int r;

                        r = fcgi_server_feed(&intake->server, data, (size_t)size, &used, &event);
                        if (r < 0)
                                return r;
                        data += used;
                        size -= (ssize_t)used;
                        intake->decoded = before + used;

                        r = intake_on_event(intake, &event, &whole);
                        if (r || whole)
                                return r;
                        if (event.type == FCGI_EVENT_ABORT)
                                break; /* intake_next() has moved the bytes */
                        intake_forget_idle(intake);
                }
        }
}

/* From memory to a file, before the next chunk would not fit. */
static int intake_spill(Intake *intake) {
        _cleanup_(fd_closep) int fd = -EBADF;
        size_t size = buffer_size(&intake->raw);
        int r;

        fd = fd_open_spool(intake->limits.spool_directory);
        if (fd < 0)
                return fd;

        r = fd_write_all(fd, buffer_data(&intake->raw), size);
        if (r < 0)
                return r;

        buffer_clear(&intake->raw);
        intake->spool = TAKE_FD(fd);
        intake->spool_size = size;
        return 0;
}

/* One receive. 0: some bytes came. */
static int intake_receive(Intake *intake) {
        uint8_t *data;
        ssize_t n;
        int r;

        if (intake->spool < 0 &&
            buffer_reserve(&intake->raw, intake->limits.chunk_size, &data) == -ENOBUFS) {
                r = intake_spill(intake);
                if (r < 0)
                        return r;
        }

        if (intake->spool >= 0) {
                r = intake_scratch(intake);
                data = intake->scratch;
        } else
                r = buffer_reserve(&intake->raw, intake->limits.chunk_size, &data);
        if (r < 0)
                return r;

        do
                n = recv(intake->fd, data, intake->limits.chunk_size, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return INTAKE_E_WAIT;
        if (n < 0)
                return intake_is_quiet(intake) ? INTAKE_E_CLOSED : intake_fail(intake, "connection reset");
        if (n == 0)
                return intake_is_quiet(intake) ? INTAKE_E_CLOSED
                                               : intake_fail(intake, "closed in the middle of a request");

        if (intake->spool < 0) {
                buffer_commit(&intake->raw, (size_t)n);
                return 0;
        }

        r = fd_write_all(intake->spool, data, (size_t)n);
        if (r < 0)
                return r;
        intake->spool_size += (uint64_t)n;
        return 0;
}

size_t intake_memory(const Intake *intake) {
        const FcgiServer *server = &intake->server;

        return intake->raw.allocated + (intake->scratch ? intake->limits.chunk_size : 0) +
               server->params.bytes.allocated + server->decoder.rest.allocated;
}

int intake_read(Intake *intake) {
        int r;

        for (unsigned int n = 0;; n++) {
                r = intake_decode(intake);
                if (r != INTAKE_E_WAIT)
                        return r;
                if (intake->limits.receives_max > 0 && n == intake->limits.receives_max)
                        return INTAKE_E_WAIT;

                r = intake_receive(intake);
                if (r)
                        return r;
        }
}

bool intake_has_more(const Intake *intake) {
        return (intake->spool < 0 ? buffer_size(&intake->raw) : intake->spool_size) > intake->decoded;
}

#define REST_MAX (1U << 20)

/* What lies behind the request in its file becomes the start of the next one, in a new file if it is much. */
static int intake_keep_rest(Intake *intake) {
        _cleanup_(fd_closep) int rest = -EBADF;
        uint64_t size = intake->spool_size - intake->decoded;
        off_t from = (off_t)intake->decoded;
        uint8_t *data;
        int r;

        if (size > REST_MAX) /* more than one receive of anybody's: the file is not what it was */
                return -EFBIG;

        if (buffer_reserve(&intake->raw, size, &data) >= 0) {
                if (pread(intake->spool, data, size, from) != (ssize_t)size)
                        return -EIO;
                buffer_commit(&intake->raw, size);
                intake_reset(intake);
                return 0;
        }

        rest = fd_open_spool(intake->limits.spool_directory);
        if (rest < 0)
                return rest;
        while (from < (off_t)intake->spool_size) {
                ssize_t n = pread(intake->spool, intake->scratch, intake->limits.chunk_size, from);

                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                r = fd_write_all(rest, intake->scratch, (size_t)n);
                if (r < 0)
                        return r;
                from += n;
        }

        intake_reset(intake);
        intake->spool = TAKE_FD(rest);
        intake->spool_size = size;
        return 0;
}

int intake_next(Intake *intake) {
        int r;

        if (intake->spool >= 0 && intake->spool_size > intake->decoded) {
                r = intake_keep_rest(intake); /* the file was decoded through scratch, so that is there */
                if (r < 0)
                        return r;
        } else {
                if (intake->spool < 0)
                        buffer_consume(&intake->raw, (size_t)intake->decoded);
                intake_reset(intake);
        }

        intake->fresh = false;
        fcgi_server_next(&intake->server);
        return 0;
}

int intake_pack(Intake *intake, int *ret_spool) {
        int r;

        if (intake->spool < 0 && buffer_size(&intake->raw) > 0) {
                r = intake_spill(intake);
                if (r < 0)
                        return r;
        }

        /* the file's own position travels with it, and says up to where replies have been sent */
        if (intake->spool >= 0 && lseek(intake->spool, (off_t)intake->decoded, SEEK_SET) < 0)
                return -errno;

        *ret_spool = intake->spool;
        return 0;
}
