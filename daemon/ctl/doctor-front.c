/* SPDX-License-Identifier: MIT */
/*
 * doctor: what stands before the pool
 *
 * Our own proxy, and the front ends of others that are configured on this
 * machine: whether they know the site, get at its socket, and pass on what
 * scripts need.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/proxy.h"
#include "ctl/doctor.h"
#include "ctl/reach.h"
#include "ctl/text.h"
#include "util/parse.h"

#define FRONT_HEAD_BUFFER_GOOD (16U * 1024)

static void front_say(Doctor *doctor, const Front *front, FindingLevel level, const char *text) {
        char where[PATH_MAX + 16];

        findings_add(&doctor->checks.findings,
                     level,
                     FINDING_FRONT,
                     finding_where(where, sizeof(where), front->file, front->line),
                     "%s %s",
                     front_kind_to_string(front->kind),
                     text);
}

static bool front_is_member(const char *user, const char *group) {
        const struct group *g = getgrnam(group);
        const struct passwd *p;

        for (char **member = g ? g->gr_mem : NULL; member && *member; member++)
                if (strcmp(*member, user) == 0)
                        return true;
        p = getpwnam(user);
        g = getgrnam(group);
        return p && g && p->pw_gid == g->gr_gid;
}

/* Can its user connect? The socket's mode is for its owner and its group; an access list may name others. */
static void front_check_access(Doctor *doctor, const Front *front) {
        const char *owner = checks_socket(&doctor->checks, "SocketUser"),
                   *group = checks_socket(&doctor->checks, "SocketGroup");
        const char *mode = checks_socket(&doctor->checks, "SocketMode");
        char text[512];

        if (front->address[0] != '/' || *mode == '\0' || !front->user || !getpwnam(front->user))
                return;
        if ((strtol(mode, NULL, 8) & 06) == 06 || strcmp(owner, front->user) == 0 ||
            (*group && front_is_member(front->user, group)) || reach_is_listed(front->address, front->user))
                return;
        /* a command of the unit, setfacl(1) perhaps, opens it when it is there */
        if (unit_file_get(&doctor->checks.socket_file, "Socket", "ExecStartPost") &&
            access(front->address, F_OK) < 0)
                return;

        (void)snprintf(
                text,
                sizeof(text),
                "runs as '%s', who may not connect to %s (Permission denied, 502 or 503): usermod -aG %s %s, and "
                "restart it",
                front->user,
                front->address,
                *group ? group : "php-pool",
                front->user);
        front_say(doctor, front, FINDING_ERROR, text);
}

/* As sapi/paths.c: links of both are followed. */
static bool front_is_below(const char *real, const char *directory) {
        _cleanup_(freep) char *resolved = realpath(directory, NULL);
        size_t n = resolved ? strlen(resolved) : 0;

        return resolved && strncmp(real, resolved, n) == 0 && (real[n] == '/' || real[n] == '\0');
}

/* SCRIPT_FILENAME begins with its root; only what is below the pool's root, or site.also, is run. */
static void front_check_root(Doctor *doctor, const Front *front) {
        const PoolConfig *config = doctor->checks.config;
        _cleanup_(freep) char *front_real = front->root ? realpath(front->root, NULL) : NULL;
        char text[1024];

        if (!front->root || access(config->root, F_OK) < 0 ||
            (front_real && front_is_below(front_real, config->root)))
                return;
        for (char **also = config->also; front_real && *also; also++)
                if (front_is_below(front_real, *also))
                        return;

        (void)snprintf(
                text,
                sizeof(text),
                "sends scripts below '%s'%s, and the pool runs only what is below root = '%s': File not found, "
                "Primary script unknown",
                front->root,
                front_real ? "" : " (which does not exist)",
                config->root);
        /* a site without PHP has a root of its own and is no fault */
        front_say(doctor, front, front->inherited ? FINDING_NOTE : FINDING_ERROR, text);
}

static void front_check_body(Doctor *doctor, const Front *front) {
        uint64_t post = php_parse_bytes(php_get_value(&doctor->checks.php, "post_max_size", "8M"));
        char a[24], b[24], text[256];

        if (front->body_max == 0 || front->body_max >= post)
                return;

        (void)snprintf(
                text,
                sizeof(text),
                "refuses request bodies over %s with 413 (client_max_body_size), PHP would take %s (post_max_size)",
                text_bytes(a, sizeof(a), front->body_max),
                text_bytes(b, sizeof(b), post));
        front_say(doctor, front, FINDING_WARNING, text);
}

