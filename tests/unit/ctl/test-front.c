/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>
#include "ctl/front.h"
#include "ctl/nginx-conf.h"
#include "test.h"

static char directory[] = "/tmp/php-pool-test-front-XXXXXX";

static void write_file(const char *name, const char *text) {
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "w");
        test_true(f);
        fputs(text, f);
        fclose(f);
}

static void make_directory(const char *name) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        test_int(mkdir(path, 0755), 0);
}

static const Front *find(const Fronts *fronts, const char *address) {
        for (size_t i = 0; i < fronts->n_items; i++)
                if (strcmp(fronts->items[i].address, address) == 0)
                        return &fronts->items[i];

        test_fail("no front end for %s", address);
}

static void nginx_is_read_with_all_that_it_includes(void) {
        const Front *front;
        Fronts fronts;

        write_file("nginx/nginx.conf",
                   "user  web \"x\";\n# comment { ; }\nevents { }\nhttp {\n  client_max_body_size 8m;\n"
                   "  upstream php { server unix:/run/a.sock weight=2; server 10.0.0.1:9000; }\n"
                   "  include sites/*.conf;\n  include /no/such/file;\n}\n");
        write_file("nginx/sites/one.conf",
                   "server { server_name one.test *.one.test _ ~^x$; root '/srv/one root';\n"
                   "  location / { try_files $uri $uri/ /index.php?$query_string; }\n"
                   "  location ~ \"\\.php$\" { include ../fastcgi.conf; fastcgi_pass php; }\n}\n");
        write_file("fastcgi.conf", "");
        write_file(
                "nginx/sites/two.conf",
                "server { root /srv/${two}; location ~ \\.php(/|$) { root /srv/two; fastcgi_split_path_info ^(.+\\.php)(/.+)$;"
                " try_files $uri =404; fastcgi_param PATH_INFO $fastcgi_path_info; fastcgi_buffer_size 64k; client_max_body_size 0;"
                " fastcgi_request_buffering off; fastcgi_param HTTP_AUTHORIZATION '';"
                " fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:/run/two.sock:; } }\n");
        test_int(fronts_load(&fronts, directory), 0);
        test_int(fronts.n_items, 3);

        front = find(&fronts, "/run/a.sock");
        test_string(front->root, "/srv/one root");
        test_int(front->n_hosts, 2);
        test_string(front->hosts[1], "*.one.test");
        test_string(front->front_controller, "/index.php");
        test_string(front->user, "web");
        test_true(front->no_script_filename);
        test_true(!front->loses_path_info && !front->loses_authorization && !front->unbuffered);
        test_int(front->head_buffer, 4096);
        test_int(front->body_max, 8 * 1024 * 1024);
        test_string(find(&fronts, "10.0.0.1:9000")->root, "/srv/one root");

        front = find(&fronts, "/run/two.sock");
        test_string(front->root, "/srv/two");
        test_true(front->loses_path_info && front->loses_authorization && front->unbuffered);
        test_true(!front->no_script_filename);
        test_int(front->head_buffer, 64 * 1024);
        test_int(front->body_max, 0);
        fronts_done(&fronts);
}

static void garbage_in_nginx_conf_ends_somewhere(void) {
        static const char *const texts[] = {
                "",
                ";",
                "}",
                "}}}}",
                "{",
                "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
                "\"",
                "a 'b",
                "a \\",
                "#",
                "a",
                "a;b{c;}d",
                "include nginx.conf;",
                "http { include nginx.conf; }",
                "fastcgi_pass;",
                "fastcgi_pass x;",
                "server { fastcgi_pass x; }",
                "\xff\xfe\x01;",
                "a \"\\\"\" '\\'' ;",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                Fronts fronts;

                write_file("nginx/nginx.conf", texts[i]);
                test_int(fronts_load(&fronts, directory), 0);
                fronts_done(&fronts);
        }
        write_file("nginx/nginx.conf", "");
}

static void apache_is_read_by_virtual_hosts(void) {
        const Front *front;
        Fronts fronts;

        write_file(
                "apache2/sites-enabled/a.conf",
                "<VirtualHost *:80>\n ServerName a.test:80\n ServerAlias b.test c.test\n DocumentRoot \"/srv/a\"\n"
                " FallbackResource /index.php\n <FilesMatch \"\\.php$\">\n  SetHandler \"proxy:unix:/run/a.sock|fcgi://localhost\"\n"
                " </FilesMatch>\n</VirtualHost>\n<VirtualHost *:80>\n ServerName d.test\n ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9001/srv/d/$1\n"
                " CGIPassAuth On\n</VirtualHost>\n# SetHandler fcgi://x\n");
        test_int(fronts_load(&fronts, directory), 0);
        test_int(fronts.n_items, 2);
        front = find(&fronts, "/run/a.sock");
        test_int(front->n_hosts, 3);
        test_string(front->hosts[0], "a.test");
        test_string(front->root, "/srv/a");
        test_string(front->front_controller, "/index.php");
        test_true(front->loses_authorization);
        front = find(&fronts, "127.0.0.1:9001");
        test_string(front->hosts[0], "d.test");
        test_true(!front->loses_authorization);
        fronts_done(&fronts);
        write_file("apache2/sites-enabled/a.conf", "");
}

