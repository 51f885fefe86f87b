/* SPDX-License-Identifier: MIT */
/*
 * What nginx sends to FastCGI
 *
 * Each `fastcgi_pass` is a front; what holds for it stands in its location, the
 * server around, or http (ngx_http_fastcgi_module). What goes wrong:
 *
 *   - try_files in the same location empties $fastcgi_path_info (nginx ticket 321),
 *     unless it was saved in a variable before;
 *   - fastcgi_params, unlike fastcgi.conf, has no SCRIPT_FILENAME;
 *   - a response head has to fit fastcgi_buffer_size, one page if nothing is said;
 *   - request bodies end at client_max_body_size, 1m if nothing is said.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ctl/front.h"
#include "ctl/nginx-conf.h"
#include "util/parse.h"

#define NGINX_HEAD_BUFFER 4096U /* a page (fastcgi_buffer_size) */
#define NGINX_BODY_MAX    (1024U * 1024)

static const NginxNode *nginx_block_around(const NginxNode *node, const char *name) {
        while (node && strcmp(node->words[0], name) != 0)
                node = node->parent;

        return node;
}

/* "8k", "10m"; 0: none, or not to be understood. */
static uint64_t nginx_size(const NginxNode *node, uint64_t fallback) {
        char text[64];
        uint64_t bytes;
        size_t n;

        if (!node || node->n_words < 2)
                return fallback;
        n = (size_t)snprintf(text, sizeof(text), "%s", node->words[1]);
        if (n > 0 && n < sizeof(text) && strchr("kmg", text[n - 1]))
                text[n - 1] = (char)(text[n - 1] - 'a' + 'A');
        return parse_size(text, &bytes) < 0 ? 0 : bytes;
}

/* The value of fastcgi_param NAME that holds for @node; its block's own params hide those around it. */
static const char *nginx_param(const NginxConf *conf, const NginxNode *node, const char *name) {
        for (;; node = node->parent) {
                const char *value = NULL;
                bool any = false;

                for (const NginxNode *n = nginx_conf_children(conf, node); n; n = n->sibling) {
                        if (strcmp(n->words[0], "fastcgi_param") != 0 || n->n_words < 3)
                                continue;
                        any = true;
                        if (strcasecmp(n->words[1], name) == 0)
                                value = n->words[2];
                }
                if (any || !node)
                        return value;
        }
}

static bool nginx_has_own(const NginxConf *conf, const NginxNode *block, const char *name) {
        const NginxNode *found = nginx_conf_find(conf, block, name);

        return found && found->parent == block;
}

/* "/index.php" out of "/index.php?$query_string", "/index.php$is_args$args"; NULL: no script. */
static char *nginx_script(const char *word) {
        size_t n = strcspn(word, "?$");

        if (*word != '/' || n < 5 || strncmp(word + n - 4, ".php", 4) != 0)
                return NULL;
        return strndup(word, n);
}

/* The script that `location @name` rewrites to. */
static char *nginx_named_script(const NginxNode *server, const char *name) {
        char *script = NULL;

        for (const NginxNode *n = server->children; n && !script; n = n->sibling) {
                if (n->n_words < 2 || strcmp(n->words[1], name) != 0)
                        continue;
                for (const NginxNode *m = n->children; m && !script; m = m->sibling)
                        if (strcmp(m->words[0], "rewrite") == 0 && m->n_words > 2)
                                script = nginx_script(m->words[2]);
        }

        return script;
}

/* What answers when there is no file: the last word of a try_files in the server, or what that leads to. */
static char *nginx_front_controller(const NginxNode *server, const NginxNode *block) {
        char *script = NULL;

        for (const NginxNode *n = block->children; n && !script; n = n->sibling) {
                const char *last = n->words[n->n_words - 1];

                if (n->children)
                        script = nginx_front_controller(server, n);
                else if (strcmp(n->words[0], "try_files") == 0)
                        script = *last == '@' ? nginx_named_script(server, last) : nginx_script(last);
        }

        return script;
}

