/* SPDX-License-Identifier: MIT */
/*
 * What the pool does at this moment, for the control socket: the PHP stacks of
 * its busy workers, and profiles
 *
 * Both are answered later than they are asked: the templates look. Who asked is
 * known by the ticket of the control socket, which forgets those who went away.
 */

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ipc/trace.h"
#include "pool/json.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"

#define FRAMES_MAX       4096U          /* of all stacks: some 180 bytes each, in a reply of 1 MiB */
#define PROFILE_SIZE_MAX (900U * 1024U) /* a reply has to fit into a varlink message of 1 MiB */

typedef struct Stacks Stacks;

/* One call of GetStacks. */
struct Stacks {
        Manager *manager;
        uint64_t ticket;
        json_object *list; /* a reference */
        size_t n_open;
        size_t frames_max; /* of each stack */
};

static bool inspect_is_running(const PoolWorker *worker) {
        uint32_t state = atomic_load(&scoreboard_slot(&worker->manager->board, worker->slot)->state);

        return state == WORKER_BUSY || state == WORKER_FINISHED;
}

static void stacks_close(Stacks *stacks) {
        json_object *parameters;

        if (--stacks->n_open > 0)
                return;

        parameters = json_object_new_object();
        json_add(parameters, "stacks", stacks->list);
        control_answer(stacks->manager->control, stacks->ticket, NULL, parameters);
        json_object_put(parameters);
        free(stacks);
}

static json_object *stacks_frames(char *frames, size_t size, size_t max) {
        json_object *list = json_object_new_array();
        TraceFrame frame;

        for (size_t n = 0; n < max && list && trace_next(&frames, &size, &frame); n++) {
                json_object *object = json_object_new_object();

                json_add_text(object, "function", frame.function);
                json_add_text(object, "file", frame.file);
                json_add_number(object, "line", frame.line);
                (void)json_object_array_add(list, object); /* with short memory the list is shorter */
        }

        return list;
}

static void stacks_on_trace(void *userdata, PoolWorker *worker, ssize_t n, char *frames, size_t size) {
        Stacks *stacks = userdata;
        ScoreboardCopy copy;
        json_object *object;

        if (worker) {
                uint64_t now = clock_now_usec();

                scoreboard_copy(&worker->manager->board, worker->slot, &copy);
                object = json_object_new_object();
                json_add_number(object, "worker", worker->slot);
                json_add_number(object, "pid", (uint64_t)worker->pid);
                json_add_text(object, "request_id", copy.id);
                json_add_text(object, "method", copy.method);
                json_add_text(object, "uri", copy.uri);
                json_add_text(object, "script", copy.script);
                json_add_number(object, "age_usec", now > copy.state_usec ? now - copy.state_usec : 0);
                json_add(object, "frames", stacks_frames(frames, n > 0 ? size : 0, stacks->frames_max));
                if (n < 0)
                        json_add_text(object, "error", strerror((int)-n));
                (void)json_object_array_add(stacks->list, object);
        }
        stacks_close(stacks);
}

static size_t stacks_count_running(const Manager *manager) {
        size_t n = 0;

        LIST_FOREACH (l, &manager->workers)
                n += inspect_is_running(list_entry(l, PoolWorker, link));
        return n;
}

int inspect_stacks(Manager *manager, uint64_t ticket) {
        Stacks *stacks = calloc(1, sizeof(*stacks));

        if (!stacks)
                return -ENOMEM;
        *stacks = (Stacks){
                .manager = manager,
                .ticket = ticket,
                .list = json_object_new_array(),
                .n_open = 1, /* until all are asked */
                .frames_max = MAX2(FRAMES_MAX / MAX2(stacks_count_running(manager), (size_t)1), (size_t)1),
        };
        if (!stacks->list) {
                free(stacks);
                return -ENOMEM;
        }

        LIST_FOREACH (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);
                int r;

                if (!inspect_is_running(worker))
                        continue;
                stacks->n_open++;
                r = trace_ask(worker, stacks_on_trace, stacks);
                if (r < 0)
                        stacks_on_trace(stacks, worker, r, NULL, 0);
        }

        stacks_close(stacks);
        return 0;
}

int inspect_profile(Manager *manager, uint64_t ticket, uint64_t hz, uint64_t msec) {
        TemplateMessage message = { .type = TEMPLATE_PROFILE,
                                    .slot = (uint32_t)hz,
                                    .status = (int32_t)msec };
        int r;

        if (manager->profile_ticket != 0)
                return -EBUSY;
        if (!manager->current || manager->current->channel < 0)
                return -ECHILD;

        r = fd_send_message(manager->current->channel, &message, sizeof(message), NULL, 0);
        if (r < 0)
                return r;

        manager->profile_ticket = ticket;
        manager->profile_generation = manager->current->number;
        return 0;
}

/* The lines that fit; what a hostile worker put into them is made printable. */
static char *profile_read(int fd, size_t *ret_size) {
        _cleanup_(freep) char *text = malloc(PROFILE_SIZE_MAX + 1);
        size_t size = 0;

        if (!text)
                return NULL;

        while (size < PROFILE_SIZE_MAX) {
                ssize_t n = pread(fd, text + size, PROFILE_SIZE_MAX - size, (off_t)size);

                if (n <= 0)
                        break;
                size += (size_t)n;
        }
        while (size > 0 && text[size - 1] != '\n')
                size--;
        for (size_t i = 0; i < size; i++)
                if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
                        text[i] = '?';
        text[size] = '\0';

        *ret_size = size;
        return TAKE_PTR(text);
}

void profile_answered(Generation *generation, int32_t status, int *fd) {
        Manager *manager = generation->manager;
        uint64_t ticket = manager->profile_ticket;
        _cleanup_(freep) char *text = NULL;
        json_object *parameters;
        struct stat st;
        size_t size;

        if (ticket == 0 || generation->number != manager->profile_generation)
                return;
        manager->profile_ticket = 0;

        if (status >= 0 && *fd >= 0 && fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
                text = profile_read(*fd, &size);
        if (!text) {
                control_answer(manager->control, ticket, CONTROL_ERROR_UNAVAILABLE, NULL);
                return;
        }

        parameters = json_object_new_object();
        json_add_number(parameters, "samples", (uint64_t)status);
        json_add(parameters, "folded", json_object_new_string_len(text, (int)size));
        control_answer(manager->control, ticket, NULL, parameters);
        json_object_put(parameters);
}
