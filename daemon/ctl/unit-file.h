/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A unit as its files say it: each setting, in order, with the file it is from
 */

#include <stddef.h>
#include "util/cleanup.h"

typedef struct UnitFile UnitFile;
typedef struct UnitSetting UnitSetting;

struct UnitSetting {
        const char *file;    /* borrowed from UnitFile.text */
        const char *section; /* "Service" */
        const char *key;
        char *value; /* owned; specifiers filled in */
};

struct UnitFile {
        char *text;            /* owned */
        UnitSetting *settings; /* owned */
        size_t n_settings;
};

enum {
        UNIT_FILE_SETTINGS_MAX = 4096,
};

/*
 * The file of @unit and its drop-ins, as systemd has them. -errno: systemctl cannot say. -EOPNOTSUPP:
 * a specifier that is not known here; then *reterr (free it) is the setting.
 */
int unit_file_load(UnitFile *ret, const char *unit, char **reterr);

/* The same from text as `systemctl cat` prints it; takes the text, in any case. */
int unit_file_parse(UnitFile *ret, char *text, const char *unit, char **reterr);
void unit_file_done(UnitFile *file);

/* The last setting of that key, which for a list is not all of it; NULL. */
const UnitSetting *unit_file_get(const UnitFile *file, const char *section, const char *key);
