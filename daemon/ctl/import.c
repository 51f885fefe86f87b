/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl import: pools of php-fpm become pools of ours
 *
 * For each pool a file in conf.d, and drop-ins for its two units with what is
 * systemd's business: addresses, users, limits, directories. What cannot be
 * carried over gets a line of its own; a pool that is refused as a whole is left out, and the
 * others are carried over. All files are composed and checked before
 * the first is written, and none that exists is replaced unless --force says so.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "config/pool.h"
#include "ctl/child.h"
#include "ctl/ctl.h"
#include "ctl/file.h"
#include "ctl/import.h"
#include "ctl/text.h"
#include "util/log.h"
#include "util/parse.h"

#define IMPORT_UNIT_DIR    "/etc/systemd/system"
#define IMPORT_RELOAD_USEC (60 * USEC_PER_SEC)

enum {
        IMPORT_POOLS_MAX = 4096,
};

typedef struct Pools Pools;

struct Pools {
        Import *items; /* owned */
        size_t n_items;
};

static void pools_done(Pools *pools) {
        for (size_t i = 0; i < pools->n_items; i++)
                import_done(&pools->items[i]);
        free(pools->items);
}

static bool import_has_name(const Pools *pools, const char *name) {
        for (size_t i = 0; i < pools->n_items; i++)
                if (strcmp(pools->items[i].name, name) == 0)
                        return true;

        return false;
}

/* A name that can be ours: "example.com" becomes "example-com". */
static void import_choose_name(Import *import, const Pools *pools) {
        char name[28] = "";
        size_t n = 0;

        for (const char *p = import->pool; *p && n + 1 < sizeof(name); p++) {
                bool good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                            (*p >= '0' && *p <= '9') || *p == '_' || (*p == '-' && n > 0);

                if (good)
                        name[n++] = *p;
                else if (n > 0)
                        name[n++] = '-';
        }
        name[n] = '\0';
        (void)snprintf(import->name, sizeof(import->name), "%s", name);
        if (parse_pool_name(import->name, NULL) < 0)
                (void)snprintf(import->name, sizeof(import->name), "fpm-%.20s", name);
        for (unsigned int i = 2; import_has_name(pools, import->name); i++)
                (void)snprintf(import->name, sizeof(import->name), "%.20s-%u", name, i);
        if (strcmp(import->name, import->pool) != 0)
                import_note(import,
                            NULL,
                            "[%s] is called '%s': names of pools become names of users",
                            import->pool,
                            import->name);
}

/* "/etc/php/8.2/fpm/pool.d/www.conf" is for PHP 8.2, if there is a worker of it. */
static void import_choose_version(Import *import, const Ctl *ctl, const char *file) {
        char version[16], path[PATH_MAX];

        if (sscanf(file, "/etc/php/%15[0-9.]/", version) != 1)
                return;
        (void)snprintf(path, sizeof(path), "%s/php-pool-worker-%s", ctl->worker_dir, version);
        if (access(path, X_OK) == 0)
                memcpy(import->version, version, sizeof(version));
        else
                import_note(import,
                            NULL,
                            "there is no worker for PHP %s here: the newest is taken",
                            version);
}

static int import_add_pool(Pools *pools,
                           const Ctl *ctl,
                           const FpmConf *conf,
                           const Fronts *fronts,
                           const FpmDirective *first) {
        Import *items, import = { .conf = conf, .fronts = fronts, .pool = first->pool };
        int r;

        if (pools->n_items >= IMPORT_POOLS_MAX)
                return -E2BIG;
        items = reallocarray(pools->items, pools->n_items + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        pools->items = items;

        import_choose_name(&import, pools);
        import_choose_version(&import, ctl, first->file);
        r = import_read(&import);
        pools->items[pools->n_items++] = import;
        return r;
}

static int import_find_pools(Pools *pools, const Ctl *ctl, const FpmConf *conf, const Fronts *fronts) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < conf->n_items; i++) {
                bool seen = strcmp(conf->items[i].pool, "global") == 0;

                for (size_t k = 0; k < pools->n_items && !seen; k++)
                        seen = strcmp(pools->items[k].pool, conf->items[i].pool) == 0;
                if (!seen)
                        r = import_add_pool(pools, ctl, conf, fronts, &conf->items[i]);
        }

        return r;
}

