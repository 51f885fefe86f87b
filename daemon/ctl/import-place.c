/* SPDX-License-Identifier: MIT */
/*
 * Where an imported pool listens, where its site is, as whom it runs
 *
 * The old address stays, beside our own, so that the front end needs no change. The site's
 * root is not in php-fpm's files; the front ends that send requests to that address know it
 * (import-front.c).
 *
 * php-fpm let the pool's user write wherever its permissions went. The sandbox
 * does not: the root, and the directories of PHP's settings, are opened to it by name.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ctl/import.h"

static const FpmDirective *import_get(const Import *import, const char *name) {
        return fpm_conf_get(import->conf, import->pool, name);
}

static const char *import_get_value(const Import *import, const char *name) {
        const FpmDirective *directive = import_get(import, name);

        return directive && *directive->value ? directive->value : NULL;
}

/* All that speak to it; false where none is known. */
static bool import_fronts_run_as(const Import *import, const char *user) {
        const Front *first = import_next_front(import, NULL);

        for (const Front *front = first; front; front = import_next_front(import, front))
                if (!front->user || strcmp(front->user, user) != 0)
                        return false;

        return first;
}

static void import_socket_owner(Import *import) {
        const char *owner = import_get_value(import, "listen.owner"),
                   *group = import_get_value(import, "listen.group");
        const char *mode = import_get_value(import, "listen.mode");

        if (owner && strcmp(owner, "root") != 0)
                import_add(import, &import->socket, "SocketUser=%s", owner);
        /* where the front end is the owner that is enough, and our group can stay */
        if (group && (!owner || strcmp(owner, group) != 0 || !import_fronts_run_as(import, owner))) {
                import_add(import, &import->socket, "SocketGroup=%s", group);
                import_note(
                        import,
                        import_get(import, "listen.group"),
                        "so php-pool-proxy, of the group php-pool, may not connect; remove SocketGroup= when it is to");
        }
        if (mode && strtol(mode, NULL, 8) != 0660)
                import_add(import, &import->socket, "SocketMode=%s", mode);
}

static void import_socket_acl(Import *import, const char *address) {
        static const struct {
                const char *name;
                char kind;
        } lists[] = { { "listen.acl_users", 'u' }, { "listen.acl_groups", 'g' } };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                const char *value = import_get_value(import, lists[i].name);
                _cleanup_(freep) char *copy = value ? strdup(value) : NULL;
                char *saved = NULL;

                for (char *word = copy ? strtok_r(copy, ", ", &saved) : NULL; word;
                     word = strtok_r(NULL, ", ", &saved))
                        import_add(import,
                                   &import->socket,
                                   "ExecStartPost=/usr/bin/setfacl -m %c:%s:rw %s",
                                   lists[i].kind,
                                   word,
                                   address);
                if (value && access("/usr/bin/setfacl", X_OK) < 0)
                        import_note(import,
                                    import_get(import, lists[i].name),
                                    "it wants the package acl (setfacl)");
        }
}

static void import_socket_clients(Import *import) {
        const FpmDirective *clients = import_get(import, "listen.allowed_clients");
        _cleanup_(freep) char *copy = clients ? strdup(clients->value) : NULL;
        char *saved = NULL;

        if (!copy || *copy == '\0' || strcmp(copy, "any") == 0)
                return;

        import_add(import, &import->socket, "IPAddressDeny=any");
        for (char *word = strtok_r(copy, ", ", &saved); word; word = strtok_r(NULL, ", ", &saved))
                import_add(import, &import->socket, "IPAddressAllow=%s", word);
}

void import_listen(Import *import) {
        const FpmDirective *listen = import_get(import, "listen");
        const char *backlog = import_get_value(import, "listen.backlog");
        char address[PATH_MAX];

        if (!listen || *listen->value == '\0') {
                import_note(import,
                            NULL,
                            "%s has no listen: it listens on /run/php-pool/%s.sock alone",
                            import->pool,
                            import->name);
                return;
        }

        (void)snprintf(address,
                       sizeof(address),
                       "%s",
                       strncmp(listen->value, "/var/run/", 9) == 0 ? listen->value + 4 : listen->value);
        if (strncmp(address, "localhost:", 10) == 0)
                (void)snprintf(address, sizeof(address), "127.0.0.1:%s", listen->value + 10);
        if (strchr(address, '/') && *address != '/') {
                import_note(import,
                            listen,
                            "a relative path; it listens on /run/php-pool/%s.sock alone",
                            import->name);
                return;
        }

        import_add(import, &import->socket, "ListenStream=%s", address);
        if (*address == '/') {
                import_socket_owner(import);
                import_socket_acl(import, address);
        } else
                import_socket_clients(import);
        if (backlog && strtol(backlog, NULL, 10) > 0)
                import_add(import, &import->socket, "Backlog=%s", backlog);
}

/* "/srv/www/site/public" of a framework: its root is the directory above, with the code. */
void import_take_root(Import *import, const char *root) {
        static const char *const names[] = { "/public", "/web", "/public_html", "/htdocs", "/webroot" };
        size_t n = strlen(root);

        import->root = strdup(root);
        if (!import->root)
                return;
        while (n > 1 && import->root[n - 1] == '/')
                import->root[--n] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t m = strlen(names[i]);

                if (n <= m || strcmp(import->root + n - m, names[i]) != 0)
                        continue;
                import->docroot = strdup(names[i] + 1);
                import->root[n - m] = '\0';
                return;
        }
}

