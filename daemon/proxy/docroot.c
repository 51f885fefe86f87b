/* SPDX-License-Identifier: MIT */
/*
 * A document root in the file system
 *
 * The configured path is looked at before a request, ten times a second at
 * most: when it leads to another directory, because a deployment has switched a
 * link, the new one is opened. Everything is opened relative to that
 * descriptor, so one request sees one tree.
 *
 * The directory may also get another name while it is open: it is moved aside
 * for the next one, or it is moved and the link follows it. So its name is asked
 * for again with each look, and wherever a file seems to lie outside.
 *
 * openat2(2) first opens what no symbolic link leads to, and nothing outside.
 * Where there is a link it is followed, and the kernel's name for what was
 * opened has to lie below the document root or an `also` directory. What was
 * opened stays open, so a link that is switched between check and use changes
 * nothing. Where RestrictSUIDSGID= is set, which DynamicUser= implies
 * (systemd.exec(5)), openat2(2) does not exist, since seccomp cannot look into
 * its argument: then the second way is taken for all.
 *
 * Descriptors are O_PATH: nothing is read, no FIFO waited for, no device
 * touched, before the type is known, and scripts need not be readable by the
 * proxy.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "proxy/docroot.h"
#include "proxy/target.h"
#include "util/fd.h"
#include "util/list.h"

static int docroot_lookup(RouteTree *tree, const char *path, RouteEntry *ret);

void docroot_init(Docroot *docroot, const char *path, char *const *also) {
        docroot->tree.lookup = docroot_lookup;
        docroot->path = path;
        docroot->also = also;
        docroot->generation = 0;
        docroot->checked_usec = 0;
        docroot->missed = false;
        docroot->fd = -EBADF;
        docroot->entry_fd = -EBADF;
        docroot->real[0] = '\0';
}

void docroot_done(Docroot *docroot) {
        docroot_forget_entry(docroot);
        docroot->fd = fd_close(docroot->fd);
}

void docroot_forget_entry(Docroot *docroot) {
        docroot->entry_fd = fd_close(docroot->entry_fd);
}

/* The kernel's name of what @fd refers to. */
static int fd_path(int fd, char *buffer, size_t size) {
        char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        ssize_t n;

        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, buffer, size);
        if (n < 0)
                return -errno;
        if ((size_t)n >= size)
                return -ENAMETOOLONG;

        buffer[n] = '\0';
        return buffer[0] == '/' ? 0 : -EXDEV;
}

/* A generation is a directory and its name: scripts are told the latter. */
static int docroot_take_name(Docroot *docroot, int fd) {
        char real[ROUTE_PATH_MAX];
        int r;

        r = fd_path(fd, real, sizeof(real));
        if (r < 0)
                return r;
        if (fd == docroot->fd && strcmp(real, docroot->real) == 0)
                return 0;

        memcpy(docroot->real, real, strlen(real) + 1);
        docroot->generation++;
        return 0;
}

