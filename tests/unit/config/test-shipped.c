/* SPDX-License-Identifier: MIT */
/*
 * The shipped files and the manual page against the tables of keys, of which a
 * dump shows every one. SOURCE_ROOT: the source tree.
 */
#include "config/pool.h"
#include "config/proxy.h"
#include "directory.h"
#include "util/fd.h"

static char *read_source(const char *name) {
        const char *root = getenv("SOURCE_ROOT");
        char path[512], *text = NULL;
        size_t size;

        test_true(root);
        (void)snprintf(path, sizeof(path), "%s/%s", root, name);
        if (fd_read_file(path, 1 << 20, &text, &size) < 0)
                test_fail("cannot read %s", path);
        return text;
}

/* "#key = value;" becomes a setting; "# words" stays a comment. */
static void uncomment(char *text) {
        for (char *line = text; line; line = strchr(line, '\n')) {
                line += strspn(line, "\n ");
                if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z')
                        line[0] = ' ';
        }
}

static PoolConfig *load_pool(const char *text) {
        PoolConfig *config = NULL;
        ConfigError error = {};

        directory_write("conf.d/x.conf", text);
        if (pool_config_load(&config, directory, "x", &error) != 0)
                test_fail("line %u: %s", error.line, error.message);
        return config;
}

static char *dump_pool(const char *text) {
        PoolConfig *config = load_pool(text);
        char *dump = NULL;
        size_t size;
        FILE *f = open_memstream(&dump, &size);

        test_int(pool_config_dump(config, f), 0);
        test_int(fclose(f), 0);
        pool_config_free(config);
        return dump;
}

static char *dump_proxy(const char *text) {
        ProxyConfig *config = NULL;
        ConfigError error = {};
        char *dump = NULL;
        size_t size;
        FILE *f = open_memstream(&dump, &size);

        directory_make();
        directory_write("proxy.conf", text);
        if (proxy_config_load(&config, directory, &error) != 0)
                test_fail("line %u: %s", error.line, error.message);
        test_int(proxy_config_dump(config, f), 0);
        test_int(fclose(f), 0);
        proxy_config_free(config);
        return dump;
}

/* Each "key = value;" of a dump, as "group.key" and "key = value;". */
static size_t for_each_key(char *dump,
                           void (*call)(const char *key, const char *setting, const char *in),
                           const char *in) {
        char group[64] = "", key[128], *rest = dump, *line;
        size_t n = 0;

        while ((line = strsep(&rest, "\n"))) {
                char *equals = strstr(line, " = ");

                line += strspn(line, " ");
                if (!equals) {
                        size_t size = strcspn(line, ":");

                        if (line[size] == ':')
                                (void)snprintf(group, sizeof(group), "%.*s.", (int)size, line);
                        else if (strcmp(line, "};") == 0)
                                group[0] = '\0';
                        continue;
                }
                (void)snprintf(key, sizeof(key), "%s%.*s", group, (int)(equals - line), line);
                call(key, line, in);
                n++;
        }
        return n;
}

static void expect_commented(const char *key, const char *setting, const char *text) {
        char wanted[512];
        const char *p;

        if (strcmp(key, "root") == 0)
                return;
        (void)snprintf(wanted, sizeof(wanted), "#%s\n", setting);
        for (p = strstr(text, wanted); p; p = strstr(p + 1, wanted)) {
                const char *line = p;

                /* the line before it explains it */
                while (line > text && line[-1] != '\n')
                        line--;
                for (line--; line > text && line[-1] != '\n';)
                        line--;
                line += strspn(line, " ");
                if (line[0] == '#' && line[1] == ' ')
                        return;
        }
        test_fail("%s: no '#%s' below a line of explanation", key, setting);
}

static void expect_in_manual(const char *key, const char *setting, const char *text) {
        char wanted[256];
        const char *value = strstr(setting, " = ") + 3;

        (void)snprintf(wanted,
                       sizeof(wanted),
                       "\n*%s* (default: %.*s)\n",
                       key,
                       (int)strlen(value) - 1,
                       value);
        if (strcmp(key, "root") == 0)
                (void)snprintf(wanted, sizeof(wanted), "\n*root* (required)\n");
        if (strcmp(key, "timeouts.stop") == 0)
                (void)snprintf(wanted,
                               sizeof(wanted),
                               "\n*timeouts.stop* (default: *timeouts.request* and 5s");
        if (!strstr(text, wanted))
                test_fail("not in the manual: %s", wanted);
}

static void test_the_example_site_shows_every_key_with_its_default(void) {
        char *text = read_source("conf.d/www.conf.example"), *dump = dump_pool(text), *again;

        test_true(for_each_key(dump, expect_commented, text) > 30);
        free(dump);

        dump = dump_pool(text);
        uncomment(text);
        again = dump_pool(text);
        test_string(again, dump);
        free(again);
        free(dump);
        free(text);
}

static void test_proxy_conf_shows_every_key_with_its_default(void) {
        char *text = read_source("conf.d/proxy.conf"), *dump = dump_proxy(text), *again;

        test_true(for_each_key(dump, expect_commented, text) >= 9);
        free(dump);

        dump = dump_proxy(text);
        uncomment(text);
        again = dump_proxy(text);
        test_string(again, dump);
        free(again);
        free(dump);
        free(text);
}

static void test_the_manual_describes_every_key_with_its_default(void) {
        char *manual = read_source("daemon/config/php-pool.conf.5.scd"), *dump;

        dump = dump_pool("root = \"/srv/x\";");
        (void)for_each_key(dump, expect_in_manual, manual);
        free(dump);
        dump = dump_proxy("");
        (void)for_each_key(dump, expect_in_manual, manual);
        free(dump);
        free(manual);
}

static void test_the_examples_load(void) {
        static const char *const names[] = { "dokuwiki", "drupal", "laravel", "symfony", "wordpress" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char name[64], *text;

                (void)snprintf(name, sizeof(name), "conf.d/examples/%s.conf", names[i]);
                text = read_source(name);
                pool_config_free(load_pool(text));
                free(text);
        }
}

int main(void) {
        directory_make();
        test_run(test_the_example_site_shows_every_key_with_its_default);
        test_run(test_proxy_conf_shows_every_key_with_its_default);
        test_run(test_the_manual_describes_every_key_with_its_default);
        test_run(test_the_examples_load);
        return 0;
}
