/* SPDX-License-Identifier: MIT */
#include "control-server.h"

static void the_socket_is_for_its_owner_alone_whatever_the_umask(void) {
        mode_t old = umask(0);
        pid_t pid = server_start((Server){}, NULL);
        struct stat st;

        umask(old);
        test_int(stat(path, &st), 0);
        test_int(st.st_mode, S_IFSOCK | 0600);
        server_stop(pid);
}

static void a_stale_socket_is_replaced_and_a_file_is_not(void) {
        static const ControlHandler handler = {};
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        Control *control = NULL;
        char text[200];
        sd_event *event;
        int fd;

        test_true(sd_event_new(&event) >= 0);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        strcpy(address.sun_path, path);
        test_int(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
        test_int(control_new(&control, event, path, &handler, NULL), 0);
        control_free(control);
        test_int(access(path, F_OK), -1);

        control = NULL;
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close(fd);
        test_int(control_new(&control, event, path, &handler, NULL), -EADDRINUSE);
        test_int(access(path, F_OK), 0);
        test_int(unlink(path), 0);

        memset(text, 'x', sizeof(text) - 1);
        text[0] = '/';
        text[sizeof(text) - 1] = '\0';
        test_int(control_new(&control, event, text, &handler, NULL), -ENAMETOOLONG);
        test_int(control_new(&control, event, "/nonexistent/control", &handler, NULL), -ENOENT);
        test_true(!control && !control_free(control));
        control_reload_started(NULL);
        control_reload_finished(NULL, true, "");
        sd_event_unref(event);
}

static void it_tells_what_it_is_and_can(void) {
        pid_t pid = server_start((Server){}, NULL);
        int fd = client_connect();
        const char *text;

        client_send(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
        text = client_read(fd);
        test_true(strstr(text, "\"product\":\"php-poold\""));
        test_true(strstr(text, "\"interfaces\":[\"org.varlink.service\",\"io.phppool.Pool\"]"));

        client_send(fd,
                    "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
                    "{\"interface\":\"io.phppool.Pool\"}}");
        text = client_read(fd);
        test_true(strstr(text, "method WaitReload() -> (ok: bool, message: string)\\n"));

        client_send(fd,
                    "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
                    "{\"interface\":\"org.varlink.service\"}}");
        test_true(strstr(client_read(fd), "interface org.varlink.service\\n"));

        client_send(fd, "{\"method\":\"io.phppool.Pool.GetStatus\",\"parameters\":{}}");
        test_string(client_read(fd), "{\"parameters\":{\"status\":{\"name\":\"site\",\"list\":[]}}}");
        close(fd);
        server_stop(pid);
}

static void wrong_calls_get_the_errors_of_varlink(void) {
        static const char *const pairs[][2] = {
                { "{\"method\":\"io.phppool.Pool.Explode\"}",
                  "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
                  "\"io.phppool.Pool.Explode\"}}" },
                { "{\"method\":\"com.example.X\"}",
                  "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
                  "\"com.example\"}}" },
                { "{\"method\":\"x\"}",
                  "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"x\"}}" },
                { "{\"method\":\"io.phppool.Pool.GetStatus\",\"parameters\":{\"all\":true}}",
                  "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"all\"}}" },
                { "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
                  "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"
                  "\"interface\"}}" },
                { "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":5}}",
                  "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"
                  "\"interface\"}}" },
                { "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":"
                  "\"a.b\"}}",
                  "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"a.b\"}}" },
        };
        pid_t pid = server_start((Server){}, NULL);
        int fd = client_connect();

        for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
                size_t size = strlen(pairs[i][0]) + 1;

                test_int(write(fd, pairs[i][0], size), size);
                test_string(client_read(fd), pairs[i][1]);
        }
        close(fd);
        server_stop(pid);
}

static void calls_in_one_piece_are_answered_in_order_and_oneway_ones_not(void) {
        pid_t pid = server_start((Server){}, NULL);
        int fd = client_connect();

        client_send(fd,
                    "{\"method\":\"a.B\"}\0{\"method\":\"c.D\",\"oneway\":true}\0{\"method\":\"e.F\"}\0"
                    "{\"method\":\"g.H\"}");
        test_int(shutdown(fd, SHUT_WR), 0);
        test_true(strstr(client_read(fd), "\"a\""));
        test_true(strstr(client_read(fd), "\"e\""));
        test_true(strstr(client_read(fd), "\"g\""));
        test_string(client_read(fd), "");
        close(fd);
        server_stop(pid);
}