bool import_is_below(const char *path, const char *directory) {
        size_t n = strlen(directory);

        return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void import_guess_root(Import *import) {
        const Front *front = import_next_front(import, NULL);

        import->root = strdup("/var/www");
        if (front)
                import_note(import,
                            NULL,
                            "root = \"/var/www\" is a guess: %s:%u speaks to it, and names no root",
                            front->file,
                            front->line);
        else
                import_note(
                        import,
                        NULL,
                        "root = \"/var/www\" is a guess: no front end that is configured here speaks to %s",
                        import_get_value(import, "listen") ?: "this pool");
}

static void import_find_root(Import *import) {
        const char *chdir = import_get_value(import, "chdir"), *chroot = import_get_value(import, "chroot");

        if (chdir && strcmp(chdir, "/") == 0)
                chdir = NULL;
        import->chroot = chroot;
        import_fronts(import);
        if (!import->root && chdir)
                import_take_root(import, chdir);
        if (!import->root && chroot) {
                import->root = strdup("/");
                import->refusal = "where in its chroot the site is, neither chdir nor a front end says";
        }
        if (!import->root)
                import_guess_root(import);
}

/* Directories that PHP's settings name, and that a pool may not write by itself. */
static void import_find_writable(Import *import) {
        static const char *const names[] = { "session.save_path",
                                             "upload_tmp_dir",
                                             "sys_temp_dir",
                                             "soap.wsdl_cache_dir",
                                             "opcache.file_cache" };
        const ImportList *const lists[] = { &import->values, &import->admin_values };

        for (size_t l = 0; l < ELEMENTSOF(lists); l++)
                for (size_t i = 0; i < lists[l]->n_items; i++) {
                        const char *equals = strchr(lists[l]->items[i], '='), *path = strrchr(equals, ';');

                        path = path ? path + 1 : equals + 1;
                        for (size_t k = 0; k < ELEMENTSOF(names); k++)
                                if (strlen(names[k]) == (size_t)(equals - lists[l]->items[i]) &&
                                    strncmp(names[k], lists[l]->items[i], strlen(names[k])) == 0 &&
                                    *path == '/' && !import_is_below(path, "/tmp") &&
                                    !import_is_below(path, "/var/tmp") &&
                                    !import_has(&import->writable, path))
                                        import_add(import, &import->writable, "%s", path);
                }
}

static void import_user(Import *import) {
        const FpmDirective *user = import_get(import, "user");
        const char *group = import_get_value(import, "group");

        if (!user || *user->value == '\0') {
                import_note(import,
                            NULL,
                            "%s has no user: it becomes the dynamic user php-%s",
                            import->pool,
                            import->name);
                return;
        }
        if (strcmp(user->value, "root") == 0 || strcmp(user->value, "0") == 0) {
                import_note(import, user, "it becomes the dynamic user php-%s instead", import->name);
                return;
        }

        import_add(import, &import->service, "DynamicUser=no");
        import_add(import, &import->service, "User=%s", user->value);
        if (group)
                import_add(import, &import->service, "Group=%s", group);
        if (import->root && strcmp(import->root, "/") != 0)
                import_add(import, &import->writable, "%s", import->root);
        for (size_t i = 0; i < import->also.n_items; i++)
                import_add(import, &import->writable, "%s", import->also.items[i]);
}

/* What the manager, PHP and its extensions need of the system stands at its usual place in there. */
static void import_chroot(Import *import, const FpmDirective *chroot) {
        import_add(import, &import->service, "RootDirectory=%s", chroot->value);
        import_add(import, &import->service, "MountAPIVFS=yes");
        import_add(
                import,
                &import->service,
                "BindReadOnlyPaths=/usr -/lib -/lib64 /etc/php-pool -/etc/php -/etc/ssl -/etc/localtime -/etc/hosts "
                "-/etc/resolv.conf -/etc/nsswitch.conf -/etc/passwd -/etc/group -/etc/mime.types "
                "-/run/systemd/journal -/run/php-pool");
        import_add(import, &import->service, "ExecPaths=-/lib -/lib64");
        import_note(
                import,
                chroot,
                "it is RootDirectory= now; php-pool-proxy, which sees other paths, cannot serve the site: keep the front "
                "end that knows them");
}

static bool import_is_home(const char *path) {
        static const char *const homes[] = { "/home", "/root", "/run/user" };

        for (size_t i = 0; i < ELEMENTSOF(homes); i++)
                if (import_is_below(path, homes[i]))
                        return true;

        return false;
}

/* Directories that the sandbox hides; below ProtectHome=yes there is no place to bind them to (systemd.exec(5)). */
static void import_open_home(Import *import) {
        size_t n = import->service.n_items;

        if (import_is_home(import->root))
                import_add(import, &import->service, "BindPaths=%s", import->root);
        for (size_t i = 0; i < import->also.n_items; i++)
                if (import_is_home(import->also.items[i]))
                        import_add(import, &import->service, "BindPaths=-%s", import->also.items[i]);
        for (size_t i = 0; i < import->writable.n_items; i++)
                if (import_is_home(import->writable.items[i]) &&
                    !import_is_in(import, import->writable.items[i]))
                        import_add(import, &import->service, "BindPaths=-%s", import->writable.items[i]);
        if (import->service.n_items > n)
                import_add(import, &import->service, "ProtectHome=tmpfs");
}

void import_place(Import *import) {
        const FpmDirective *chroot = import_get(import, "chroot");

        import_find_root(import);
        if (!import->root) {
                import->failed = true;
                return;
        }
        import_user(import);
        import_find_writable(import);
        if (chroot && *chroot->value)
                import_chroot(import, chroot);
        else
                import_open_home(import);
}
