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

static void scoreboard_write(char *to, size_t size, const char *from) {
        size_t n = from ? strnlen(from, size - 1) : 0;

        if (n > 0)
                memcpy(to, from, n);
        to[n] = '\0';
}

void scoreboard_describe(ScoreboardSlot *slot,
                         const char *id,
                         const char *method,
                         const char *uri,
                         const char *script) {
        atomic_fetch_add(&slot->text_sequence, 1);
        scoreboard_write(slot->id, sizeof(slot->id), id);
        scoreboard_write(slot->method, sizeof(slot->method), method);
        scoreboard_write(slot->uri, sizeof(slot->uri), uri);
        scoreboard_write(slot->script, sizeof(slot->script), script);
        atomic_fetch_add(&slot->text_sequence, 1);
}

/* What is not printable ASCII becomes '?': the text goes into the journal, JSON and terminals. */
static void scoreboard_read(char *to, size_t size, const char *from) {
        size_t i = 0;

        for (; i < size - 1 && from[i] != '\0'; i++)
                to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
        to[i] = '\0';
}

void scoreboard_copy(const Scoreboard *board, size_t i, ScoreboardCopy *ret) {
        ScoreboardSlot *slot = scoreboard_slot(board, i);
        uint32_t state = atomic_load(&slot->state);

        *ret = (ScoreboardCopy){
                .state = state < _WORKER_STATE_MAX ? (WorkerState)state : WORKER_NONE,
                .state_usec = atomic_load(&slot->state_usec),
                .n_requests = atomic_load(&slot->n_requests),
                .n_errors = atomic_load(&slot->n_errors),
                .n_refused = atomic_load(&slot->n_refused),
                .request_number = atomic_load(&slot->request_number),
                .memory = atomic_load(&slot->memory),
                .pid = atomic_load(&slot->pid),
        };

        for (int t = 0; t < SCOREBOARD_TRIES; t++) {
                uint32_t before = atomic_load(&slot->text_sequence);

                scoreboard_read(ret->id, sizeof(ret->id), slot->id);
                scoreboard_read(ret->method, sizeof(ret->method), slot->method);
                scoreboard_read(ret->uri, sizeof(ret->uri), slot->uri);
                scoreboard_read(ret->script, sizeof(ret->script), slot->script);
                if (before % 2 == 0 && atomic_load(&slot->text_sequence) == before)
                        return;
        }

        ret->id[0] = ret->method[0] = ret->uri[0] = ret->script[0] = '\0';
}

const char *worker_state_to_string(WorkerState state) {
        static const char *const names[_WORKER_STATE_MAX] = {
                [WORKER_NONE] = "none", [WORKER_STARTING] = "starting", [WORKER_IDLE] = "idle",
                [WORKER_BUSY] = "busy", [WORKER_FINISHED] = "finished", [WORKER_DRAINING] = "draining",
        };

        return (unsigned int)state < _WORKER_STATE_MAX ? names[state] : "none";
}
