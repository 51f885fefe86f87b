/* SPDX-License-Identifier: MIT */
/*
 * doctor: what was said of late, and what it means
 *
 * The journal of the pool, and the end of the error logs of nginx and Apache. The
 * message itself is what people search the web for; the sentence beside it is
 * what is to be done here.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "ctl/doctor.h"
#include "ctl/journal.h"
#include "util/fd.h"
#include "util/parse.h"

#define LOG_PERIOD_USEC (3600 * USEC_PER_SEC)
#define LOG_TAIL        (256 * 1024) /* bytes of a file that are read */

typedef struct LogMeaning LogMeaning;

struct LogMeaning {
        const char *text, *also; /* both stand in the message; NULL: any */
        FindingLevel level;
        const char *meaning;
        bool anonymous; /* Apache names no address in it */
};

static const LogMeaning log_front[] = {
        { "(11: Resource temporarily unavailable)",
          NULL,
          FINDING_ERROR,
          "the backlog of the socket was full: the pool took no connections, or far too many came at once" },
        { "(13: Permission denied)",
          "connect",
          FINDING_ERROR,
          "it may not connect: its user has to be a member of the socket's group (usermod -aG php-pool www-data, "
          "restart it)" },
        { "(13)Permission denied",
          "Unix domain socket",
          FINDING_ERROR,
          "it may not connect: its user has to be a member of the socket's group (usermod -aG php-pool www-data, "
          "restart it)" },
        { "(2: No such file or directory)",
          "connect",
          FINDING_ERROR,
          "the socket was not there: was its unit stopped, or is the path another?" },
        { "(111: Connection refused)", NULL, FINDING_ERROR, "nobody listened there" },
        { "(99: Cannot assign requested address)",
          NULL,
          FINDING_ERROR,
          "it ran out of local TCP ports: use the unix socket, or keep connections (fastcgi_keep_conn)" },
        { "Primary script unknown",
          NULL,
          FINDING_WARNING,
          "a script that it asked for is not there: its root is another than the pool's, or the file is missing" },
        { "upstream sent too big header",
          NULL,
          FINDING_WARNING,
          "a response header was larger than fastcgi_buffer_size: say fastcgi_buffer_size 32k, fastcgi_buffers 8 16k" },
        { "upstream prematurely closed connection",
          NULL,
          FINDING_WARNING,
          "a worker died in the middle of a request; the journal says of what" },
        { "(104: Connection reset by peer)",
          NULL,
          FINDING_WARNING,
          "a worker died in the middle of a request, or the pool was stopped; the journal says which" },
        { "upstream timed out",
          NULL,
          FINDING_WARNING,
          "it waited less long (fastcgi_read_timeout) than the pool lets a request run (timeouts.request)" },
        { "AH01067",
          NULL,
          FINDING_WARNING,
          "the pool closed the connection before it answered; the journal says why",
          .anonymous = true },
        { "AH01071",
          NULL,
          FINDING_WARNING,
          "a script wrote an error; the journal has it with file and line",
          .anonymous = true },
        { "AH01075",
          NULL,
          FINDING_WARNING,
          "the pool did not answer; the journal says why",
          .anonymous = true },
        { "AH01079", NULL, FINDING_ERROR, "it could not connect to the pool" },
};

