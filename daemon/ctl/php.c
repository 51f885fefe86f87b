/* SPDX-License-Identifier: MIT */
/*
 * The PHP of a pool
 *
 * What sapi/ini.c gives to PHP is gathered here without PHP: php.ini, the files
 * of the scan directories in their order, then the pool's values and admin_values.
 * Without PHP_INI_SCAN_DIR in the unit the worker takes php-fpm's directory where there
 * is one (sapi/sapi.c); libphp's own is /etc/php/VERSION/embed/conf.d in Debian.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "ctl/php.h"
#include "util/fd.h"
#include "util/parse.h"

static int php_compare_versions(const char *a, const char *b) {
        unsigned int a_major = 0, a_minor = 0, b_major = 0, b_minor = 0;

        (void)sscanf(a, "%u.%u", &a_major, &a_minor);
        (void)sscanf(b, "%u.%u", &b_major, &b_minor);
        return a_major != b_major ? (a_major > b_major) - (a_major < b_major)
                                  : (a_minor > b_minor) - (a_minor < b_minor);
}

int php_find_newest(char **ret, const Ctl *ctl) {
        _cleanup_(freep) char *pattern = NULL;
        const char *newest = NULL;
        glob_t found = {};

        if (asprintf(&pattern, "%s/php-pool-worker-[0-9]*", ctl->worker_dir) < 0) {
                pattern = NULL;
                return -ENOMEM;
        }
        if (glob(pattern, 0, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        const char *of = strrchr(found.gl_pathv[i], '-') + 1;

                        if (!newest || php_compare_versions(of, newest) > 0)
                                newest = of;
                }
        *ret = newest ? strdup(newest) : NULL;
        globfree(&found);
        return newest && !*ret ? -ENOMEM : 0;
}

/* As the manager chooses: the one that the file names, or the newest that is installed. */
static int php_find_worker(Php *php, const Ctl *ctl, const char *version) {
        int r;

        if (version) {
                php->version = strdup(version);
                if (!php->version)
                        return -ENOMEM;
        } else {
                r = php_find_newest(&php->version, ctl);
                if (r < 0 || !php->version)
                        return r;
        }

        if (asprintf(&php->worker, "%s/php-pool-worker-%s", ctl->worker_dir, php->version) < 0) {
                php->worker = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* Where there are no directories of versions: Fedora has one php.ini and one directory, for whatever runs PHP. */
static bool php_find_shared(const Ctl *ctl, const char *suffix, char *path, size_t size) {
        (void)snprintf(path, size, "%s%s", ctl->php_dir, suffix);
        return access(ctl->php_dir, F_OK) < 0 && access(path, R_OK) == 0;
}

static int php_find_ini(Php *php, const Ctl *ctl, const char *ini) {
        char path[PATH_MAX];

        if (ini) {
                php->ini = strdup(ini);
                if (!php->ini)
                        return -ENOMEM;
        } else if (php->version) {
                static const char *const sapis[] = { "fpm", "embed" };

                for (size_t i = 0; !php->ini && i < ELEMENTSOF(sapis); i++) {
                        (void)snprintf(path,
                                       sizeof(path),
                                       "%s/%s/%s/php.ini",
                                       ctl->php_dir,
                                       php->version,
                                       sapis[i]);
                        if (access(path, R_OK) == 0)
                                php->ini = strdup(path);
                }
        }

        if (!php->ini && php_find_shared(ctl, ".ini", path, sizeof(path)))
                php->ini = strdup(path);
        return 0;
}

/* PHP takes the variable apart at colons; an empty part is libphp's own directory (php_ini.c). */
static int php_find_scan(Php *php, const Ctl *ctl, const char *scan) {
        char fpm[PATH_MAX] = "", own[PATH_MAX] = "";
        size_t size, n;
        FILE *f;

        if (scan && *scan == '\0')
                return 0; /* then PHP scans none */
        if (php->version) {
                (void)snprintf(fpm, sizeof(fpm), "%s/%s/fpm/conf.d", ctl->php_dir, php->version);
                (void)snprintf(own, sizeof(own), "%s/%s/embed/conf.d", ctl->php_dir, php->version);
                if (access(fpm, X_OK) < 0)
                        *fpm = '\0';
                if (access(own, R_OK) < 0)
                        *own = '\0';
        }
        if (!*own && !php_find_shared(ctl, ".d", own, sizeof(own)))
                *own = '\0';

        f = open_memstream(&php->scan, &size);
        if (!f)
                return -ENOMEM;
        for (const char *part = scan ?: fpm;; part += n + 1) {
                n = strcspn(part, ":");
                (void)fprintf(f, "%.*s", n > 0 ? (int)n : (int)strlen(own), n > 0 ? part : own);
                if (part[n] == '\0')
                        break;
                (void)fputc(':', f);
        }
        return fclose(f) != 0 ? -ENOMEM : 0;
}

static int php_add_file(Php *php, const char *path) {
        char **files = reallocarray(php->files, php->n_files + 2, sizeof(*files));

        if (!files)
                return -ENOMEM;

        php->files = files;
        files[php->n_files] = strdup(path);
        files[php->n_files + 1] = NULL;
        if (!files[php->n_files])
                return -ENOMEM;
        php->n_files++;
        return 0;
}

/* @name and @value need not be ended. */
static int
php_add(Php *php, const char *name, size_t name_size, const char *value, size_t size, unsigned int line) {
        PhpSetting *settings;

        if (php->n_settings >= PHP_SETTINGS_MAX)
                return 0; /* nobody has so many: PHP will say what it thinks of them */
        settings = reallocarray(php->settings, php->n_settings + 1, sizeof(*settings));
        if (!settings)
                return -ENOMEM;
        php->settings = settings;

        settings += php->n_settings;
        *settings = (PhpSetting){
                .name = strndup(name, name_size),
                .value = strndup(value, size),
                .file = php->files[php->n_files - 1],
                .line = line,
        };
        php->n_settings++;
        return settings->name && settings->value ? 0 : -ENOMEM;
}

static size_t php_trimmed(const char *text, size_t size) {
        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\r'))
                size--;
        return size;
}

/* "name = value ; comment", with or without quotes. */
static int php_add_line(Php *php, const char *line, size_t size, unsigned int number) {
        const char *equals = memchr(line, '=', size), *value, *end = line + size, *close;
        size_t name_size;

        if (!equals)
                return 0;
        name_size = php_trimmed(line, (size_t)(equals - line));
        value = equals + 1;
        while (value < end && (*value == ' ' || *value == '\t'))
                value++;

        if (value < end && (*value == '"' || *value == '\'')) {
                close = memchr(value + 1, *value, (size_t)(end - value - 1));
                if (close)
                        return php_add(php, line, name_size, value + 1, (size_t)(close - value - 1), number);
        }
        close = memchr(value, ';', (size_t)(end - value));
        return php_add(php,
                       line,
                       name_size,
                       value,
                       php_trimmed(value, (size_t)((close ?: end) - value)),
                       number);
}

static int php_read(Php *php, const char *path) {
        _cleanup_(freep) char *text = NULL;
        unsigned int number = 0;
        size_t size;
        int r;

        /* what PHP cannot read it does without, too */
        if (fd_read_file(path, PHP_FILE_MAX, &text, &size) < 0)
                return 0;
        r = php_add_file(php, path);

        for (const char *line = text; r == 0 && line < text + size;) {
                size_t n = strcspn(line, "\n");
                const char *first = line + strspn(line, " \t");

                number++;
                if (strncasecmp(first, "[PATH", 5) == 0 || strncasecmp(first, "[HOST", 5) == 0)
                        break; /* what follows is for some requests alone */
                if (first < line + n && *first != ';' && *first != '[' && *first != '#')
                        r = php_add_line(php, first, (size_t)(line + n - first), number);
                line += n + 1;
        }

        return r;
}

static int php_read_directory(Php *php, const char *path, size_t size) {
        _cleanup_(freep) char *pattern = NULL;
        glob_t found = {};
        int r = 0;

        if (asprintf(&pattern, "%.*s/*.ini", (int)size, path) < 0) {
                pattern = NULL;
                return -ENOMEM;
        }

        if (glob(pattern, 0, NULL, &found) == 0)
                for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
                        r = php_read(php, found.gl_pathv[i]);
        globfree(&found);
        return r;
}

static int php_read_scan(Php *php) {
        size_t n;
        int r = 0;

        for (const char *part = php->scan; r == 0 && part && *part; part += n + (part[n] == ':')) {
                n = strcspn(part, ":");
                if (n > 0)
                        r = php_read_directory(php, part, n);
        }

        return r;
}

/* What stood in force before, and the value; without quotes, which would become part of a name. */
static int php_add_to_list(Php *php, const char *line) {
        _cleanup_(freep) char *name = strndup(line, strcspn(line, " \t=")), *value = NULL;
        const char *equals = strchr(line, '='), *before;

        if (!name)
                return -ENOMEM;
        if (!equals)
                return 0;

        before = php_get_value(php, name, "");
        if (asprintf(&value, "%s%s%s", before, *before ? "," : "", equals + 1) < 0) {
                value = NULL;
                return -ENOMEM;
        }
        for (char *quote = value; (quote = strpbrk(quote, "\"'"));)
                *quote = ' ';
        return php_add(php, name, strlen(name), value, strlen(value), 0);
}

static int php_add_values(Php *php, char *const *values) {
        int r = 0;

        for (; r == 0 && *values; values++)
                r = parse_is_list(*values) ? php_add_to_list(php, *values)
                                           : php_add_line(php, *values, strlen(*values), 0);

        return r;
}

int php_load_files(Php *ret, const Ctl *ctl, const char *version, const char *ini, const char *scan) {
        _cleanup_(php_done) Php php = {};
        int r;

        r = php_find_worker(&php, ctl, version);
        if (r == 0)
                r = php_find_ini(&php, ctl, ini);
        if (r == 0)
                r = php_find_scan(&php, ctl, scan);
        if (r == 0 && php.ini)
                r = php_read(&php, php.ini);
        if (r == 0)
                r = php_read_scan(&php);
        if (r < 0)
                return r;

        *ret = php;
        php = (Php){};
        return 0;
}

int php_load(Php *ret, const Ctl *ctl, const PoolConfig *config, const char *scan) {
        _cleanup_(php_done) Php php = {};
        int r;

        r = php_load_files(&php, ctl, config->php_version, config->php_ini, scan);
        if (r == 0)
                r = php_add_file(&php, config->path);
        if (r == 0)
                r = php_add_values(&php, config->php_values);
        if (r == 0)
                r = php_add_values(&php, config->php_admin_values);
        if (r < 0)
                return r;

        *ret = php;
        php = (Php){};
        return 0;
}

void php_done(Php *php) {
        for (size_t i = 0; i < php->n_settings; i++) {
                free(php->settings[i].name);
                free(php->settings[i].value);
        }
        free(php->settings);
        for (size_t i = 0; i < php->n_files; i++)
                free(php->files[i]);
        free(php->files);
        free(php->scan);
        free(php->ini);
        free(php->worker);
        free(php->version);
        *php = (Php){};
}

const PhpSetting *php_get(const Php *php, const char *name) {
        for (size_t i = php->n_settings; i-- > 0;)
                if (strcmp(php->settings[i].name, name) == 0)
                        return &php->settings[i];

        return NULL;
}

const char *php_get_value(const Php *php, const char *name, const char *fallback) {
        const PhpSetting *setting = php_get(php, name);

        return setting ? setting->value : fallback;
}

uint64_t php_parse_bytes(const char *value) {
        char *end;
        long long n = strtoll(value, &end, 0);
        unsigned int shift = *end == 'g' || *end == 'G'   ? 30
                             : *end == 'm' || *end == 'M' ? 20
                             : *end == 'k' || *end == 'K' ? 10
                                                          : 0;

        return n <= 0 ? 0 : (uint64_t)n > UINT64_MAX >> shift ? UINT64_MAX : (uint64_t)n << shift;
}

bool php_parse_flag(const char *value) {
        return strcasecmp(value, "on") == 0 || strcasecmp(value, "yes") == 0 ||
               strcasecmp(value, "true") == 0 || strtol(value, NULL, 10) != 0;
}
