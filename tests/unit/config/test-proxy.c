/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "config/proxy.h"
#include "directory.h"
#include "util/clock.h"

static ProxyConfig *load(void) {
        ProxyConfig *config = NULL;
        ConfigError error = {};

        if (proxy_config_load(&config, directory, &error) != 0)
                test_fail("%s:%u: %s", error.file, error.line, error.message);
        return config;
}

static void test_no_files_are_defaults_and_no_sites(void) {
        ProxyConfig *c;

        directory_make();
        test_int(rmdir(directory_path("conf.d")), 0);
        c = load();
        test_string(c->socket_dir, "/run/php-pool");
        test_int(c->header_usec, 30 * USEC_PER_SEC);
        test_int(c->body_usec, 60 * USEC_PER_SEC);
        test_int(c->keep_usec, 75 * USEC_PER_SEC);
        test_int(c->send_usec, 60 * USEC_PER_SEC);
        test_int(c->connections_max, 16384);
        test_int(c->head_max, 32768);
        test_int(c->response_head_max, 65536);
        test_int(c->body_memory, 65536);
        test_int(c->response_memory, 65536);
        test_int(c->response_file, 1U << 30);
        test_int(c->processes, 0);
        test_true(!c->trusted[0]);
        test_int(c->trusted_header, PROXY_TRUSTED_X_FORWARDED);
        test_int(c->unknown_host, PROXY_UNKNOWN_HOST_404);
        test_int(c->stop_usec, 30 * USEC_PER_SEC);
        test_true(c->idle_exit_usec == USEC_INFINITY);
        test_int(c->client_max, 1024);
        test_int(c->log_access, PROXY_LOG_OFF);
        test_int(c->log_format, PROXY_LOG_JOURNAL);
        test_int(c->n_sites, 0);
        test_int(c->n_broken, 0);
        proxy_config_free(c);
}

static void test_every_key_is_read_and_written(void) {
        char *text = NULL;
        ProxyConfig *c;
        size_t size;

        directory_make();
        directory_write(
                "proxy.conf",
                "socket_dir = \"/tmp//s/\";\n"
                "processes = 3; trusted = [ \"10.0.0.0/8\", \"unix\" ]; trusted_header = \"forwarded\";\n"
                "unknown_host = \"close\";\n"
                "timeouts: { header = 1; body = 2; keep = \"3s\"; send = \"4s\"; stop = 12; idle_exit = 13; };\n"
                "limits: { connections = 5; head = \"6K\"; response_head = \"7K\"; body_memory = \"8K\";\n"
                "response_memory = \"9K\"; response_file = \"10M\"; connections_per_client = 11; };\n"
                "log: { access = \"all\"; format = \"combined\"; };\n");
        for (int round = 0; round < 2; round++) {
                FILE *f = open_memstream(&text, &size);

                c = load();
                test_string(c->socket_dir, "/tmp/s");
                test_int(c->header_usec, 1 * USEC_PER_SEC);
                test_int(c->body_usec, 2 * USEC_PER_SEC);
                test_int(c->keep_usec, 3 * USEC_PER_SEC);
                test_int(c->send_usec, 4 * USEC_PER_SEC);
                test_int(c->connections_max, 5);
                test_int(c->head_max, 6 * 1024);
                test_int(c->response_head_max, 7 * 1024);
                test_int(c->body_memory, 8 * 1024);
                test_int(c->response_memory, 9 * 1024);
                test_int(c->response_file, 10U << 20);
                test_int(c->client_max, 11);
                test_int(c->stop_usec, 12 * USEC_PER_SEC);
                test_int(c->idle_exit_usec, 13 * USEC_PER_SEC);
                test_int(c->processes, 3);
                test_string(c->trusted[0], "10.0.0.0/8");
                test_string(c->trusted[1], "unix");
                test_int(c->trusted_header, PROXY_TRUSTED_FORWARDED);
                test_int(c->unknown_host, PROXY_UNKNOWN_HOST_CLOSE);
                test_int(c->log_access, PROXY_LOG_ALL);
                test_int(c->log_format, PROXY_LOG_COMBINED);
                test_int(proxy_config_dump(c, f), 0);
                test_int(fclose(f), 0);
                directory_write("proxy.conf", text);
                free(text);
                proxy_config_free(c);
        }
}

