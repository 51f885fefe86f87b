/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "ctl/unit-file.h"
#include "test.h"

static UnitFile parse(const char *text) {
        char *unknown = NULL;
        UnitFile file;

        test_int(unit_file_parse(&file, strdup(text), "php-pool@my-site.service", &unknown), 0);
        return file;
}

static void settings_come_in_order_with_their_files(void) {
        UnitFile file = parse(
                "# /usr/lib/systemd/system/php-pool@.service\n"
                "[Unit]\nDescription=PHP pool %i\n\n[Service]\nUser=php-%i\nLimitNPROC=256\n"
                "; a comment\n# another\n  StateDirectory = a b  \n"
                "# /etc/systemd/system/php-pool@my-site.service.d/x.conf\n[Service]\nLimitNPROC=512\nEmpty=\n");

        test_int(file.n_settings, 6);
        test_string(file.settings[0].value, "PHP pool my-site");
        test_string(file.settings[0].section, "Unit");
        test_string(file.settings[1].value, "php-my-site");
        test_string(file.settings[3].value, "a b");
        test_string(file.settings[4].file, "/etc/systemd/system/php-pool@my-site.service.d/x.conf");
        test_string(file.settings[5].value, "");
        test_string(unit_file_get(&file, "Service", "LimitNPROC")->value, "512");
        test_true(!unit_file_get(&file, "Unit", "LimitNPROC"));
        unit_file_done(&file);
}

static void lines_go_on_behind_a_backslash(void) {
        UnitFile file = parse(
                "[Service]\nExecStart=/bin/a \\\n        b \\\n# in between\n; and this\n        c\nUser=x\n"
                "# a comment with one \\\nGroup=y\nLast=\\");

        test_int(file.n_settings, 4);
        test_true(strstr(file.settings[0].value, "/bin/a"));
        test_true(strstr(file.settings[0].value, " b "));
        test_true(strstr(file.settings[0].value, " c"));
        test_true(!strstr(file.settings[0].value, "between"));
        test_string(file.settings[1].value, "x");
        test_string(file.settings[2].value, "y");
        test_string(file.settings[3].value, "");
        unit_file_done(&file);
}

static void specifiers_are_filled_in_or_refused(void) {
        char *unknown = NULL;
        UnitFile file = parse("[Service]\nA=%S/%C/%t/%E/%L\nB=%n %N %p %i\nC=%d/key\nD=100%% \nE=%T%V\n");

        test_string(file.settings[0].value, "/var/lib//var/cache//run//etc//var/log");
        test_string(file.settings[1].value, "php-pool@my-site.service php-pool@my-site php-pool my-site");
        test_string(file.settings[2].value, "/run/credentials/php-pool@my-site.service/key");
        test_string(file.settings[3].value, "100%");
        test_string(file.settings[4].value, "/tmp/var/tmp");
        unit_file_done(&file);

        test_int(unit_file_parse(&file,
                                 strdup("# /x\n[Service]\nEnvironment=A=%q\n"),
                                 "php-pool@a.service",
                                 &unknown),
                 -EOPNOTSUPP);
        test_string(unknown, "Environment=A=%q in /x");
        free(unknown);
        test_int(unit_file_parse(&file, strdup("[Service]\nA=%"), "php-pool@a.service", &unknown),
                 -EOPNOTSUPP);
        free(unknown);
        test_int(unit_file_parse(&file, strdup("[Service]\nA=%i"), "no-instance.service", &unknown),
                 -EOPNOTSUPP);
        free(unknown);
}

static void specifiers_of_the_machine_are_those_of_systemd(void) {
        char host[65], *boot;
        UnitFile file = parse("[Service]\nA=%H\nB=%b\nC=%v\nD=%I\n");

        test_int(gethostname(host, sizeof(host)), 0);
        test_string(file.settings[0].value, host);
        boot = file.settings[1].value;
        test_int(strlen(boot), 32);
        test_int(strspn(boot, "0123456789abcdef"), 32);
        test_true(file.settings[2].value[0] >= '1' && file.settings[2].value[0] <= '9');
        test_string(file.settings[3].value, "my/site");
        unit_file_done(&file);

        test_int(unit_file_parse(&file, strdup("[Service]\nA=%I\n"), "p@a\\x2db.service", NULL), 0);
        test_string(file.settings[0].value, "a-b");
        unit_file_done(&file);
}

static void garbage_is_no_setting(void) {
        UnitFile file = parse("no section\n[Service\n]\n=\n=x\nA\n[]\nB=1\n\n\n");

        test_string(file.settings[file.n_settings - 1].key, "B");
        unit_file_done(&file);
        file = parse("");
        test_int(file.n_settings, 0);
        unit_file_done(&file);
}

int main(void) {
        test_run(settings_come_in_order_with_their_files);
        test_run(lines_go_on_behind_a_backslash);
        test_run(specifiers_are_filled_in_or_refused);
        test_run(specifiers_of_the_machine_are_those_of_systemd);
        test_run(garbage_is_no_setting);
        return 0;
}
