/* SPDX-License-Identifier: MIT */
/*
 * Drop-ins that take away what a pool needs
 *
 * A unit that somebody hardened, or wrote anew after another's example, starts
 * and then fails in ways that do not lead back to it: a socket that is gone for
 * good after five starts, all pools as one user, a warning of preg_match(). The
 * properties in force are looked at, and the file that is to blame is named.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include "ctl/checks.h"

#define CHECK_FRONTS "php-pool" /* SocketGroup= of every pool */

/* Is @word in the list, which spaces part? */
static bool check_has_word(const char *list, const char *word) {
        size_t n = strlen(word);

        for (const char *p = list; (p = strstr(p, word)); p += n)
                if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
                        return true;

        return false;
}

static void
check_unit_say(Checks *checks, FindingLevel level, const char *section, const char *key, const char *text) {
        const UnitSetting *setting = unit_file_get(&checks->service_file, section, key);

        findings_add(&checks->findings, level, FINDING_UNIT, setting ? setting->file : NULL, "%s", text);
}

/* Properties that are to have one value. */
static void check_unit_values(Checks *checks) {
        static const struct {
                const char *property, *good;
                FindingLevel level;
                const char *section, *key, *text;
        } values[] = {
                { "Type",
                  "notify",
                  FINDING_ERROR,
                  "Service",
                  "Type",
                  "Type= has to be notify: with another one systemd does not know when the pool is ready, and no "
                  "reload is possible (notify-reload counts as none before systemd 253)" },
                { "NotifyAccess",
                  "main",
                  FINDING_WARNING,
                  "Service",
                  "NotifyAccess",
                  "NotifyAccess= is not main: scripts of the pool can tell systemd what they like" },
                { "OOMPolicy",
                  "continue",
                  FINDING_WARNING,
                  "Service",
                  "OOMPolicy",
                  "OOMPolicy= is not continue: one worker that the kernel kills for its memory stops the whole pool" },
                { "KillMode",
                  "mixed",
                  FINDING_WARNING,
                  "Service",
                  "KillMode",
                  "KillMode= is not mixed: a stop would signal the workers in the middle of their requests" },
                { "StartLimitIntervalUSec",
                  "0",
                  FINDING_WARNING,
                  "Unit",
                  "StartLimitIntervalSec",
                  "StartLimitIntervalSec= is not 0: after a few starts in a row systemd closes the socket for good" },
                { "SystemCallErrorNumber",
                  "1",
                  FINDING_WARNING,
                  "Service",
                  "SystemCallErrorNumber",
                  "SystemCallErrorNumber= is not EPERM: a script that makes a forbidden system call is killed (SIGSYS) "
                  "instead of getting an error" },
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                const char *is = checks_service(checks, values[i].property);

                if (*is && strcmp(is, values[i].good) != 0)
                        check_unit_say(checks,
                                       values[i].level,
                                       values[i].section,
                                       values[i].key,
                                       values[i].text);
        }
}

/* systemd leaves out what it does not understand, and says so in the journal alone. */
static void check_unit_type(Checks *checks) {
        const UnitSetting *type = unit_file_get(&checks->service_file, "Service", "Type");

        if (type && *checks_service(checks, "Type") &&
            strcmp(type->value, checks_service(checks, "Type")) != 0)
                findings_add(&checks->findings,
                             FINDING_WARNING,
                             FINDING_UNIT,
                             type->file,
                             "Type=%s is not known to this systemd, which goes on with Type=%s",
                             type->value,
                             checks_service(checks, "Type"));
        if (strcmp(checks_service(checks, "CanReload"), "no") == 0)
                check_unit_say(checks,
                               FINDING_WARNING,
                               "Service",
                               "ExecReload",
                               "ExecReload= is empty: 'systemctl reload' is not possible");
}