/* Would php-poold take it? */
static int import_check(const Import *import, const char *text) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(freep) char *clean = NULL, *pool = NULL;
        char path[] = "/tmp/php-pool-import-XXXXXX";
        ConfigError error = {};
        int fd = mkstemp(path), r;
        FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

        if (!f)
                return log_error_errno(-errno, "Failed to make a temporary file: %m");
        (void)fputs(text, f);
        r = fclose(f) != 0 ? -errno : pool_config_load_path(&config, path, import->name, &error);
        (void)unlink(path);
        if (r == 0)
                return 0;

        clean = text_clean(error.message, 500);
        pool = text_clean(import->pool, 100);
        return log_error_errno(r,
                               "[%s] cannot be carried over, line %u of what it would be: %s",
                               pool ?: "",
                               error.line,
                               clean ?: "");
}

/* The three paths; @ret has room for them. */
static void import_paths(const Ctl *ctl, const Import *import, char (*ret)[PATH_MAX]) {
        const char *units = ctl->unit_dir ?: IMPORT_UNIT_DIR;

        (void)snprintf(ret[0], PATH_MAX, "%s/conf.d/%s.conf", ctl->config_dir, import->name);
        (void)snprintf(ret[1], PATH_MAX, "%s/php-pool@%s.service.d/php-fpm.conf", units, import->name);
        (void)snprintf(ret[2], PATH_MAX, "%s/php-pool@%s.socket.d/php-fpm.conf", units, import->name);
}

/* Could it be written? Says what stands in the way. -EINVAL: it cannot be one of ours. */
static int import_try_pool(const Ctl *ctl, const Import *import) {
        _cleanup_(freep) char *text = import_compose_pool(import), *clean = text_clean(import->pool, 100);
        char paths[3][PATH_MAX];
        int r;

        if (!text)
                return log_error_errno(-ENOMEM, "Failed to carry '%s' over: %m", import->name);
        if (import->refusal)
                return log_error_errno(-EINVAL,
                                       "[%s] cannot be carried over: %s",
                                       clean ?: "",
                                       import->refusal);
        r = import_check(import, text);
        if (r < 0)
                return r;

        import_paths(ctl, import, paths);
        for (size_t i = 0; !ctl->print && !ctl->force && i < ELEMENTSOF(paths); i++)
                if (access(paths[i], F_OK) == 0)
                        return log_error_errno(-EEXIST,
                                               "'%s' exists; --force would write over it.",
                                               paths[i]);
        return 0;
}

/* One file, or its text. Nothing for an empty one. */
static int import_put(const Ctl *ctl, const char *path, const char *text) {
        int r;

        if (*text == '\0')
                return 0;
        if (ctl->print) {
                printf("# %s\n%s\n", path, text);
                return 0;
        }

        r = file_write(path, text, ctl->force);
        if (r == -EEXIST)
                return log_error_errno(r, "'%s' exists; --force would write over it.", path);
        if (r < 0)
                return log_error_errno(r, "Failed to write '%s': %m", path);
        printf("Wrote %s\n", path);
        return 0;
}

static int import_put_pool(const Ctl *ctl, const Import *import) {
        _cleanup_(freep) char *pool = import_compose_pool(import), *service = import_compose_service(import),
                              *socket = import_compose_socket(import);
        char paths[3][PATH_MAX];
        int r;

        if (!pool || !service || !socket)
                return log_error_errno(-ENOMEM, "Failed to carry '%s' over: %m", import->name);

        import_paths(ctl, import, paths);
        r = import_put(ctl, paths[0], pool);
        if (r == 0)
                r = import_put(ctl, paths[1], service);
        if (r == 0)
                r = import_put(ctl, paths[2], socket);
        if (r < 0)
                return r;

        for (size_t i = 0; i < import->notes.n_items; i++) {
                _cleanup_(freep) char *clean = text_clean(import->notes.items[i], 1000);

                (void)fprintf(ctl->print ? stderr : stdout, "  not carried over: %s\n", clean ?: "");
        }
        return 0;
}