static void garbage_and_endless_calls_are_cut_off_and_others_served(void) {
        static char spaces[VARLINK_CALL_MAX];
        pid_t pid = server_start((Server){}, NULL);
        int fd = client_connect();

        client_send(fd, "GET / HTTP/1.1\r\n");
        test_string(client_read(fd), "");
        close(fd);

        fd = client_connect();
        memset(spaces, ' ', sizeof(spaces));
        (void)!send(fd, spaces, sizeof(spaces), MSG_NOSIGNAL);
        test_string(client_read(fd), "");
        close(fd);

        test_string(call_error("io.phppool.Pool.GetStatus"), "");
        server_stop(pid);
}

static void a_silent_peer_meets_a_deadline(void) {
        pid_t pid = server_start((Server){}, NULL);
        uint64_t begin = clock_now_usec();
        int silent = client_connect(), half = client_connect();

        test_int(write(half, "{\"met", 5), 5);
        test_string(client_read(silent), "");
        test_string(client_read(half), "");
        test_true(clock_now_usec() - begin >= 4 * USEC_PER_SEC);
        close(silent);
        close(half);
        server_stop(pid);
}

static void too_large_a_status_comes_without_its_list(void) {
        pid_t pid = server_start((Server){ .large = true }, NULL);
        int fd = client_connect();

        client_send(fd, "{\"method\":\"io.phppool.Pool.GetStatus\"}");
        test_string(client_read(fd), "{\"parameters\":{\"status\":{\"name\":\"site\"}}}");
        close(fd);
        server_stop(pid);
}

static void what_cannot_be_told_is_an_error(void) {
        pid_t pid = server_start((Server){ .large = true }, NULL);

        if (geteuid() == 0)
                test_string(call_error("io.phppool.Pool.GetStacks"), "io.phppool.Pool.TooLarge");
        server_stop(pid);

        pid = server_start((Server){ .speechless = true }, NULL);
        test_string(call_error("io.phppool.Pool.GetStatus"), "io.phppool.Pool.StatusUnavailable");
        if (geteuid() == 0)
                test_string(call_error("io.phppool.Pool.GetStacks"), "");
        server_stop(pid);
}

static void the_own_user_cannot_take_all_places(void) {
        pid_t pid = server_start((Server){}, NULL);
        int fds[CONTROL_CONNECTIONS_MAX + 8], n_open = 0;

        for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
                fds[i] = client_connect();
                (void)!send(fds[i], "{\"method\":\"a.B\"}", 17, MSG_NOSIGNAL);
                if (*client_read(fds[i]))
                        n_open++;
        }
        test_int(n_open, CONTROL_CONNECTIONS_MAX / 2);
        for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
                close(fds[i]);

        /* those places are free again, as soon as the server has seen it */
        for (int i = 0; i < 100; i++) {
                int fd = client_connect();

                (void)!send(fd, "{\"method\":\"a.B\"}", 17, MSG_NOSIGNAL);
                n_open = *client_read(fd) != 0;
                close(fd);
                if (n_open)
                        break;
                usleep(20000);
        }
        test_int(n_open, 1);
        server_stop(pid);
}

int main(void) {
        test_true(mkdtemp(directory));
        test_int(chmod(directory, 0755), 0);
        (void)snprintf(path, sizeof(path), "%s/control", directory);

        test_run(the_socket_is_for_its_owner_alone_whatever_the_umask);
        test_run(a_stale_socket_is_replaced_and_a_file_is_not);
        test_run(it_tells_what_it_is_and_can);
        test_run(wrong_calls_get_the_errors_of_varlink);
        test_run(calls_in_one_piece_are_answered_in_order_and_oneway_ones_not);
        test_run(garbage_and_endless_calls_are_cut_off_and_others_served);
        test_run(a_silent_peer_meets_a_deadline);
        test_run(too_large_a_status_comes_without_its_list);
        test_run(what_cannot_be_told_is_an_error);
        test_run(the_own_user_cannot_take_all_places);

        test_int(rmdir(directory), 0);
        return 0;
}
