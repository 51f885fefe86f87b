/* SPDX-License-Identifier: MIT */
/*
 * Running one request
 *
 * How long the body is: CONTENT_LENGTH says so, and the stream must not be
 * shorter (the front end lost its client) nor is more than that shown to PHP.
 * Without it, or with one that is no number (some front ends send -1 for a
 * chunked body), the body is what came before the end of the stream.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/parse.h"
#include "worker/run.h"
#include "worker/status-page.h"

static const char *run_param(const Run *run, const char *name) {
        return pairs_get(&run->worker->intake.server.params, name, NULL);
}

static ssize_t run_read_body(void *userdata, void *data, size_t size) {
        Run *run = userdata;

        return intake_read_body(&run->worker->intake, &run->cursor, data, size);
}

static int run_write(void *userdata, const void *data, size_t size) {
        Run *run = userdata;

        return answer_write(&run->worker->answer, data, size);
}

static int run_flush(void *userdata) {
        Run *run = userdata;

        return answer_flush(&run->worker->answer);
}

static void run_write_error(void *userdata, const char *text, size_t size) {
        Run *run = userdata;

        (void)answer_write_error(&run->worker->answer,
                                 text,
                                 size); /* a peer that has gone shows at the next write */
}

/* Called in a signal handler. */
static bool run_is_aborted(void *userdata) {
        const Run *run = userdata;

        return intake_is_aborted(&run->worker->intake);
}

static int run_finish(void *userdata, int exit_status, bool early) {
        Run *run = userdata;
        int r;

        if (run->ended || run->worker->is_child)
                return 0;

        run->ended = true;
        r = answer_end(&run->worker->answer, (uint32_t)exit_status, FCGI_REQUEST_COMPLETE);
        if (early) {
                atomic_store(&run->worker->slot->state, WORKER_FINISHED);
                if (!intake_has_more(&run->worker->intake))
                        release_begin(run->worker, run_may_keep(run));
        }
        return r;
}

static void run_on_script(void *userdata, const char *path) {
        Run *run = userdata;

        run->script = path;
        scoreboard_describe_script(run->worker->slot, path);
}

static void run_on_header(void *userdata, const char *line, size_t size) {
        Run *run = userdata;

        access_see_header(&run->worker->access, line, size);
}

static void run_on_opcache(void *userdata, const SapiOpcache *from) {
        Run *run = userdata;
        ScoreboardOpcache *to = &run->worker->slot->opcache;

        atomic_store(&to->hits, from->hits);
        atomic_store(&to->misses, from->misses);
        atomic_store(&to->memory_used, from->memory_used);
        atomic_store(&to->memory_free, from->memory_free);
        atomic_store(&to->memory_wasted, from->memory_wasted);
        atomic_store(&to->n_scripts, from->n_scripts);
        atomic_store(&to->n_restarts, from->n_restarts);
        atomic_store(&to->restart_pending, from->restart_pending ? 1 : 0);
        atomic_store(&to->sampled_usec, clock_now_usec());
}

/* The front end's id if it sent a plain one, else our own: unique in this pool's life. */
static void run_set_id(Run *run) {
        const char *id = run_param(run, "HTTP_X_REQUEST_ID");
        size_t n = id ? strlen(id) : 0;

        if (request_id_is_good(id, n))
                memcpy(run->id, id, n + 1);
        else
                (void)snprintf(run->id,
                               sizeof(run->id),
                               "%x-%" PRIx64 "-%" PRIx64,
                               (unsigned int)run->worker->pid,
                               ++run->worker->request_count,
                               clock_wall_usec());
}

/* False: the body is shorter than announced. */
static bool run_body_size(const Run *run, uint64_t *ret) {
        const char *text = run_param(run, "CONTENT_LENGTH");
        uint64_t announced;

        *ret = run->worker->intake.body_size;
        if (!text || parse_u64(text, strlen(text), INT64_MAX, &announced) < 0)
                return true;
        if (announced > *ret)
                return false;

        *ret = announced;
        return true;
}

