/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>
#include "pool/parking.h"
#include "test.h"
#include "util/clock.h"
#include "util/fd.h"

/* BEGIN_REQUEST, PARAMS with A=B, the end of PARAMS, the end of STDIN */
static const uint8_t request[] = {
        1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1,   0,   0, 0, 0, 0, /* keep the connection */
        1, 4, 0, 1, 0, 4, 0, 0, 1, 1, 'A', 'B',             /* */
        1, 4, 0, 1, 0, 0, 0, 0,                             /* */
        1, 5, 0, 1, 0, 0, 0, 0,
};

/* A parking place, and what it has given back. */
typedef struct Place {
        Parking parking;
        PoolConfig config;
        sd_event *event;
        int n_ready, fd, spool;
} Place;

static void on_ready(void *userdata, int fd, int spool, uint64_t since_usec) {
        Place *place = userdata;

        fd_close(place->fd);
        fd_close(place->spool);
        place->n_ready++;
        place->fd = fd;
        place->spool = spool;
}

static void place_init(Place *place) {
        *place = (Place){ .fd = -EBADF, .spool = -EBADF };
        place->config.connections_max = 2;
        place->config.params_max = 65536;
        place->config.keep_usec = 60 * USEC_PER_SEC;
        place->config.head_usec = 10 * USEC_PER_SEC;
        place->config.body_usec = 10 * USEC_PER_SEC;
        test_true(sd_event_new(&place->event) >= 0);
        parking_init(&place->parking, place->event, &place->config, NULL, on_ready, place);
}

static void place_done(Place *place) {
        parking_done(&place->parking);
        sd_event_unref(place->event);
        fd_close(place->fd);
        fd_close(place->spool);
}

/* Gives the client's end; the other is in *ret. */
static int connection(int *ret) {
        int fds[2];

        test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        *ret = fds[0];
        return fds[1];
}

static int add_kept(Place *place) {
        int fd, client = connection(&fd);

        parking_add_kept_take_fd(&place->parking, fd);
        return client;
}

static void say(int client, const uint8_t *data, size_t size) {
        test_int(send(client, data, size, MSG_NOSIGNAL), size);
}

static void check_closed(int client) {
        uint8_t byte;

        test_int(recv(client, &byte, 1, MSG_DONTWAIT), 0);
        fd_close(client);
}

static void test_a_kept_connection_that_speaks_is_ready_unread(void) {
        uint8_t bytes[64];
        Place place;
        int client;

        place_init(&place);
        client = add_kept(&place);
        test_int(sd_event_run(place.event, 0), 0);
        test_int(place.n_ready, 0);
        say(client, request, sizeof(request));
        test_true(sd_event_run(place.event, USEC_PER_SEC) > 0);
        test_int(place.n_ready, 1);
        test_int(place.parking.n_kept, 0);
        test_int(place.spool, -EBADF);
        test_bytes(bytes, (size_t)read(place.fd, bytes, sizeof(bytes)), request, sizeof(request));
        fd_close(client);
        place_done(&place);
}

static void test_a_kept_connection_that_closes_is_forgotten(void) {
        Place place;

        place_init(&place);
        fd_close(add_kept(&place));
        test_true(sd_event_run(place.event, USEC_PER_SEC) > 0);
        test_int(place.parking.n_kept, 0);
        test_int(place.n_ready, 0);
        place_done(&place);
}

static void test_a_silent_kept_connection_is_closed_in_time(void) {
        Place place;
        int client;

        place_init(&place);
        client = add_kept(&place);
        parking_expire(&place.parking, clock_now_usec() + 59 * USEC_PER_SEC);
        test_int(place.parking.n_kept, 1);
        parking_expire(&place.parking, clock_now_usec() + 61 * USEC_PER_SEC);
        test_int(place.parking.n_kept, 0);
        check_closed(client);
        place_done(&place);
}

static void test_the_longest_silent_makes_room(void) {
        int clients[3];
        Place place;

        place_init(&place);
        for (size_t i = 0; i < 3; i++)
                clients[i] = add_kept(&place);
        test_int(place.parking.n_kept, 2);
        test_int(place.parking.n_cut, 1);
        check_closed(clients[0]);
        fd_close(clients[1]);
        fd_close(clients[2]);
        place_done(&place);
}

static void test_a_partial_request_is_ready_with_all_its_bytes_once_whole(void) {
        for (size_t i = 1; i < sizeof(request); i++) {
                uint8_t bytes[64];
                int client, fd;
                Place place;

                place_init(&place);
                client = connection(&fd);
                say(client, request, i);
                parking_add_partial_take_fds(&place.parking, fd, -EBADF, clock_now_usec());
                test_int(place.n_ready, 0);
                test_int(place.parking.n_partial, 1);
                say(client, request + i, sizeof(request) - i);
                test_true(sd_event_run(place.event, USEC_PER_SEC) > 0);
                test_int(place.n_ready, 1);
                test_int(place.parking.n_partial, 0);
                test_bytes(bytes,
                           (size_t)pread(place.spool, bytes, sizeof(bytes), 0),
                           request,
                           sizeof(request));
                fd_close(client);
                place_done(&place);
        }
}

static void test_a_head_that_is_late_is_cut(void) {
        int client, fd;
        Place place;

        place_init(&place);
        client = connection(&fd);
        say(client, request, 20);
        parking_add_partial_take_fds(&place.parking, fd, -EBADF, clock_now_usec());
        parking_expire(&place.parking, clock_now_usec() + 9 * USEC_PER_SEC);
        test_int(place.parking.n_partial, 1);
        parking_expire(&place.parking, clock_now_usec() + 11 * USEC_PER_SEC);
        test_int(place.parking.n_partial, 0);
        test_int(place.parking.n_cut, 1);
        check_closed(client);
        place_done(&place);
}

