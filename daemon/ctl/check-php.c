/* SPDX-License-Identifier: MIT */
/*
 * The PHP that a pool will run: its worker, and settings that do not go with the sandbox or with each other
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ctl/checks.h"
#include "ctl/child.h"
#include "ctl/text.h"

#define CHECK_WORKER_USEC (10 * USEC_PER_SEC)

/* A library that is missing shows only when the program is started. */
static void check_worker_starts(Checks *checks) {
        const char *const argv[] = { checks->php.worker, "--version", NULL };
        _cleanup_(freep) char *output = NULL;
        int r = child_run(argv, CHECK_WORKER_USEC, /* with_errors= */ true, &output);

        /* 64: it starts, and takes no such option from a person */
        if (r == 0 || r == EX_USAGE)
                return;
        if (output)
                output[strcspn(output, "\n")] = '\0';
        findings_add(&checks->findings,
                     FINDING_ERROR,
                     FINDING_WORKER,
                     checks->php.worker,
                     "it does not start: %s",
                     r < 0                                                        ? strerror(-r)
                     : output && strstr(output, "cannot open shared object file") ? output
                     : output && *output                                          ? output
                                                                                  : "it ended at once");
}

void check_worker(Checks *checks) {
        char where[1024];

        if (!checks->php.worker) {
                findings_add(&checks->findings,
                             FINDING_ERROR,
                             FINDING_WORKER,
                             checks_where(checks, "php.version", where, sizeof(where)),
                             "no worker is installed: '%s/php-pool-worker-*'",
                             checks->ctl->worker_dir);
                return;
        }
        if (access(checks->php.worker, X_OK) < 0) {
                findings_add(&checks->findings,
                             FINDING_ERROR,
                             FINDING_WORKER,
                             checks_where(checks, "php.version", where, sizeof(where)),
                             "no worker for PHP %s: '%s': %s",
                             checks->php.version,
                             checks->php.worker,
                             strerror(errno));
                return;
        }

        check_worker_starts(checks);
}

static void check_setting_say(Checks *checks,
                              const char *name,
                              FindingLevel level,
                              const char *text,
                              const char *a,
                              const char *b) {
        const PhpSetting *setting = php_get(&checks->php, name);
        char where[1024];

        if (setting)
                (void)finding_where(where, sizeof(where), setting->file, setting->line);
        else
                (void)snprintf(where, sizeof(where), "%s", checks->php.ini ?: checks->config->path);
        findings_add(&checks->findings, level, FINDING_PHP, where, text, a, b);
}

static void check_sizes(Checks *checks) {
        const char *post = php_get_value(&checks->php, "post_max_size", "8M");
        const char *upload = php_get_value(&checks->php, "upload_max_filesize", "2M");
        uint64_t post_bytes = php_parse_bytes(post), upload_bytes = php_parse_bytes(upload);
        uint64_t body = checks->config->body_max;
        char text[24], where[1024];

        if (post_bytes > 0 && upload_bytes > post_bytes)
                check_setting_say(
                        checks,
                        "post_max_size",
                        FINDING_WARNING,
                        "post_max_size = %s is less than upload_max_filesize = %s: of a larger upload a script "
                        "sees nothing, $_POST and $_FILES are empty",
                        post,
                        upload);
        if (post_bytes > 0 && body > 0 && body < post_bytes)
                findings_add(
                        &checks->findings,
                        FINDING_WARNING,
                        FINDING_PHP,
                        checks_where(checks, "limits.body", where, sizeof(where)),
                        "limits.body = %s is less than post_max_size = %s: larger bodies are refused with 413 before "
                        "PHP sees them",
                        text_bytes(text, sizeof(text), body),
                        post);
}

void check_settings(Checks *checks) {
        const char *value;

        if (!php_parse_flag(php_get_value(&checks->php, "file_uploads", "1")))
                check_setting_say(checks,
                                  "file_uploads",
                                  FINDING_NOTE,
                                  "file_uploads is off: $_FILES stays empty%s%s",
                                  "",
                                  "");
        if (!php_parse_flag(php_get_value(&checks->php, "cgi.fix_pathinfo", "1")))
                check_setting_say(
                        checks,
                        "cgi.fix_pathinfo",
                        FINDING_NOTE,
                        "cgi.fix_pathinfo = 0 has no effect here: PATH_INFO is always what follows the script, "
                        "and only existing scripts are run%s%s",
                        "",
                        "");
        if (!php_parse_flag(php_get_value(&checks->php, "log_errors", "1")))
                check_setting_say(checks,
                                  "log_errors",
                                  FINDING_WARNING,
                                  "log_errors is off: the journal has no error of any script%s%s",
                                  "",
                                  "");
        value = php_get_value(&checks->php, "error_log", "");
        if (*value && strcmp(value, "syslog") != 0)
                check_setting_say(
                        checks,
                        "error_log",
                        FINDING_WARNING,
                        "error_log = %s: errors go there, if the pool may write it, and not into the "
                        "journal%s",
                        value,
                        "");
        if (php_parse_flag(php_get_value(&checks->php, "display_errors", "0")))
                check_setting_say(checks,
                                  "display_errors",
                                  FINDING_NOTE,
                                  "display_errors is on: visitors see errors, with paths%s%s",
                                  "",
                                  "");
        check_sizes(checks);
}

/* The program behind the name: its own file, or what Debian's alternatives lead to. */
static bool check_is_setid(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_ISUID | S_ISGID)) != 0;
}

/* A mail program that is not set-id itself hands the mail to one that is, as postfix and nullmailer do. */
static const char *check_find_setid_mailer(const char *path) {
        static const char *const helpers[][2] = {
                { "postfix", "/usr/sbin/postdrop" },
                { "nullmailer", "/usr/sbin/nullmailer-queue" },
                { "qmail", "/var/qmail/bin/qmail-queue" },
        };
        static char real[PATH_MAX];

        if (!realpath(path, real))
                return NULL;
        if (check_is_setid(real))
                return real;
        /* who else than they are installed with /usr/sbin/sendmail */
        for (size_t i = 0; strcmp(path, "/usr/sbin/sendmail") == 0 && i < ELEMENTSOF(helpers); i++)
                if (check_is_setid(helpers[i][1]))
                        return helpers[i][1];

        return NULL;
}

void check_mail(Checks *checks) {
        const char *command = php_get_value(&checks->php, "sendmail_path", "/usr/sbin/sendmail -t -i"),
                   *setid;
        char program[PATH_MAX];

        if (strcmp(checks_service(checks, "NoNewPrivileges"), "no") == 0)
                return;
        if (*command == '\0')
                command = "/usr/sbin/sendmail -t -i";
        (void)snprintf(program, sizeof(program), "%.*s", (int)strcspn(command, " \t"), command);

        setid = check_find_setid_mailer(program);
        if (setid)
                check_setting_say(
                        checks,
                        "sendmail_path",
                        FINDING_WARNING,
                        "mail() does not work: it runs %s, and %s needs the rights of another user or group, "
                        "which the sandbox never gives (NoNewPrivileges=): use msmtp as sendmail_path, or SMTP "
                        "from the application",
                        program,
                        setid);
        else if (access(program, X_OK) < 0)
                check_setting_say(checks,
                                  "sendmail_path",
                                  FINDING_NOTE,
                                  "mail() does not work: %s is not installed%s",
                                  program,
                                  "");
}
