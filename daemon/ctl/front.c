/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/front.h"

const char *front_kind_to_string(FrontKind kind) {
        static const char *const names[_FRONT_KIND_MAX] = {
                [FRONT_NGINX] = "nginx",
                [FRONT_APACHE] = "Apache",
                [FRONT_HAPROXY] = "HAProxy",
        };

        return names[kind];
}

Front *fronts_add(Fronts *fronts, FrontKind kind, const char *file, unsigned int line, const char *address) {
        Front *items;

        if (fronts->n_items >= FRONTS_MAX)
                return NULL;
        items = reallocarray(fronts->items, fronts->n_items + 1, sizeof(*items));
        if (!items)
                return NULL;
        fronts->items = items;

        items += fronts->n_items;
        *items = (Front){
                .kind = kind,
                .file = strdup(file),
                .line = line,
                .address = front_parse_address(address),
        };
        if (!items->file || !items->address) {
                free(items->file);
                free(items->address);
                return NULL;
        }
        fronts->n_items++;
        return items;
}

static int front_add_text(char **list, size_t *n, const char *text) {
        if (*n >= FRONT_HOSTS_MAX)
                return 0; /* who has more names has them in a file that is written by a program */

        list[*n] = strdup(text);
        if (!list[*n])
                return -ENOMEM;
        ++*n;
        return 0;
}

int front_add_host(Front *front, const char *host) {
        return front_add_text(front->hosts, &front->n_hosts, host);
}

int front_add_index(Front *front, const char *index) {
        return front_add_text(front->index, &front->n_index, index);
}

int fronts_load(Fronts *ret, const char *directory) {
        Fronts fronts = {};
        int r;

        r = front_nginx_load(&fronts, directory);
        if (r == 0)
                r = front_apache_load(&fronts, directory);
        if (r == 0)
                r = front_haproxy_load(&fronts, directory);
        if (r < 0) {
                fronts_done(&fronts);
                return r;
        }

        *ret = fronts;
        return 0;
}

void fronts_done(Fronts *fronts) {
        for (size_t i = 0; i < fronts->n_items; i++) {
                Front *front = &fronts->items[i];

                for (size_t k = 0; k < front->n_hosts; k++)
                        free(front->hosts[k]);
                for (size_t k = 0; k < front->n_index; k++)
                        free(front->index[k]);
                free(front->file);
                free(front->address);
                free(front->root);
                free(front->front_controller);
                free(front->user);
        }
        free(fronts->items);
        *fronts = (Fronts){};
}

char *front_parse_address(const char *text) {
        size_t n;

        if (strncmp(text, "proxy:", 6) == 0)
                text += 6;
        if (strncmp(text, "unix:", 5) == 0)
                text += 5;
        else if (strncmp(text, "fcgi://", 7) == 0)
                text += 7;

        /* "/path|fcgi://name/" of Apache, "host:port/path" of a URL, ":/uri" of nginx behind a unix socket */
        n = *text == '/' ? strcspn(text, "|:") : strcspn(text, "/");
        return strndup(text, n);
}

/* The port, as text; NULL: a path. @ret_host: what is before it, "" for any. */
static const char *front_split(const char *address, char *ret_host, size_t size) {
        const char *colon;

        if (*address == '/')
                return NULL;

        colon = strrchr(address, ':');
        (void)snprintf(ret_host, size, "%.*s", colon ? (int)(colon - address) : 0, address);
        if (strcmp(ret_host, "localhost") == 0)
                (void)snprintf(ret_host, size, "127.0.0.1");
        if (strcmp(ret_host, "0.0.0.0") == 0 || strcmp(ret_host, "[::]") == 0 || strcmp(ret_host, "*") == 0)
                ret_host[0] = '\0';
        return colon ? colon + 1 : address;
}

bool front_same_address(const char *a, const char *b) {
        char a_host[256], b_host[256];
        const char *a_port = front_split(a, a_host, sizeof(a_host)),
                   *b_port = front_split(b, b_host, sizeof(b_host));

        if (!a_port && !b_port) {
                a += strncmp(a, "/var/run/", 9) == 0 ? 4 : 0;
                b += strncmp(b, "/var/run/", 9) == 0 ? 4 : 0;
                return strcmp(a, b) == 0;
        }
        return a_port && b_port && strcmp(a_port, b_port) == 0 &&
               (*a_host == '\0' || *b_host == '\0' || strcmp(a_host, b_host) == 0);
}
