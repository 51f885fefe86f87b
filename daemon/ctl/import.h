/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A pool of php-fpm on its way to become one of ours
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "ctl/fpm-conf.h"
#include "ctl/front.h"

typedef struct Import Import;
typedef struct ImportList ImportList;

/* Strings, owned. */
struct ImportList {
        char **items;
        size_t n_items;
};

struct Import {
        const FpmConf *conf;
        const Fronts *fronts;
        const char *pool; /* the section; borrowed */
        char name[32];    /* ours */
        char version[16]; /* of PHP, by the path of the file; "": not known */
        bool failed;      /* memory was short */

        const char *refusal; /* why it is left out; NULL: it is not */
        const char *chroot;  /* borrowed; NULL: none; paths below are inside of it */

        /* the site's file */
        char *root;
        char *docroot; /* below root; NULL: root itself */
        ImportList hosts, index;
        ImportList also; /* further roots, of other sites that share the pool */
        char *front_controller;
        ImportList values, admin_values, env, extensions, suppress;
        unsigned long max, min, spare, idle_seconds, max_requests;
        unsigned long request_seconds, slow_seconds, stop_seconds;
        bool has_stop, has_idle, logs_access;

        /* lines of the units' drop-ins */
        ImportList service, socket;
        ImportList writable; /* directories outside of what a pool may write */

        ImportList notes; /* what could not be carried over, with its place */
};

/* Fills @import, which is zero but for conf, fronts, pool and php, from all directives of the pool. -ENOMEM. */
int import_read(Import *import);
void import_done(Import *import);

/* A line about what could not be carried over; @directive may be NULL. */
void import_note(Import *import, const FpmDirective *directive, const char *format, ...) _printf_(3, 4);
bool import_has(const ImportList *list, const char *text);
void import_add(Import *import, ImportList *list, const char *format, ...) _printf_(3, 4);

/* The value as PHP's parser sees it: without quotes "off" and "none" are "", "on" is "1". */
const char *import_word(const FpmDirective *directive);

/* The parts of it: PHP's settings; the address it listens on; the user, the directories and the chroot. */
void import_settings(Import *import);
void import_listen(Import *import);
void import_place(Import *import);

/* From the front ends that speak to its address: a root, if there is none yet, and what else they say. */
void import_fronts(Import *import);

/* The next front end behind @front that speaks to the pool's address; behind NULL the first. NULL: none. */
const Front *import_next_front(const Import *import, const Front *front);

/* The site is there; "/srv/shop/public" is the docroot of "/srv/shop". */
void import_take_root(Import *import, const char *root);
bool import_is_below(const char *path, const char *directory);

/* Is it below the root, or a further one? */
bool import_is_in(const Import *import, const char *directory);

/* The files. NULL: no memory; "" : there is nothing to say in it. Free them. */
char *import_compose_pool(const Import *import);
char *import_compose_service(const Import *import);
char *import_compose_socket(const Import *import);
