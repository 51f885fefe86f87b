/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The front ends of this machine that speak FastCGI, as their configuration says it
 *
 * For `import`, which needs the document root and the host names of a pool of
 * php-fpm, and for `doctor`, which knows how each of them loses something on the way.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/cleanup.h"

typedef struct Front Front;
typedef struct Fronts Fronts;

typedef enum FrontKind {
        FRONT_NGINX,
        FRONT_APACHE,
        FRONT_HAPROXY,
        _FRONT_KIND_MAX,
} FrontKind;

enum {
        FRONTS_MAX = 4096,
        FRONT_HOSTS_MAX = 64,
        FRONT_FILE_MAX = 4 * 1024 * 1024,
};

/* One place that sends requests to one address. All strings are owned; NULL: not said. */
struct Front {
        FrontKind kind;
        char *file;
        unsigned int line;
        char *address; /* "/run/php/site.sock", "127.0.0.1:9000" */
        char *hosts[FRONT_HOSTS_MAX + 1];
        size_t n_hosts;
        char *root;
        char *index[FRONT_HOSTS_MAX + 1];
        size_t n_index;
        char *front_controller; /* "/index.php" */
        char *user;             /* of its worker processes */
        bool inherited;         /* it stands for a site that has not asked for PHP: the whole server does */

        /* what goes wrong with it */
        bool no_script_filename;
        bool loses_path_info;
        bool loses_authorization;
        bool unbuffered;      /* request bodies are passed on as they come */
        uint64_t head_buffer; /* bytes of a response head; 0: no such limit */
        uint64_t body_max;    /* bytes of a request body; 0: none */
};

struct Fronts {
        Front *items; /* owned */
        size_t n_items;
};

/* @directory: "/etc", which holds nginx/, apache2/ and haproxy/. What is not there, or cannot be read, has no fronts. -ENOMEM. */
int fronts_load(Fronts *ret, const char *directory);
void fronts_done(Fronts *fronts);

const char *front_kind_to_string(FrontKind kind);

/* For those who fill it: a new item; its kind and place are set. NULL: no memory, or FRONTS_MAX. */
Front *fronts_add(Fronts *fronts, FrontKind kind, const char *file, unsigned int line, const char *address);
int front_add_host(Front *front, const char *host);
int front_add_index(Front *front, const char *index);

/* "unix:/run/x.sock", "unix:/run/x.sock|fcgi://localhost/", "fcgi://127.0.0.1:9000/", "127.0.0.1:9000": the address. */
char *front_parse_address(const char *text);

/* Whether they are the same place: "/var/run" is "/run", "localhost" is 127.0.0.1, "9000" is any host. */
bool front_same_address(const char *a, const char *b);

int front_nginx_load(Fronts *fronts, const char *directory);
int front_apache_load(Fronts *fronts, const char *directory);
int front_haproxy_load(Fronts *fronts, const char *directory);
