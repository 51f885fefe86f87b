/* SPDX-License-Identifier: MIT */
/*
 * doctor: the site's files
 */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "ctl/doctor.h"
#include "ctl/file.h"
#include "util/fd.h"

/* A tree may have a million files; what denies stands near its top. */
#define HTACCESS_DEPTH_MAX   6U
#define HTACCESS_ENTRIES_MAX 20000U
#define HTACCESS_FILE_MAX    (64U * 1024)

typedef struct Htaccess Htaccess;

struct Htaccess {
        Doctor *doctor;
        size_t n_entries;
        unsigned int n_found;
};

static bool doctor_is_denied(const SiteConfig *site, const char *path) {
        for (char **deny = site->deny; *deny; deny++) {
                char below[PATH_MAX];

                /* all below what is denied is denied too */
                (void)snprintf(below, sizeof(below), "%s/*", *deny);
                if (fnmatch(*deny, path, 0) == 0 || fnmatch(below, path, 0) == 0)
                        return true;
        }

        return false;
}

static bool doctor_has_extension(const PoolConfig *config, const char *path) {
        size_t n = strlen(path);

        for (char **extension = config->extensions; *extension; extension++)
                if (n > strlen(*extension) && strcmp(path + n - strlen(*extension), *extension) == 0)
                        return true;

        return false;
}

void doctor_site(Doctor *doctor) {
        const PoolConfig *config = doctor->checks.config;
        const SiteConfig *site = config->site;
        char where[1024], path[PATH_MAX];
        bool has_index = false;

        if (access(config->docroot, F_OK) < 0)
                return;

        for (char **index = site->index; *index; index++) {
                (void)snprintf(path, sizeof(path), "%s/%s", config->docroot, *index);
                has_index = has_index || access(path, F_OK) == 0;
        }
        if (!has_index && !site->front_controller)
                findings_add(
                        &doctor->checks.findings,
                        FINDING_WARNING,
                        FINDING_SITE,
                        checks_where(&doctor->checks, "site.index", where, sizeof(where)),
                        "'%s' has none of the files of site.index, and there is no site.front_controller: \"/\" is "
                        "answered with 404",
                        config->docroot);
        if (!site->front_controller)
                return;

        (void)checks_where(&doctor->checks, "site.front_controller", where, sizeof(where));
        if (doctor_is_denied(site, site->front_controller))
                findings_add(&doctor->checks.findings,
                             FINDING_ERROR,
                             FINDING_SITE,
                             where,
                             "site.deny forbids it");
        if (!doctor_has_extension(config, site->front_controller))
                findings_add(&doctor->checks.findings,
                             FINDING_ERROR,
                             FINDING_SITE,
                             where,
                             "its extension is not in security.extensions: it is never run");
}

/* Does the file say that nobody may look at the directory, or at some files in it? */
static bool htaccess_denies(int dir_fd) {
        static const char *const words[] = { "deny from all", "require all denied" };
        _cleanup_(freep) char *text = NULL;
        char *saved = NULL;
        size_t size;

        if (file_read_foreign(dir_fd, ".htaccess", O_NOFOLLOW, 0, HTACCESS_FILE_MAX, &text, &size) < 0)
                return false;

        for (char *line = strtok_r(text, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
                line += strspn(line, " \t");
                for (size_t i = 0; i < ELEMENTSOF(words); i++)
                        if (strncasecmp(line, words[i], strlen(words[i])) == 0)
                                return true;
        }

        return false;
}

static void htaccess_look(Htaccess *htaccess, int dir_fd, const char *directory) {
        const PoolConfig *config = htaccess->doctor->checks.config;
        const char *below = directory + strlen(config->docroot);
        char path[PATH_MAX], probe[PATH_MAX];

        if (!htaccess_denies(dir_fd))
                return;
        (void)snprintf(path, sizeof(path), "%s/.htaccess", directory);

        /* a name that nobody means, so that a pattern for it means the directory */
        (void)snprintf(probe, sizeof(probe), "%s/\001", below);
        if (doctor_is_denied(config->site, probe))
                return;
        if (htaccess->n_found++ < 10)
                findings_add(
                        &htaccess->doctor->checks.findings,
                        FINDING_WARNING,
                        FINDING_SITE,
                        path,
                        "it denies access, and nobody reads it any more: say deny = [ \"%s/*\" ] in the site, or move "
                        "the directory out of the document root",
                        below);
}

/* Takes @fd. By descriptors: a link, which may lead anywhere, is not followed even if it comes just now. */
static void htaccess_walk_take_fd(Htaccess *htaccess, int fd, const char *directory, unsigned int depth) {
        DIR *dir = fdopendir(fd);
        const struct dirent *entry;

        if (!dir) {
                fd_close(fd);
                return;
        }

        htaccess_look(htaccess, fd, directory);
        while (depth < HTACCESS_DEPTH_MAX && (entry = readdir(dir))) {
                char path[PATH_MAX];
                int child;

                if (++htaccess->n_entries > HTACCESS_ENTRIES_MAX)
                        break;
                if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
                        continue;
                if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) >= sizeof(path))
                        continue;
                child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child >= 0)
                        htaccess_walk_take_fd(htaccess, child, path, depth + 1);
        }
        (void)closedir(dir);
}

void doctor_htaccess(Doctor *doctor) {
        const char *docroot = doctor->checks.config->docroot;
        Htaccess htaccess = { .doctor = doctor };
        int fd = open(docroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return;

        htaccess_walk_take_fd(&htaccess, fd, docroot, 0);
        if (htaccess.n_entries > HTACCESS_ENTRIES_MAX)
                findings_add(&doctor->checks.findings,
                             FINDING_NOTE,
                             FINDING_SITE,
                             docroot,
                             "it is large: only some of its directories were looked at for .htaccess files");
        if (htaccess.n_found > 10)
                findings_add(&doctor->checks.findings,
                             FINDING_WARNING,
                             FINDING_SITE,
                             docroot,
                             "%u more .htaccess files deny access",
                             htaccess.n_found - 10);
}
