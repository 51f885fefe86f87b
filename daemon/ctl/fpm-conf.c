/* SPDX-License-Identifier: MIT */
/*
 * The configuration files of php-fpm
 *
 * Sections are pools, but for [global]; `include` takes a pattern. Comments begin with ";", old files have "#". Values may
 * stand in quotes; `$pool` is the name of the pool in all of them.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ctl/fpm-conf.h"
#include "util/fd.h"

#define FPM_DEPTH_MAX 8U

typedef struct FpmReader FpmReader;

struct FpmReader {
        FpmConf *conf;
        const char *file;
        unsigned int line;
        unsigned int depth;
        FpmPlace *place; /* of what is wrong, in the innermost file */
        char pool[256];  /* the section; an included file begins in the one that includes it */
};

static int fpm_read_file(FpmReader *outer, const char *path);

void fpm_conf_done(FpmConf *conf) {
        for (size_t i = 0; i < conf->n_items; i++) {
                free(conf->items[i].pool);
                free(conf->items[i].name);
                free(conf->items[i].index);
                free(conf->items[i].value);
        }
        free(conf->items);
        for (size_t i = 0; i < conf->n_files; i++)
                free(conf->files[i]);
        free(conf->files);
        *conf = (FpmConf){};
}

static char *fpm_trim(char *text) {
        size_t n;

        text += strspn(text, " \t\r");
        n = strlen(text);
        while (n > 0 && isspace((unsigned char)text[n - 1]))
                text[--n] = '\0';
        return text;
}

/* Without quotes or, where there are none, without a comment behind it. */
static char *fpm_unquote(char *value) {
        if (*value == '"' || *value == '\'') {
                char quote = *value, *in = value + 1, *out = value + 1;

                /* \" is a quote of the value, as access.format has them */
                while (*in && *in != quote) {
                        if (quote == '"' && in[0] == '\\' && in[1] == '"')
                                in++;
                        *out++ = *in++;
                }
                *out = '\0';
                return value + 1;
        }
        value[strcspn(value, ";")] = '\0';
        return fpm_trim(value);
}

