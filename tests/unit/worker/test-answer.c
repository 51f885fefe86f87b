/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include "fcgi/client.h"
#include "test.h"
#include "util/clock.h"
#include "util/fd.h"
#include "worker/answer.h"

typedef struct Reader Reader;

struct Reader {
        int fd;
        Buffer bytes;
};

static _Atomic uint32_t begun;

static void *reader_main(void *userdata) {
        Reader *reader = userdata;
        uint8_t bytes[4096];
        ssize_t n;

        while ((n = read(reader->fd, bytes, sizeof(bytes))) > 0)
                assert(buffer_append(&reader->bytes, bytes, (size_t)n) == 0);
        return NULL;
}

/* Reads the answer as a web server does; gives what stdout was. */
static void decode(const Buffer *wire, uint16_t id, Buffer *ret) {
        const uint8_t *data = buffer_data(wire);
        size_t size = buffer_size(wire), used;
        FcgiClient client;
        FcgiClientEvent event;

        fcgi_client_init(&client, id);
        do {
                test_int(fcgi_client_feed(&client, data, size, &used, &event), 0);
                data += used;
                size -= used;
                test_true(event.type == FCGI_CLIENT_STDOUT || event.type == FCGI_CLIENT_END);
                if (event.type == FCGI_CLIENT_STDOUT)
                        test_int(buffer_append(ret, event.data, event.size), 0);
        } while (event.type != FCGI_CLIENT_END);
        test_int(event.app_status, 3);
        test_int(size, 0);
}

static void answer_with(size_t size, size_t step, bool flush) {
        Reader reader = { .bytes = BUFFER_NULL(1 << 20) };
        Buffer out = BUFFER_NULL(1 << 20);
        uint8_t *data = malloc(size + 1);
        Answer answer;
        pthread_t thread;
        int fds[2];

        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)(i * 7 + i / 251);
        test_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        reader.fd = fds[1];
        test_int(pthread_create(&thread, NULL, reader_main, &reader), 0);

        test_int(answer_init(&answer, 10000, &begun), 0);
        answer_begin(&answer, fds[0], 258);
        for (size_t i = 0; i < size; i += step) {
                test_int(answer_write(&answer, data + i, MIN2(step, size - i)), 0);
                if (flush)
                        test_int(answer_flush(&answer), 0);
        }
        test_int(answer_end(&answer, 3, FCGI_REQUEST_COMPLETE), 0);
        test_int(answer.sent_size, size);
        close(fds[0]);
        test_int(pthread_join(thread, NULL), 0);

        decode(&reader.bytes, 258, &out);
        test_bytes(buffer_data(&out), buffer_size(&out), data, size);
        answer_done(&answer);
        buffer_done(&reader.bytes);
        buffer_done(&out);
        close(fds[1]);
        free(data);
}

static void test_records_are_well_formed_at_every_size(void) {
        static const size_t sizes[] = { 0,     1,     8,      65527,  65528,  65529,
                                        65535, 65536, 131056, 131057, 200000, 700000 };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                answer_with(sizes[i], sizes[i] + 1, false);
                answer_with(sizes[i], 9973, false);
                answer_with(sizes[i], 9973, true);
        }
}

/* How much has arrived after @n pieces of a kilobyte; @late: the last send is long ago. */
static size_t arrived_after(size_t n, bool late) {
        static const uint8_t data[1024];
        static uint8_t got[128 * 1024];
        Answer answer;
        ssize_t size;
        int fds[2];

        test_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        test_int(answer_init(&answer, 1000, &begun), 0);
        answer_begin(&answer, fds[0], 1);
        if (late)
                answer.sent_usec -= 2 * USEC_PER_SEC;
        for (size_t i = 0; i < n; i++)
                test_int(answer_write(&answer, data, sizeof(data)), 0);
        size = recv(fds[1], got, sizeof(got), MSG_DONTWAIT);
        answer_done(&answer);
        close(fds[0]);
        close(fds[1]);
        return size > 0 ? (size_t)size : 0;
}

static void test_what_comes_slowly_does_not_wait_for_a_full_buffer(void) {
        test_int(arrived_after(7, true), 0);
        test_int(arrived_after(8, true), 8 + 8192);
        test_int(arrived_after(40, true), 8 + 8192); /* and then it is quick */
        test_int(arrived_after(63, false), 0);
        test_true(arrived_after(64, false) > 0);
}

static void test_a_peer_that_has_gone_is_noticed(void) {
        uint8_t data[70000] = {};
        Answer answer;
        int fds[2];

        test_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        close(fds[1]);
        test_int(answer_init(&answer, 1000, &begun), 0);
        answer_begin(&answer, fds[0], 1);
        test_int(answer_write(&answer, data, sizeof(data)), -EPIPE);
        test_int(answer_write(&answer, data, 1), -EPIPE);
        test_true(answer.failed);
        answer_done(&answer);
        close(fds[0]);
}

static void test_a_peer_that_takes_nothing_is_given_up(void) {
        static uint8_t data[8 << 20];
        Answer answer;
        int fds[2];

        test_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        test_int(answer_init(&answer, 50, &begun), 0);
        answer_begin(&answer, fds[0], 1);
        test_int(answer_write(&answer, data, sizeof(data)), -EPIPE);
        answer_done(&answer);
        close(fds[0]);
        close(fds[1]);
}

int main(void) {
        test_run(test_records_are_well_formed_at_every_size);
        test_run(test_what_comes_slowly_does_not_wait_for_a_full_buffer);
        test_run(test_a_peer_that_has_gone_is_noticed);
        test_run(test_a_peer_that_takes_nothing_is_given_up);
        return 0;
}
