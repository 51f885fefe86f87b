/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "ipc/varlink-client.h"
#include "ipc/varlink.h"
#include "test.h"
#include "util/clock.h"

static int decode_call(VarlinkCall *ret, const char *text, size_t size) {
        uint8_t *copy = guard_copy(text, size);
        int r = varlink_call_decode(ret, copy, size);

        guard_free(copy, size);
        return r;
}

static int decode_reply(VarlinkReply *ret, const char *text) {
        uint8_t *copy = guard_copy(text, strlen(text));
        int r = varlink_reply_decode(ret, copy, strlen(text));

        guard_free(copy, strlen(text));
        return r;
}

static void a_message_ends_at_its_nul_wherever_the_bytes_are_split(void) {
        static const char text[] = "{\"method\":\"a.B\"}\0{";
        Buffer buffer = BUFFER_NULL(100);
        size_t size = 99;

        test_int(varlink_next(&buffer, 100, &size), VARLINK_E_MORE);
        for (size_t i = 0; i < 16; i++) {
                test_int(buffer_append(&buffer, text + i, 1), 0);
                test_int(varlink_next(&buffer, 100, &size), VARLINK_E_MORE);
        }
        test_int(size, 99);
        test_int(buffer_append(&buffer, text + 16, 2), 0);
        test_int(varlink_next(&buffer, 100, &size), 0);
        test_int(size, 16);
        buffer_consume(&buffer, size + 1);
        test_int(varlink_next(&buffer, 100, &size), VARLINK_E_MORE);
        buffer_done(&buffer);
}

static void a_message_without_end_is_too_large_at_the_limit(void) {
        Buffer buffer = BUFFER_NULL(100);
        size_t size;

        test_int(buffer_append(&buffer, "123456789", 9), 0);
        test_int(varlink_next(&buffer, 10, &size), VARLINK_E_MORE);
        test_int(buffer_append(&buffer, "0", 1), 0);
        test_int(varlink_next(&buffer, 10, &size), VARLINK_E_LARGE);
        /* an end behind the limit does not help */
        test_int(buffer_append(&buffer, "", 1), 0);
        test_int(varlink_next(&buffer, 10, &size), VARLINK_E_LARGE);
        test_int(varlink_next(&buffer, 11, &size), 0);
        buffer_done(&buffer);
}

static void calls_come_back_as_they_were_encoded(void) {
        Buffer buffer = BUFFER_NULL(1000);
        struct json_object *parameters = json_object_new_object();
        VarlinkCall call;
        size_t size;

        json_object_object_add(parameters, "interface", json_object_new_string("a/b \"\n\xc3\xa9"));
        test_int(varlink_call_encode(&buffer, "org.varlink.service.GetInfo", NULL), 0);
        test_int(varlink_call_encode(&buffer, "x.Y", parameters), 0);
        json_object_put(parameters);

        test_int(varlink_next(&buffer, 1000, &size), 0);
        test_int(decode_call(&call, (const char *)buffer_data(&buffer), size), 0);
        test_string(call.method, "org.varlink.service.GetInfo");
        test_true(!call.parameters && !call.oneway);
        varlink_call_done(&call);
        varlink_call_done(&call);
        buffer_consume(&buffer, size + 1);

        test_int(varlink_next(&buffer, 1000, &size), 0);
        test_bytes(buffer_data(&buffer), 19, "{\"method\":\"x.Y\",\"pa", (size_t)19);
        test_int(decode_call(&call, (const char *)buffer_data(&buffer), size), 0);
        test_string(call.method, "x.Y");
        test_string(json_object_get_string(json_object_object_get(call.parameters, "interface")),
                    "a/b \"\n\xc3\xa9");
        varlink_call_done(&call);
        buffer_done(&buffer);
}

static void replies_come_back_as_they_were_encoded(void) {
        Buffer buffer = BUFFER_NULL(1000);
        VarlinkReply reply;
        size_t size;

        test_int(varlink_reply_encode(&buffer, "a.b.PermissionDenied", NULL), 0);
        test_int(varlink_next(&buffer, 1000, &size), 0);
        test_int(decode_reply(&reply, (const char *)buffer_data(&buffer)), 0);
        test_string(reply.error, "a.b.PermissionDenied");
        varlink_reply_done(&reply);

        test_int(decode_reply(&reply, "{\"parameters\":{\"ok\":true},\"error\":null,\"continues\":false}"),
                 0);
        test_true(!reply.error && reply.parameters);
        varlink_reply_done(&reply);
        test_int(decode_reply(&reply, "{}"), 0);
        test_true(!reply.error && !reply.parameters);
        varlink_reply_done(&reply);
        test_int(decode_reply(&reply, "{\"error\":5}"), VARLINK_E_MALFORMED);
        buffer_done(&buffer);
}

static void characters_of_each_size_come_through(void) {
        static const char text[] =
                "{\"method\":\"\\\\\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98\xf4\x8f\xbf\xbf\"}";
        VarlinkCall call;

        test_int(decode_call(&call, text, strlen(text)), 0);
        test_string(call.method, "\\\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98\xf4\x8f\xbf\xbf");
        varlink_call_done(&call);
}

