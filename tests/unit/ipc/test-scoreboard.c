/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>
#include "ipc/scoreboard.h"
#include "test.h"

static void test_idle_bits(void) {
        Scoreboard board;

        test_int(scoreboard_create(&board, 130), 0);
        test_true(!scoreboard_any_idle(&board));
        scoreboard_set_idle(&board, 0);
        scoreboard_set_idle(&board, 1);
        scoreboard_set_idle(&board, 129);
        test_true(!scoreboard_clear_idle(&board, 0));
        test_true(!scoreboard_clear_idle(&board, 1));
        test_true(scoreboard_any_idle(&board));
        test_true(scoreboard_clear_idle(&board, 129));
        test_true(scoreboard_clear_idle(&board, 129));
        scoreboard_done(&board);
}

static void test_a_second_process_sees_the_same(void) {
        Scoreboard board, other;
        ScoreboardCopy copy;

        test_int(scoreboard_create(&board, 3), 0);
        test_int(scoreboard_open_take_fd(&other, dup(board.fd)), 0);
        test_int(other.n_slots, 3);
        scoreboard_describe(scoreboard_slot(&other, 2),
                            &(ScoreboardText){ .id = "id", .method = "GET", .uri = "/a?b\x1b[2J\"" });
        atomic_store(&scoreboard_slot(&other, 2)->state, WORKER_BUSY);
        scoreboard_copy(&board, 2, &copy);
        test_int(copy.state, WORKER_BUSY);
        test_string(copy.id, "id");
        test_string(copy.uri, "/a?b?[2J\"");
        test_string(copy.script, "");
        scoreboard_done(&other);
        scoreboard_done(&board);
}

static void test_long_text_is_cut(void) {
        Scoreboard board;
        ScoreboardCopy copy;
        char uri[5000];

        memset(uri, 'x', sizeof(uri) - 1);
        uri[sizeof(uri) - 1] = '\0';
        test_int(scoreboard_create(&board, 1), 0);
        scoreboard_describe(scoreboard_slot(&board, 0), &(ScoreboardText){ uri, uri, uri, uri, uri });
        scoreboard_copy(&board, 0, &copy);
        test_int(strlen(copy.uri), sizeof(copy.uri) - 1);
        test_int(strlen(copy.method), sizeof(copy.method) - 1);
        scoreboard_done(&board);
}

static void test_whatever_a_worker_writes_is_read_as_text_and_numbers(void) {
        Scoreboard board;

        test_int(scoreboard_create(&board, 4), 0);
        srandom(1);
        for (int round = 0; round < 2000; round++) {
                uint8_t *bytes = board.map;
                ScoreboardCopy copy;

                for (size_t i = 0; i < board.size; i += (size_t)random() % 8 + 1)
                        bytes[i] = (uint8_t)random();
                for (size_t i = 0; i < board.n_slots; i++) {
                        scoreboard_copy(&board, i, &copy);
                        test_true((unsigned int)copy.state < _WORKER_STATE_MAX);
                        test_true(worker_state_to_string(copy.state) != NULL);
                        test_true(memchr(copy.uri, '\0', sizeof(copy.uri)) != NULL);
                        for (const char *p = copy.uri; *p; p++)
                                test_true(*p >= ' ' && *p <= '~');
                        if (atomic_load(&scoreboard_slot(&board, i)->text_sequence) % 2 == 1)
                                test_string(copy.uri, "");
                }
        }
        scoreboard_done(&board);
}

static void test_strings_without_end_are_ended(void) {
        ScoreboardSlot *slot;
        ScoreboardCopy copy;
        Scoreboard board;

        test_int(scoreboard_create(&board, 1), 0);
        slot = scoreboard_slot(&board, 0);
        memset(slot->id, 'i', sizeof(slot->id));
        memset(slot->method, 'm', sizeof(slot->method));
        memset(slot->uri, 'u', sizeof(slot->uri));
        memset(slot->script, '\n', sizeof(slot->script));
        scoreboard_copy(&board, 0, &copy);
        test_int(strlen(copy.id), sizeof(copy.id) - 1);
        test_int(strspn(copy.method, "m"), sizeof(copy.method) - 1);
        test_int(strspn(copy.uri, "u"), sizeof(copy.uri) - 1);
        test_int(strspn(copy.script, "?"), sizeof(copy.script) - 1);
        scoreboard_done(&board);
}

static void test_a_worker_that_is_always_writing_has_no_names_but_numbers(void) {
        ScoreboardCopy copy;
        Scoreboard board;

        test_int(scoreboard_create(&board, 1), 0);
        scoreboard_describe(scoreboard_slot(&board, 0),
                            &(ScoreboardText){ "id", "GET", "/uri", "/script", "user" });
        atomic_store(&scoreboard_slot(&board, 0)->n_requests, 7);
        atomic_fetch_add(&scoreboard_slot(&board, 0)->text_sequence, 1);
        scoreboard_copy(&board, 0, &copy);
        test_string(copy.id, "");
        test_string(copy.method, "");
        test_string(copy.uri, "");
        test_string(copy.script, "");
        test_int(copy.n_requests, 7);
        scoreboard_done(&board);
}

static void test_it_cannot_be_resized(void) {
        Scoreboard board;

        test_int(scoreboard_create(&board, 1), 0);
        test_int(ftruncate(board.fd, 0), -1);
        test_int(errno, EPERM);
        test_int(ftruncate(board.fd, 1 << 20), -1);
        scoreboard_done(&board);
}

static void test_sizes_are_checked(void) {
        Scoreboard board;
        int fd = memfd_create("test", 0);

        test_int(scoreboard_create(&board, 0), -EINVAL);
        test_int(scoreboard_create(&board, SCOREBOARD_SLOTS_MAX + 1), -EINVAL);
        test_int(scoreboard_open_take_fd(&board, fd), -EINVAL);
        close(fd);
}

int main(void) {
        test_run(test_idle_bits);
        test_run(test_a_second_process_sees_the_same);
        test_run(test_long_text_is_cut);
        test_run(test_whatever_a_worker_writes_is_read_as_text_and_numbers);
        test_run(test_strings_without_end_are_ended);
        test_run(test_a_worker_that_is_always_writing_has_no_names_but_numbers);
        test_run(test_it_cannot_be_resized);
        test_run(test_sizes_are_checked);
        return 0;
}
