/* SPDX-License-Identifier: MIT */
/*
 * doctor: the units
 *
 * What systemd says when it could not start something is a number (systemd.exec(5), "Process Exit
 * Codes") or a word (Result=); here they become sentences.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "ctl/doctor.h"
#include "util/fd.h"

static const struct {
        const char *status;
        const char *text;
} doctor_statuses[] = {
        { "64", "the command line in ExecStart= is wrong" },
        { "78", "its configuration is wrong, or it was given no socket" },
        { "200", "its WorkingDirectory= cannot be entered (200/CHDIR)" },
        { "203", "its program cannot be run (203/EXEC)" },
        { "205", "a limit cannot be set (205/LIMITS)" },
        { "216", "Group= or SupplementaryGroups= names a group that does not exist (216/GROUP)" },
        { "217", "its user cannot be made or found (217/USER)" },
        { "218", "a capability cannot be given (218/CAPABILITIES)" },
        { "226",
          "its sandbox cannot be built: a path in BindPaths=, ReadWritePaths= or the like does not exist, or this "
          "container may not mount (226/NAMESPACE)" },
        { "228", "SystemCallFilter= cannot be applied (228/SECCOMP)" },
        { "233", "RuntimeDirectory= cannot be made (233/RUNTIME_DIRECTORY)" },
        { "238", "StateDirectory= cannot be made (238/STATE_DIRECTORY)" },
        { "239", "CacheDirectory= cannot be made (239/CACHE_DIRECTORY)" },
        { "243", "a file of LoadCredential= does not exist or cannot be read (243/CREDENTIALS)" },
};

/* A static group of the dynamic user's name, or a user without the group, stands in its way. */
static void doctor_user(Doctor *doctor) {
        const char *user = checks_service(&doctor->checks, "User");

        if (*user && getgrnam(user) && !getpwnam(user))
                findings_add(
                        &doctor->checks.findings,
                        FINDING_ERROR,
                        FINDING_UNIT,
                        "/etc/group",
                        "there is a group '%s', and systemd makes no dynamic user of that name beside it: rename "
                        "or remove the group",
                        user);
}

static void doctor_service(Doctor *doctor) {
        Checks *checks = &doctor->checks;
        const char *active = checks_service(checks, "ActiveState"),
                   *sub = checks_service(checks, "SubState");
        const char *status = checks_service(checks, "ExecMainStatus"),
                   *result = checks_service(checks, "Result");
        const char *text = NULL;

        if (strcmp(active, "failed") != 0 && strcmp(sub, "auto-restart") != 0)
                return;

        for (size_t i = 0; i < ELEMENTSOF(doctor_statuses); i++)
                if (strcmp(doctor_statuses[i].status, status) == 0)
                        text = doctor_statuses[i].text;
        if (strcmp(result, "oom-kill") == 0)
                text = "the kernel killed it for its memory (MemoryMax=, or the machine's)";
        else if (strcmp(result, "timeout") == 0)
                text = "it did not become ready, or end, in time (TimeoutStartSec=, TimeoutStopSec=)";
        else if (strcmp(result, "watchdog") == 0)
                text = "its manager did not answer in time (WatchdogSec=)";
        else if (strcmp(result, "start-limit-hit") == 0)
                text = "it was started too often in a row (StartLimitBurst=), and systemd gave up";
        else if (strcmp(result, "resources") == 0)
                text = "systemd could not prepare it; `systemctl status` says with what it failed";

        findings_add(&checks->findings,
                     FINDING_ERROR,
                     FINDING_UNIT,
                     NULL,
                     "php-pool@%s.service %s: %s%s%s",
                     checks->name,
                     strcmp(active, "failed") == 0 ? "has failed"
                                                   : "dies as soon as it is started, again and again",
                     text ?: "its main process ended with status ",
                     text ? "" : status,
                     *checks_service(checks, "StatusText") ? "" : "");
        if (strcmp(status, "217") == 0)
                doctor_user(doctor);
        if (*checks_service(checks, "StatusText"))
                findings_add(&checks->findings,
                             FINDING_ERROR,
                             FINDING_UNIT,
                             NULL,
                             "its last words: %s",
                             checks_service(checks, "StatusText"));
}

void doctor_unit(Doctor *doctor) {
        Checks *checks = &doctor->checks;

        if (!checks->ctl->systemd) {
                findings_add(&checks->findings,
                             FINDING_NOTE,
                             FINDING_UNIT,
                             NULL,
                             "systemd does not run here, so there are no units to look at");
                return;
        }

        if (checks->service.n_blocks == 0)
                findings_add(&checks->findings,
                             FINDING_NOTE,
                             FINDING_UNIT,
                             NULL,
                             "systemctl does not tell of the units");
        doctor_service(doctor);
        /* it will fail at the next start, even if it has not yet */
        if (strcmp(checks_service(checks, "DynamicUser"), "yes") == 0 &&
            strcmp(checks_service(checks, "ExecMainStatus"), "217") != 0)
                doctor_user(doctor);
}