/* Its user's own groups, and those of the unit: systemd gives a service both. */
static bool check_is_front(Checks *checks, const char *user) {
        const struct group *group = getgrnam(CHECK_FRONTS);
        const struct passwd *passwd;

        if (check_has_word(checks_service(checks, "SupplementaryGroups"), CHECK_FRONTS) ||
            strcmp(checks_service(checks, "Group"), CHECK_FRONTS) == 0)
                return true;
        if (!group)
                return false;
        for (char **member = group->gr_mem; *member; member++)
                if (strcmp(*member, user) == 0)
                        return true;

        passwd = getpwnam(user);
        return passwd && passwd->pw_gid == group->gr_gid;
}

static void check_unit_user(Checks *checks) {
        const char *user = checks_service(checks, "User");

        /* without User= systemd takes the name before the "@" */
        if (strcmp(checks_service(checks, "DynamicUser"), "yes") == 0 &&
            (*user == '\0' || strcmp(user, "php-pool") == 0))
                check_unit_say(
                        checks,
                        FINDING_ERROR,
                        "Service",
                        "User",
                        "DynamicUser=yes without User=: all pools of this template would be the same user; say "
                        "User=php-%i");
        else if (strcmp(user, "root") == 0 || strcmp(user, "0") == 0)
                check_unit_say(checks, FINDING_WARNING, "Service", "User", "User= is root: every script is");
        else if (check_is_front(checks, user))
                check_unit_say(
                        checks,
                        FINDING_ERROR,
                        "Service",
                        "User",
                        "User= is a member of the group php-pool, as front ends are: scripts of this pool can ask "
                        "every other pool to run theirs; give it a user of its own");
}

static void check_unit_code(Checks *checks) {
        const char *calls = checks_service(checks, "SystemCallFilter");
        bool denied = *calls == '~';

        /* the JIT of PCRE is on unless pcre.jit says otherwise; that of opcache is off by default */
        if (strcmp(checks_service(checks, "MemoryDenyWriteExecute"), "yes") == 0 &&
            php_parse_flag(php_get_value(&checks->php, "pcre.jit", "1")))
                check_unit_say(
                        checks,
                        FINDING_WARNING,
                        "Service",
                        "MemoryDenyWriteExecute",
                        "MemoryDenyWriteExecute=yes with pcre.jit on: every preg_match() warns that JIT memory "
                        "cannot be allocated; say admin_values = [ \"pcre.jit=0\", \"opcache.jit=off\" ]");

        if (*calls && check_has_word(calls + denied, "chown") == denied)
                check_unit_say(
                        checks,
                        FINDING_WARNING,
                        "Service",
                        "SystemCallFilter",
                        "SystemCallFilter= forbids chown: PHP's rename() from /tmp to another directory warns "
                        "\"Operation not permitted\"; add SystemCallFilter=@chown");
}

/* The next path of a list as systemctl prints it, without what systemd may be told before it; false: there is none. */
static bool check_next_path(const char **list, char *ret, size_t size) {
        size_t n;

        *list += strspn(*list, " ");
        *list += strspn(*list, "-+");
        n = strcspn(*list, " ");
        (void)snprintf(ret, size, "%.*s", (int)n, *list);
        *list += n;
        return n > 0;
}

/*
 * What ReadWritePaths= opens is a mount of its own, and when systemd sets noexec on a mount it leaves out those
 * below it that it has made itself: the same path has to be in NoExecPaths=, and no other will do.
 */
static void check_unit_written(Checks *checks) {
        const char *written = checks_service(checks, "ReadWritePaths");
        char path[1024], other[1024], text[1280];

        while (check_next_path(&written, path, sizeof(path))) {
                const char *noexec = checks_service(checks, "NoExecPaths");
                bool named = false;

                if (*noexec == '\0')
                        return;
                while (!named && check_next_path(&noexec, other, sizeof(other)))
                        named = strcmp(path, other) == 0;
                if (named)
                        continue;
                (void)snprintf(
                        text,
                        sizeof(text),
                        "ReadWritePaths= opens %s, and what PHP writes there can be executed: name the same path "
                        "in NoExecPaths=, \"/\" does not reach it",
                        path);
                check_unit_say(checks, FINDING_WARNING, "Service", "ReadWritePaths", text);
        }
}

