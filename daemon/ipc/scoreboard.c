/* SPDX-License-Identifier: MIT */
/*
 * The scoreboard
 *
 * A memfd, sealed so that no worker can shrink it under the manager (which
 * would answer the next look with SIGBUS). Numbers are single atomics; the
 * strings of a request are guarded by a sequence number that is odd while they
 * change. The manager tries a few times and then does without: a worker that
 * never holds still gets no name in the status, and that is all it gets.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ipc/scoreboard.h"
#include "util/clock.h"
#include "util/fd.h"

#define SCOREBOARD_TRIES 4

static size_t scoreboard_bytes(size_t n_slots) {
        return sizeof(ScoreboardHead) + n_slots * sizeof(ScoreboardSlot);
}

static int scoreboard_map(Scoreboard *board) {
        void *map = mmap(NULL, board->size, PROT_READ | PROT_WRITE, MAP_SHARED, board->fd, 0);

        if (map == MAP_FAILED)
                return -errno;

        board->map = map;
        return 0;
}

int scoreboard_create(Scoreboard *ret, size_t n_slots) {
        Scoreboard board = { .n_slots = n_slots, .size = scoreboard_bytes(n_slots) };
        _cleanup_(fd_closep) int fd = -EBADF;
        int r;

        if (n_slots == 0 || n_slots > SCOREBOARD_SLOTS_MAX)
                return -EINVAL;

        fd = memfd_create("php-pool-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        if (ftruncate(fd, (off_t)board.size) < 0)
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                return -errno;

        board.fd = fd;
        r = scoreboard_map(&board);
        if (r < 0)
                return r;

        *ret = board;
        fd = -EBADF;
        return 0;
}

int scoreboard_open_take_fd(Scoreboard *ret, int fd) {
        Scoreboard board = { .fd = fd };
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;

        board.size = (size_t)st.st_size;
        if (board.size < scoreboard_bytes(1) || board.size > scoreboard_bytes(SCOREBOARD_SLOTS_MAX))
                return -EINVAL;

        board.n_slots = (board.size - sizeof(ScoreboardHead)) / sizeof(ScoreboardSlot);
        r = scoreboard_map(&board);
        if (r < 0)
                return r;

        *ret = board;
        return 0;
}

void scoreboard_done(Scoreboard *board) {
        if (board->map)
                (void)munmap(board->map, board->size); /* fails only for a range that is not ours */
        fd_close(board->fd);
        *board = (Scoreboard)SCOREBOARD_NULL;
}

ScoreboardSlot *scoreboard_slot(const Scoreboard *board, size_t i) {
        assert(i < board->n_slots);
        return (ScoreboardSlot *)((uint8_t *)board->map + sizeof(ScoreboardHead)) + i;
}

void scoreboard_set_idle(const Scoreboard *board, size_t i) {
        atomic_fetch_or(&scoreboard_head(board)->idle[i / 64], UINT64_C(1) << (i % 64));
}

bool scoreboard_clear_idle(const Scoreboard *board, size_t i) {
        uint64_t bit = UINT64_C(1) << (i % 64);

        if (atomic_fetch_and(&scoreboard_head(board)->idle[i / 64], ~bit) & ~bit)
                return false;
        return !scoreboard_any_idle(board);
}

bool scoreboard_any_idle(const Scoreboard *board) {
        for (size_t i = 0; i < (board->n_slots + 63) / 64; i++)
                if (atomic_load(&scoreboard_head(board)->idle[i]) != 0)
                        return true;

        return false;
}

bool scoreboard_any_other_idle(const Scoreboard *board, size_t i) {
        for (size_t k = 0; k < (board->n_slots + 63) / 64; k++) {
                uint64_t mine = k == i / 64 ? UINT64_C(1) << (i % 64) : 0;

                if ((atomic_load_explicit(&scoreboard_head(board)->idle[k], memory_order_relaxed) & ~mine) !=
                    0)
                        return true;
        }

        return false;
}

