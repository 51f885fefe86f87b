/* SPDX-License-Identifier: MIT */
/*
 * What systemd says of units
 *
 * systemctl, and not its D-Bus interface: as root it speaks to PID 1 itself, where
 * no bus runs, and its output is the one that people compare ours with.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "ctl/child.h"
#include "ctl/unit.h"
#include "util/clock.h"

/* PID 1 answers in milliseconds, and after a `daemon-reload` of a large system in seconds. */
#define UNIT_TIMEOUT_USEC (25 * USEC_PER_SEC)

/* Lines become strings; a unit ends with an empty one. */
static int units_split(Units *units) {
        bool begins = true;
        char *line = units->text;

        while (*line) {
                size_t n = strcspn(line, "\n");
                bool last = line[n] == '\0';

                line[n] = '\0';
                if (begins && n > 0) {
                        char **blocks = reallocarray(units->blocks, units->n_blocks + 1, sizeof(*blocks));

                        if (!blocks)
                                return -ENOMEM;
                        units->blocks = blocks;
                        blocks[units->n_blocks++] = line;
                }
                begins = n == 0;
                if (last)
                        break;
                line += n + 1;
        }

        return 0;
}

int units_load(Units *ret, const char *pattern, const char *properties) {
        const char *argv[] = { "systemctl", "--no-pager", "show", "-p", properties, "--", pattern, NULL };
        Units units = {};
        size_t size;
        char *grown;
        int r;

        r = child_run(argv, UNIT_TIMEOUT_USEC, /* with_errors= */ false, &units.text);
        if (r != 0) {
                free(units.text);
                return r < 0 ? r : -EIO;
        }

        /* two NULs behind the last unit, as behind each other */
        size = strlen(units.text);
        grown = realloc(units.text, size + 2);
        if (!grown) {
                free(units.text);
                return -ENOMEM;
        }
        units.text = grown;
        grown[size + 1] = '\0';
        r = units_split(&units);
        if (r < 0) {
                units_done(&units);
                return r;
        }

        *ret = units;
        return 0;
}

void units_done(Units *units) {
        free(units->blocks);
        free(units->text);
        *units = (Units){};
}

const char *units_next(const Units *units, size_t i, const char *property, const char *value) {
        size_t n = strlen(property);

        if (i >= units->n_blocks)
                return NULL;

        for (const char *line = value ? value + strlen(value) + 1 : units->blocks[i]; *line;
             line += strlen(line) + 1)
                if (strncmp(line, property, n) == 0 && line[n] == '=')
                        return line + n + 1;

        return NULL;
}

const char *units_get(const Units *units, size_t i, const char *property) {
        return units_next(units, i, property, NULL) ?: "";
}

int units_find(const Units *units, const char *id) {
        for (size_t i = 0; i < units->n_blocks; i++)
                if (strcmp(units_get(units, i, "Id"), id) == 0)
                        return (int)i;

        return -ENOENT;
}

const char *unit_name(char *buffer, size_t size, const char *pool, const char *kind) {
        (void)snprintf(buffer, size, "php-pool@%s.%s", pool, kind);
        return buffer;
}
