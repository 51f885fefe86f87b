/* SPDX-License-Identifier: MIT */
/*
 * Connections that need no worker now
 *
 * A kept connection costs a descriptor and a few words. When it speaks it
 * goes to the workers' queue unread. One with part of a request has an Intake
 * too; the manager reads on until the request is whole and then gives it back
 * with all its bytes. Each wait has an end: silence between requests, the time
 * for a head, silence inside a body, and a least rate that a trickle cannot
 * keep up.
 *
 * Where there are more than limits.connections the longest silent kept
 * connection makes room. Where all unfinished requests together take more than
 * MEMORY_MAX the largest goes: many that are small are bounded already.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "ipc/intake.h"
#include "pool/parking.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

#define CHUNK_SIZE 16384U
#define RECEIVES_MAX \
        16U /* of one request before others have their turn: its sender may be faster than the disk */
#define PARAMS_MAX        1000U
#define EVENTS_MAX        64
#define CLOSING_HEAD_USEC USEC_PER_SEC       /* silence allowed at the stop: in a head */
#define CLOSING_BODY_USEC (5 * USEC_PER_SEC) /* in a body */
#define MEMORY_MAX        (64U << 20)        /* bytes; a usual head takes 20 KiB while it comes in */
#define BODY_RATE_MIN     512U /* bytes a second, over the whole body, beyond limits.body_time */

typedef struct Parked Parked;

struct Parked {
        List link; /* Parking.kept or Parking.partial */
        Parking *parking;
        uint64_t since_usec;    /* silent since; of a partial one: begun at */
        uint64_t progress_usec; /* of a partial one: last bytes */
        bool is_partial;
        int fd;        /* of a kept one; owned */
        Intake intake; /* of a partial one */
        size_t memory; /* of a partial one: its part of Parking.memory */
};

static LogLimit parking_log_limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);

static int parked_fd(const Parked *parked) {
        return parked->is_partial ? parked->intake.fd : parked->fd;
}

/* Takes it out of the epoll, where it would stay when others have the connection too (epoll(7)). */
static void parked_unwatch(Parked *parked) {
        Parking *parking = parked->parking;

        if (parked_fd(parked) >= 0)
                (void)epoll_ctl(parking->epoll, EPOLL_CTL_DEL, parked_fd(parked), NULL); /* it is in there */
        for (int i = 0; i < parking->n_batch; i++)
                if (parking->batch[i].data.ptr == parked)
                        parking->batch[i].data.ptr = NULL;
}

static void parked_free(Parked *parked) {
        parked_unwatch(parked);
        if (parked->is_partial) {
                parked->parking->n_partial--;
                parked->parking->memory -= parked->memory;
                parked->intake.fd = fd_close_connection(parked->intake.fd);
                intake_done(&parked->intake);
        } else
                parked->parking->n_kept--;
        list_remove(&parked->link);
        fd_close_connection(parked->fd);
        free(parked);
}

void parking_done(Parking *parking) {
        if (parking->epoll < 0 || !parking->ready) /* never initialised */
                return;

        LIST_FOREACH_SAFE (l, &parking->kept)
                parked_free(list_entry(l, Parked, link));
        LIST_FOREACH_SAFE (l, &parking->partial)
                parked_free(list_entry(l, Parked, link));
        parking->source = sd_event_source_disable_unref(parking->source);
        parking->epoll = fd_close(parking->epoll);
}

/* True if bytes or the end of the stream are there. */
static bool connection_has_spoken(int fd, bool *ret_closed) {
        uint8_t byte;
        ssize_t n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

        *ret_closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        return n > 0;
}

static void parked_on_kept(Parked *parked, uint32_t events) {
        Parking *parking = parked->parking;
        bool closed = false, spoken = true;
        int taken;

        /* bytes, and no sign of an end: no need to look */
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                spoken = connection_has_spoken(parked->fd, &closed);
        if (!spoken && !closed)
                return;

        parked_unwatch(parked);
        taken = TAKE_FD(parked->fd);
        parked_free(parked);
        if (spoken)
                parking->ready(parking->userdata, taken, -EBADF, clock_now_usec());
        else
                fd_close_connection(taken);
}

