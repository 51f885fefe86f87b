/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The PHP of a pool: its version, its worker, its settings
 */

#include <stddef.h>
#include "config/pool.h"
#include "ctl/ctl.h"

typedef struct Php Php;
typedef struct PhpSetting PhpSetting;

struct PhpSetting {
        char *name, *value;
        const char *file;  /* borrowed from Php.files; where it is set */
        unsigned int line; /* 0: the pool's configuration */
};

struct Php {
        char *version; /* owned; "8.2"; of the file, or of the newest worker; NULL: there is none */
        char *worker;  /* owned; its path, be it there or not; NULL: as the version */
        char *ini;     /* owned; php.ini; NULL: where libphp looks by itself */
        char *scan;    /* owned; directories of further files, with colons; NULL: none */
        char **files;  /* owned; all that were read, ended by NULL */
        size_t n_files;
        PhpSetting *settings; /* owned, in the order in which PHP reads them */
        size_t n_settings;
};

enum {
        PHP_SETTINGS_MAX = 16384,
        PHP_FILE_MAX = 1024 * 1024, /* bytes */
};

/*
 * What can be found out from here: sections for a host or a path, and constants, are left to PHP.
 * @scan: PHP_INI_SCAN_DIR of the unit, or NULL. 0 or -ENOMEM.
 */
int php_load(Php *ret, const Ctl *ctl, const PoolConfig *config, const char *scan);

/* The same without a pool: what php.ini and its directories say. @version NULL: the newest; @ini NULL: the usual. */
int php_load_files(Php *ret, const Ctl *ctl, const char *version, const char *ini, const char *scan);
void php_done(Php *php);

/* The version of the newest worker that is installed; NULL: there is none. 0 or -ENOMEM. */
int php_find_newest(char **ret, const Ctl *ctl);

/* The one in force, or NULL: PHP's own default. */
const PhpSetting *php_get(const Php *php, const char *name);

/* The value, or @fallback. */
const char *php_get_value(const Php *php, const char *name, const char *fallback);

/* "128M" as PHP reads it: bytes, powers of 1024; negative ones and nonsense are 0: no limit. */
uint64_t php_parse_bytes(const char *value);

/* As PHP reads it: "1", "on", "yes", "true". */
bool php_parse_flag(const char *value);
