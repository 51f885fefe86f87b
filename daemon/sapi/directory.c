/* SPDX-License-Identifier: MIT */
/*
 * The current directory is the script's, as under every SAPI: the one that the
 * front end named, and not where a link leads that the script is reached through.
 * Applications lie beside a link to their framework's front controller.
 *
 * Most requests of a worker run scripts of one directory, so the call is made
 * only when the directory changes. A script, or an extension it uses, may move
 * away by itself; all ways there lead through chdir() and fchdir() of the C
 * library, whose place in this process these two take (ld.so(8): symbols are
 * looked up in the program first).
 */

#include "sapi/internal.h"

#include <sys/syscall.h>
#include <unistd.h>

static char directory_current[PATH_MAX]; /* "": unknown */

ZEND_API int chdir(const char *path) {
        directory_current[0] = '\0';
        return (int)syscall(SYS_chdir, path);
}

ZEND_API int fchdir(int fd) {
        directory_current[0] = '\0';
        return (int)syscall(SYS_fchdir, fd);
}

void embed_change_directory(const char *script, bool known) {
        const char *slash = strrchr(script, '/');
        size_t size = slash ? (size_t)(slash - script) : 0;
        char directory[PATH_MAX];

        if (size == 0 || size >= sizeof(directory))
                return;

        memcpy(directory, script, size);
        directory[size] = '\0';
        if (known && strcmp(directory, directory_current) == 0)
                return;

        /* it may be readable only through the file: then relative names fail, no more */
        if (chdir(directory) == 0)
                memcpy(directory_current, directory, size + 1);
}