static void front_check(Doctor *doctor, const Front *front) {
        front_check_access(doctor, front);
        front_check_root(doctor, front);
        front_check_body(doctor, front);
        if (front->no_script_filename)
                front_say(
                        doctor,
                        front,
                        FINDING_ERROR,
                        "sends no SCRIPT_FILENAME (File not found, Primary script unknown): include fastcgi.conf, or "
                        "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name");
        if (front->loses_path_info)
                front_say(
                        doctor,
                        front,
                        FINDING_WARNING,
                        "loses PATH_INFO, since try_files empties $fastcgi_path_info: before it, set $path_info "
                        "$fastcgi_path_info, and pass that");
        if (front->loses_authorization)
                front_say(doctor,
                          front,
                          FINDING_WARNING,
                          front->kind == FRONT_APACHE ? "passes no Authorization header: say CGIPassAuth On"
                          : front->kind == FRONT_HAPROXY
                                  ? "passes no Authorization header: say pass-header authorization "
                                    "in the fcgi-app"
                                  : "passes no Authorization header: its configuration takes it out");
        if (front->head_buffer > 0 && front->head_buffer < FRONT_HEAD_BUFFER_GOOD)
                front_say(
                        doctor,
                        front,
                        FINDING_WARNING,
                        "answers 502 to large response headers (upstream sent too big header): say fastcgi_buffer_size "
                        "32k and fastcgi_buffers 8 16k");
        if (front->unbuffered)
                front_say(
                        doctor,
                        front,
                        FINDING_NOTE,
                        "passes chunked uploads on without a length (fastcgi_request_buffering off); the pool reads "
                        "them to their end, scripts see no CONTENT_LENGTH");
}

static bool front_has_host_of(const Front *front, char *const *hosts) {
        for (; *hosts; hosts++)
                for (size_t i = 0; i < front->n_hosts; i++)
                        if (strcasecmp(*hosts, front->hosts[i]) == 0)
                                return true;

        return false;
}

void doctor_fronts(Doctor *doctor) {
        for (size_t i = 0; i < doctor->fronts.n_items; i++) {
                const Front *front = &doctor->fronts.items[i];
                char text[512];

                if (doctor_listens_on(doctor, front->address)) {
                        doctor->serves_directly = true;
                        front_check(doctor, front);
                } else if (front_has_host_of(front, doctor->checks.config->site->hosts)) {
                        (void)snprintf(text,
                                       sizeof(text),
                                       "sends a host of this site to '%s', where this pool does not listen",
                                       front->address);
                        front_say(doctor, front, FINDING_WARNING, text);
                }
        }
}

/* The proxy reads a site's file when it starts and when it is reloaded. */
static void proxy_check_read(Doctor *doctor, const Units *units) {
        const char *value = units_get(units, 0, "StateChangeTimestampMonotonic");
        uint64_t changed, now = clock_now_usec(), wall = clock_wall_usec(), written;
        struct stat st;

        if (parse_u64(value, strlen(value), UINT64_MAX, &changed) < 0 || changed == 0 || changed > now ||
            stat(doctor->checks.config->path, &st) < 0)
                return;

        written = (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec / 1000;
        if (written > wall - (now - changed))
                findings_add(&doctor->checks.findings,
                             FINDING_WARNING,
                             FINDING_FRONT,
                             doctor->checks.config->path,
                             "it was written after the proxy has read it: systemctl reload php-pool-proxy");
}

static void proxy_check_site(Doctor *doctor) {
        _cleanup_(proxy_config_freep) ProxyConfig *proxy = NULL;
        ConfigError error = {};
        char where[1024];

        if (proxy_config_load(&proxy, doctor->checks.ctl->config_dir, &error) < 0) {
                findings_add(&doctor->checks.findings,
                             FINDING_ERROR,
                             FINDING_FRONT,
                             finding_where(where, sizeof(where), error.file, error.line),
                             "%s",
                             error.message);
                return;
        }

        for (size_t i = 0; i < proxy->n_broken; i++) {
                const ConfigError *broken = &proxy->broken[i].error;

                if (strcmp(proxy->broken[i].name, doctor->checks.name) == 0)
                        findings_add(&doctor->checks.findings,
                                     FINDING_ERROR,
                                     FINDING_FRONT,
                                     finding_where(where, sizeof(where), broken->file, broken->line),
                                     "the proxy answers 503 for it: %s",
                                     broken->message);
        }
}

void doctor_proxy(Doctor *doctor) {
        _cleanup_(units_done) Units socket = {}, service = {};
        const char *active;

        if (!doctor->checks.ctl->systemd ||
            units_load(&socket, "php-pool-proxy.socket", "ActiveState,Result,LoadState") < 0)
                return;

        active = units_get(&socket, 0, "ActiveState");
        if (strcmp(active, "failed") == 0)
                findings_add(
                        &doctor->checks.findings,
                        doctor->serves_directly ? FINDING_WARNING : FINDING_ERROR,
                        FINDING_FRONT,
                        NULL,
                        "php-pool-proxy.socket has failed (%s): is its port, 80 unless a drop-in says otherwise, "
                        "taken by another web server?",
                        units_get(&socket, 0, "Result"));
        else if (strcmp(active, "active") != 0 && !doctor->serves_directly)
                findings_add(
                        &doctor->checks.findings,
                        FINDING_ERROR,
                        FINDING_FRONT,
                        NULL,
                        "no front end speaks to this pool: php-pool-proxy.socket is %s, and none of nginx, Apache "
                        "and HAProxy is configured for it here (systemctl enable --now php-pool-proxy.socket)",
                        *active ? active : "not installed");
        if (strcmp(active, "active") != 0)
                return;

        proxy_check_site(doctor);
        if (units_load(&service, "php-pool-proxy.service", "ActiveState,StateChangeTimestampMonotonic") ==
                    0 &&
            strcmp(units_get(&service, 0, "ActiveState"), "active") == 0)
                proxy_check_read(doctor, &service);
}
