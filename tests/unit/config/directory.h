/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A configuration directory to throw away: ROOT/proxy.conf, ROOT/conf.d/NAME.conf
 */

#include <fcntl.h>
#include <sys/stat.h>
#include "test.h"

static char directory[64];

static inline void directory_remove(void) {
        char command[96];

        (void)snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        test_int(system(command), 0);
}

/* Empty; removed when the test ends. */
static inline void directory_make(void) {
        char path[128];

        if (directory[0] != '\0')
                directory_remove();
        else
                test_int(atexit(directory_remove), 0);
        (void)snprintf(directory, sizeof(directory), "/tmp/test-config-XXXXXX");
        test_true(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/conf.d", directory);
        test_int(mkdir(path, 0700), 0);
}

static inline const char *directory_path(const char *name) {
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        return path;
}

static inline void directory_write_bytes(const char *name, const void *data, size_t size) {
        int fd = open(directory_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        test_true(fd >= 0);
        test_int(write(fd, data, size), size);
        close(fd);
}

static inline void directory_write(const char *name, const char *text) {
        directory_write_bytes(name, text, strlen(text));
}