void scoreboard_set_holding(const Scoreboard *board, size_t i, bool holding) {
        uint64_t bit = UINT64_C(1) << (i % 64);

        if (holding)
                atomic_fetch_or(&scoreboard_head(board)->holding[i / 64], bit);
        else
                atomic_fetch_and(&scoreboard_head(board)->holding[i / 64], ~bit);
}

bool scoreboard_any_other_free(const Scoreboard *board, size_t i) {
        const ScoreboardHead *head = scoreboard_head(board);

        for (size_t k = 0; k < (board->n_slots + 63) / 64; k++) {
                uint64_t mine = k == i / 64 ? UINT64_C(1) << (i % 64) : 0;
                uint64_t idle = atomic_load_explicit(&head->idle[k], memory_order_relaxed) & ~mine;

                if (idle != 0 &&
                    (idle & ~atomic_load_explicit(&head->holding[k], memory_order_relaxed)) != 0)
                        return true;
        }

        return false;
}

void scoreboard_mend_idle(const Scoreboard *board, const uint64_t *used) {
        for (size_t i = 0; i < SCOREBOARD_SLOTS_MAX / 64; i++)
                if ((atomic_load(&scoreboard_head(board)->idle[i]) & ~used[i]) != 0)
                        atomic_fetch_and(&scoreboard_head(board)->idle[i], used[i]);
}

static void scoreboard_write(char *to, size_t size, const char *from) {
        size_t n = from ? strnlen(from, size - 1) : 0;

        if (n > 0)
                memcpy(to, from, n);
        to[n] = '\0';
}

void scoreboard_describe(ScoreboardSlot *slot, const ScoreboardText *text) {
        atomic_fetch_add(&slot->text_sequence, 1);
        atomic_fetch_add(&slot->request_number, 1);
        scoreboard_write(slot->id, sizeof(slot->id), text->id);
        scoreboard_write(slot->method, sizeof(slot->method), text->method);
        scoreboard_write(slot->uri, sizeof(slot->uri), text->uri);
        scoreboard_write(slot->script, sizeof(slot->script), text->script);
        scoreboard_write(slot->user, sizeof(slot->user), text->user);
        atomic_fetch_add(&slot->text_sequence, 1);
}

void scoreboard_describe_script(ScoreboardSlot *slot, const char *script) {
        atomic_fetch_add(&slot->text_sequence, 1);
        scoreboard_write(slot->script, sizeof(slot->script), script);
        atomic_fetch_add(&slot->text_sequence, 1);
}

/* What is not printable ASCII becomes '?': the text goes into the journal, JSON and terminals. */
static void scoreboard_read(char *to, size_t size, const volatile char *from) {
        size_t i = 0;

        for (; i < size - 1; i++) {
                char c = from[i]; /* read once: a hostile worker may change it between a check and its use */

                if (c == '\0')
                        break;
                to[i] = c >= ' ' && c <= '~' ? c : '?';
        }
        to[i] = '\0';
}

void scoreboard_copy(const Scoreboard *board, size_t i, ScoreboardCopy *ret) {
        ScoreboardSlot *slot = scoreboard_slot(board, i);
        uint32_t state = atomic_load(&slot->state), why = atomic_load(&slot->exit);

        *ret = (ScoreboardCopy){
                .state = state < _WORKER_STATE_MAX ? (WorkerState)state : WORKER_NONE,
                .start_usec = atomic_load(&slot->start_usec),
                .state_usec = atomic_load(&slot->state_usec),
                .n_requests = atomic_load(&slot->n_requests),
                .n_refused = atomic_load(&slot->n_refused),
                .body_size = atomic_load(&slot->body_size),
                .memory = atomic_load(&slot->memory),
                .duration_usec = atomic_load(&slot->duration_usec),
                .cpu_usec = atomic_load(&slot->cpu_usec),
                .boot_usec = atomic_load(&slot->boot_usec),
                .memory_kept = atomic_load(&slot->memory_kept),
                .memory_first = atomic_load(&slot->memory_first),
                .pid = atomic_load(&slot->pid),
                .exit = why < _WORKER_EXIT_MAX ? (WorkerExit)why : WORKER_EXIT_NONE,
        };

        for (int t = 0; t < SCOREBOARD_TRIES; t++) {
                uint32_t before = atomic_load(&slot->text_sequence);

                ret->request_number = atomic_load(&slot->request_number);
                scoreboard_read(ret->id, sizeof(ret->id), slot->id);
                scoreboard_read(ret->method, sizeof(ret->method), slot->method);
                scoreboard_read(ret->uri, sizeof(ret->uri), slot->uri);
                scoreboard_read(ret->script, sizeof(ret->script), slot->script);
                scoreboard_read(ret->user, sizeof(ret->user), slot->user);
                if (before % 2 == 0 && atomic_load(&slot->text_sequence) == before)
                        return;
        }

        ret->id[0] = ret->method[0] = ret->uri[0] = ret->script[0] = ret->user[0] = '\0';
}