static char *fpm_fill_pool(const char *value, const char *pool) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;

        while (*value) {
                if (strncmp(value, "$pool", 5) == 0) {
                        (void)fputs(pool, f);
                        value += 5;
                } else {
                        (void)fputc(*value++, f);
                }
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static int fpm_add(FpmReader *reader, const char *name, const char *index, const char *value, char quote) {
        FpmConf *conf = reader->conf;
        FpmDirective *items, item;

        if (conf->n_items >= FPM_DIRECTIVES_MAX)
                return -E2BIG;
        items = reallocarray(conf->items, conf->n_items + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        conf->items = items;

        item = (FpmDirective){
                .file = reader->file,
                .line = reader->line,
                .pool = strdup(reader->pool),
                .name = strdup(name),
                .index = index ? strdup(index) : NULL,
                .value = fpm_fill_pool(value, reader->pool),
                .quote = quote,
        };
        items[conf->n_items++] = item;
        return item.pool && item.name && item.value && (item.index || !index) ? 0 : -ENOMEM;
}

static int fpm_read_matches(FpmReader *reader, const char *pattern, bool *ret_found) {
        glob_t found = {};
        int r = 0;

        if (glob(pattern, 0, NULL, &found) == 0)
                for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
                        *ret_found = true;
                        r = fpm_read_file(reader, found.gl_pathv[i]);
                }
        globfree(&found);
        return r;
}

/* Relative to php-fpm's prefix, which its files do not tell: it is above them, as /usr/local is. */
static int fpm_include(FpmReader *reader, const char *pattern) {
        _cleanup_(freep) char *directory = NULL;
        char path[PATH_MAX];
        bool found = false;
        char *slash;
        int r;

        if (reader->depth >= FPM_DEPTH_MAX)
                return -E2BIG;
        if (*pattern == '/')
                r = fpm_read_matches(reader, pattern, &found);
        else {
                slash = strrchr(reader->file, '/');
                (void)snprintf(path,
                               sizeof(path),
                               "%.*s%s",
                               slash ? (int)(slash + 1 - reader->file) : 0,
                               reader->file,
                               pattern);
                r = fpm_read_matches(reader, path, &found);
                directory = realpath(reader->file, NULL);
                slash = directory ? strrchr(directory, '/') : NULL;
                while (r == 0 && !found && slash && slash > directory) {
                        *slash = '\0';
                        slash = strrchr(directory, '/');
                        (void)snprintf(path,
                                       sizeof(path),
                                       "%.*s%s",
                                       (int)(slash + 1 - directory),
                                       directory,
                                       pattern);
                        r = fpm_read_matches(reader, path, &found);
                }
        }

        return r < 0 || found ? r : fpm_add(reader, "include", NULL, pattern, '\0');
}

static int fpm_read_line(FpmReader *reader, char *line) {
        char *equals, *name, *index = NULL, *bracket, *value, quote;

        line = fpm_trim(line);
        if (*line == '\0' || *line == ';' || *line == '#')
                return 0;
        if (*line == '[') {
                bracket = strchr(line, ']');
                if (!bracket)
                        return -EINVAL;
                *bracket = '\0';
                (void)snprintf(reader->pool, sizeof(reader->pool), "%s", fpm_trim(line + 1));
                return *reader->pool ? 0 : -EINVAL;
        }

        equals = strchr(line, '=');
        if (!equals)
                return -EINVAL;
        *equals = '\0';
        name = fpm_trim(line);
        value = fpm_trim(equals + 1);
        quote = *value == '"' || *value == '\'' ? *value : '\0';
        value = fpm_unquote(value);
        bracket = strchr(name, '[');
        if (bracket && name[strlen(name) - 1] == ']') {
                name[strlen(name) - 1] = '\0';
                *bracket = '\0';
                index = bracket + 1;
        }
        return strcmp(name, "include") == 0 ? fpm_include(reader, value)
                                            : fpm_add(reader, name, index, value, quote);
}

/* Keeps the name: who is told where something is wrong has it as long as the rest. */
static int fpm_add_file(FpmConf *conf, const char *path, const char **ret) {
        char **files;

        if (conf->n_files >= FPM_FILES_MAX)
                return -E2BIG;
        files = reallocarray(conf->files, conf->n_files + 1, sizeof(*files));
        if (!files)
                return -ENOMEM;
        conf->files = files;
        files[conf->n_files] = strdup(path);
        if (!files[conf->n_files])
                return -ENOMEM;
        *ret = files[conf->n_files++];
        return 0;
}

static int fpm_read_file(FpmReader *outer, const char *path) {
        FpmReader reader = { .conf = outer->conf, .depth = outer->depth + 1, .place = outer->place };
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        int r;

        r = fpm_add_file(reader.conf, path, &reader.file);
        if (r < 0)
                return r;
        memcpy(reader.pool, outer->pool, sizeof(reader.pool));

        r = fd_read_file(path, FPM_FILE_MAX, &text, &size);
        if (r == 0 && strlen(text) != size)
                r = -EINVAL;
        for (char *line = text, *next; r == 0 && line; line = next) {
                char *end = strchr(line, '\n');

                next = end ? end + 1 : NULL;
                if (end)
                        *end = '\0';
                reader.line++;
                r = fpm_read_line(&reader, line);
        }
        if (r < 0 && !reader.place->file)
                *reader.place = (FpmPlace){ .file = reader.file, .line = reader.line };
        return r;
}

int fpm_conf_add_file(FpmConf *conf, const char *path, FpmPlace *reterr) {
        FpmPlace place = {};
        FpmReader reader = { .conf = conf, .pool = "global", .place = &place };
        int r = fpm_read_file(&reader, path);

        if (r < 0)
                *reterr = place;
        return r;
}

const FpmDirective *fpm_conf_get(const FpmConf *conf, const char *pool, const char *name) {
        for (size_t i = conf->n_items; i-- > 0;)
                if (strcmp(conf->items[i].pool, pool) == 0 && strcmp(conf->items[i].name, name) == 0)
                        return &conf->items[i];

        return NULL;
}

int fpm_parse_seconds(const char *text, unsigned long *ret) {
        char *end;
        unsigned long n, factor = 1;

        if (!isdigit((unsigned char)*text))
                return -EINVAL;
        errno = 0;
        n = strtoul(text, &end, 10);
        switch (*end) {
        case '\0':
        case 's':
                break;
        case 'm':
                factor = 60;
                break;
        case 'h':
                factor = 3600;
                break;
        case 'd':
                factor = 86400;
                break;
        default:
                return -EINVAL;
        }
        if (errno != 0 || n > 1000000000UL || (*end && end[1]))
                return -EINVAL;

        *ret = n * factor;
        return 0;
}

bool fpm_parse_flag(const char *text) {
        return strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0 ||
               strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
}
