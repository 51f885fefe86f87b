/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A document root in the file system: a RouteTree
 */

#include <sys/stat.h>
#include "config/site.h"
#include "proxy/route.h"

typedef struct Docroot Docroot;

struct Docroot {
        RouteTree tree;
        const SiteConfig *site; /* borrowed */
        int fd;                 /* O_PATH; -EBADF: not open */
        dev_t device;
        ino_t inode;
        char real[ROUTE_PATH_MAX]; /* with all links resolved */

        int entry_fd;       /* O_PATH, of the last look-up that found something; else -EBADF */
        struct stat status; /* of it */
        char resolved[ROUTE_PATH_MAX];
};

void docroot_init(Docroot *docroot, const SiteConfig *site);
void docroot_done(Docroot *docroot);

/* Before each request: sees whether the path leads to another directory by now. 0 or -errno. */
int docroot_refresh(Docroot *docroot);
void docroot_forget_entry(Docroot *docroot);

/* Opens the file of the last look-up for reading: a descriptor or -errno. */
int docroot_open_entry(Docroot *docroot);
