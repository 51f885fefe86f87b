/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ctl/file.h"
#include "util/cleanup.h"
#include "util/fd.h"

static int file_make_directories(const char *path) {
        char part[PATH_MAX];

        if (strlen(path) >= sizeof(part))
                return -ENAMETOOLONG;
        for (const char *p = strchr(path + 1, '/');; p = strchr(p + 1, '/')) {
                (void)snprintf(part, sizeof(part), "%.*s", p ? (int)(p - path) : (int)strlen(path), path);
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
                if (!p)
                        return 0;
        }
}

int file_make_directory_of(const char *path) {
        const char *slash = strrchr(path, '/');
        _cleanup_(freep) char *directory = NULL;

        if (!slash || slash == path)
                return 0;
        directory = strndup(path, (size_t)(slash - path));
        return directory ? file_make_directories(directory) : -ENOMEM;
}

int file_write(const char *path, const char *text, bool replace) {
        _cleanup_(freep) char *temporary = NULL;
        _cleanup_(fd_closep) int fd = -EBADF;
        int r;

        r = file_make_directory_of(path);
        if (r < 0)
                return r;
        if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        fd = mkstemp(temporary);
        if (fd < 0)
                return -errno;

        r = fd_write_all(fd, text, strlen(text));
        if (r == 0 && fchmod(fd, 0644) < 0)
                r = -errno;
        /* link(2) replaces nothing */
        if (r == 0 && (replace ? rename(temporary, path) : link(temporary, path)) < 0)
                r = -errno;
        if (r < 0 || !replace)
                (void)unlink(temporary);
        return r;
}

int file_read_foreign(int dir_fd,
                      const char *path,
                      int flags,
                      mode_t mode,
                      size_t max,
                      char **ret,
                      size_t *ret_size) {
        _cleanup_(fd_closep) int fd = openat(dir_fd, path, O_PATH | O_CLOEXEC | flags);
        char opened[64];
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTTY;
        if ((st.st_mode & mode) != mode)
                return -EACCES;

        /* what was looked at, and nothing that has taken its place since (proc(5)) */
        (void)snprintf(opened, sizeof(opened), "/proc/self/fd/%d", fd);
        return fd_read_file(opened, max, ret, ret_size);
}
