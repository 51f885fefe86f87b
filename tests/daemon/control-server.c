/* SPDX-License-Identifier: MIT */
/*
 * control-server PATH MODE: the control socket of a pool without the pool
 *
 *   pool     the real socket, with a fixed status; a reload takes 200 ms and fails every second time
 *   hostile  the same, and the status tries to take over the terminal and has wrong types
 *   silent   accepts and says nothing
 *   garbage  answers with what is not varlink
 *
 * Writes a byte to stdout when it listens; ends on SIGTERM. SIGHUP begins a reload.
 */
#undef NDEBUG
#include <assert.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "pool/control.h"
#include "util/clock.h"

static const char pool_status[] =
        "{\"name\":\"www\",\"state\":\"running\",\"php\":\"8.2.30\",\"generation\":3,\"since_usec\":%llu,"
        "\"root\":\"/srv/www\",\"workers\":{\"busy\":1,\"idle\":2,\"starting\":0,\"max\":8,\"min\":1},"
        "\"queue\":4,\"parked\":5,\"requests\":1234,\"slow\":6,\"crashes\":7,\"timeouts\":8,\"refused\":9,"
        "\"rate\":12.34,\"last_error\":\"worker 2 died\",\"list\":["
        "{\"id\":1,\"pid\":4711,\"generation\":3,\"state\":\"busy\",\"requests\":700,\"age_usec\":1500000,"
        "\"method\":\"POST\",\"uri\":\"/doku.php?id=start\",\"script\":\"/srv/www/doku.php\",\"memory\":2097152},"
        "{\"id\":2,\"pid\":4712,\"generation\":3,\"state\":\"idle\",\"requests\":534,\"age_usec\":90000000,"
        "\"memory\":1048576}]}";

static const char hostile_status[] =
        "{\"name\":\"other\",\"state\":\"run\\u001b[2Jning\\u202e\",\"php\":8,\"generation\":-1,\"since_usec\":1e99,"
        "\"root\":[1],\"workers\":{\"busy\":\"many\",\"idle\":99999999999999999999999,\"max\":null},"
        "\"queue\":true,\"requests\":-5,\"rate\":1e308,\"last_error\":\"a\\nb\\u009bc\\u0000d\\u007f\","
        "\"list\":[1,null,[],{\"uri\":\"/\\r\\u001b]0;x\\u0007\",\"state\":{},\"memory\":9223372036854775807},"
        "{\"memory\":9223372036854775807}]}";

typedef struct Server {
        sd_event *event;
        Control *control;
        sd_event_source *timer;
        bool hostile;
        int n_reloads;
} Server;

static int on_reloaded(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *server = userdata;

        server->timer = sd_event_source_unref(server->timer);
        if (server->n_reloads % 2 == 1)
                control_reload_finished(server->control, true, "Generation 4 serves.");
        else
                control_reload_finished(server->control, false, "preload.php:3: \033[31mbroken");
        return 0;
}

static int on_reload(void *userdata) {
        Server *server = userdata;

        server->n_reloads++;
        control_reload_started(server->control);
        return sd_event_add_time_relative(server->event,
                                          &server->timer,
                                          CLOCK_MONOTONIC,
                                          200000,
                                          1,
                                          on_reloaded,
                                          server);
}

static int on_hup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        return on_reload(userdata);
}

static struct json_object *on_status(void *userdata) {
        Server *server = userdata;
        char text[4096];

        if (server->hostile)
                return json_tokener_parse(hostile_status);

        (void)snprintf(text,
                       sizeof(text),
                       pool_status,
                       (unsigned long long)(clock_wall_usec() - 3700 * USEC_PER_SEC));
        return json_tokener_parse(text);
}

static void run_control(const char *path, bool hostile) {
        static const ControlHandler handler = { .get_status = on_status, .reload = on_reload };
        Server server = { .hostile = hostile };
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGHUP);
        sigaddset(&mask, SIGTERM);
        assert(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
        assert(sd_event_new(&server.event) >= 0);
        assert(sd_event_add_signal(server.event, NULL, SIGHUP, on_hup, &server) >= 0);
        assert(sd_event_add_signal(server.event, NULL, SIGTERM, NULL, NULL) >= 0);
        assert(control_new(&server.control, server.event, path, &handler, &server) == 0);
        assert(write(STDOUT_FILENO, "\n", 1) == 1);
        assert(sd_event_loop(server.event) == 0);
        control_free(server.control);
        sd_event_source_unref(server.timer);
        sd_event_unref(server.event);
}

static void run_raw(const char *path, const char *answer) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert(strlen(path) < sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        assert(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 5) == 0);
        assert(write(STDOUT_FILENO, "\n", 1) == 1);
        for (;;) {
                int peer = accept(fd, NULL, NULL);
                char text[1000];

                if (!answer) /* and keep it open */
                        continue;
                (void)!read(peer, text, sizeof(text));
                (void)!send(peer, answer, strlen(answer) + 1, MSG_NOSIGNAL);
                close(peer);
        }
}

int main(int argc, char **argv) {
        assert(argc == 3);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (strcmp(argv[2], "silent") == 0)
                run_raw(argv[1], NULL);
        else if (strcmp(argv[2], "garbage") == 0)
                run_raw(argv[1], "\033[2J{\"parameters\"");
        else
                run_control(argv[1], strcmp(argv[2], "hostile") == 0);
        return 0;
}
