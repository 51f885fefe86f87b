/* SPDX-License-Identifier: MIT */
#include "control-server.h"

static void waiting_for_no_reload_ends_at_once(void) {
        pid_t pid = server_start((Server){}, NULL);
        char message[100];

        test_int(call_ok("io.phppool.Pool.WaitReload", message, sizeof(message)), 1);
        test_string(message, "");
        server_stop(pid);
}

/* ExecReload=kill -HUP $MAINPID, then php-poolctl wait-reload: many times, since it is about a race. */
static void wait_reload_after_sighup_gives_the_result_of_that_reload(void) {
        pid_t pid = server_start((Server){}, NULL);
        char message[100];

        for (int i = 0; i < 6; i++) {
                uint64_t begin = clock_now_usec();

                test_int(kill(pid, SIGHUP), 0);
                test_int(call_ok("io.phppool.Pool.WaitReload", message, sizeof(message)), i % 2 == 0);
                test_string(message, i % 2 == 0 ? "Generation 2 serves." : "php.ini:3: broken");
                test_true(clock_now_usec() - begin >= 250 * USEC_PER_MSEC);
                test_int(call_ok("io.phppool.Pool.WaitReload", message, sizeof(message)), i % 2 == 0);
        }
        server_stop(pid);
}

static void all_who_wait_are_answered_and_those_who_left_are_forgotten(void) {
        pid_t pid = server_start((Server){}, NULL);
        int a = client_connect(), b = client_connect(), gone = client_connect();

        test_int(kill(pid, SIGHUP), 0);
        client_send(gone, "{\"method\":\"io.phppool.Pool.WaitReload\"}");
        client_send(a, "{\"method\":\"io.phppool.Pool.WaitReload\"}");
        client_send(b, "{\"method\":\"io.phppool.Pool.WaitReload\"}\0{\"method\":\"a.B\"}");
        usleep(50000);
        close(gone);
        test_string(client_read(a), "{\"parameters\":{\"ok\":true,\"message\":\"Generation 2 serves.\"}}");
        test_string(client_read(b), "{\"parameters\":{\"ok\":true,\"message\":\"Generation 2 serves.\"}}");
        test_true(strstr(client_read(b), "InterfaceNotFound"));
        close(a);
        close(b);
        server_stop(pid);
}

static void a_server_that_stops_lets_go_of_those_who_wait(void) {
        pid_t pid = server_start((Server){}, NULL);
        int fd = client_connect();

        test_int(kill(pid, SIGHUP), 0);
        client_send(fd, "{\"method\":\"io.phppool.Pool.WaitReload\"}");
        usleep(50000);
        server_stop(pid);
        test_string(client_read(fd), "");
        close(fd);
}

static void root_may_reload(void) {
        pid_t pid = server_start((Server){}, NULL);
        int fd = client_connect();
        char message[100];

        client_send(fd, "{\"method\":\"io.phppool.Pool.Reload\"}");
        usleep(50000);
        test_string(call_error("io.phppool.Pool.Reload"), "io.phppool.Pool.ReloadInProgress");
        test_string(client_read(fd), "{\"parameters\":{\"ok\":true,\"message\":\"Generation 2 serves.\"}}");
        close(fd);
        test_int(call_ok("io.phppool.Pool.Reload", message, sizeof(message)), 0);
        test_string(message, "php.ini:3: broken");
        server_stop(pid);

        pid = server_start((Server){ .cannot_reload = true }, NULL);
        test_int(call_ok("io.phppool.Pool.Reload", message, sizeof(message)), 0);
        test_string(message, strerror(EMFILE));
        server_stop(pid);
}

static void others_than_root_may_not_reload(void) {
        pid_t pid = server_start((Server){}, NULL);

        test_string(call_error_as(UID_OTHER, "io.phppool.Pool.Reload"), "EACCES");
        test_int(chmod(path, 0666), 0); /* as for one who holds CAP_DAC_OVERRIDE */
        test_string(call_error_as(UID_OTHER, "io.phppool.Pool.Reload"), "io.phppool.Pool.PermissionDenied");
        test_string(call_error_as(UID_OTHER, "io.phppool.Pool.GetStatus"), "");
        server_stop(pid);
}

static void write_map(const char *file, const char *text) {
        int fd = open(file, O_WRONLY | O_CLOEXEC);

        assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        close(fd);
}

/*
 * What PrivateUsers=yes makes of a system service: root and the own user are
 * mapped to themselves, nobody else (measured on systemd 252). One who stays
 * outside has to write such a map (user_namespaces(7)).
 */
static void enter_private_users(void) {
        int pipefd[2], status;
        pid_t parent = getpid(), pid;
        char file[64], byte;

        assert(pipe2(pipefd, O_CLOEXEC) == 0);
        pid = fork();
        if (pid == 0) {
                assert(read(pipefd[0], &byte, 1) == 1);
                (void)snprintf(file, sizeof(file), "/proc/%d/uid_map", parent);
                write_map(file, "0 0 1\n61001 61001 1\n");
                (void)snprintf(file, sizeof(file), "/proc/%d/gid_map", parent);
                write_map(file, "0 0 1\n61001 61001 1\n");
                _exit(0);
        }
        assert(unshare(CLONE_NEWUSER) == 0);
        assert(write(pipefd[1], "", 1) == 1);
        assert(waitpid(pid, &status, 0) == pid && status == 0);
        close(pipefd[0]);
        close(pipefd[1]);
        assert(setresgid(UID_POOL, UID_POOL, UID_POOL) == 0 && setresuid(UID_POOL, UID_POOL, UID_POOL) == 0);
}

static void under_private_users_root_is_known_and_only_root_may_reload(void) {
        pid_t pid;

        test_int(chown(directory, UID_POOL, UID_POOL), 0);
        pid = server_start((Server){}, enter_private_users);
        test_string(call_error("io.phppool.Pool.Reload"), "");
        test_string(call_error_as(UID_POOL, "io.phppool.Pool.GetStatus"), "");
        test_string(call_error_as(UID_POOL, "io.phppool.Pool.WaitReload"), "");
        test_string(call_error_as(UID_POOL, "io.phppool.Pool.Reload"), "io.phppool.Pool.PermissionDenied");
        test_string(call_error_as(UID_OTHER, "io.phppool.Pool.GetStatus"), "EACCES");
        test_int(chmod(path, 0666), 0);
        test_string(call_error_as(UID_OTHER, "io.phppool.Pool.Reload"), "io.phppool.Pool.PermissionDenied");
        server_stop(pid);
        test_int(chown(directory, 0, 0), 0);
}

int main(void) {
        test_true(mkdtemp(directory));
        test_int(chmod(directory, 0755), 0);
        (void)snprintf(path, sizeof(path), "%s/control", directory);

        test_run(waiting_for_no_reload_ends_at_once);
        test_run(wait_reload_after_sighup_gives_the_result_of_that_reload);
        test_run(all_who_wait_are_answered_and_those_who_left_are_forgotten);
        test_run(a_server_that_stops_lets_go_of_those_who_wait);
        if (geteuid() == 0) {
                test_run(root_may_reload);
                test_run(others_than_root_may_not_reload);
                test_run(under_private_users_root_is_known_and_only_root_may_reload);
        } else {
                printf("not root: what concerns several users is left out\n");
        }

        test_int(rmdir(directory), 0);
        return 0;
}