static const LogMeaning log_journal[] = {
        { "Request refused with 404",
          NULL,
          FINDING_WARNING,
          "a front end asked for a script that is not there; is its document root the pool's?" },
        { "Request refused with 403", NULL, FINDING_WARNING, "a script was refused" },
        { "Allowed memory size of", NULL, FINDING_WARNING, "a script needed more than memory_limit" },
        { "was killed by SIGSYS",
          NULL,
          FINDING_ERROR,
          "a script made a forbidden system call, and SystemCallErrorNumber= of the unit is not EPERM" },
        { "was killed by SIGKILL",
          NULL,
          FINDING_WARNING,
          "a worker was killed: by the kernel for its memory (MemoryMax=), or by timeouts.kill" },
        { "was killed by SIG",
          NULL,
          FINDING_WARNING,
          "a worker crashed: an extension, or the JIT (opcache.jit=off), is the usual cause" },
        { "before it took a request",
          NULL,
          FINDING_ERROR,
          "workers die before they take a request: an extension or auto_prepend_file that fails at once" },
        { "is over timeouts.request", NULL, FINDING_WARNING, "a request ran longer than timeouts.request" },
        { "waited longer than timeouts.queue",
          NULL,
          FINDING_WARNING,
          "all workers were busy for too long: raise workers.max, or find what they wait for" },
        { "PCRE JIT",
          NULL,
          FINDING_WARNING,
          "MemoryDenyWriteExecute=yes in the unit wants admin_values = [ \"pcre.jit=0\" ]" },
        { "rename(",
          "Operation not permitted",
          FINDING_WARNING,
          "SystemCallFilter= of the unit forbids chown: add SystemCallFilter=@chown" },
        { "unable to create a temporary file",
          NULL,
          FINDING_ERROR,
          "uploads fail: upload_tmp_dir cannot be written by the pool" },
        { "Failed to write session data",
          NULL,
          FINDING_ERROR,
          "sessions fail: session.save_path cannot be written by the pool" },
        { "session_start()",
          "failed",
          FINDING_ERROR,
          "sessions fail: session.save_path cannot be used by the pool" },
        { "Read-only file system",
          NULL,
          FINDING_WARNING,
          "a script writes outside its directories: give it the path with ReadWritePaths= in a drop-in" },
        { "Permission denied",
          NULL,
          FINDING_WARNING,
          "a script was not let in: the user of the pool is not the one that the files belong to" },
        { "POST Content-Length of",
          "exceeds the limit",
          FINDING_WARNING,
          "a request body was larger than post_max_size: the script saw an empty $_POST" },
        { "is too small for workers.max", NULL, FINDING_ERROR, "a limit of the unit stops the pool" },
        { "PHP did not start",
          NULL,
          FINDING_ERROR,
          "php.ini, an extension or the preload script is broken" },
        { "sendmail",
          "Permission denied",
          FINDING_WARNING,
          "mail() cannot work through a set-id sendmail: use msmtp, or SMTP" },
        { "postdrop",
          NULL,
          FINDING_WARNING,
          "mail() cannot work through a set-id sendmail: use msmtp, or SMTP" },
};

static const LogMeaning *log_find_meaning(const LogMeaning *meanings, size_t n, const char *message) {
        for (size_t i = 0; i < n; i++)
                if (strstr(message, meanings[i].text) &&
                    (!meanings[i].also || strstr(message, meanings[i].also)))
                        return &meanings[i];

        return NULL;
}

/* Of each kind the last, with how often it was. */
static void log_report(Doctor *doctor,
                       FindingStage stage,
                       const char *where,
                       const LogMeaning *meaning,
                       unsigned int n,
                       const char *message) {
        findings_add(&doctor->checks.findings,
                     meaning->level,
                     stage,
                     where,
                     "%s (%u time%s of late; last: %.300s)",
                     meaning->meaning,
                     n,
                     n == 1 ? "" : "s",
                     message);
}

/* Since the last start, for what was before it may have been mended since; an hour at most. */
static uint64_t log_since(const Doctor *doctor) {
        const char *value = checks_service(&doctor->checks, "InactiveExitTimestampMonotonic");
        uint64_t now = clock_now_usec(), wall = clock_wall_usec(), started;

        if (parse_u64(value, strlen(value), UINT64_MAX, &started) < 0 || started == 0 || started > now)
                return wall - LOG_PERIOD_USEC;

        return wall - MIN2(LOG_PERIOD_USEC, now - started + USEC_PER_SEC);
}

