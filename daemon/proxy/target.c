/* SPDX-License-Identifier: MIT */
/*
 * What a path of a site leads to
 *
 * A busy site is asked for the same paths again and again, and each answer
 * costs half a dozen system calls: so it is remembered for a tenth of a
 * second, file descriptor included. That is shorter than anybody needs to
 * switch a link and press reload, and long enough that under load nearly no
 * request looks at the file system.
 *
 * The table is direct-mapped: a target takes the place of whatever hashes to
 * the same. Only time is lost by that, so nobody gains by bringing it about.
 * Descriptors are given back when they run out, and by a sweep when nobody
 * asks any more, so that a deleted file does not stay on the disk.
 */

#include <stdio.h>
#include <string.h>
#include "proxy/sites.h"
#include "proxy/target.h"
#include "util/fd.h"
#include "util/hash.h"

static const char *const target_suffixes[] = {
        [TARGET_PLAIN] = "",
        [TARGET_BROTLI] = ".br",
        [TARGET_ZSTD] = ".zst",
        [TARGET_GZIP] = ".gz",
};

Target *target_unref(Target *target) {
        if (!target || --target->n_refs > 0)
                return NULL;

        for (size_t i = 0; i < _TARGET_CODING_MAX; i++)
                fd_close(target->files[i].fd);
        free(target);
        return NULL;
}

void targets_forget(Targets *targets, uint64_t before_usec) {
        for (size_t i = 0; i < TARGETS_MAX; i++)
                if (targets->items[i] && targets->items[i]->checked_usec < before_usec)
                        targets->items[i] = target_unref(targets->items[i]);
}

static size_t target_slot(const Site *site, const char *path) {
        return hash_bytes((uintptr_t)site, path, strlen(path)) % TARGETS_MAX;
}

static const char *target_add_text(char **p, const char *text) {
        size_t size = strlen(text) + 1;
        char *copy = memcpy(*p, text, size);

        *p += size;
        return copy;
}

static Target *target_new(const Docroot *docroot,
                          const char *path,
                          const char *script,
                          const char *resolved,
                          const char *path_info) {
        Target *target;
        char *p;

        target = malloc(sizeof(*target) + strlen(path) + strlen(script) + strlen(resolved) +
                        strlen(path_info) + strlen(docroot->real) + 5);
        if (!target)
                return NULL;

        *target = (Target){ .n_refs = 1, .generation = docroot->generation };
        p = target->text;
        target->path = target_add_text(&p, path);
        target->script = target_add_text(&p, script);
        target->resolved = target_add_text(&p, resolved);
        target->path_info = target_add_text(&p, path_info);
        target->document_root = target_add_text(&p, docroot->real);
        for (size_t i = 0; i < _TARGET_CODING_MAX; i++)
                target->files[i].fd = -EBADF;
        return target;
}

static int target_lookup_file(Docroot *docroot, const char *path) {
        RouteEntry entry;
        int r;

        r = docroot->tree.lookup(&docroot->tree, path, &entry);
        if (r < 0)
                return r;
        return entry.type == ROUTE_ENTRY_FILE ? 0 : -ENOENT;
}

int target_open(Docroot *docroot, const char *path, uint64_t now_usec, Target **ret) {
        _cleanup_(target_unrefp) Target *target = NULL;
        int r;

        r = docroot_refresh(docroot, now_usec);
        if (r < 0)
                return r;
        r = target_lookup_file(docroot, path);
        if (r < 0 && docroot_has_moved(docroot, now_usec))
                r = target_lookup_file(docroot, path);
        if (r < 0)
                return r;

        target = target_new(docroot, path, path, docroot->resolved, "");
        if (!target)
                return -ENOMEM;
        target->kind = ROUTE_FILE;
        r = docroot_open_entry(docroot, &target->files[TARGET_PLAIN]);
        docroot_forget_entry(docroot);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(target);
        return 0;
}

/*
 * The docroot's last look-up was of the file. A compressed one counts if it really
 * lies beside it, and is not older: nobody has judged where another link may lead.
 */