static void a_handler_of_apache_is_for_all_virtual_hosts(void) {
        const Front *front;
        Fronts fronts;

        write_file(
                "apache2/conf-enabled/php.conf",
                "SetEnvIfNoCase ^Authorization$ \"(.+)\" HTTP_AUTHORIZATION=$1\n"
                "<FilesMatch \"\\.php$\">\n  SetHandler \"proxy:unix:/run/all.sock|fcgi://localhost\"\n</FilesMatch>\n");
        test_int(fronts_load(&fronts, directory), 0);
        test_int(fronts.n_items, 1);
        test_true(!fronts.items[0].root && fronts.items[0].n_hosts == 0);
        fronts_done(&fronts);

        write_file(
                "apache2/sites-enabled/a.conf",
                "<VirtualHost *:80>\n ServerName https://a.test:443\n DocumentRoot /srv/a\n</VirtualHost>\n"
                "<VirtualHost *:80>\n ServerName b.test\n DocumentRoot /srv/b\n</VirtualHost>\n"
                "<VirtualHost *:80>\n ServerName c.test\n DocumentRoot /srv/c\n SetHandler \"proxy:unix:/run/c.sock|fcgi://c\"\n"
                "</VirtualHost>\n");
        test_int(fronts_load(&fronts, directory), 0);
        test_int(fronts.n_items, 3);
        front = find(&fronts, "/run/all.sock");
        test_string(front->root, "/srv/a");
        test_string(front->hosts[0], "a.test");
        test_int(front->line, 1);
        test_true(strstr(front->file, "a.conf"));
        test_true(!front->loses_authorization);
        test_string(front->user, "www-data");
        front = find(&fronts, "/run/c.sock");
        test_string(front->root, "/srv/c");
        test_true(!front->loses_authorization);
        front = &fronts.items[2];
        test_string(front->address, "/run/all.sock");
        test_string(front->root, "/srv/b");
        test_int(front->line, 5);
        fronts_done(&fronts);

        write_file(
                "apache2/conf-enabled/php.conf",
                "SetEnvIf ^Authorizations x\nSetHandler proxy:fcgi://127.0.0.1:9000\nRewriteRule . - [E=HTTP_AUTHORIZATION:x]\n");
        test_int(fronts_load(&fronts, directory), 0);
        test_true(find(&fronts, "127.0.0.1:9000")->loses_authorization);
        fronts_done(&fronts);
        write_file("apache2/conf-enabled/php.conf", "");
        write_file("apache2/sites-enabled/a.conf", "");
}

static void haproxy_is_read_by_its_fcgi_apps(void) {
        const Front *front;
        Fronts fronts;

        write_file(
                "haproxy/haproxy.cfg",
                "backend b\n  use-fcgi-app one\n  server s1 /run/one.sock proto fcgi\nbackend c\n  server plain 10.0.0.1:80\n"
                "backend d\n  use-fcgi-app two # comment\n  server s2 127.0.0.1:9000 proto fcgi\n"
                "fcgi-app one\n  docroot /srv/one\nfcgi-app two\n  docroot /srv/two\n  pass-header Authorization\n");
        test_int(fronts_load(&fronts, directory), 0);
        test_int(fronts.n_items, 2);
        front = find(&fronts, "/run/one.sock");
        test_string(front->root, "/srv/one");
        test_true(front->loses_authorization);
        front = find(&fronts, "127.0.0.1:9000");
        test_string(front->root, "/srv/two");
        test_true(!front->loses_authorization);
        fronts_done(&fronts);
}

static void addresses_are_the_same_in_other_words(void) {
        test_true(front_same_address("/var/run/php/a.sock", "/run/php/a.sock"));
        test_true(front_same_address("localhost:9000", "127.0.0.1:9000"));
        test_true(front_same_address("9000", "127.0.0.1:9000"));
        test_true(front_same_address("0.0.0.0:9000", "10.1.1.1:9000"));
        test_true(front_same_address("[::]:9000", "127.0.0.1:9000"));
        test_true(!front_same_address("127.0.0.1:9000", "127.0.0.1:9001"));
        test_true(!front_same_address("10.0.0.1:9000", "127.0.0.1:9000"));
        test_true(!front_same_address("/run/a.sock", "/run/b.sock"));
        test_true(!front_same_address("/run/a.sock", "9000"));
}

int main(void) {
        char command[128];

        test_true(mkdtemp(directory));
        make_directory("nginx");
        make_directory("nginx/sites");
        make_directory("apache2");
        make_directory("apache2/sites-enabled");
        make_directory("apache2/conf-enabled");
        make_directory("haproxy");
        test_run(nginx_is_read_with_all_that_it_includes);
        test_run(garbage_in_nginx_conf_ends_somewhere);
        test_run(apache_is_read_by_virtual_hosts);
        test_run(a_handler_of_apache_is_for_all_virtual_hosts);
        test_run(haproxy_is_read_by_its_fcgi_apps);
        test_run(addresses_are_the_same_in_other_words);
        snprintf(command, sizeof(command), "rm -r %s", directory);
        test_int(system(command), 0);
        return 0;
}
