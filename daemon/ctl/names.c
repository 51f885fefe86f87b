/* SPDX-License-Identifier: MIT */
/*
 * The pools that are configured
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "ctl/names.h"
#include "util/parse.h"

static int names_compare(const void *a, const void *b) {
        return strcmp(((const NamesItem *)a)->name, ((const NamesItem *)b)->name);
}

static void closedirp(DIR **dir) {
        if (*dir)
                (void)closedir(*dir);
}

static int names_add(Names *names, const char *name, size_t size) {
        NamesItem *items;

        if (names->n_items >= NAMES_MAX)
                return -E2BIG;
        items = reallocarray(names->items, names->n_items + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        names->items = items;

        items += names->n_items;
        *items = (NamesItem){ .name = strndup(name, size) };
        if (!items->name)
                return -ENOMEM;
        (void)parse_pool_name(items->name, &items->error);
        names->n_items++;
        return 0;
}

static int names_read(Names *names, DIR *dir) {
        for (;;) {
                const struct dirent *entry;
                size_t size;
                int r;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;

                size = strlen(entry->d_name);
                if (entry->d_name[0] == '.' || size <= strlen(".conf") ||
                    strcmp(entry->d_name + size - strlen(".conf"), ".conf") != 0)
                        continue;
                r = names_add(names, entry->d_name, size - strlen(".conf"));
                if (r < 0)
                        return r;
        }
}

int names_load(Names *ret, const char *config_dir) {
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closedirp) DIR *dir = NULL;
        Names names = {};
        int r;

        if (asprintf(&path, "%s/conf.d", config_dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        dir = opendir(path);
        if (!dir)
                return -errno;

        r = names_read(&names, dir);
        if (r < 0) {
                names_done(&names);
                return r;
        }

        if (names.n_items > 0)
                qsort(names.items, names.n_items, sizeof(*names.items), names_compare);
        *ret = names;
        return 0;
}

void names_done(Names *names) {
        for (size_t i = 0; i < names->n_items; i++)
                free(names->items[i].name);
        free(names->items);
        *names = (Names){};
}
