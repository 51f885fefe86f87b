/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a path of a site leads to, remembered for a moment
 */

#include <stdint.h>
#include <sys/stat.h>
#include "proxy/route.h"
#include "util/cleanup.h"

typedef struct Docroot Docroot;
typedef struct Site Site;
typedef struct Target Target;
typedef struct TargetFile TargetFile;
typedef struct Targets Targets;

typedef enum TargetCoding {
        TARGET_PLAIN,
        TARGET_BROTLI,
        TARGET_ZSTD,
        TARGET_GZIP,
        _TARGET_CODING_MAX,
} TargetCoding;

enum {
        TARGETS_MAX = 512,
        TARGETS_USEC = 100000, /* a switched link or a new file is seen after this time at the latest */
};

struct TargetFile {
        int fd; /* open for reading; -EBADF: there is none */
        struct stat status;
};

/* Counted, and never changed. */
struct Target {
        unsigned int n_refs;
        const Site *site;
        uint64_t generation; /* of its document root */
        uint64_t checked_usec;

        RouteKind kind;
        unsigned int status;
        const char *reason;
        const char *pool;
        const char *path; /* as Route has them */
        const char *script;
        const char *resolved; /* where links lead to; script, if nobody has looked */
        const char *path_info;
        const char *filename;      /* of the site's configuration */
        const char *document_root; /* links resolved */
        TargetFile
                files[_TARGET_CODING_MAX]; /* of ROUTE_FILE: the file, and what was compressed beforehand */
        char text[];
};

struct Targets {
        Target *items[TARGETS_MAX];
};

void targets_forget(Targets *targets, uint64_t before_usec); /* those looked up before that time */

/*
 * The target of @route->path, which is what is filled in of @route: from
 * memory or by a look at the file system. *ret is a reference for the caller.
 * -errno: the document root cannot be opened, -ENOMEM; -EMFILE or -ENFILE:
 * not even after all that is remembered has been forgotten.
 */
int targets_find(Targets *targets, Site *site, Route *route, uint64_t now_usec, Target **ret);

/* The regular file at @path below @docroot; -ENOENT: there is none. It is not remembered. */
int target_open(Docroot *docroot, const char *path, uint64_t now_usec, Target **ret);

Target *target_unref(Target *target);
DEFINE_CLEANUP(Target *, target_unref);