static void check_unit_places(Checks *checks) {
        const char *noexec = checks_service(checks, "NoExecPaths"),
                   *runtime = checks_service(checks, "RuntimeDirectory");
        const char *state = checks_service(checks, "StateDirectory");
        char wanted[128], text[512];

        if (*runtime || checks->service.n_blocks > 0) {
                (void)snprintf(wanted, sizeof(wanted), "php-pool.d/%s", checks->name);
                (void)snprintf(
                        text,
                        sizeof(text),
                        "RuntimeDirectory= does not have %s: there is no control socket there%s",
                        wanted,
                        check_has_word(runtime, "php-pool")
                                ? ", and systemd removes /run/php-pool, where the sockets are, when the pool stops"
                                : "");
                if (!check_has_word(runtime, wanted) || check_has_word(runtime, "php-pool"))
                        check_unit_say(checks, FINDING_ERROR, "Service", "RuntimeDirectory", text);
        }
        if (checks->service.n_blocks == 0)
                return;

        if (!strstr(checks_service(checks, "TemporaryFileSystem"), "/dev/shm"))
                check_unit_say(checks,
                               FINDING_WARNING,
                               "Service",
                               "TemporaryFileSystem",
                               "/dev/shm is shared with everyone: TemporaryFileSystem= does not have it");
        (void)snprintf(wanted, sizeof(wanted), "/var/lib/%s", state);
        if (*noexec && (!check_has_word(noexec, "/tmp") || (*state && !check_has_word(noexec, wanted)))) {
                (void)snprintf(
                        text,
                        sizeof(text),
                        "NoExecPaths= leaves out %s: mounts of their own have to be named, \"/\" does not reach "
                        "them",
                        check_has_word(noexec, "/tmp") ? wanted : "/tmp");
                check_unit_say(checks, FINDING_WARNING, "Service", "NoExecPaths", text);
        }
        if (!strstr(checks_service(checks, "Environment"), "HOME="))
                check_unit_say(
                        checks,
                        FINDING_WARNING,
                        "Service",
                        "Environment",
                        "Environment= has no HOME: a dynamic user has none, and programs write to / then");
}

static void check_unit_socket(Checks *checks) {
        const UnitSetting *setting = unit_file_get(&checks->socket_file, "Socket", "Backlog");
        const char *mode = checks_socket(checks, "SocketMode");
        long backlog = strtol(checks_socket(checks, "Backlog"), NULL, 10);

        if (*checks_socket(checks, "Backlog") && backlog < 128)
                findings_add(
                        &checks->findings,
                        FINDING_WARNING,
                        FINDING_SOCKET,
                        setting ? setting->file : NULL,
                        "Backlog=%ld is small: in a burst or a restart front ends get \"Resource temporarily "
                        "unavailable\"",
                        backlog);

        setting = unit_file_get(&checks->socket_file, "Socket", "SocketMode");
        if (*mode && strtol(mode, NULL, 8) & 0006)
                findings_add(
                        &checks->findings,
                        FINDING_WARNING,
                        FINDING_SOCKET,
                        setting ? setting->file : NULL,
                        "SocketMode=%s lets every user of the system run any script of the pool as its user",
                        mode);
}

void check_unit(Checks *checks) {
        if (checks->service.n_blocks > 0 && strcmp(checks_service(checks, "LoadState"), "loaded") != 0) {
                findings_add(&checks->findings,
                             FINDING_ERROR,
                             FINDING_UNIT,
                             NULL,
                             "The unit php-pool@%s.service is %s",
                             checks->name,
                             checks_service(checks, "LoadState"));
                return;
        }

        check_unit_values(checks);
        check_unit_type(checks);
        check_unit_user(checks);
        check_unit_code(checks);
        check_unit_places(checks);
        check_unit_written(checks);
        check_unit_socket(checks);
}