static int docroot_look(Docroot *docroot, uint64_t now_usec) {
        _cleanup_(fd_closep) int fd = -EBADF;
        struct stat st;
        int r;

        if (stat(docroot->path, &st) < 0)
                return -errno;

        if (docroot->fd >= 0 && st.st_dev == docroot->device && st.st_ino == docroot->inode)
                r = docroot_take_name(docroot, docroot->fd);
        else {
                fd = open(docroot->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                if (fstat(fd, &st) < 0)
                        return -errno;
                r = docroot_take_name(docroot, fd);
        }
        if (r < 0)
                return r;

        if (fd >= 0) {
                docroot_done(docroot);
                docroot->fd = TAKE_FD(fd);
                docroot->device = st.st_dev;
                docroot->inode = st.st_ino;
        }
        docroot->checked_usec = now_usec;
        return 0;
}

int docroot_refresh(Docroot *docroot, uint64_t now_usec) {
        docroot->missed = false;
        if (docroot->fd >= 0 && now_usec - docroot->checked_usec < TARGETS_USEC)
                return 0;
        return docroot_look(docroot, now_usec);
}

bool docroot_has_moved(Docroot *docroot, uint64_t now_usec) {
        uint64_t generation = docroot->generation;

        if (!docroot->missed)
                return false;
        docroot->missed = false;
        /* a path that leads nowhere is in the middle of it: what is open is good for this request */
        return docroot_look(docroot, now_usec) < 0 || docroot->generation != generation;
}

/* What is left of @path below @directory ("/" for itself), or NULL. */
static const char *path_below(const char *path, const char *directory) {
        size_t n = strlen(directory);

        while (n > 0 && directory[n - 1] == '/')
                n--;
        if (strncmp(path, directory, n) != 0)
                return NULL;
        if (path[n] == '\0')
                return "/";
        return path[n] == '/' ? path + n : NULL;
}

/* What the kernel adds to the name of a file that has been removed since it was opened. */
static bool path_is_removed(const char *path) {
        static const char mark[] = " (deleted)";
        size_t n = strlen(path);

        return n >= sizeof(mark) - 1 && strcmp(path + n - (sizeof(mark) - 1), mark) == 0;
}

/* Where @asked has led: below the root or an `also` directory, or -EXDEV. */
static int docroot_resolve(Docroot *docroot, int fd, const char *asked) {
        char path[ROUTE_PATH_MAX], root[ROUTE_PATH_MAX], also[PATH_MAX];
        const char *rest;
        int r;

        r = fd_path(fd, path, sizeof(path));
        if (r < 0)
                return r;
        /* or the "info.php (deleted)" that a link has led to would be taken for no script */
        if (path_is_removed(path) && !path_is_removed(asked))
                return -ENOENT;

        rest = path_below(path, docroot->real);
        if (!rest || strcmp(rest, asked) != 0) { /* a link, or the root's name is not that any more */
                r = fd_path(docroot->fd, root, sizeof(root));
                if (r < 0)
                        return r;
                rest = path_below(path, root);
        }
        for (char *const *p = docroot->also; !rest && *p; p++)
                if (realpath(*p, also))
                        rest = path_below(path, also);
        if (!rest)
                return -EXDEV;

        memcpy(docroot->resolved, rest, strlen(rest) + 1);
        return 0;
}

/* -EBADF: open it the other way. */
static int docroot_open_plain(const Docroot *docroot, const char *relative) {
        static bool unknown = false; /* to this kernel, or to this sandbox */
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
        };
        int fd;

        if (unknown)
                return -EBADF;

        fd = (int)syscall(SYS_openat2, docroot->fd, relative, &how, sizeof(how));
        if (fd >= 0)
                return fd;
        unknown = errno == ENOSYS || errno == EPERM;
        return unknown || errno == ELOOP || errno == EXDEV ? -EBADF : -errno;
}

static int docroot_open_path(Docroot *docroot, const char *path) {
        _cleanup_(fd_closep) int fd = -EBADF;
        const char *relative = path[1] == '\0' ? "." : path + 1;
        size_t size = strlen(path) + 1;
        int r;

        if (size > sizeof(docroot->resolved))
                return -ENAMETOOLONG;

        fd = docroot_open_plain(docroot, relative);
        if (fd >= 0)
                memcpy(docroot->resolved, path, size);
        if (fd != -EBADF)
                return TAKE_FD(fd);

        fd = openat(docroot->fd, relative, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = docroot_resolve(docroot, fd, path);
        if (r < 0)
                return r;

        return TAKE_FD(fd);
}

static int docroot_lookup(RouteTree *tree, const char *path, RouteEntry *ret) {
        Docroot *docroot = list_entry(tree, Docroot, tree);
        _cleanup_(fd_closep) int fd = -EBADF;

        docroot_forget_entry(docroot);
        *ret = (RouteEntry){ .type = ROUTE_ENTRY_NONE, .resolved = "/" };

        fd = docroot_open_path(docroot, path);
        docroot->missed = docroot->missed || fd == -ENOENT || fd == -ENOTDIR || fd == -EXDEV;
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ENAMETOOLONG)
                return 0;
        if (fd < 0)
                return fd;
        if (fstat(fd, &docroot->status) < 0)
                return -errno;

        if (S_ISREG(docroot->status.st_mode))
                ret->type = ROUTE_ENTRY_FILE;
        else if (S_ISDIR(docroot->status.st_mode))
                ret->type = ROUTE_ENTRY_DIRECTORY;
        else
                ret->type = ROUTE_ENTRY_OTHER;

        ret->resolved = docroot->resolved;
        docroot->entry_fd = TAKE_FD(fd);
        return 0;
}

int docroot_open_entry(Docroot *docroot, TargetFile *ret) {
        char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        int fd;

        /* the one way to make an O_PATH descriptor readable, and the file cannot have changed underneath */
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", docroot->entry_fd);
        fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret = (TargetFile){ .fd = fd, .status = docroot->status };
        return 0;
}