void doctor_journal(Doctor *doctor) {
        _cleanup_(journal_done) Journal journal = {};
        unsigned int counts[ELEMENTSOF(log_journal)] = {};
        const char *last[ELEMENTSOF(log_journal)] = {};
        char unit[UNIT_NAME_MAX];

        if (!doctor->checks.ctl->systemd ||
            journal_load(&journal,
                         unit_name(unit, sizeof(unit), doctor->checks.name, "service"),
                         LOG_NOTICE,
                         log_since(doctor),
                         JOURNAL_ENTRIES_MAX) < 0)
                return;

        doctor->has_journal = true;
        for (size_t i = 0; i < journal.n_entries; i++) {
                const char *message = journal.entries[i].message;
                const LogMeaning *meaning = log_find_meaning(log_journal, ELEMENTSOF(log_journal), message);

                if (!meaning)
                        continue;
                counts[meaning - log_journal]++;
                last[meaning - log_journal] = message;
        }
        for (size_t i = 0; i < ELEMENTSOF(log_journal); i++)
                if (counts[i] > 0)
                        log_report(doctor, FINDING_JOURNAL, NULL, &log_journal[i], counts[i], last[i]);
}

/* The end of the file, from a line's begin; NULL: it cannot be read. */
static char *log_read_tail(const char *path) {
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;
        char *text;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return NULL;
        text = malloc(LOG_TAIL + 1);
        if (!text)
                return NULL;

        n = pread(fd, text, LOG_TAIL, st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0);
        text[MAX2(n, 0)] = '\0';
        for (ssize_t i = 0; i < n; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        return text;
}

/* "2026/03/02 14:05:11 [error]" of nginx, "[Mon Mar 02 14:05:11.123456 2026]" of Apache: is it of the last hour? */
static bool log_is_recent(const char *line) {
        struct tm tm = { .tm_isdst = -1 };
        time_t now = time(NULL), then;
        const char *rest = strptime(line, "%Y/%m/%d %H:%M:%S", &tm);

        if (!rest) {
                rest = strptime(line, "[%a %b %d %H:%M:%S", &tm);
                if (!rest)
                        return false;
                rest += strspn(rest, ".0123456789");
                if (!strptime(rest, " %Y", &tm))
                        return false;
        }
        then = mktime(&tm);
        return then <= now + 60 && now - then < (time_t)(LOG_PERIOD_USEC / USEC_PER_SEC);
}

/* Does Apache speak to this pool? */
static bool log_is_of_our_apache(const Doctor *doctor) {
        for (size_t i = 0; i < doctor->fronts.n_items; i++)
                if (doctor->fronts.items[i].kind == FRONT_APACHE &&
                    doctor_listens_on(doctor, doctor->fronts.items[i].address))
                        return true;

        return false;
}

/* Does the line speak of this pool? Of one of its addresses; or it cannot, and may. */
static bool log_is_ours(const Doctor *doctor, const LogMeaning *meaning, const char *line) {
        const char *value = NULL;
        char path[256];

        if (meaning->anonymous)
                return log_is_of_our_apache(doctor);

        while ((value = units_next(&doctor->checks.socket, 0, "Listen", value))) {
                _cleanup_(freep) char *address = strndup(value, strcspn(value, " "));

                if (address && strstr(line, address))
                        return true;
        }
        (void)snprintf(path, sizeof(path), "/run/php-pool/%s.sock", doctor->checks.name);
        return strstr(line, path) != NULL;
}

static void log_read_file(Doctor *doctor, const char *path) {
        _cleanup_(freep) char *text = log_read_tail(path);
        unsigned int counts[ELEMENTSOF(log_front)] = {};
        const char *last[ELEMENTSOF(log_front)] = {};
        char *saved = NULL;

        if (!text)
                return;

        for (char *line = strtok_r(text, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
                const LogMeaning *meaning = log_find_meaning(log_front, ELEMENTSOF(log_front), line);

                if (!meaning || !log_is_ours(doctor, meaning, line) || !log_is_recent(line))
                        continue;
                counts[meaning - log_front]++;
                last[meaning - log_front] = line;
        }
        for (size_t i = 0; i < ELEMENTSOF(log_front); i++)
                if (counts[i] > 0)
                        log_report(doctor, FINDING_FRONT, path, &log_front[i], counts[i], last[i]);
}

void doctor_front_logs(Doctor *doctor) {
        static const char *const files[] = { "nginx/error.log", "apache2/error.log", "httpd/error_log" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%s/%s", doctor->log_dir, files[i]);
                log_read_file(doctor, path);
        }
}