static void test_a_wrong_proxy_conf_is_an_error(void) {
        static const struct {
                const char *text;
                unsigned int line;
                const char *fragment;
        } bad[] = {
                { "\nlisten = 80;", 2, "unknown key listen" },
                { "timeouts: {\n keep = 0; };", 2, "timeouts.keep must not be 0" },
                { "timeouts: {\n idle_exit = 9; };", 2, "timeouts.idle_exit is below 10s" },
                { "processes = 65;", 1, "0 to 64" },
                { "trusted = [ \"::1\",\n\"10.0.0.0/33\" ];", 2, "not an address" },
                { "trusted_header = \"both\";", 1, "x-forwarded" },
                { "unknown_host = \"444\";", 1, "404" },
                { "limits: {\n response_memory = \"2M\"; };", 2, "response_memory" },
                { "log: {\n format = \"json\"; };", 2, "combined" },
                { "limits: {\n head = 5; };", 2, "limits.head is 5; it can be 1024 to 1048576" },
                { "socket_dir = \"run\";", 1, "not an absolute path" },
                { "a = ;", 1, "syntax error" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ProxyConfig *config = NULL;
                ConfigError error = {};

                directory_make();
                directory_write("proxy.conf", bad[i].text);
                test_int(proxy_config_load(&config, directory, &error), -EINVAL);
                test_true(!config);
                if (error.line != bad[i].line || !strstr(error.message, bad[i].fragment))
                        test_fail("'%s': line %u: %s", bad[i].text, error.line, error.message);
                test_string(error.file, directory_path("proxy.conf"));
        }
}

static void test_sites_come_in_the_order_of_their_names(void) {
        ProxyConfig *c;

        directory_make();
        directory_write("conf.d/b.conf", "root = \"/srv/b\"; site: { hosts = [ \"b.org\" ]; };");
        directory_write("conf.d/a.conf", "root = \"/srv/a\"; site: { hosts = [ \"a.org\" ]; };");
        directory_write("conf.d/C.conf", "root = \"/srv/c\";");
        directory_write("conf.d/d.conf.example", "not read");
        directory_write("conf.d/.hidden.conf", "not read");
        directory_write("conf.d/.conf", "not read");
        c = load();
        test_int(c->n_broken, 0);
        test_int(c->n_sites, 3);
        test_string(c->sites[0]->name, "C");
        test_string(c->sites[1]->name, "a");
        test_string(c->sites[1]->hosts[0], "a.org");
        test_string(c->sites[2]->docroot, "/srv/b");
        proxy_config_free(c);
}

static void test_broken_sites_leave_the_others(void) {
        ProxyConfig *c;

        directory_make();
        directory_write("conf.d/a.conf",
                        "root = \"/srv/a\";\nworkers: { max = 0; };\n"
                        "site: { hosts = [ \"A.org\", \"bad host\", \"a.org\", \"g.org\" ]; };");
        directory_write("conf.d/b.conf", "root = \"/srv/b\";\nsite: {\n hosts = [ \"b.org\" ];\n");
        directory_write("conf.d/g.conf", "root = \"/srv/g\"; site: { hosts = [ \"g.org\" ]; };");
        directory_write("conf.d/my.site.conf", "root = \"/srv/m\"; site: { hosts = [ \"m.org\" ]; };");
        test_int(mkdir(directory_path("conf.d/z.conf"), 0700), 0);
        c = load();
        test_int(c->n_sites, 1);
        test_string(c->sites[0]->name, "g");
        test_int(c->n_broken, 4);

        test_string(c->broken[0].name, "a");
        test_int(c->broken[0].error.line, 2);
        test_string(c->broken[0].hosts[0], "a.org");
        test_true(!c->broken[0].hosts[1]);

        test_string(c->broken[1].name, "b");
        test_string(c->broken[1].error.file, directory_path("conf.d/b.conf"));
        test_true(strstr(c->broken[1].error.message, "syntax error"));
        test_true(!c->broken[1].hosts[0]);

        test_string(c->broken[2].name, "my.site");
        test_true(strstr(c->broken[2].error.message, "cannot name a pool"));
        test_string(c->broken[2].hosts[0], "m.org");

        test_string(c->broken[3].name, "z");
        test_true(strstr(c->broken[3].error.message, "not a regular file"));
        proxy_config_free(c);
}

static void test_of_two_sites_with_one_host_the_later_is_broken(void) {
        ProxyConfig *c;

        directory_make();
        directory_write("conf.d/a.conf", "root = \"/srv/a\"; site: { hosts = [ \"x.org\" ]; };");
        directory_write("conf.d/b.conf",
                        "root = \"/srv/b\";\nsite: { hosts = [ \"b.org\",\n\"X.org\" ]; };");
        directory_write("conf.d/c.conf", "root = \"/srv/c\";");
        directory_write("conf.d/d.conf", "root = \"/srv/d\";\nsite: { hosts = [ ]; };");
        c = load();
        test_int(c->n_sites, 2);
        test_string(c->sites[0]->name, "a");
        test_string(c->sites[1]->name, "c");
        test_int(c->n_broken, 2);
        test_string(c->broken[0].name, "b");
        test_int(c->broken[0].error.line, 3);
        test_true(strstr(c->broken[0].error.message, "\"x.org\", which is a host of site a"));
        test_string(c->broken[0].hosts[0], "b.org");
        test_true(!c->broken[0].hosts[1]);
        test_string(c->broken[1].name, "d");
        test_int(c->broken[1].error.line, 2);
        test_true(strstr(c->broken[1].error.message, "site c is the default site"));
        proxy_config_free(c);
}

int main(void) {
        test_run(test_no_files_are_defaults_and_no_sites);
        test_run(test_every_key_is_read_and_written);
        test_run(test_a_wrong_proxy_conf_is_an_error);
        test_run(test_sites_come_in_the_order_of_their_names);
        test_run(test_broken_sites_leave_the_others);
        test_run(test_of_two_sites_with_one_host_the_later_is_broken);
        return 0;
}