static void what_is_no_call_is_refused(void) {
        static const char *const bad[] = {
                "",
                " ",
                "x",
                "{",
                "[]",
                "5",
                "null",
                "\"a.B\"",
                "{}",
                "{\"method\":null}",
                "{\"method\":\"\"}",
                "{\"method\":[\"a.B\"]}",
                "{\"method\":\"a.B\"",
                "{\"method\":\"a.B\"}x",
                "{\"method\":\"a.B\"}{}",
                "{\"method\":\"a.B\",}",
                "{'method':'a.B'}",
                "{'method':\"a.B\"}",
                "{\"method\":\"a.B\",\"parameters\":{'\"':[{},{}]}}",
                "{\"method\":\"a.B\",\"parameters\":{\"x\":NaN}}",
                "{\"method\":\"a.B\",\"parameters\":{\"x\":-Infinity}}",
                "{\"method\":\"a.B\\u0000c\"}",
                "{\"method\":\"a.B\xff\"}",
                "{\"method\":\"a\nB\x80\"}",
                "{\"method\":\"a.B\\\xc3\xa9\"}",
                "{\"method\":\"a.B\"\xc3\xa9}",
                "\xc3\xa9",
                "{\"method\":\"a.B\",\"parameters\":[]}",
                "{\"method\":\"a.B\",\"parameters\":\"x\"}",
                "{\"method\":\"a.B\",\"oneway\":1}",
                "{\"method\":\"a.B\" /* c */}",
        };
        VarlinkCall call = { .oneway = true };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (decode_call(&call, bad[i], strlen(bad[i])) != VARLINK_E_MALFORMED)
                        test_fail("accepted: %s", bad[i]);
        test_true(call.oneway && !call.method);
}

static void a_call_cut_anywhere_is_refused(void) {
        static const char text[] =
                "{\"method\":\"a.B\\u00e9\",\"parameters\":{\"x\":[1,-2.5e3,true,null]},\"oneway\":true}";
        VarlinkCall call;

        for (size_t i = 0; i < sizeof(text) - 1; i++)
                test_int(decode_call(&call, text, i), VARLINK_E_MALFORMED);
        test_int(decode_call(&call, text, sizeof(text) - 1), 0);
        test_string(call.method, "a.B\xc3\xa9");
        test_true(call.oneway);
        varlink_call_done(&call);
}

static void nesting_and_number_of_values_are_bounded(void) {
        static char text[2 * VARLINK_VALUES_MAX + 1000];
        VarlinkCall call;
        int n;

        n = snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":{\"x\":");
        memset(text + n, '[', 30);
        memset(text + n + 30, ']', 30);
        strcpy(text + n + 60, "}}");
        test_int(decode_call(&call, text, strlen(text)), VARLINK_E_MALFORMED);

        n = snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":{\"x\":[");
        for (int i = 0; i < VARLINK_CONTAINERS_MAX; i++)
                n += snprintf(text + n, 4, "{},");
        strcpy(text + n - 1, "]}}");
        test_int(decode_call(&call, text, strlen(text)), VARLINK_E_LARGE);

        n = snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":{\"x\":[");
        for (int i = 0; i < VARLINK_VALUES_MAX; i++)
                n += snprintf(text + n, 3, "1,");
        strcpy(text + n, "1]}}");
        test_int(decode_call(&call, text, strlen(text)), VARLINK_E_LARGE);
        strcpy(text + n - 3, "]}}");
        test_int(decode_call(&call, text, strlen(text)), 0);
        varlink_call_done(&call);

        /* brackets in strings are none */
        n = snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\\"");
        memset(text + n, '[', VARLINK_CONTAINERS_MAX);
        strcpy(text + n + VARLINK_CONTAINERS_MAX, "\\\\\"}}");
        test_int(decode_call(&call, text, strlen(text)), 0);
        varlink_call_done(&call);
}

static void a_message_over_its_limit_is_not_encoded(void) {
        static char text[VARLINK_CALL_MAX];
        struct json_object *parameters = json_object_new_object();
        Buffer buffer = BUFFER_NULL(SIZE_MAX / 2), small = BUFFER_NULL(10);

        memset(text, 'x', sizeof(text) - 1);
        json_object_object_add(parameters, "x", json_object_new_string(text));
        test_int(varlink_call_encode(&buffer, "a.B", parameters), -ENOBUFS);
        test_int(buffer_size(&buffer), 0);
        test_int(varlink_reply_encode(&buffer, NULL, parameters), 0);
        test_int(varlink_reply_encode(&small, NULL, parameters), -ENOBUFS);
        test_int(buffer_size(&small), 0);
        json_object_put(parameters);
        buffer_done(&buffer);
        buffer_done(&small);
}

/*
 * The client, against a server in a child that accepts once and does as told.
 */

typedef void (*Serve)(int fd);

static char directory[] = "/tmp/test-varlink-XXXXXX";
static char path[64];