/* Why the socket unit failed. */
static const char *doctor_socket_result(const char *result) {
        if (strcmp(result, "service-start-limit-hit") == 0)
                return "the service was started too often in a row, and systemd closed the socket with it "
                       "(StartLimitIntervalSec= has to be 0)";
        if (strcmp(result, "trigger-limit-hit") == 0)
                return "it started the service too often in a row (TriggerLimitBurst=): does the service end at once, "
                       "or is timeouts.idle_exit too short?";
        if (strcmp(result, "resources") == 0)
                return "it cannot listen: the address is taken, or the group of SocketGroup= does not exist";
        if (strcmp(result, "exit-code") == 0)
                return "its check of the pool's name failed, or another command of it";
        return result;
}

bool doctor_listens_on(const Doctor *doctor, const char *address) {
        const char *value = NULL;

        while ((value = units_next(&doctor->checks.socket, 0, "Listen", value))) {
                _cleanup_(freep) char *listens = strndup(value, strcspn(value, " "));

                if (listens && front_same_address(listens, address))
                        return true;
        }

        /* where systemd cannot be asked there is still the usual place */
        if (doctor->checks.socket.n_blocks == 0) {
                char path[256];

                (void)snprintf(path, sizeof(path), "/run/php-pool/%s.sock", doctor->checks.name);
                return front_same_address(path, address);
        }
        return false;
}

/*
 * Is there a place in the backlog? Only while the service runs, because a
 * connection to a socket that systemd watches wakes it.
 */
static void doctor_connect(Doctor *doctor, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
                return;
        strcpy(address.sun_path, path);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
                return;

        if (errno == EAGAIN)
                findings_add(
                        &doctor->checks.findings,
                        FINDING_ERROR,
                        FINDING_SOCKET,
                        path,
                        "its backlog is full: front ends get \"Resource temporarily unavailable\" (502); the pool "
                        "takes no connections, or far too many come");
        else
                findings_add(&doctor->checks.findings,
                             FINDING_ERROR,
                             FINDING_SOCKET,
                             path,
                             "nobody listens there: %s",
                             strerror(errno));
}

static void doctor_socket_file(Doctor *doctor, const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0) {
                findings_add(
                        &doctor->checks.findings,
                        FINDING_ERROR,
                        FINDING_SOCKET,
                        path,
                        "it is gone although the unit is active: somebody removed it; 'systemctl restart "
                        "php-pool@%s.socket' makes it anew",
                        doctor->checks.name);
                return;
        }
        if (!S_ISSOCK(st.st_mode)) {
                findings_add(&doctor->checks.findings,
                             FINDING_ERROR,
                             FINDING_SOCKET,
                             path,
                             "it is not a socket");
                return;
        }
        if (strcmp(checks_service(&doctor->checks, "ActiveState"), "active") == 0)
                doctor_connect(doctor, path);
}

void doctor_socket(Doctor *doctor) {
        Checks *checks = &doctor->checks;
        const char *active = checks_socket(checks, "ActiveState"), *value = NULL;

        if (checks->socket.n_blocks == 0)
                return;

        if (strcmp(active, "failed") == 0)
                findings_add(
                        &checks->findings,
                        FINDING_ERROR,
                        FINDING_SOCKET,
                        NULL,
                        "php-pool@%s.socket has failed, nobody listens: %s; when the cause is gone: systemctl "
                        "reset-failed php-pool@%s.socket php-pool@%s.service && systemctl start php-pool@%s.socket",
                        checks->name,
                        doctor_socket_result(checks_socket(checks, "Result")),
                        checks->name,
                        checks->name,
                        checks->name);
        else if (strcmp(active, "active") != 0)
                findings_add(
                        &checks->findings,
                        FINDING_ERROR,
                        FINDING_SOCKET,
                        NULL,
                        "php-pool@%s.socket is %s, so nobody listens: systemctl enable --now php-pool@%s.socket",
                        checks->name,
                        active,
                        checks->name);
        else if (strcmp(checks_socket(checks, "UnitFileState"), "enabled") != 0 &&
                 strcmp(checks_service(checks, "UnitFileState"), "enabled") != 0)
                findings_add(&checks->findings,
                             FINDING_NOTE,
                             FINDING_SOCKET,
                             NULL,
                             "neither socket nor service is enabled: after a boot nobody will listen");

        while (strcmp(active, "active") == 0 && (value = units_next(&checks->socket, 0, "Listen", value))) {
                _cleanup_(freep) char *address = strndup(value, strcspn(value, " "));

                if (address && *address == '/')
                        doctor_socket_file(doctor, address);
        }
        if (!getgrnam("php-pool"))
                findings_add(&checks->findings,
                             FINDING_ERROR,
                             FINDING_SOCKET,
                             "/etc/group",
                             "there is no group 'php-pool', which the socket is for: run systemd-sysusers");
}
