/* SPDX-License-Identifier: MIT */
/*
 * How the libraries of extensions find their functions
 *
 * Some functions of the C library are defined in this program as well
 * (blocking.c, directory.c, opcache-lock.c): symbols are looked up in the program
 * first (ld.so(8)). Up to PHP 8.4 extensions are opened with RTLD_DEEPBIND, so
 * that they and the libraries that they bring look there last. That is meant for
 * programs with many libraries of their own, Apache's httpd; here they are opened
 * as PHP 8.5 does it.
 */

#include "sapi/internal.h"

#include <dlfcn.h>

void *embed_next(const char *name) {
        return dlsym(RTLD_NEXT, name);
}

/* The last call is a jump when optimised: the C library looks for the caller's RUNPATH. */
ZEND_API void *dlopen(const char *path, int flags) {
        static void *(*next)(const char *path, int flags);

        if (!next)
                next = (void *(*)(const char *, int))embed_next("dlopen");
        return next(path, flags & ~RTLD_DEEPBIND);
}