/* Takes out those that cannot be ours. */
static int import_try_pools(const Ctl *ctl, Pools *pools, size_t *ret_refused) {
        size_t kept = 0;

        for (size_t i = 0; i < pools->n_items; i++) {
                Import *import = &pools->items[i];
                int r = import_try_pool(ctl, import);

                if (r < 0 && r != -EINVAL)
                        return r;
                if (r < 0) {
                        import_done(import);
                        continue;
                }
                if (kept != i) {
                        pools->items[kept] = *import;
                        *import = (Import){};
                }
                kept++;
        }

        *ret_refused = pools->n_items - kept;
        pools->n_items = kept;
        return 0;
}

static void import_print_next(const Pools *pools, size_t n_refused) {
        if (n_refused > 0)
                printf("\n%zu pool%s carried over, %zu left out.\n",
                       pools->n_items,
                       pools->n_items == 1 ? "" : "s",
                       n_refused);
        printf("\nThe old addresses are the pools' now, as soon as php-fpm leaves them%s:\n\n%s"
               "    systemctl enable --now",
               n_refused > 0
                       ? ". It goes on for what was left out: take the others out of its files, reload it, then"
                       : "",
               n_refused > 0 ? "" : "    systemctl disable --now 'php*-fpm.service'\n");
        for (size_t i = 0; i < pools->n_items; i++)
                printf(" php-pool@%s.socket", pools->items[i].name);
        printf("\n    php-poolctl check\n\nThe front end needs no change.\n");
}

static int import_load(FpmConf *conf, int argc, char **argv) {
        for (int i = 0; i < argc; i++) {
                _cleanup_(freep) char *clean = NULL;
                FpmPlace place = {};
                int r = fpm_conf_add_file(conf, argv[i], &place);

                if (r < 0)
                        clean = text_clean(place.file ?: argv[i], 500);
                if (r == -EINVAL)
                        return log_error_errno(r,
                                               "%s:%u: this is no configuration of php-fpm",
                                               clean ?: "",
                                               place.line);
                if (r < 0)
                        return log_error_errno(r, "Failed to read '%s': %m", clean ?: "");
        }

        return 0;
}

/* Where no pool is that could have a line of its own. */
static void import_tell_includes(const FpmConf *conf) {
        for (size_t i = 0; i < conf->n_items; i++) {
                _cleanup_(freep) char *file = text_clean(conf->items[i].file, 500),
                                      *value = text_clean(conf->items[i].value, 500);

                if (strcmp(conf->items[i].name, "include") == 0)
                        log_warning("%s:%u: include = %s: nothing matches it",
                                    file ?: "",
                                    conf->items[i].line,
                                    value ?: "");
        }
}

int verb_import(const Ctl *ctl, int argc, char **argv) {
        static const char *const reload[] = { "systemctl", "daemon-reload", NULL };
        _cleanup_(fpm_conf_done) FpmConf conf = {};
        _cleanup_(fronts_done) Fronts fronts = {};
        _cleanup_(pools_done) Pools pools = {};
        size_t n_refused = 0;
        int r;

        r = import_load(&conf, argc, argv);
        if (r < 0)
                return r == -EINVAL ? EX_CONFIG : EXIT_FAILURE;
        r = fronts_load(&fronts, ctl->front_dir);
        if (r == 0)
                r = import_find_pools(&pools, ctl, &conf, &fronts);
        if (r < 0) {
                log_error_errno(r, "Failed to carry the pools over: %m");
                return EXIT_FAILURE;
        }
        if (pools.n_items == 0) {
                import_tell_includes(&conf);
                log_error("There is no pool of php-fpm in it.");
                return EX_CONFIG;
        }

        r = import_try_pools(ctl, &pools, &n_refused);
        for (size_t i = 0; r == 0 && i < pools.n_items; i++)
                r = import_put_pool(ctl, &pools.items[i]);
        if (r < 0)
                return EXIT_FAILURE;
        if (ctl->print || pools.n_items == 0)
                return n_refused > 0 ? EX_CONFIG : EXIT_SUCCESS;

        if (ctl->systemd && !ctl->unit_dir)
                (void)child_run(reload,
                                IMPORT_RELOAD_USEC,
                                /* with_errors= */ false,
                                NULL); /* or the next command does it */
        import_print_next(&pools, n_refused);
        return n_refused > 0 ? EX_CONFIG : EXIT_SUCCESS;
}
