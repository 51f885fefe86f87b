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
#include <sys/epoll.h>
#include <unistd.h>
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/parse.h"
#include "worker/run.h"

typedef struct Run Run;

/* One request, while it runs. */
struct Run {
        Worker *worker;
        IntakeCursor cursor;
        char id[40];
        const char *script;
        bool keep;
        bool ended;
};

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

/* The script goes on, the connection does not wait for it: others may use it, even the script itself. */
static void run_release(Run *run) {
        Intake *intake = &run->worker->intake;
        WorkerMessage message = { .type = WORKER_PARK_KEPT, .since_usec = clock_now_usec() };

        if (run->keep)
                (void)channel_send(run->worker->channel,
                                   &message,
                                   sizeof(message),
                                   &intake->fd,
                                   1); /* else it
                                                                                                        closes */
        if (run->worker->held_watched)
                (void)epoll_ctl(run->worker->epoll, EPOLL_CTL_DEL, intake->fd, NULL); /* it was added */
        run->worker->held_watched = false;
        intake->fd = fd_close(intake->fd);
}

static int run_finish(void *userdata, bool early) {
        Run *run = userdata;
        int r;

        if (run->ended)
                return 0;

        run->ended = true;
        r = answer_end(&run->worker->answer, /* app_status= */ 0, FCGI_REQUEST_COMPLETE);
        if (early) {
                atomic_store(&run->worker->slot->state, WORKER_FINISHED);
                if (!intake_has_more(&run->worker->intake))
                        run_release(run);
        }
        return r;
}

static void run_on_script(void *userdata, const char *path) {
        Run *run = userdata;

        run->script = path;
        scoreboard_describe(run->worker->slot,
                            run->id,
                            run_param(run, "REQUEST_METHOD"),
                            run_param(run, "REQUEST_URI"),
                            path);
}

/* The front end's id if it sent a plain one, else our own: unique in this pool's life. */
static void run_set_id(Run *run) {
        const char *id = run_param(run, "HTTP_X_REQUEST_ID");
        size_t n = id ? strlen(id) : 0;

        if (n > 0 && n < sizeof(run->id) &&
            strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n)
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

static void run_log_access(const Run *run, const SapiRequest *request, uint64_t usec) {
        PoolLogAccess access = run->worker->setup->config->log_access;
        const char *method = run_param(run, "REQUEST_METHOD"), *uri = run_param(run, "REQUEST_URI");
        char text[7][400];
        const char *fields[8] = {};

        if (access == POOL_LOG_ACCESS_OFF || (access == POOL_LOG_ACCESS_ERRORS && request->status < 500))
                return;

        (void)snprintf(text[0], sizeof(text[0]), "PHP_REQUEST_ID=%s", run->id);
        (void)snprintf(text[1], sizeof(text[1]), "PHP_REQUEST_METHOD=%s", method ? method : "");
        (void)snprintf(text[2], sizeof(text[2]), "PHP_REQUEST_URI=%s", uri ? uri : "");
        (void)snprintf(text[3], sizeof(text[3]), "PHP_SCRIPT=%s", run->script ? run->script : "");
        (void)snprintf(text[4], sizeof(text[4]), "PHP_STATUS=%d", request->status);
        (void)snprintf(text[5], sizeof(text[5]), "PHP_DURATION_USEC=%" PRIu64, usec);
        (void)snprintf(text[6], sizeof(text[6]), "PHP_MEMORY_PEAK=%" PRIu64, request->memory_peak);
        for (size_t i = 0; i < ELEMENTSOF(text); i++)
                fields[i] = text[i];
        log_struct(LOG_INFO,
                   fields,
                   "%s %s %d in %" PRIu64 " ms",
                   method ? method : "-",
                   uri ? uri : "-",
                   request->status,
                   usec / USEC_PER_MSEC);
}

static void run_php(Run *run, uint64_t body_size) {
        Worker *worker = run->worker;
        uint64_t begin = clock_now_usec();
        SapiRequest request = {
                .params = &worker->intake.server.params,
                .body_size = body_size,
                .id = run->id,
                .worker = worker->number,
                .userdata = run,
                .read_body = run_read_body,
                .write = run_write,
                .flush = run_flush,
                .finish = run_finish,
                .on_script = run_on_script,
        };

        sapi_run(&request);
        if (!run->ended) /* a bailout in PHP's shutdown: the client still gets an end */
                (void)run_finish(run, /* early= */ false);

        if (request.status >= 500)
                atomic_fetch_add(&worker->slot->n_errors, 1);
        atomic_store(&worker->slot->memory, request.memory_peak);
        if (request.retire) {
                worker->stopping = true;
                worker->broken = true;
        }
        run_log_access(run, &request, clock_now_usec() - begin);
}

bool worker_run_request(Worker *worker) {
        Run run = { .worker = worker, .keep = worker->intake.server.keep_conn };
        uint64_t body_size;

        run_set_id(&run);
        scoreboard_describe(worker->slot,
                            run.id,
                            run_param(&run, "REQUEST_METHOD"),
                            run_param(&run, "REQUEST_URI"),
                            "");

        if (!run_param(&run, "REQUEST_METHOD")) {
                worker_refuse(worker, 400, "Bad Request", "The front end sent no REQUEST_METHOD.\n");
                return run.keep;
        }
        if (!run_body_size(&run, &body_size)) {
                worker_refuse(worker, 400, "Bad Request", "The request body ended before CONTENT_LENGTH.\n");
                return run.keep;
        }

        answer_begin(&worker->answer, worker->intake.fd, worker->intake.server.id);
        run_php(&run, body_size);
        return run.keep && !worker->answer.failed;
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