/* Whole, or beyond help in a way that a worker has an answer for: back it goes, with its bytes. */
static void parked_give(Parked *parked) {
        Parking *parking = parked->parking;
        int fd, spool, r;

        r = intake_pack(&parked->intake, &spool);
        if (r < 0) {
                if (log_limit_below(&parking_log_limit))
                        log_warning_errno(r, "Failed to keep a request that came in slowly, closing it: %m");
                parked_free(parked);
                return;
        }

        parked_unwatch(parked);
        fd = TAKE_FD(parked->intake.fd);
        spool = TAKE_FD(parked->intake.spool);
        parked_free(parked);
        parking->ready(parking->userdata, fd, spool, clock_now_usec());
}

static void parking_free_largest(Parking *parking) {
        Parked *largest = NULL;

        LIST_FOREACH (l, &parking->partial) {
                Parked *parked = list_entry(l, Parked, link);

                if (!largest || parked->memory > largest->memory)
                        largest = parked;
        }

        if (log_limit_below(&parking_log_limit))
                log_warning("Unfinished requests take more than %u MiB of memory: the largest is closed. "
                            "A smaller limits.params lets each take less",
                            MEMORY_MAX >> 20);
        parking->n_cut++;
        parked_free(largest);
}

/* May free it, and others. */
static void parked_account(Parked *parked) {
        Parking *parking = parked->parking;

        parking->memory -= parked->memory;
        parked->memory = intake_memory(&parked->intake);
        parking->memory += parked->memory;
        while (parking->memory > MEMORY_MAX)
                parking_free_largest(parking);
}

static void parked_read(Parked *parked) {
        Parking *parking = parked->parking;
        int r = intake_read(&parked->intake);

        switch (r) {
        case INTAKE_E_WAIT:
                parked->progress_usec = clock_now_usec();
                parked_account(parked);
                return;
        case 0:
        case INTAKE_E_TOO_LARGE:
        case INTAKE_E_PARAMS_TOO_LARGE:
                parked_give(parked);
                return;
        case INTAKE_E_CLOSED:
                break;
        default:
                parking->n_cut++;
                if (log_limit_below(&parking_log_limit))
                        log_notice("Closing a FastCGI connection: %s",
                                   r < 0 ? strerror(-r) : parked->intake.error);
                break;
        }

        parked_free(parked);
}

static int parking_on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct epoll_event events[EVENTS_MAX];
        Parking *parking = userdata;
        int n;

        n = epoll_wait(parking->epoll, events, EVENTS_MAX, /* timeout= */ 0);
        parking->batch = events;
        parking->n_batch = n > 0 ? n : 0;
        for (int i = 0; i < n; i++) {
                Parked *parked = events[i].data.ptr;

                if (!parked) /* freed by what came before it */
                        continue;
                if (parked->is_partial)
                        parked_read(parked);
                else
                        parked_on_kept(parked, events[i].events);
        }
        parking->batch = NULL;
        parking->n_batch = 0;
        return 0;
}

int parking_init(Parking *parking,
                 sd_event *event,
                 const PoolConfig *config,
                 const char *spool_directory,
                 ParkingReady ready,
                 void *userdata) {
        *parking = (Parking){
                .epoll = epoll_create1(EPOLL_CLOEXEC),
                .config = config,
                .spool_directory = spool_directory,
                .ready = ready,
                .userdata = userdata,
        };
        list_init(&parking->kept);
        list_init(&parking->partial);
        if (parking->epoll < 0)
                return -errno;

        return sd_event_add_io(event, &parking->source, parking->epoll, EPOLLIN, parking_on_events, parking);
}

static int parked_new(Parked **ret, Parking *parking, int fd) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };
        Parked *parked;

        parked = calloc(1, sizeof(*parked));
        if (!parked)
                return -ENOMEM;

        parked->parking = parking;
        parked->fd = -EBADF;
        list_init(&parked->link);
        event.data.ptr = parked;
        if (epoll_ctl(parking->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
                free(parked);
                return -errno;
        }

        *ret = parked;
        return 0;
}

/* Makes room if need be; the one that has been silent for the longest goes. */
static void parking_make_room(Parking *parking) {
        if (parking->n_kept + parking->n_partial < parking->config->connections_max)
                return;

        if (!list_is_empty(&parking->kept))
                parked_free(list_entry(parking->kept.next, Parked, link));
        else if (!list_is_empty(&parking->partial))
                parked_free(list_entry(parking->partial.next, Parked, link));
        parking->n_cut++;
        if (log_limit_below(&parking_log_limit))
                log_warning(
                        "There are as many connections as limits.connections allows: the one that has been "
                        "silent longest is closed");
}

