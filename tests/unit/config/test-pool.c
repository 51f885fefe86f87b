/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "config/pool.h"
#include "directory.h"
#include "util/clock.h"

#define R "root = \"/srv/x\";\n"

static PoolConfig *load(const char *text) {
        PoolConfig *config = NULL;
        ConfigError error = {};

        directory_write("conf.d/x.conf", text);
        if (pool_config_load(&config, directory, "x", &error) != 0)
                test_fail("'%s': line %u: %s", text, error.line, error.message);
        return config;
}

static char *dump(const PoolConfig *config) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        test_true(f);
        test_int(pool_config_dump(config, f), 0);
        test_int(fclose(f), 0);
        return text;
}

static void test_one_line_is_enough(void) {
        PoolConfig *c = load(R);

        test_string(c->name, "x");
        test_string(c->path, directory_path("conf.d/x.conf"));
        test_string(c->root, "/srv/x");
        test_string(c->docroot, "/srv/x");
        test_true(!c->php_version && !c->php_ini && !c->resident);
        test_true(!c->php_values[0] && !c->php_admin_values[0] && !c->env[0] && !c->also[0]);
        test_true(!c->params_may_set_ini);
        test_string(c->extensions[0], ".php");
        test_true(!c->extensions[1]);
        test_int(c->workers_max, 8);
        test_int(c->workers_min, 0);
        test_int(c->workers_spare, 1);
        test_int(c->workers_idle_usec, 60 * USEC_PER_SEC);
        test_int(c->max_requests, 0);
        test_int(c->max_memory, 0);
        test_int(c->request_usec, 60 * USEC_PER_SEC);
        test_int(c->kill_usec, 5 * USEC_PER_SEC);
        test_int(c->slow_usec, 5 * USEC_PER_SEC);
        test_int(c->queue_usec, 10 * USEC_PER_SEC);
        test_true(c->idle_exit_usec == USEC_INFINITY);
        test_int(c->stop_usec, 65 * USEC_PER_SEC);
        test_int(c->head_usec, 30 * USEC_PER_SEC);
        test_int(c->body_usec, 60 * USEC_PER_SEC);
        test_int(c->keep_usec, 75 * USEC_PER_SEC);
        test_int(c->body_max, 1 << 30);
        test_int(c->params_max, 1 << 20);
        test_int(c->connections_max, 4096);
        test_int(c->log_access, POOL_LOG_ACCESS_OFF);
        test_true(!c->site->hosts[0] && !c->site->deny[0] && !c->site->front_controller);
        test_string(c->site->index[0], "index.php");
        test_string(c->site->index[1], "index.html");
        test_true(!c->site->index[2]);
        test_int(c->site->n_rules, 0);
        test_int(c->site->n_access + c->site->n_cache_control + c->site->n_internal, 0);
        test_int(c->site->https, SITE_HTTPS_ANY);
        test_true(!c->site->maintenance && !c->site->upstream && !c->site->precompressed);
        test_true(!c->site->headers[0] && !c->site->error_pages[0]);
        pool_config_free(c);
}