void scoreboard_note_end(const Scoreboard *board, ScoreboardSlot *slot, uint64_t duration_usec, int status) {
        ScoreboardSlowest *slowest = &slot->slowest;
        uint32_t window = atomic_load(&scoreboard_head(board)->window);

        if (atomic_load(&slowest->window) == window && atomic_load(&slowest->duration_usec) >= duration_usec)
                return;

        atomic_fetch_add(&slowest->sequence, 1);
        atomic_store(&slowest->window, window);
        atomic_store(&slowest->duration_usec, duration_usec);
        atomic_store(&slowest->end_wall_usec, clock_wall_usec());
        atomic_store(&slowest->status, (uint32_t)status);
        memcpy(slowest->id, slot->id, sizeof(slowest->id));
        memcpy(slowest->method, slot->method, sizeof(slowest->method));
        memcpy(slowest->uri, slot->uri, sizeof(slowest->uri));
        memcpy(slowest->script, slot->script, sizeof(slowest->script));
        atomic_fetch_add(&slowest->sequence, 1);
}

bool scoreboard_copy_slowest(const Scoreboard *board, size_t i, uint32_t window, ScoreboardSlowest *ret) {
        ScoreboardSlowest *slowest = &scoreboard_slot(board, i)->slowest;
        uint32_t before = atomic_load(&slowest->sequence);

        if (atomic_load(&slowest->window) != window || before % 2 != 0)
                return false;

        *ret = (ScoreboardSlowest){
                .duration_usec = atomic_load(&slowest->duration_usec),
                .end_wall_usec = atomic_load(&slowest->end_wall_usec),
                .status = atomic_load(&slowest->status),
        };
        scoreboard_read(ret->id, sizeof(ret->id), slowest->id);
        scoreboard_read(ret->method, sizeof(ret->method), slowest->method);
        scoreboard_read(ret->uri, sizeof(ret->uri), slowest->uri);
        scoreboard_read(ret->script, sizeof(ret->script), slowest->script);
        return atomic_load(&slowest->sequence) == before && ret->duration_usec > 0;
}

const char *worker_state_to_string(WorkerState state) {
        static const char *const names[_WORKER_STATE_MAX] = {
                [WORKER_NONE] = "none", [WORKER_STARTING] = "starting", [WORKER_IDLE] = "idle",
                [WORKER_BUSY] = "busy", [WORKER_FINISHED] = "finished", [WORKER_DRAINING] = "draining",
        };

        return (unsigned int)state < _WORKER_STATE_MAX ? names[state] : "none";
}

const char *worker_exit_to_string(WorkerExit why) {
        static const char *const names[_WORKER_EXIT_MAX] = {
                [WORKER_EXIT_NONE] = "none",       [WORKER_EXIT_REQUESTS] = "requests",
                [WORKER_EXIT_MEMORY] = "memory",   [WORKER_EXIT_AGE] = "age",
                [WORKER_EXIT_BAILOUT] = "bailout", [WORKER_EXIT_SCRIPT] = "script",
                [WORKER_EXIT_FILES] = "files",
        };

        return (unsigned int)why < _WORKER_EXIT_MAX ? names[why] : "none";
}