static int target_open_files(Target *target, Site *site) {
        Docroot *docroot = &site->docroot;
        char path[ROUTE_PATH_MAX + 8], resolved[ROUTE_PATH_MAX + 8];
        size_t size = strlen(docroot->resolved);
        int r;

        memcpy(resolved, docroot->resolved, size);

        r = docroot_open_entry(docroot, &target->files[TARGET_PLAIN]);
        if (r < 0)
                return r;

        for (size_t i = TARGET_PLAIN + 1; i < _TARGET_CODING_MAX && site->config->precompressed; i++) {
                TargetFile *file = &target->files[i];
                RouteEntry entry;

                (void)snprintf(path, sizeof(path), "%s%s", target->script, target_suffixes[i]);
                memcpy(resolved + size, target_suffixes[i], strlen(target_suffixes[i]) + 1);
                if (docroot->tree.lookup(&docroot->tree, path, &entry) < 0 ||
                    entry.type != ROUTE_ENTRY_FILE || strcmp(entry.resolved, resolved) != 0)
                        continue;
                if (docroot_open_entry(docroot, file) >= 0 &&
                    file->status.st_mtime < target->files[TARGET_PLAIN].status.st_mtime)
                        file->fd = fd_close(file->fd);
        }
        return 0;
}

/* No verdict on any path: there may be descriptors in a moment. */
static bool error_is_want_of_descriptors(int r) {
        return r == -EMFILE || r == -ENFILE;
}

static int target_decide(Site *site, Route *route, Target **ret) {
        Target *target;
        int r = 0;

        route_decide(route, site->config, site->rules, &site->docroot.tree);
        if (error_is_want_of_descriptors(route->error)) {
                docroot_forget_entry(&site->docroot);
                return route->error;
        }

        target = target_new(&site->docroot,
                            route->path,
                            route->script,
                            route->resolved ?: route->script,
                            route->kind == ROUTE_SCRIPT ? route->path_info : "");
        if (target) {
                target->site = site;
                target->kind = route->kind;
                target->status = route->status;
                target->reason = route->reason;
                target->pool = route->pool;
                target->filename = route->filename;
                if (target->kind == ROUTE_FILE)
                        r = target_open_files(target, site);
        }
        docroot_forget_entry(&site->docroot);
        if (!target)
                return -ENOMEM;
        if (error_is_want_of_descriptors(r)) {
                target_unref(target);
                return r;
        }
        if (r < 0) {
                target->kind = ROUTE_ERROR;
                target->status = r == -EACCES ? 403 : 500;
                target->reason = r == -EACCES ? "the proxy may not read it: permissions"
                                              : "the file cannot be opened";
        }

        *ret = target;
        return 0;
}

int targets_find(Targets *targets, Site *site, Route *route, uint64_t now_usec, Target **ret) {
        Target **slot = &targets->items[target_slot(site, route->path)], *target;
        int r;

        r = docroot_refresh(&site->docroot, now_usec);
        if (error_is_want_of_descriptors(r)) {
                targets_forget(targets, UINT64_MAX);
                r = docroot_refresh(&site->docroot, now_usec);
        }
        if (r < 0)
                return r;

        target = *slot;
        if (!target || target->site != site || now_usec - target->checked_usec >= TARGETS_USEC ||
            target->generation != site->docroot.generation || strcmp(target->path, route->path) != 0) {
                r = target_decide(site, route, &target);
                if (error_is_want_of_descriptors(r)) {
                        targets_forget(targets, UINT64_MAX);
                        r = target_decide(site, route, &target);
                }
                if (r == 0 && target->kind == ROUTE_ERROR && docroot_has_moved(&site->docroot, now_usec)) {
                        target_unref(target);
                        r = target_decide(site, route, &target);
                }
                if (r < 0)
                        return r;
                target->checked_usec = now_usec;
                target_unref(*slot);
                *slot = target;
        }

        target->n_refs++;
        *ret = target;
        return 0;
}