static void test_a_resident_script_has_a_name_in_urls(void) {
        static const struct {
                const char *text, *name, *file;
        } cases[] = {
                { "root = \"/srv/x\";", NULL, NULL },
                { "root = \"/srv/x\"; resident = \"\";", NULL, NULL },
                { "root = \"/srv/x\"; resident = \"app//worker.php\";", "/app/worker.php", NULL },
                { "root = \"/srv/x\"; resident = \"public/w.php\"; site: { docroot = \"public/\"; };",
                  "/w.php",
                  NULL },
                { "root = \"/srv/x\"; resident = \"bin/w.php\"; site: { docroot = \"public\"; };",
                  "/w.php",
                  "/srv/x/bin/w.php" },
                { "root = \"/srv/x\"; resident = \"public2/w.php\"; site: { docroot = \"public\"; };",
                  "/w.php",
                  "/srv/x/public2/w.php" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PoolConfig *c = load(cases[i].text);

                test_true(!c->site->resident == !cases[i].name);
                if (cases[i].name)
                        test_string(c->site->resident, cases[i].name);
                test_true(!c->site->resident_file == !cases[i].file);
                if (cases[i].file)
                        test_string(c->site->resident_file, cases[i].file);
                pool_config_free(c);
        }
}

static const char everything[] =
        "root = \"/srv//x/\";\n"
        "env = [ \"A=1\", \"K=@credential:app-key\", \"Q=a\\\"b\\\\c\" ];\n"
        "resident = \"public/worker.php\";\n"
        "php: { version = \"8.2\"; ini = \"/etc/p.ini\"; values = ( \"memory_limit=256M\" );\n"
        "       admin_values = [ \"opcache.jit=tracing\" ]; params_may_set_ini = true; };\n"
        "workers: { max = 4096; min = 2; spare = 0; idle_timeout = 90; max_requests = 999999999;\n"
        "           max_memory = \"10G\"; };\n"
        "timeouts: { request = \"0\"; kill = 0; slow = 0; queue = \"500ms\"; idle_exit = \"10s\"; stop = \"7min 5s\"; };\n"
        "limits: { head_time = 1; body_time = 2; keep_time = 3; body = 0; params = 65537; connections = 5; };\n"
        "security: { extensions = [ \".php\", \".php8\" ]; };\n"
        "log: { access = \"errors\"; };\n"
        "site: { hosts = [ \"Example.ORG\", \"*.example.org\", \"[::1]\", \"127.0.0.1\", \"a_b\" ];\n"
        "        docroot = \"public//web/\"; index = []; front_controller = \"/index.php\";\n"
        "        deny = [ \"/uploads/*.php\", \"*.inc\" ]; also = [ \"/var/lib/x/\" ];\n"
        "        rules = ( { match = \"^/(a\\\\d)$\"; script = \"/i.php\"; },\n"
        "                  { match = \"^/b\"; script = \"/j.php\"; pool = \"other\"; },\n"
        "                  { match = \"^/c\"; redirect = \"https://a.org/$1\"; status = \"308\"; } );\n"
        "        access = ( { path = \"/admin\"; from = \"::1 10.0.0.0/8 unix\"; } );\n"
        "        https = \"redirect\"; maintenance = \"var/off\"; error_pages = [ \"404 /404.html\", \"503 /off.html\" ];\n"
        "        headers = [ \"X-A: b\", \"X-C: \\\"d\\\"\" ]; precompressed = true;\n"
        "        cache_control = ( { extensions = \".css .js\"; value = \"max-age=1\"; } );\n"
        "        internal = ( { path = \"/p\"; root = \"/srv/files\"; } ); upstream = \"tcp:[::1]:9000\"; };\n";

static void test_every_key_is_read(void) {
        PoolConfig *c = load(everything);

        test_string(c->root, "/srv/x");
        test_string(c->docroot, "/srv/x/public/web");
        test_string(c->env[1], "K=@credential:app-key");
        test_string(c->env[2], "Q=a\"b\\c");
        test_string(c->resident, "public/worker.php");
        test_string(c->php_version, "8.2");
        test_string(c->php_ini, "/etc/p.ini");
        test_string(c->php_values[0], "memory_limit=256M");
        test_string(c->php_admin_values[0], "opcache.jit=tracing");
        test_true(c->params_may_set_ini);
        test_int(c->workers_max, 4096);
        test_int(c->workers_min, 2);
        test_int(c->workers_spare, 0);
        test_int(c->workers_idle_usec, 90 * USEC_PER_SEC);
        test_int(c->max_requests, 999999999);
        test_int(c->max_memory, 10LL << 30);
        test_true(c->request_usec == USEC_INFINITY);
        test_int(c->kill_usec, 0);
        test_true(c->slow_usec == USEC_INFINITY);
        test_int(c->queue_usec, 500 * USEC_PER_MSEC);
        test_int(c->idle_exit_usec, 10 * USEC_PER_SEC);
        test_int(c->stop_usec, 425 * USEC_PER_SEC);
        test_int(c->body_max, 0);
        test_int(c->params_max, 65537);
        test_int(c->connections_max, 5);
        test_int(c->log_access, POOL_LOG_ACCESS_ERRORS);
        test_string(c->extensions[1], ".php8");
        test_string(c->also[0], "/var/lib/x");

        test_string(c->site->name, "x");
        test_string(c->site->root, "/srv/x");
        test_string(c->site->docroot, "/srv/x/public/web");
        test_string(c->site->hosts[0], "example.org");
        test_string(c->site->hosts[4], "a_b");
        test_true(!c->site->index[0]);
        test_string(c->site->front_controller, "/index.php");
        test_string(c->site->resident, "/worker.php");
        test_string(c->site->resident_file, "/srv/x/public/worker.php");
        test_string(c->site->deny[1], "*.inc");
        test_string(c->site->also[0], "/var/lib/x");
        test_string(c->site->extensions[1], ".php8");
        test_int(c->site->n_rules, 3);
        test_string(c->site->rules[2].redirect, "https://a.org/$1");
        test_string(c->site->rules[2].status, "308");
        test_true(!c->site->rules[2].script);
        test_int(c->site->n_access, 1);
        test_string(c->site->access[0].path, "/admin");
        test_string(c->site->access[0].from, "::1 10.0.0.0/8 unix");
        test_int(c->site->https, SITE_HTTPS_REDIRECT);
        test_string(c->site->maintenance, "var/off");
        test_string(c->site->error_pages[1], "503 /off.html");
        test_string(c->site->headers[1], "X-C: \"d\"");
        test_true(c->site->precompressed);
        test_int(c->site->n_cache_control, 1);
        test_string(c->site->cache_control[0].extensions, ".css .js");
        test_string(c->site->cache_control[0].value, "max-age=1");
        test_int(c->site->n_internal, 1);
        test_string(c->site->internal[0].root, "/srv/files");
        test_string(c->site->upstream, "tcp:[::1]:9000");
        test_string(c->site->rules[0].match, "^/(a\\d)$");
        test_true(!c->site->rules[0].pool);
        test_string(c->site->rules[1].script, "/j.php");
        test_string(c->site->rules[1].pool, "other");
        test_true(c->site->request_usec == USEC_INFINITY);
        test_int(c->site->kill_usec, 0);
        test_int(c->site->queue_usec, 500 * USEC_PER_MSEC);
        test_int(c->site->workers_max, 4096);
        test_int(c->site->body_max, 0);
        pool_config_free(c);
}

static void test_a_dump_is_a_file_that_says_the_same(void) {
        static const char *const texts[] = { R, everything, R "timeouts: { request = 0; };" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                PoolConfig *c = load(texts[i]);
                char *first = dump(c), *second;

                pool_config_free(c);
                c = load(first);
                second = dump(c);
                test_string(second, first);
                pool_config_free(c);
                free(first);
                free(second);
        }
}

static void test_a_read_dump_has_the_values_of_the_file(void) {
        PoolConfig *c = load(everything);
        char *text = dump(c);

        pool_config_free(c);
        c = load(text);
        test_string(c->docroot, "/srv/x/public/web");
        test_string(c->env[2], "Q=a\"b\\c");
        test_true(c->request_usec == USEC_INFINITY);
        test_int(c->stop_usec, 425 * USEC_PER_SEC);
        test_int(c->max_memory, 10LL << 30);
        test_int(c->params_max, 65537);
        test_string(c->site->rules[0].match, "^/(a\\d)$");
        test_string(c->site->rules[1].pool, "other");
        pool_config_free(c);
        free(text);
}

static void test_stop_follows_request(void) {
        PoolConfig *c = load(R "timeouts: { request = \"2min\"; };");

        test_int(c->stop_usec, 125 * USEC_PER_SEC);
        pool_config_free(c);
        c = load(R "timeouts: { request = 0; };");
        test_int(c->stop_usec, 65 * USEC_PER_SEC);
        pool_config_free(c);
}

static void test_bad_files_are_refused_with_line_and_reason(void) {
        static const struct {
                const char *text;
                unsigned int line;
                const char *fragment;
        } bad[] = {
                { "", 0, "root is missing" },
                { "\nroot = \"\";", 2, "root is missing" },
                { "root = 5;", 1, "root has to be a string" },
                { "root = \"srv\";", 1, "not an absolute path" },
                { "\nroot = \"/\";", 2, "whole file system" },
                { "root = \"//\";", 1, "whole file system" },
                { "root = \"/srv/../\";", 1, "'.' and '..'" },
                { "root = \"/srv\nx\";", 1, "control character" },
                { R "\nrooot = 1;", 3, "unknown key rooot" },
                { R "workers: { max = 2;\n mix = 1; };", 3, "unknown key workers.mix" },
                { R "worker: { max = 2; };", 2, "unknown key worker" },
                { R "workers = 5;", 2, "workers has to be a group" },
                { R "workers: {\n max = \"5\"; };", 3, "workers.max has to be an integer" },
                { R "workers: {\n max = 1.5; };", 3, "workers.max has to be an integer" },
                { R "workers: {\n max = 0; };", 3, "workers.max must not be 0" },
                { R "workers: {\n max = -1; };", 3, "workers.max must not be negative" },
                { R "workers: {\n max = 4097; };", 3, "is 4097; it can be 1 to 4096" },
                { R "workers: { max = 2;\n min = 3; };", 3, "workers.min is 3, more than workers.max" },
                { R "workers: {\n min = 9; };", 3, "workers.min is 9, more than workers.max" },
                { R "workers: { max = 2;\n spare = 3; };", 3, "workers.spare is 3, more than workers.max" },
                { R "workers: {\n max_memory = \"5X\"; };", 3, "no size" },
                { R "workers: {\n max_memory = \"99999999999G\"; };", 3, "too large" },
                { R "workers: {\n max_memory = true; };", 3, "has to be a size" },
                { R "workers: {\n idle_timeout = \"5 parsecs\"; };", 3, "no time" },
                { R "timeouts: {\n request = [ 1 ]; };", 3, "has to be a time" },
                { R "timeouts: {\n stop = 0; };", 3, "timeouts.stop must not be 0" },
                { R "timeouts: {\n stop = \"0s\"; };", 3, "timeouts.stop must not be 0" },
                { R "timeouts: {\n idle_exit = \"9s\"; };", 3, "gives up on a socket" },
                { R "limits: {\n head_time = 0; };", 3, "must not be 0" },
                { R "limits: {\n params = 100; };", 3, "limits.params is 100; it can be 4096 to 67108864" },
                { R "limits: {\n connections = 0; };", 3, "must not be 0" },
                { R "log: {\n access = \"some\"; };", 3, "\"off\", \"errors\", \"all\"" },
                { R "php: {\n version = \"8\"; };", 3, "not of the form \"8.2\"" },
                { R "php: {\n version = \"8.2.1\"; };", 3, "not of the form \"8.2\"" },
                { R "php: {\n version = 8.2; };", 3, "has to be a string" },
                { R "php: {\n ini = \"php.ini\"; };", 3, "not an absolute path" },
                { R "php: {\n params_may_set_ini = 1; };", 3, "true or false" },
                { R "php: { values = [\n \"a=b\",\n \"memory_limit\"\n ]; };",
                  4,
                  "not of the form NAME=VALUE" },
                { R "php: { admin_values = [\n \"=1\" ]; };", 3, "not the name of a php.ini setting" },
                { R "php: { values = \"a=b\"; };", 2, "has to be a list of strings" },
                { R "php: { values = [ 1, 2 ]; };", 2, "has to be a list of strings" },
                { R "php: { values = [ \"a=b\\nc=d\" ]; };", 2, "control character" },
                { R "env = [ \"A=1\",\n\"B\" ];", 3, "not of the form NAME=VALUE" },
                { R "env = [\n\"1A=1\" ];", 3, "not the name of an environment variable" },
                { R "env = [\n\"A-B=1\" ];", 3, "not the name of an environment variable" },
                { R "env = [\n\"A=@credential:\" ];", 3, "not the name of a credential" },
                { R "env = [\n\"A=@credential:a/b\" ];", 3, "not the name of a credential" },
                { R "env = [ \"\" ];", 2, "empty string" },
                { R "resident = \"/srv/x/w.php\";", 2, "relative to root" },
                { R "security: { extensions = [ \".php\",\n \"php\" ]; };", 3, "start with a dot" },
                { R "security: { extensions = [ \".\" ]; };", 2, "follow the dot" },
                { R "site: {\n docroot = \"/public\"; };", 3, "relative to root" },
                { R "site: {\n docroot = \"a/../../b\"; };", 3, "leads out of root" },
                { R "site: { hosts = [ \"a.org\",\n \"A.org\" ]; };", 3, "has \"a.org\" twice" },
                { R "site: { hosts = [\n \"a b\" ]; };", 3, "not a host name" },
                { R "site: { hosts = [\n \"a..b\" ]; };", 3, "a dot too many" },
                { R "site: { hosts = [\n \"a.org.\" ]; };", 3, "a dot too many" },
                { R "site: { hosts = [\n \"-a.org\" ]; };", 3, "'-' may not stand" },
                { R "site: { hosts = [\n \"a.org:80\" ]; };", 3, "ports have no place" },
                { R "site: { hosts = [\n \"a.*.org\" ]; };", 3, "'*' can only be the first" },
                { R "site: { hosts = [\n \"b\xc3\xbc.org\" ]; };", 3, "xn--" },
                { R "site: { hosts = [\n \"[::1\" ]; };", 3, "not an IPv6 address" },
                { R "site: { hosts = [\n \"[\" ]; };", 3, "not an IPv6 address" },
                { R "site: { index = [\n \"a/b\" ]; };", 3, "not a file name" },
                { R "site: {\n front_controller = \"index.php\"; };", 3, "starts with '/'" },
                { R "site: {\n front_controller = \"/../i.php\"; };", 3, "leads out of docroot" },
                { R "site: { deny = [\n \"uploads/*\" ]; };", 3, "can match no path" },
                { R "site: { also = [\n \"var\" ]; };", 3, "not an absolute path" },
                { R "site: { also = [ \"/\" ]; };", 2, "whole file system" },
                { R "site: { rules = [ \"x\" ]; };", 2, "has to be a list of groups" },
                { R "site: { rules = (\n \"x\" ); };", 3, "has to be a list of groups" },
                { R "site: { rules = (\n{ match = \"x\"; } ); };", 3, "site.rules.script is missing" },
                { R "site: { rules = (\n{ match = \"x\"; script = \"/y\"; redirect = \"/z\"; } ); };",
                  3,
                  "stands alone" },
                { R "site: { rules = (\n{ match = \"x\"; redirect = \"/z\"; pool = \"p\"; } ); };",
                  3,
                  "stands alone" },
                { R "site: { rules = (\n{ match = \"x\"; script = \"/y\"; status = \"301\"; } ); };",
                  3,
                  "that of a redirect" },
                { R "site: { rules = ({ match = \"x\";\nredirect = \"y\"; }); };", 3, "neither a path" },
                { R "site: { rules = ({ match = \"x\";\nredirect = \"javascript:x\"; }); };",
                  3,
                  "neither a path" },
                { R "site: { rules = ({ match = \"x\";\nredirect = \"/a b\"; }); };", 3, "a space" },
                { R "site: { rules = ({ match = \"x\"; redirect = \"/a\";\nstatus = \"200\"; }); };",
                  3,
                  "not a redirect" },
                { R "site: { access = (\n{ path = \"/a\"; } ); };", 3, "site.access.from is missing" },
                { R "site: { access = ({ path = \"/a\";\nfrom = \"::1 10.0.0.0/40\"; }); };",
                  3,
                  "not an address" },
                { R "site: {\n https = \"on\"; };", 3, "redirect" },
                { R "site: {\n maintenance = \"/tmp/x\"; };", 3, "relative to root" },
                { R "site: { error_pages = [\n\"200 /x.html\" ]; };", 3, "not of the form" },
                { R "site: { error_pages = [\n\"404 x.html\" ]; };", 3, "starts with '/'" },
                { R "site: { headers = [\n\"X-A=b\" ]; };", 3, "not of the form" },
                { R "site: { headers = [\n\"content-length: 5\" ]; };", 3, "the proxy sets itself" },
                { R "site: { headers = [\n\"X: a\\nY: b\" ]; };", 3, "control character" },
                { R "site: { cache_control = ({ value = \"x\";\nextensions = \".css js\"; }); };",
                  3,
                  "start with a dot" },
                { R "site: {\n precompressed = 1; };", 3, "true or false" },
                { R "site: { internal = ({ path = \"/p\";\nroot = \"/\"; }); };", 3, "whole file system" },
                { R "site: {\n upstream = \"localhost:9000\"; };", 3, "not of the form" },
                { R "site: { rules = ({ match = \"x\";\nscript = \"y\"; }); };", 3, "starts with '/'" },
                { R "site: { rules = ({ match = \"x\";\nto = \"y\"; }); };",
                  3,
                  "unknown key site.rules.to" },
                { R "site: { rules = ({ match = \"x\";\nscript = 1; }); };", 3, "has to be a string" },
                { R "site: { rules = ({ match = \"x\"; script = \"/y\";\npool = \"pool-x\"; }); };",
                  3,
                  "reserved" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                PoolConfig *config = NULL;
                ConfigError error = {};

                directory_write("conf.d/x.conf", bad[i].text);
                test_int(pool_config_load(&config, directory, "x", &error), -EINVAL);
                test_true(!config);
                if (error.line != bad[i].line || !strstr(error.message, bad[i].fragment))
                        test_fail("'%s': line %u: %s", bad[i].text, error.line, error.message);
                test_string(error.file, directory_path("conf.d/x.conf"));
        }
}

static void test_a_pool_has_to_have_a_good_name(void) {
        static const char *const names[] = { "", "pool", "pool-x", "a.b", "../conf.d/x", "-a" };
        PoolConfig *config = NULL;
        ConfigError error = {};

        directory_write("conf.d/x.conf", R);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                test_int(pool_config_load(&config, directory, names[i], &error), -EINVAL);
                test_true(strstr(error.message, "cannot name a pool"));
        }
        test_int(pool_config_load(&config, directory, "none", &error), -ENOENT);
        test_true(strstr(error.message, "No such file"));
        test_true(!config);
}

int main(void) {
        directory_make();
        test_run(test_one_line_is_enough);
        test_run(test_a_resident_script_has_a_name_in_urls);
        test_run(test_every_key_is_read);
        test_run(test_a_dump_is_a_file_that_says_the_same);
        test_run(test_a_read_dump_has_the_values_of_the_file);
        test_run(test_stop_follows_request);
        test_run(test_bad_files_are_refused_with_line_and_reason);
        test_run(test_a_pool_has_to_have_a_good_name);
        return 0;
}
