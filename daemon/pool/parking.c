/* SPDX-License-Identifier: MIT */
/*
 * Connections that need no worker now
 *
 * A kept connection costs a descriptor and an event source. When it speaks it
 * goes to the workers' queue unread. One with part of a request has an Intake
 * too; the manager reads on until the request is whole and then gives it back
 * with all its bytes. Each wait has an end: silence between requests, the time
 * for a head, silence inside a body, and a least rate that a trickle cannot
 * keep up.
 *
 * Where there are more than limits.connections the longest silent kept
 * connection makes room.
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

#define CHUNK_SIZE        16384U
#define PARAMS_MAX        1000U
#define CLOSING_HEAD_USEC USEC_PER_SEC       /* silence allowed at the stop: in a head */
#define CLOSING_BODY_USEC (5 * USEC_PER_SEC) /* in a body */
#define BODY_RATE_MIN     512U /* bytes a second, over the whole body, beyond limits.body_time */

typedef struct Parked Parked;

struct Parked {
        List link; /* Parking.kept or Parking.partial */
        Parking *parking;
        sd_event_source *source; /* owned */
        uint64_t since_usec;     /* silent since; of a partial one: begun at */
        uint64_t progress_usec;  /* of a partial one: last bytes */
        bool is_partial;
        int fd;        /* of a kept one; owned */
        Intake intake; /* of a partial one */
};

static LogLimit parking_log_limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);

static void parked_free(Parked *parked) {
        sd_event_source_disable_unref(parked->source); /* before the descriptor: epoll(7) */
        if (parked->is_partial) {
                parked->parking->n_partial--;
                intake_done(&parked->intake);
        } else
                parked->parking->n_kept--;
        list_remove(&parked->link);
        fd_close(parked->fd);
        free(parked);
}

void parking_init(Parking *parking,
                  sd_event *event,
                  const PoolConfig *config,
                  const char *spool_directory,
                  ParkingReady ready,
                  void *userdata) {
        *parking = (Parking){
                .event = event,
                .config = config,
                .spool_directory = spool_directory,
                .ready = ready,
                .userdata = userdata,
        };
        list_init(&parking->kept);
        list_init(&parking->partial);
}

void parking_done(Parking *parking) {
        if (!parking->event) /* never initialised */
                return;

        LIST_FOREACH_SAFE (l, &parking->kept)
                parked_free(list_entry(l, Parked, link));
        LIST_FOREACH_SAFE (l, &parking->partial)
                parked_free(list_entry(l, Parked, link));
}

/* True if bytes or the end of the stream are there. */
static bool connection_has_spoken(int fd, bool *ret_closed) {
        uint8_t byte;
        ssize_t n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

        *ret_closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        return n > 0;
}

static int parked_on_kept(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Parked *parked = userdata;
        Parking *parking = parked->parking;
        bool closed, spoken = connection_has_spoken(fd, &closed);
        int taken;

        if (!spoken && !closed)
                return 0;

        taken = TAKE_FD(parked->fd);
        parked_free(parked);
        if (spoken)
                parking->ready(parking->userdata, taken, -EBADF, clock_now_usec());
        else
                fd_close(taken);
        return 0;
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

        fd = TAKE_FD(parked->intake.fd);
        spool = TAKE_FD(parked->intake.spool);
        parked_free(parked);
        parking->ready(parking->userdata, fd, spool, clock_now_usec());
}

static void parked_read(Parked *parked) {
        Parking *parking = parked->parking;
        int r = intake_read(&parked->intake);

        switch (r) {
        case INTAKE_E_WAIT:
                parked->progress_usec = clock_now_usec();
                return;
        case 0:
        case INTAKE_E_TOO_LARGE:
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

static int parked_on_partial(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        parked_read(userdata);
        return 0;
}

static int parked_new(Parked **ret, Parking *parking, int fd, sd_event_io_handler_t handler) {
        Parked *parked;
        int r;

        parked = calloc(1, sizeof(*parked));
        if (!parked)
                return -ENOMEM;

        parked->parking = parking;
        parked->fd = -EBADF;
        list_init(&parked->link);
        r = sd_event_add_io(parking->event, &parked->source, fd, EPOLLIN | EPOLLRDHUP, handler, parked);
        if (r < 0) {
                free(parked);
                return r;
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
                        fd_close(fd);
                return;
        }

        parking_make_room(parking);
        if (parked_new(&parked, parking, fd, parked_on_kept) < 0) {
                fd_close(fd); /* no memory for it */
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
                .memory_max = 2 * CHUNK_SIZE,
                .spool_directory = parking->spool_directory,
        };
        uint64_t now = clock_now_usec();
        Parked *parked;

        parking_make_room(parking);
        if (parked_new(&parked, parking, fd, parked_on_partial) < 0) {
                fd_close(fd);
                fd_close(spool);
                return;
        }

        parked->is_partial = true;
        parked->since_usec = MIN2(since_usec, now); /* a worker says it */
        parked->progress_usec = now;
        list_append(&parking->partial, &parked->link);
        parking->n_partial++;

        intake_init(&parked->intake, &limits);
        if (intake_attach_take_fds(&parked->intake, fd, spool, parked->since_usec) < 0) {
                sd_event_source_disable_unref(TAKE_PTR(parked->source));
                fd_close(fd);
                fd_close(spool);
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
                int fd = TAKE_FD(parked->fd);

                parked_free(parked);
                parking_add_kept_take_fd(parking, fd);
        }
}
