/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A document root in the file system: a RouteTree
 */

#include <sys/stat.h>
#include "proxy/route.h"

typedef struct Docroot Docroot;
typedef struct TargetFile TargetFile;

struct Docroot {
        RouteTree tree;
        const char *path;  /* as configured, like also: borrowed */
        char *const *also; /* NULL-terminated */
        int fd;            /* O_PATH; -EBADF: not open */
        dev_t device;
        ino_t inode;
        uint64_t generation;       /* counts the directories that the path has led to, and their names */
        uint64_t checked_usec;     /* when it was looked at last; 0: never */
        bool missed;               /* a look-up since then found nothing, or something outside */
        char real[ROUTE_PATH_MAX]; /* with all links resolved */

        int entry_fd;       /* O_PATH, of the last look-up that found something; else -EBADF */
        struct stat status; /* of it */
        char resolved[ROUTE_PATH_MAX];
};

void docroot_init(Docroot *docroot, const char *path, char *const *also);
void docroot_done(Docroot *docroot);

/* Sees whether the path leads to another directory by now, if it was not looked at just before. 0 or -errno. */
int docroot_refresh(Docroot *docroot, uint64_t now_usec);

/*
 * For who would say that something is not there: looks once more at once, if a look-up has missed. True: the directory is
 * being moved or exchanged, and to look up the same again may find it.
 */
bool docroot_has_moved(Docroot *docroot, uint64_t now_usec);
void docroot_forget_entry(Docroot *docroot);

/* Opens the file of the last look-up for reading. 0 or -errno. */
int docroot_open_entry(Docroot *docroot, TargetFile *ret);
