/* SPDX-License-Identifier: MIT */
/*
 * Starting a template: which executable, with which configuration, on which
 * descriptors (ipc/channel.h)
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "config.h"
#include "ipc/channel.h"
#include "pool/manager.h"
#include "util/fd.h"
#include "util/process.h"

#define SOFT_NOFILE       1024 /* select(2) in PHP cannot go beyond (systemd.exec(5), LimitNOFILE=) */
#define FD_OUT_OF_THE_WAY 256
#define WORKER_GLOB       PKGLIBEXECDIR "/php-pool-worker-*"

static int compare_versions(const char *a, const char *b) {
        return strverscmp(a, b);
}

int generation_find_worker(const Manager *manager, const PoolConfig *config, char **ret) {
        glob_t found = {};
        char *path = NULL;

        if (manager->options->worker_path) {
                path = strdup(manager->options->worker_path);
        } else if (config->php_version) {
                if (asprintf(&path, PKGLIBEXECDIR "/php-pool-worker-%s", config->php_version) < 0)
                        path = NULL;
        } else if (glob(WORKER_GLOB, 0, NULL, &found) == 0) {
                const char *newest = found.gl_pathv[0];

                for (size_t i = 1; i < found.gl_pathc; i++)
                        if (compare_versions(found.gl_pathv[i], newest) > 0)
                                newest = found.gl_pathv[i];
                path = strdup(newest);
        } else {
                globfree(&found);
                return -ENOENT;
        }
        globfree(&found);
        if (!path)
                return -ENOMEM;

        if (access(path, X_OK) < 0) {
                int r = -errno;

                free(path);
                return r;
        }

        *ret = path;
        return 0;
}

/* In the fork, before exec: puts the descriptors at their numbers. Only async-signal-safe calls. */
static void
generation_become_template(const Manager *manager, const char *path, const int *fds, size_t n_fds) {
        struct rlimit nofile;
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */

        if (getrlimit(RLIMIT_NOFILE, &nofile) == 0 && nofile.rlim_cur > SOFT_NOFILE) {
                nofile.rlim_cur = SOFT_NOFILE;
                (void)setrlimit(RLIMIT_NOFILE, &nofile); /* lowering is always allowed */
        }
        if (manager->is_batch)
                (void)process_set_policy(SCHED_BATCH); /* always allowed */

        /* dup2() clears close-on-exec; the sources were moved out of the way before the fork */
        for (size_t i = 0; i < n_fds; i++)
                if (dup2(fds[i], TEMPLATE_FD_CHANNEL + (int)i) < 0)
                        _exit(EXIT_FAILURE);

        (void)execl(path, path, manager->options->name, (char *)NULL);
        _exit(EXIT_FAILURE);
}

int generation_write_config(const PoolConfig *config, int *ret) {
        _cleanup_(fd_closep) int fd = fd_open_spool(NULL);
        FILE *f;
        int copy, r;

        if (fd < 0)
                return fd;

        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        f = copy >= 0 ? fdopen(copy, "w") : NULL;
        if (!f) {
                r = -errno;
                fd_close(copy);
                return r;
        }

        r = pool_config_dump(config, f);
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        if (r < 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

int generation_copy_config(const PoolConfig *config, PoolConfig **ret) {
        _cleanup_(fd_closep) int fd = -EBADF;
        ConfigError error = {};
        char path[32];
        int r;

        r = generation_write_config(config, &fd);
        if (r < 0)
                return r;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return pool_config_load_path(ret, path, config->name, &error);
}

int generation_spawn(Generation *generation, const char *path, int template_end, int config_fd) {
        Manager *manager = generation->manager;
        size_t n_fds = 5 + manager->listeners.n_items;
        _cleanup_(freep) int *fds = NULL;
        int r = 0;

        fds = malloc(n_fds * sizeof(int));
        if (!fds)
                return -ENOMEM;

        fds[0] = template_end;
        fds[1] = manager->board.fd;
        fds[2] = manager->queue.recv_fd;
        fds[3] = manager->wake;
        fds[4] = config_fd;
        for (size_t i = 0; i < manager->listeners.n_items; i++)
                fds[5 + i] = manager->listeners.items[i].fd;

        for (size_t i = 0; i < n_fds; i++) {
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_OUT_OF_THE_WAY);
                if (fds[i] < 0) {
                        r = -errno;
                        n_fds = i;
                        break;
                }
        }

        /*
         * ld.so(8): without it each worker looks up each of the functions that it calls
         * in libphp anew, hundreds in its first request
         */
        (void)setenv("LD_BIND_NOW", "1", /* overwrite= */ 1); /* without memory it is only slower */

        if (r >= 0) {
                generation->pid = fork();
                if (generation->pid == 0)
                        generation_become_template(manager, path, fds, n_fds);
                if (generation->pid < 0)
                        r = -errno;
        }

        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        return r;
}