/* A request whose head is whole and whose body has begun. */
static int add_body(Place *place) {
        static const uint8_t part[] = { 1, 5, 0, 1, 0, 2, 0, 0, 'a', 'b' };
        int fd, client = connection(&fd);

        say(client, request, sizeof(request) - 8);
        say(client, part, sizeof(part));
        parking_add_partial_take_fds(&place->parking, fd, -EBADF, clock_now_usec());
        return client;
}

static void test_a_body_that_stops_is_cut(void) {
        Place place;
        int client;

        place_init(&place);
        place.config.head_usec = USEC_PER_SEC; /* is over, and does not count any more */
        client = add_body(&place);
        parking_expire(&place.parking, clock_now_usec() + 9 * USEC_PER_SEC);
        test_int(place.parking.n_partial, 1);
        parking_expire(&place.parking, clock_now_usec() + 10 * USEC_PER_SEC + USEC_PER_MSEC);
        test_int(place.parking.n_partial, 0);
        test_int(place.parking.n_cut, 1);
        check_closed(client);
        place_done(&place);
}

static void test_a_body_that_trickles_is_cut_in_the_end(void) {
        static const uint8_t byte[] = { 1, 5, 0, 1, 0, 1, 0, 0, 'c' };
        uint64_t long_ago = clock_now_usec() - 60 * USEC_PER_SEC;
        int client, fd;
        Place place;

        place_init(&place);
        client = connection(&fd);
        say(client, request, sizeof(request) - 8);
        parking_add_partial_take_fds(&place.parking, fd, -EBADF, long_ago);
        say(client, byte, sizeof(byte));
        test_true(sd_event_run(place.event, USEC_PER_SEC) > 0);
        parking_expire(&place.parking, clock_now_usec());
        test_int(place.parking.n_partial, 0);
        check_closed(client);
        place_done(&place);
}

static void test_times_without_end_do_not_end(void) {
        for (int i = 0; i < 2; i++) {
                Place place;
                int client;

                place_init(&place);
                *(i == 0 ? &place.config.body_usec : &place.config.head_usec) = USEC_INFINITY;
                client = add_body(&place);
                parking_expire(&place.parking, clock_now_usec() + 9 * USEC_PER_SEC);
                test_int(place.parking.n_partial, 1);
                parking_expire(&place.parking, clock_now_usec() + 3600 * USEC_PER_SEC);
                test_int(place.parking.n_partial, i == 0 ? 1 : 0); /* the other one still counts */
                fd_close(client);
                place_done(&place);
        }
}

static void test_a_start_in_the_future_is_not_believed(void) {
        int client, fd;
        Place place;

        place_init(&place);
        client = connection(&fd);
        say(client, request, 20);
        parking_add_partial_take_fds(&place.parking, fd, -EBADF, UINT64_MAX);
        parking_expire(&place.parking, clock_now_usec());
        test_int(place.parking.n_partial, 1);
        parking_expire(&place.parking, clock_now_usec() + 11 * USEC_PER_SEC);
        test_int(place.parking.n_partial, 0);
        fd_close(client);
        place_done(&place);
}

static void test_half_a_request_outlives_the_kept_when_room_is_made(void) {
        int kept[2], client, fd;
        Place place;

        place_init(&place);
        client = connection(&fd);
        say(client, request, 20);
        parking_add_partial_take_fds(&place.parking, fd, -EBADF, clock_now_usec());
        kept[0] = add_kept(&place);
        kept[1] = add_kept(&place);
        test_int(place.parking.n_partial, 1);
        test_int(place.parking.n_kept, 1);
        check_closed(kept[0]);
        fd_close(kept[1]);
        fd_close(client);
        place_done(&place);
}

static void test_closing_serves_what_was_sent_and_refuses_the_rest(void) {
        uint8_t bytes[64];
        int spoke, silent;
        Place place;

        place_init(&place);
        spoke = add_kept(&place);
        silent = add_kept(&place);
        say(spoke, request, sizeof(request));
        parking_close(&place.parking);
        test_int(place.parking.n_kept, 0);
        test_int(place.n_ready, 1);
        test_int(send(spoke, "x", 1, MSG_NOSIGNAL), -1);
        test_int(errno, EPIPE);
        test_bytes(bytes, (size_t)read(place.fd, bytes, sizeof(bytes)), request, sizeof(request));
        check_closed(silent);
        check_closed(add_kept(&place)); /* from now on, too */
        test_int(place.n_ready, 1);
        fd_close(spoke);
        place_done(&place);
}

int main(void) {
        test_run(test_a_kept_connection_that_speaks_is_ready_unread);
        test_run(test_a_kept_connection_that_closes_is_forgotten);
        test_run(test_a_silent_kept_connection_is_closed_in_time);
        test_run(test_the_longest_silent_makes_room);
        test_run(test_a_partial_request_is_ready_with_all_its_bytes_once_whole);
        test_run(test_a_head_that_is_late_is_cut);
        test_run(test_a_body_that_stops_is_cut);
        test_run(test_a_body_that_trickles_is_cut_in_the_end);
        test_run(test_times_without_end_do_not_end);
        test_run(test_a_start_in_the_future_is_not_believed);
        test_run(test_half_a_request_outlives_the_kept_when_room_is_made);
        test_run(test_closing_serves_what_was_sent_and_refuses_the_rest);
        return 0;
}
