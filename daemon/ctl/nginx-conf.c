/* SPDX-License-Identifier: MIT */
/*
 * The configuration of nginx as a tree
 *
 * The syntax is small: words, quoted with ' or " where they need it, end with
 * ";" or open a block with "{"; "#" begins a comment where a word could begin.
 * `include` takes a pattern, and puts the files where it stands. Everything is
 * bounded: the files are root's, but they may be anything.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "ctl/front.h"
#include "ctl/nginx-conf.h"
#include "util/fd.h"

typedef struct NginxReader NginxReader;

struct NginxReader {
        NginxConf *conf;
        const char *directory; /* that relative names begin at */
        const char *file;
        const char *at;
        unsigned int line;
        unsigned int depth; /* of includes */
};

static int nginx_read_file(NginxConf *conf,
                           const char *directory,
                           const char *path,
                           NginxNode *parent,
                           unsigned int depth);

static void nginx_node_free(NginxNode *node) {
        for (size_t i = 0; i < node->n_words; i++)
                free(node->words[i]);
        free(node);
}

void nginx_conf_done(NginxConf *conf) {
        while (conf->first) {
                NginxNode *node = conf->first;

                conf->first = node->next;
                nginx_node_free(node);
        }
        for (size_t i = 0; i < conf->n_files; i++)
                free(conf->files[i]);
        free(conf->files);
        *conf = (NginxConf){};
}

static void nginx_skip_blank(NginxReader *reader) {
        for (; *reader->at; reader->at++) {
                if (*reader->at == '#')
                        reader->at += strcspn(reader->at, "\n");
                if (*reader->at == '\n')
                        reader->line++;
                else if (!isspace((unsigned char)*reader->at))
                        return;
                if (*reader->at == '\0')
                        return;
        }
}

/* One word, at a place that is not blank; NULL: no memory. */
static char *nginx_read_word(NginxReader *reader) {
        const char *p = reader->at;
        char quote = *p == '"' || *p == '\'' ? *p++ : '\0';
        char word[4096];
        size_t n = 0;

        for (; *p && n + 2 < sizeof(word); p++) {
                bool ends = quote ? *p == quote : isspace((unsigned char)*p) || strchr(";{", *p) != NULL;

                /* "${name}" is a variable, not a block */
                if (ends && (quote || *p != '{' || n == 0 || word[n - 1] != '$'))
                        break;
                if (*p == '\\' && p[1])
                        word[n++] = *p++;
                reader->line += *p == '\n';
                word[n++] = *p;
        }

        reader->at = p + (quote && *p == quote);
        return strndup(word, n);
}

/* The words up to ";" or "{", which @ret_end becomes; '\0': the file ends. */
static int nginx_read_node(NginxReader *reader, NginxNode *node, char *ret_end) {
        for (;;) {
                char *word;

                nginx_skip_blank(reader);
                if (*reader->at == '\0' || strchr(";{}", *reader->at)) {
                        *ret_end = *reader->at;
                        reader->at += *reader->at != '\0';
                        return 0;
                }
                if (node->n_words == 0)
                        node->line = reader->line;
                word = nginx_read_word(reader);
                if (!word)
                        return -ENOMEM;
                if (node->n_words < NGINX_WORDS_MAX)
                        node->words[node->n_words++] = word;
                else
                        free(word);
        }
}

static int nginx_include(NginxReader *reader, const char *pattern, NginxNode *parent) {
        char path[PATH_MAX];
        glob_t found = {};
        int r = 0;

        if (reader->depth >= NGINX_DEPTH_MAX)
                return 0;

        (void)snprintf(path,
                       sizeof(path),
                       "%s%s%s",
                       *pattern == '/' ? "" : reader->directory,
                       *pattern == '/' ? "" : "/",
                       pattern);
        if (glob(path, 0, NULL, &found) == 0)
                for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
                        r = nginx_read_file(reader->conf,
                                            reader->directory,
                                            found.gl_pathv[i],
                                            parent,
                                            reader->depth + 1);
        globfree(&found);
        return r;
}

/* Adds the node; owns it from then on. */
static void nginx_conf_add(NginxConf *conf, NginxNode *node) {
        NginxNode **first = node->parent ? &node->parent->children : &conf->top;
        NginxNode **last = node->parent ? &node->parent->last_child : &conf->last_top;

        if (*last)
                (*last)->sibling = node;
        else
                *first = node;
        *last = node;

        if (conf->last)
                conf->last->next = node;
        else
                conf->first = node;
        conf->last = node;
        conf->n_nodes++;
}

static int nginx_read_nodes(NginxReader *reader, NginxNode *parent) {
        NginxNode *blocks[NGINX_DEPTH_MAX];
        size_t n_blocks = 0;
        int r = 0;

        while (r == 0 && reader->conf->n_nodes < NGINX_NODES_MAX) {
                NginxNode *node = calloc(1, sizeof(*node));
                char end;

                if (!node)
                        return -ENOMEM;
                *node = (NginxNode){ .file = reader->file, .parent = parent };
                r = nginx_read_node(reader, node, &end);
                if (r < 0 || end == '\0') {
                        nginx_node_free(node);
                        break;
                }
                if (end == '}' && n_blocks > 0)
                        parent = blocks[--n_blocks];
                if (node->n_words == 0 || end == '}') {
                        nginx_node_free(node);
                        continue;
                }

                nginx_conf_add(reader->conf, node);
                if (end == '{') {
                        if (n_blocks >= NGINX_DEPTH_MAX)
                                break;
                        blocks[n_blocks++] = parent;
                        parent = node;
                } else if (strcmp(node->words[0], "include") == 0 && node->n_words == 2) {
                        r = nginx_include(reader, node->words[1], parent);
                }
        }

        return r;
}

static int nginx_read_file(NginxConf *conf,
                           const char *directory,
                           const char *path,
                           NginxNode *parent,
                           unsigned int depth) {
        _cleanup_(freep) char *text = NULL;
        NginxReader reader = { .conf = conf, .directory = directory, .line = 1, .depth = depth };
        char **files;
        size_t size;

        if (conf->n_files >= NGINX_FILES_MAX || fd_read_file(path, FRONT_FILE_MAX, &text, &size) < 0)
                return 0;
        files = reallocarray(conf->files, conf->n_files + 1, sizeof(*files));
        if (!files)
                return -ENOMEM;
        conf->files = files;
        files[conf->n_files] = strdup(path);
        if (!files[conf->n_files])
                return -ENOMEM;

        reader.file = files[conf->n_files++];
        reader.at = text;
        return nginx_read_nodes(&reader, parent);
}

int nginx_conf_load(NginxConf *ret, const char *path) {
        _cleanup_(freep) char *directory = strdup(path);
        NginxConf conf = {};
        int r;

        if (!directory)
                return -ENOMEM;
        *strrchr(directory, '/') = '\0';

        r = nginx_read_file(&conf, directory, path, NULL, 0);
        if (r < 0) {
                nginx_conf_done(&conf);
                return r;
        }

        *ret = conf;
        return 0;
}

const NginxNode *nginx_conf_children(const NginxConf *conf, const NginxNode *node) {
        return node ? node->children : conf->top;
}

const NginxNode *nginx_conf_find(const NginxConf *conf, const NginxNode *node, const char *name) {
        for (;; node = node->parent) {
                const NginxNode *found = NULL;

                for (const NginxNode *n = nginx_conf_children(conf, node); n; n = n->sibling)
                        if (strcmp(n->words[0], name) == 0)
                                found = n;
                if (found || !node)
                        return found;
        }
}