static int call_server(Serve serve, uint64_t timeout_usec, VarlinkReply *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd, r, status;
        pid_t pid;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        strcpy(address.sun_path, path);
        (void)unlink(path);
        test_int(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        test_int(listen(fd, 1), 0);
        pid = fork();
        if (pid == 0) {
                int peer = accept(fd, NULL, NULL);
                char text[200];

                if (read(peer, text, sizeof(text)) <= 0)
                        _exit(1);
                serve(peer);
                _exit(0);
        }
        close(fd);

        r = varlink_client_call(path, timeout_usec, "a.B", NULL, ret);
        kill(pid, SIGKILL);
        test_int(waitpid(pid, &status, 0), pid);
        return r;
}

static void serve_reply_in_bytes(int fd) {
        static const char text[] = "{\"parameters\":{\"n\":5}}";

        for (size_t i = 0; i < sizeof(text); i++)
                if (write(fd, text + i, 1) != 1)
                        _exit(1);
}

static void serve_nothing(int fd) {
}

static void serve_half(int fd) {
        (void)!write(fd, "{\"param", 7);
}

static void serve_silence(int fd) {
        pause();
}

static void serve_drip(int fd) {
        while (write(fd, " ", 1) == 1)
                usleep(1000);
}

static void serve_flood(int fd) {
        static char text[65536];

        memset(text, ' ', sizeof(text));
        while (write(fd, text, sizeof(text)) > 0)
                ;
}

static void serve_garbage(int fd) {
        (void)!write(fd, "\x1b[2J", 5);
}

static void the_client_gets_replies(void) {
        VarlinkReply reply;

        test_int(call_server(serve_reply_in_bytes, 10 * USEC_PER_SEC, &reply), 0);
        test_int(json_object_get_int(json_object_object_get(reply.parameters, "n")), 5);
        varlink_reply_done(&reply);
        test_int(call_server(serve_reply_in_bytes, USEC_INFINITY, &reply), 0);
        varlink_reply_done(&reply);
}

static void the_client_survives_a_hostile_server(void) {
        VarlinkReply reply;
        uint64_t begin;

        test_int(call_server(serve_nothing, 10 * USEC_PER_SEC, &reply), -ECONNRESET);
        test_int(call_server(serve_half, 10 * USEC_PER_SEC, &reply), -ECONNRESET);
        test_int(call_server(serve_garbage, 10 * USEC_PER_SEC, &reply), -EBADMSG);
        test_int(call_server(serve_flood, 10 * USEC_PER_SEC, &reply), -EMSGSIZE);

        begin = clock_now_usec();
        test_int(call_server(serve_silence, 100 * USEC_PER_MSEC, &reply), -ETIMEDOUT);
        test_int(call_server(serve_drip, 100 * USEC_PER_MSEC, &reply), -ETIMEDOUT);
        test_true(clock_now_usec() - begin < 5 * USEC_PER_SEC);
}

static void the_client_goes_only_to_a_socket_at_that_very_path(void) {
        VarlinkReply reply;
        char link[80];

        (void)unlink(path);
        test_int(varlink_client_call(path, USEC_PER_SEC, "a.B", NULL, &reply), -ENOENT);
        (void)snprintf(link, sizeof(link), "%s/link", directory);
        test_int(symlink(path, link), 0);
        test_int(varlink_client_call(link, USEC_PER_SEC, "a.B", NULL, &reply), -ELOOP);
        test_int(unlink(link), 0);
        test_int(mkfifo(path, 0600), 0);
        test_int(varlink_client_call(path, USEC_PER_SEC, "a.B", NULL, &reply), -ENOTSOCK);
        test_int(unlink(path), 0);
}

static void a_full_backlog_times_out(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd, others[4];
        VarlinkReply reply;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        strcpy(address.sun_path, path);
        test_int(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        test_int(varlink_client_call(path, USEC_PER_SEC, "a.B", NULL, &reply), -ECONNREFUSED);
        test_int(listen(fd, 0), 0);
        for (int i = 0; i < 4; i++) {
                others[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                (void)connect(others[i], (const struct sockaddr *)&address, sizeof(address));
        }
        test_int(varlink_client_call(path, 100 * USEC_PER_MSEC, "a.B", NULL, &reply), -ETIMEDOUT);
        for (int i = 0; i < 4; i++)
                close(others[i]);
        close(fd);
        test_int(unlink(path), 0);
}

int main(void) {
        test_run(a_message_ends_at_its_nul_wherever_the_bytes_are_split);
        test_run(a_message_without_end_is_too_large_at_the_limit);
        test_run(calls_come_back_as_they_were_encoded);
        test_run(replies_come_back_as_they_were_encoded);
        test_run(characters_of_each_size_come_through);
        test_run(what_is_no_call_is_refused);
        test_run(a_call_cut_anywhere_is_refused);
        test_run(nesting_and_number_of_values_are_bounded);
        test_run(a_message_over_its_limit_is_not_encoded);

        test_true(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/socket", directory);
        test_run(the_client_gets_replies);
        test_run(the_client_survives_a_hostile_server);
        test_run(the_client_goes_only_to_a_socket_at_that_very_path);
        test_run(a_full_backlog_times_out);
        test_int(rmdir(directory), 0);
        return 0;
}
