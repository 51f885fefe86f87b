/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>
#include "ctl/php.h"
#include "test.h"

static char directory[] = "/tmp/php-pool-test-php-XXXXXX";
static Ctl ctl = { .php_dir = directory, .worker_dir = directory };

static void write_file(const char *name, const char *text) {
        FILE *f = fopen(name, "w");

        test_true(f);
        fputs(text, f);
        fclose(f);
}

static const char *in(const char *name) {
        static char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        return path;
}

static void the_directory_of_fpm_comes_before_that_of_libphp(void) {
        Php php;

        write_file("8.2/fpm/php.ini", "precision = 1\n");
        write_file("8.2/embed/conf.d/a.ini", "precision = 2\nserialize_precision = 2\n");
        test_int(php_load_files(&php, &ctl, "8.2", NULL, NULL), 0);
        test_string(php.scan, in("8.2/embed/conf.d"));
        test_string(php_get_value(&php, "precision", ""), "2");
        php_done(&php);

        test_int(mkdir("8.2/fpm/conf.d", 0755), 0);
        write_file("8.2/fpm/conf.d/a.ini", "precision = 3\n");
        test_int(php_load_files(&php, &ctl, "8.2", NULL, NULL), 0);
        test_string(php.scan, in("8.2/fpm/conf.d"));
        test_string(php.ini, in("8.2/fpm/php.ini"));
        test_string(php_get_value(&php, "precision", ""), "3");
        test_string(php_get_value(&php, "serialize_precision", "none"), "none");
        php_done(&php);
}

static void the_units_directories_come_before_both(void) {
        char scan[256];
        Php php;

        test_int(mkdir("more", 0755), 0);
        write_file("more/a.ini", "precision = 4\n");
        snprintf(scan, sizeof(scan), "%s/more:", directory);
        test_int(php_load_files(&php, &ctl, "8.2", NULL, scan), 0);
        snprintf(scan, sizeof(scan), "%s/more:%s/8.2/embed/conf.d", directory, directory);
        test_string(php.scan, scan);
        test_string(php_get_value(&php, "precision", ""), "2");
        php_done(&php);

        snprintf(scan, sizeof(scan), ":%s/more", directory);
        test_int(php_load_files(&php, &ctl, "8.2", NULL, scan), 0);
        test_string(php_get_value(&php, "precision", ""), "4");
        test_string(php_get_value(&php, "serialize_precision", "none"), "2");
        php_done(&php);

        test_int(php_load_files(&php, &ctl, "8.2", NULL, ""), 0);
        test_true(!php.scan);
        test_string(php_get_value(&php, "precision", ""), "1");
        php_done(&php);
}

static void the_pools_values_come_last(void) {
        char *values[] = { (char[]){ "precision=5" }, NULL },
             *admin_values[] = { (char[]){ "serialize_precision=6" }, NULL };
        const PoolConfig config = {
                .path = (char[]){ "/x.conf" },
                .php_version = (char[]){ "8.2" },
                .php_values = values,
                .php_admin_values = admin_values,
        };
        Php php;

        test_int(php_load(&php, &ctl, &config, NULL), 0);
        test_string(php_get_value(&php, "precision", ""), "5");
        test_string(php_get(&php, "serialize_precision")->file, "/x.conf");
        php_done(&php);
}

static void what_is_taken_away_adds_up(void) {
        char *values[] = { (char[]){ "disable_functions=system" },
                           (char[]){ "disable_functions_x=1" },
                           NULL },
             *admin_values[] = { (char[]){ "disable_functions = \"popen,passthru\"" },
                                 (char[]){ "disable_classes=SplHeap" },
                                 NULL };
        const PoolConfig config = {
                .path = (char[]){ "/x.conf" },
                .php_version = (char[]){ "8.2" },
                .php_ini = (char[]){ "lists.ini" },
                .php_values = values,
                .php_admin_values = admin_values,
        };
        Php php;

        write_file("lists.ini", "disable_functions = \"exec\"\n");
        test_int(php_load(&php, &ctl, &config, ""), 0);
        test_string(php_get_value(&php, "disable_functions", ""), "exec,system,  popen,passthru ");
        test_string(php_get_value(&php, "disable_classes", ""), "SplHeap");
        test_string(php_get_value(&php, "disable_functions_x", ""), "1");
        php_done(&php);
}

static void fedora_has_one_for_all(void) {
        char base[256];
        const Ctl fedora = { .php_dir = base, .worker_dir = directory };
        Php php;

        snprintf(base, sizeof(base), "%s/etc-php", directory);
        test_int(mkdir("etc-php.d", 0755), 0);
        write_file("etc-php.ini", "precision = 1\nserialize_precision = 1\n");
        write_file("etc-php.d/a.ini", "precision = 2\n");
        test_int(php_load_files(&php, &fedora, "8.4", NULL, NULL), 0);
        test_string(php.ini, in("etc-php.ini"));
        test_string(php.scan, in("etc-php.d"));
        test_string(php_get_value(&php, "precision", ""), "2");
        test_string(php_get_value(&php, "serialize_precision", ""), "1");
        php_done(&php);

        test_int(mkdir("etc-php", 0755), 0); /* Debian's, with no directory for this version */
        test_int(php_load_files(&php, &fedora, "8.4", NULL, NULL), 0);
        test_true(!php.ini);
        php_done(&php);
}

int main(void) {
        char command[128];

        test_true(mkdtemp(directory));
        test_int(chdir(directory), 0);
        test_int(system("mkdir -p 8.2/fpm 8.2/embed/conf.d"), 0);
        test_run(the_directory_of_fpm_comes_before_that_of_libphp);
        test_run(the_units_directories_come_before_both);
        test_run(the_pools_values_come_last);
        test_run(what_is_taken_away_adds_up);
        test_run(fedora_has_one_for_all);
        snprintf(command, sizeof(command), "rm -r %s", directory);
        test_int(system(command), 0);
        return 0;
}
