/* SPDX-License-Identifier: MIT */
/*
 * What the front ends know of an imported pool: roots, host names, index, front controller
 *
 * A socket may have several front ends, one for each site that shares the pool. php-fpm runs
 * whatever file they name; a pool of ours runs what lies below its root, which is that of the
 * first, or in one of the directories of site.also, which are those of the others.
 */
#include <stdio.h>
#include <string.h>
#include "config/check.h"
#include "ctl/import.h"

const Front *import_next_front(const Import *import, const Front *front) {
        const FpmDirective *listen = fpm_conf_get(import->conf, import->pool, "listen");

        if (!listen || *listen->value == '\0')
                return NULL;
        for (size_t i = front ? (size_t)(front - import->fronts->items) + 1 : 0; i < import->fronts->n_items;
             i++)
                if (front_same_address(import->fronts->items[i].address, listen->value))
                        return &import->fronts->items[i];

        return NULL;
}

bool import_has(const ImportList *list, const char *text) {
        for (size_t i = 0; i < list->n_items; i++)
                if (strcmp(list->items[i], text) == 0)
                        return true;

        return false;
}

/* Its root as the pool will see it. NULL: it has none, or none that can be ours. Free it. */
static char *import_front_root(Import *import, const Front *front) {
        _cleanup_(freep) char *root = front->root ? strdup(front->root) : NULL;
        const char *reason, *inside;
        size_t n = import->chroot ? strlen(import->chroot) : 0;

        if (!root)
                return NULL;
        while (n > 0 && import->chroot[n - 1] == '/')
                n--;
        path_simplify(root);
        inside = root + n;
        if (n > 0 && (strncmp(root, import->chroot, n) != 0 || *inside != '/'))
                reason = "it is not below the pool's chroot";
        else
                reason = *inside ? check_directory(inside) : "it is empty";
        if (!reason)
                return strdup(inside);

        import_note(import,
                    NULL,
                    "%s:%u: root '%s' cannot be ours: %s",
                    front->file,
                    front->line,
                    root,
                    reason);
        return NULL;
}

static void import_host(Import *import, const Front *front, const char *host) {
        _cleanup_(freep) char *lower = strdup(host);
        const char *reason = *host ? check_host(host) : "it is empty";

        for (char *p = lower; p && *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char)(*p - 'A' + 'a');
        if (!lower)
                import->failed = true;
        else if (reason)
                import_note(import,
                            NULL,
                            "%s:%u: host name '%s' cannot be ours: %s",
                            front->file,
                            front->line,
                            host,
                            reason);
        else if (!import_has(&import->hosts, lower))
                import_add(import, &import->hosts, "%s", lower);
}

static void import_front_texts(Import *import, const Front *front) {
        for (size_t i = 0; i < front->n_hosts; i++) {
                const char *host = front->hosts[i];
                char below[512];

                /* ".a.test" is a.test and all below (ngx_http_core_module, server_name) */
                (void)snprintf(below, sizeof(below), "*%s", host);
                if (*host == '.')
                        import_host(import, front, below);
                import_host(import, front, *host == '.' ? host + 1 : host);
        }
        for (size_t i = 0; i < front->n_index; i++)
                if (!strchr(front->index[i], '/') && !import_has(&import->index, front->index[i]))
                        import_add(import, &import->index, "%s", front->index[i]);
        if (front->front_controller && !import->front_controller)
                import->front_controller = strdup(front->front_controller);
}

bool import_is_in(const Import *import, const char *directory) {
        for (size_t i = 0; i < import->also.n_items; i++)
                if (import_is_below(directory, import->also.items[i]))
                        return true;

        return import_is_below(directory, import->root);
}

/* Those with a host name of their own first: Debian's 000-default, which has none, sorts before all sites. */
static void import_fronts_that(Import *import, bool named, char **first) {
        const Front *front = NULL;

        while ((front = import_next_front(import, front))) {
                _cleanup_(freep) char *root = NULL;

                if ((front->n_hosts > 0 || !front->inherited) != named)
                        continue;
                root = import_front_root(import, front);
                if (front->root && !root)
                        continue;
                if (root && !import->root)
                        import_take_root(import, root);
                if (root && !*first)
                        *first = strdup(root);
                if (root && *first && strcmp(root, *first) != 0) {
                        import_note(import,
                                    NULL,
                                    "%s:%u: '%s' is another root: the pool runs its scripts (site.also), "
                                    "php-pool-proxy cannot serve it from here",
                                    front->file,
                                    front->line,
                                    root);
                        if (!import_is_in(import, root))
                                import_add(import, &import->also, "%s", root);
                        continue;
                }
                import_front_texts(import, front);
        }
}

void import_fronts(Import *import) {
        _cleanup_(freep) char *first = NULL; /* the root whose host names are ours */

        import_fronts_that(import, /* named= */ true, &first);
        import_fronts_that(import, /* named= */ false, &first);
}
