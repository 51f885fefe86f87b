/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A control socket for tests: a real one, with a real event loop in a child.
 * The calls come from the test and from children with other users.
 */

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "ipc/varlink-client.h"
#include "pool/control.h"
#include "test.h"
#include "util/clock.h"

#define WAIT_USEC (20 * USEC_PER_SEC)

enum {
        UID_POOL = 61001,
        UID_OTHER = 61002,
};

static char directory[] = "/tmp/test-control-XXXXXX";
static char path[64];

/*
 * The server. A reload takes 300 ms and fails every second time; SIGHUP begins one, as in the manager.
 */

typedef struct Server {
        sd_event *event;
        Control *control;
        sd_event_source *timer;
        int n_reloads;
        bool large;
        bool speechless;
        bool cannot_reload;
} Server;

static int server_on_reloaded(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *server = userdata;

        server->timer = sd_event_source_unref(server->timer);
        control_reload_finished(server->control,
                                server->n_reloads % 2 == 1,
                                server->n_reloads % 2 == 1 ? "Generation 2 serves." : "php.ini:3: broken");
        return 0;
}

static int server_reload(void *userdata) {
        Server *server = userdata;

        if (server->cannot_reload)
                return -EMFILE;
        server->n_reloads++;
        control_reload_started(server->control);
        return sd_event_add_time_relative(server->event,
                                          &server->timer,
                                          CLOCK_MONOTONIC,
                                          300000,
                                          1,
                                          server_on_reloaded,
                                          server);
}

static int server_on_hup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        assert(server_reload(userdata) == 0);
        return 0;
}

/* More than a reply may have, if the server is to be large. */
static struct json_object *server_list(const Server *server) {
        struct json_object *list = json_object_new_array();

        for (int i = 0; server->large && i < 20000; i++)
                json_object_array_add(
                        list,
                        json_object_new_string("0123456789012345678901234567890123456789012345678901234"));
        return list;
}

static struct json_object *server_status(void *userdata) {
        Server *server = userdata;
        struct json_object *status;

        if (server->speechless)
                return NULL;

        status = json_object_new_object();
        json_object_object_add(status, "name", json_object_new_string("site"));
        json_object_object_add(status, "list", server_list(server));
        return status;
}

static int server_get_stacks(void *userdata, uint64_t ticket) {
        Server *server = userdata;
        struct json_object *parameters = json_object_new_object();

        json_object_object_add(parameters, "stacks", server_list(server));
        control_answer(server->control, ticket, NULL, parameters);
        json_object_put(parameters);
        return 0;
}

static void server_run(Server *server, int ready) {
        static const ControlHandler handler = {
                .get_status = server_status,
                .reload = server_reload,
                .get_stacks = server_get_stacks,
        };
        sigset_t mask;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&mask);
        sigaddset(&mask, SIGHUP);
        sigaddset(&mask, SIGTERM);
        assert(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
        assert(sd_event_new(&server->event) >= 0);
        assert(sd_event_add_signal(server->event, NULL, SIGHUP, server_on_hup, server) >= 0);
        assert(sd_event_add_signal(server->event, NULL, SIGTERM, NULL, NULL) >= 0);
        assert(control_new(&server->control, server->event, path, &handler, server) == 0);
        assert(write(ready, "", 1) == 1);
        close(ready);
        assert(sd_event_loop(server->event) == 0);
        control_free(server->control);
        sd_event_source_unref(server->timer);
        sd_event_unref(server->event);
}

/* The child's standing before it serves: as the caller, or as a pool under PrivateUsers=yes. */
typedef void (*Prepare)(void);

static inline pid_t server_start(Server server, Prepare prepare) {
        int pipefd[2];
        char byte;
        pid_t pid;

        test_int(pipe2(pipefd, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                if (prepare)
                        prepare();
                close(pipefd[0]);
                server_run(&server, pipefd[1]);
                exit(0);
        }
        close(pipefd[1]);
        test_int(read(pipefd[0], &byte, 1), 1);
        close(pipefd[0]);
        return pid;
}

/* Also sees that it ends well: the sanitizers speak through the exit status. */
static inline void server_stop(pid_t pid) {
        int status;

        test_int(kill(pid, SIGTERM), 0);
        test_int(waitpid(pid, &status, 0), pid);
        test_int(status, 0);
        test_int(access(path, F_OK), -1);
}

/*
 * Clients
 */

static inline int client_connect(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, path);
        test_int(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

/* Reads one message into static memory. "": the connection ended. */
static inline const char *client_read(int fd) {
        static char text[16384];
        size_t n = 0;

        while (n < sizeof(text)) {
                struct pollfd p = { .fd = fd, .events = POLLIN };

                test_int(poll(&p, 1, (int)(WAIT_USEC / 1000)), 1);
                if (read(fd, text + n, 1) <= 0)
                        return "";
                if (text[n++] == '\0')
                        return text;
        }
        test_fail("no end of the message");
}

#define client_send(fd, text) test_int(write((fd), (text), sizeof(text)), sizeof(text))

static inline const char *call_error(const char *method) {
        static char text[100];
        VarlinkReply reply;

        test_int(varlink_client_call(path, WAIT_USEC, method, NULL, &reply), 0);
        (void)snprintf(text, sizeof(text), "%s", reply.error ?: "");
        varlink_reply_done(&reply);
        return text;
}

/* -1: an error. */
static inline int call_ok(const char *method, char *ret_message, size_t size) {
        VarlinkReply reply;
        int ok = -1;

        test_int(varlink_client_call(path, WAIT_USEC, method, NULL, &reply), 0);
        if (!reply.error) {
                ok = json_object_get_boolean(json_object_object_get(reply.parameters, "ok"));
                (void)snprintf(ret_message,
                               size,
                               "%s",
                               json_object_get_string(json_object_object_get(reply.parameters, "message")));
        }
        varlink_reply_done(&reply);
        return ok;
}

/* The error of a call made by @uid; "EACCES" if it may not even connect. */
static inline const char *call_error_as(uid_t uid, const char *method) {
        static char text[100];
        int pipefd[2], status;
        pid_t pid;
        ssize_t n;

        test_int(pipe2(pipefd, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                VarlinkReply reply;
                int r;

                assert(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
                r = varlink_client_call(path, WAIT_USEC, method, NULL, &reply);
                if (r < 0)
                        dprintf(pipefd[1], "%s", r == -EACCES ? "EACCES" : strerror(-r));
                else
                        dprintf(pipefd[1], "%s", reply.error ?: "");
                _exit(0);
        }
        close(pipefd[1]);
        n = read(pipefd[0], text, sizeof(text) - 1);
        test_true(n >= 0);
        text[n] = '\0';
        close(pipefd[0]);
        test_int(waitpid(pid, &status, 0), pid);
        test_int(status, 0);
        return text;
}