void parking_add_kept_take_fd(Parking *parking, int fd) {
        Parked *parked;
        bool closed;

        if (parking->closing) {
                /*
                 * From here on the peer of a unix socket cannot send (EPIPE: it
                 * knows that nothing was lost), while what it has sent can
                 * still be read. TCP has no such thing.
                 */
                (void)shutdown(fd, SHUT_RD); /* fails if it is gone: then it has said nothing either */
                if (connection_has_spoken(fd, &closed))
                        parking->ready(parking->userdata, fd, -EBADF, clock_now_usec());
                else
                        fd_close_connection(fd);
                return;
        }

        parking_make_room(parking);
        if (parked_new(&parked, parking, fd) < 0) {
                fd_close_connection(fd); /* no memory for it */
                return;
        }

        parked->fd = fd;
        parked->since_usec = clock_now_usec();
        list_append(&parking->kept, &parked->link);
        parking->n_kept++;
}

void parking_add_partial_take_fds(Parking *parking, int fd, int spool, uint64_t since_usec) {
        IntakeLimits limits = {
                .n_params_max = PARAMS_MAX,
                .params_max = parking->config->params_max,
                .body_max = parking->config->body_max,
                .chunk_size = CHUNK_SIZE,
                .receives_max = RECEIVES_MAX,
                .memory_max = 2 * CHUNK_SIZE,
                .spool_directory = parking->spool_directory,
        };
        uint64_t now = clock_now_usec();
        Parked *parked;

        parking_make_room(parking);
        if (parked_new(&parked, parking, fd) < 0) {
                fd_close_connection(fd);
                fd_close_connection(spool);
                return;
        }

        parked->is_partial = true;
        parked->since_usec = MIN2(since_usec, now); /* a worker says it */
        parked->progress_usec = now;
        list_append(&parking->partial, &parked->link);
        parking->n_partial++;

        intake_init(&parked->intake, &limits);
        if (intake_attach_take_fds(&parked->intake, fd, spool, parked->since_usec) < 0) {
                (void)epoll_ctl(parking->epoll, EPOLL_CTL_DEL, fd, NULL); /* it was added */
                fd_close_connection(fd);
                fd_close_connection(spool);
                parked_free(parked);
                return;
        }

        parked_read(parked); /* the bytes that came with it, and what has come since */
}

static bool parked_is_late(const Parked *parked, const PoolConfig *config, uint64_t now) {
        bool in_body = parked->intake.server.state == FCGI_SERVER_BODY;
        uint64_t silent = now - MIN2(parked->progress_usec, now), age = now - MIN2(parked->since_usec, now);

        /* at the stop a front end that has stalled is not waited for; one that goes on has timeouts.stop */
        if (parked->parking->closing)
                return silent > (in_body ? CLOSING_BODY_USEC : CLOSING_HEAD_USEC);
        if (!in_body)
                return age > config->head_usec;
        if (config->head_usec == USEC_INFINITY || config->body_usec == USEC_INFINITY)
                return silent > config->body_usec;

        return silent > config->body_usec ||
               age > config->head_usec + config->body_usec +
                               parked->intake.body_size * USEC_PER_SEC / BODY_RATE_MIN;
}

void parking_expire(Parking *parking, uint64_t now_usec) {
        LIST_FOREACH_SAFE (l, &parking->kept) {
                Parked *parked = list_entry(l, Parked, link);

                if (now_usec - MIN2(parked->since_usec, now_usec) < parking->config->keep_usec)
                        break; /* the rest is younger */
                parked_free(parked);
        }

        LIST_FOREACH_SAFE (l, &parking->partial) {
                Parked *parked = list_entry(l, Parked, link);

                if (!parked_is_late(parked, parking->config, now_usec))
                        continue;
                if (log_limit_below(&parking_log_limit))
                        log_notice("Closing a FastCGI connection: its request did not arrive in time "
                                   "(limits.head_time, limits.body_time)");
                parking->n_cut++;
                parked_free(parked);
        }
}

void parking_close(Parking *parking) {
        parking->closing = true;

        LIST_FOREACH_SAFE (l, &parking->kept) {
                Parked *parked = list_entry(l, Parked, link);
                int fd;

                parked_unwatch(parked);
                fd = TAKE_FD(parked->fd);
                parked_free(parked);
                parking_add_kept_take_fd(parking, fd);
        }
}