static int nginx_add_words(const NginxNode *node, Front *front, int (*add)(Front *front, const char *word)) {
        int r = 0;

        for (size_t i = 1; r == 0 && node && i < node->n_words; i++)
                if (strcmp(node->words[i], "_") != 0 && node->words[i][0] != '~' &&
                    !strchr(node->words[i], '$'))
                        r = add(front, node->words[i]);

        return r;
}

static void nginx_find_faults(const NginxConf *conf, const NginxNode *block, Front *front) {
        const NginxNode *off = nginx_conf_find(conf, block, "fastcgi_pass_request_headers");
        const NginxNode *buffering = nginx_conf_find(conf, block, "fastcgi_request_buffering");
        const char *path_info = nginx_param(conf, block, "PATH_INFO"), *auth;

        auth = nginx_param(conf, block, "HTTP_AUTHORIZATION");
        front->no_script_filename = !nginx_param(conf, block, "SCRIPT_FILENAME");
        front->loses_path_info = path_info && strcmp(path_info, "$fastcgi_path_info") == 0 &&
                                 nginx_has_own(conf, block, "try_files");
        front->loses_authorization =
                (auth && *auth == '\0') || (off && off->n_words > 1 && strcmp(off->words[1], "off") == 0);
        front->unbuffered = buffering && buffering->n_words > 1 && strcmp(buffering->words[1], "off") == 0;
        front->head_buffer =
                nginx_size(nginx_conf_find(conf, block, "fastcgi_buffer_size"), NGINX_HEAD_BUFFER);
        front->body_max = nginx_size(nginx_conf_find(conf, block, "client_max_body_size"), NGINX_BODY_MAX);
}

static int
nginx_add_front(Fronts *fronts, const NginxConf *conf, const NginxNode *pass, const char *address) {
        const NginxNode *block = pass->parent, *server = nginx_block_around(block, "server");
        const NginxNode *root = nginx_conf_find(conf, block, "root"),
                        *user = nginx_conf_find(conf, NULL, "user");
        Front *front = fronts_add(fronts, FRONT_NGINX, pass->file, pass->line, address);
        int r;

        if (!front)
                return -ENOMEM;
        r = server ? nginx_add_words(nginx_conf_find(conf, server, "server_name"), front, front_add_host)
                   : 0;
        if (r == 0)
                r = nginx_add_words(nginx_conf_find(conf, block, "index"), front, front_add_index);
        if (r < 0)
                return r;

        if (root && root->n_words > 1 && !strchr(root->words[1], '$'))
                front->root = strdup(root->words[1]);
        front->front_controller = server ? nginx_front_controller(server, server) : NULL;
        front->user = strdup(user && user->n_words > 1 ? user->words[1] : "www-data");
        nginx_find_faults(conf, block, front);
        return front->user ? 0 : -ENOMEM;
}

/* The name of an upstream block stands for each of its servers. */
static int nginx_add_pass(Fronts *fronts, const NginxConf *conf, const NginxNode *pass) {
        bool upstream = false;
        int r = 0;

        for (const NginxNode *n = conf->first; r == 0 && n; n = n->next) {
                if (!n->parent || strcmp(n->parent->words[0], "upstream") != 0 || n->parent->n_words < 2 ||
                    strcmp(n->parent->words[1], pass->words[1]) != 0 || strcmp(n->words[0], "server") != 0 ||
                    n->n_words < 2)
                        continue;
                upstream = true;
                r = nginx_add_front(fronts, conf, pass, n->words[1]);
        }

        return r < 0 || upstream ? r : nginx_add_front(fronts, conf, pass, pass->words[1]);
}

int front_nginx_load(Fronts *fronts, const char *directory) {
        _cleanup_(nginx_conf_done) NginxConf conf = {};
        char path[PATH_MAX];
        int r;

        (void)snprintf(path, sizeof(path), "%s/nginx/nginx.conf", directory);
        r = nginx_conf_load(&conf, path);
        for (const NginxNode *n = conf.first; r == 0 && n; n = n->next)
                if (strcmp(n->words[0], "fastcgi_pass") == 0 && n->n_words > 1)
                        r = nginx_add_pass(fronts, &conf, n);

        return r;
}