/* Processor time since the last request ended, which is what this one took: an idle worker takes none. */
static void run_measure(Worker *worker, AccessRequest *access) {
        uint64_t user, system;
        struct rusage usage;

        if (!access_is_on(&worker->access) && !worker->setup->config->status_path)
                return; /* nobody wants to know, so the call is saved */

        (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail */
        user = (uint64_t)usage.ru_utime.tv_sec * USEC_PER_SEC + (uint64_t)usage.ru_utime.tv_usec;
        system = (uint64_t)usage.ru_stime.tv_sec * USEC_PER_SEC + (uint64_t)usage.ru_stime.tv_usec;
        access->cpu_user_usec = user - worker->cpu_user_usec;
        access->cpu_system_usec = system - worker->cpu_system_usec;
        worker->cpu_user_usec = user;
        worker->cpu_system_usec = system;
}

/* Into scoreboard and access log. */
static void run_account(Run *run) {
        const SapiRequest *request = &run->request;
        Worker *worker = run->worker;
        uint64_t duration = clock_now_usec() - run->begin_usec;
        AccessRequest access = {
                .params = &worker->intake.server.params,
                .id = run->id,
                .script = run->script,
                .connection = worker->intake.fd,
                .status = request->status,
                .user = request->user,
                .body_size = request->body_size,
                .duration_usec = duration,
                .memory_peak = request->memory_peak,
        };

        run_measure(worker, &access);
        atomic_store(&worker->slot->memory, request->memory_peak);
        atomic_store(&worker->slot->duration_usec, duration);
        atomic_store(&worker->slot->cpu_usec, access.cpu_user_usec + access.cpu_system_usec);
        tally_count(&worker->slot->tally,
                    &(TallyRequest){
                            .status = request->status,
                            .bytes_in = request->body_size,
                            .bytes_out = worker->answer.sent_size,
                            .duration_usec = duration,
                            .wait_usec = worker->waited_usec,
                    });
        scoreboard_note_end(worker->setup->board, worker->slot, duration, request->status);
        if (access_is_on(&worker->access))
                access_log(&worker->access, &access);
}

static void run_describe(const Run *run) {
        Worker *worker = run->worker;

        atomic_store(&worker->slot->body_size, worker->intake.body_size);
        scoreboard_describe(worker->slot,
                            &(ScoreboardText){
                                    .id = run->id,
                                    .method = run_param(run, "REQUEST_METHOD"),
                                    .uri = run_param(run, "REQUEST_URI"),
                                    .user = run_param(run, "REMOTE_USER"),
                            });
}

static void run_fill_request(Run *run) {
        run->request = (SapiRequest){
                .params = &run->worker->intake.server.params,
                .id = run->id,
                .worker = run->worker->number,
                .userdata = run,
                .read_body = run_read_body,
                .write = run_write,
                .flush = run_flush,
                .finish = run_finish,
                .write_error = run_write_error,
                .is_aborted = run_is_aborted,
                .on_script = run_on_script,
                .on_opcache = run_on_opcache,
                .on_header = run->worker->access.n_wanted > 0 ? run_on_header : NULL,
        };
}

bool run_begin(Run *run, Worker *worker) {
        *run = (Run){
                .worker = worker,
                .keep = worker->intake.server.keep_conn,
                .begin_usec = clock_now_usec(),
        };
        run_fill_request(run);
        run_set_id(run);
        run_describe(run);
        lend_begin(worker);

        if (!run_param(run, "REQUEST_METHOD")) {
                worker_refuse(worker, 400, "Bad Request", "The front end sent no REQUEST_METHOD.\n");
                return false;
        }
        if (!run_body_size(run, &run->request.body_size)) {
                worker_refuse(worker, 400, "Bad Request", "The request body ended before CONTENT_LENGTH.\n");
                return false;
        }

        answer_begin(&worker->answer, worker->intake.fd, worker->intake.server.id);
        if (!status_page_answer(worker->setup->config, &worker->intake.server.params, &worker->answer))
                return true;

        run->request.status = 200;
        run_end(run);
        return false;
}

void run_end(Run *run) {
        Worker *worker = run->worker;

        child_end(worker);
        release_end(worker);
        if (!run->ended) /* the status page, or a bailout in PHP's shutdown: the client still gets an end */
                (void)run_finish(run, run->request.exit_status, /* early= */ false);

        if (run->request.retire) {
                worker->broken = true;
                worker_retire(worker, WORKER_EXIT_BAILOUT);
        }
        worker->memory_peak = run->request.memory_peak;
        run_account(run);
}

bool run_may_keep(const Run *run) {
        return run->keep && !run->worker->answer.failed;
}

bool worker_run_request(Worker *worker) {
        Run run;

        if (run_begin(&run, worker)) {
                sapi_run(&run.request);
                run_end(&run);
        }
        return run_may_keep(&run);
}

void worker_refuse(Worker *worker, int status, const char *reason, const char *text) {
        char head[512];
        int n;

        n = snprintf(
                head,
                sizeof(head),
                "Status: %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s",
                status,
                reason,
                strlen(text),
                text);
        answer_begin(&worker->answer, worker->intake.fd, worker->intake.server.id);
        if (answer_write(&worker->answer, head, (size_t)n) >= 0)
                (void)answer_end(&worker->answer,
                                 /* app_status= */ 1,
                                 FCGI_REQUEST_COMPLETE); /* or it is gone */
}
