/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The configuration of nginx as a tree: directives, and blocks of them
 */

#include <stddef.h>
#include "util/cleanup.h"

typedef struct NginxConf NginxConf;
typedef struct NginxNode NginxNode;

enum {
        NGINX_WORDS_MAX = 32, /* of a directive; more are left out */
        NGINX_NODES_MAX = 100000,
        NGINX_DEPTH_MAX = 16, /* of blocks, and of includes */
        NGINX_FILES_MAX = 1000,
};

struct NginxNode {
        const char *file; /* borrowed */
        unsigned int line;
        char *words[NGINX_WORDS_MAX + 1]; /* owned; "server_name", "a.test", "b.test" */
        size_t n_words;
        NginxNode *parent;                          /* borrowed; NULL: the main context */
        NginxNode *children, *last_child, *sibling; /* borrowed */
        NginxNode *next;                            /* owned by NginxConf: all nodes, in order */
};

struct NginxConf {
        NginxNode *first; /* owned */
        NginxNode *last;
        NginxNode *top, *last_top; /* borrowed; the main context's */
        size_t n_nodes;
        char **files; /* owned */
        size_t n_files;
};

/*
 * Reads @path and what it includes, relative to the directory of @path. Files that cannot be read are
 * left out, and so is what is malformed, to its end. -ENOMEM.
 */
int nginx_conf_load(NginxConf *ret, const char *path);
void nginx_conf_done(NginxConf *conf);

/* The last directive of that name which stands in @node or, if none does, in a block around it; NULL. */
const NginxNode *nginx_conf_find(const NginxConf *conf, const NginxNode *node, const char *name);

/* The first directive in the block; NULL for @node: in the main context. Its sibling is the next. */
const NginxNode *nginx_conf_children(const NginxConf *conf, const NginxNode *node);
