/* SPDX-License-Identifier: MIT */
/*
 * Configuration files
 *
 * A file is read whole, scanned, and only then given to libconfig's parser.
 * The scan exists because of what libconfig 1.5 does to its caller (each seen
 * with that version, each a test):
 *
 *   - "@include" of a directory ends the process (flex' YY_FATAL_ERROR);
 *   - integers beyond 32 bits wrap silently, hexadecimal ones too;
 *   - text after a NUL byte, and after a comment that is not closed, is
 *     dropped silently, and so is the character "\x00" in a string;
 *   - a "#" comment that ends the file without a newline is a syntax error;
 *   - a string in a list is given the line of the token behind it.
 *
 * The scan tells strings and comments from the rest exactly as libconfig's
 * lexer does: both know four states and the same characters between them.
 */

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/loader.h"
#include "util/fd.h"

#define CONFIG_FILE_MAX (1024U * 1024U)

/* the most that no value of can pass INT_MAX */
#define DECIMAL_DIGITS_MAX     9U
#define HEXADECIMAL_DIGITS_MAX 7U

struct ConfigFile {
        config_t tree;
        char *path;
};

typedef struct Scan {
        char *text;
        size_t size;
        size_t at;
        unsigned int line; /* of text[at] */
        const char *path;
        ConfigError *reterr;
} Scan;

int config_error(ConfigError *reterr, const char *file, unsigned int line, const char *format, ...) {
        va_list ap;

        if (!reterr)
                return -EINVAL;

        *reterr = (ConfigError){ .line = line };
        (void)snprintf(reterr->file, sizeof(reterr->file), "%s", file);
        va_start(ap, format);
        (void)vsnprintf(reterr->message, sizeof(reterr->message), format, ap);
        va_end(ap);
        return -EINVAL;
}

/* Goes to text[at], counting lines. */
static void scan_to(Scan *scan, size_t at) {
        for (; scan->at < at; scan->at++)
                if (scan->text[scan->at] == '\n')
                        scan->line++;
}

static size_t scan_span(const Scan *scan, const char *characters) {
        return strspn(scan->text + scan->at, characters);
}

/* At the start of a comment? Then goes behind it. */
static int scan_comment(Scan *scan) {
        const char *p = scan->text + scan->at, *end;

        if (p[0] == '#' || (p[0] == '/' && p[1] == '/')) {
                scan_to(scan, scan->at + strcspn(p, "\n"));
                return 1;
        }

        if (p[0] != '/' || p[1] != '*')
                return 0;

        end = strstr(p + 2, "*/");
        if (!end)
                return config_error(scan->reterr, scan->path, scan->line, "comment is not closed with */");
        scan_to(scan, (size_t)(end + 2 - scan->text));
        return 1;
}

/*
 * At the end of a string: brings the "," or bracket behind it onto its line,
 * by swapping it with the space that follows the string, so that libconfig
 * gives the string this line and not the bracket's.
 */
static void scan_pull_bracket(Scan *scan) {
        Scan ahead = *scan;
        char *space = scan->text + scan->at, *bracket;

        if (*space == '\0' || !strchr(" \t\r\n", *space))
                return;

        ahead.reterr = NULL;
        do
                ahead.at += scan_span(&ahead, " \t\r\n");
        while (scan_comment(&ahead) > 0);

        bracket = scan->text + ahead.at;
        if (*bracket == ',' || *bracket == ']' || *bracket == ')') {
                char c = *bracket;

                *bracket = *space;
                *space = c;
        }
}

static int scan_string(Scan *scan) {
        unsigned int first = scan->line;

        scan->at++;
        for (; scan->at < scan->size; scan_to(scan, scan->at + 1)) {
                const char *p = scan->text + scan->at;

                if (*p == '"') {
                        scan->at++;
                        scan_pull_bracket(scan);
                        return 0;
                }
                if (*p != '\\')
                        continue;
                if ((p[1] == 'x' || p[1] == 'X') && p[2] == '0' && p[3] == '0')
                        return config_error(scan->reterr, scan->path, scan->line, "NUL in a string");
                scan_to(scan, scan->at + 1);
        }

        return config_error(scan->reterr, scan->path, first, "string is not closed with a quote");
}

static int scan_number(Scan *scan) {
        const char *p = scan->text + scan->at;
        size_t digits;

        if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
                scan->at += 2;
                digits = scan_span(scan, "0123456789abcdefABCDEF");
                if (digits > HEXADECIMAL_DIGITS_MAX)
                        return config_error(scan->reterr,
                                            scan->path,
                                            scan->line,
                                            "number with more than %u hexadecimal digits",
                                            HEXADECIMAL_DIGITS_MAX);
        } else {
                digits = scan_span(scan, "0123456789");
                if (digits > DECIMAL_DIGITS_MAX)
                        return config_error(scan->reterr,
                                            scan->path,
                                            scan->line,
                                            "number with more than %u digits (larger sizes: \"10G\")",
                                            DECIMAL_DIGITS_MAX);
        }

        scan->at += digits;
        return 0;
}

static int scan_token(Scan *scan) {
        static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*",
                          more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*0123456789_-";
        char c = scan->text[scan->at];
        int r;

        r = scan_comment(scan);
        if (r != 0)
                return r;

        if (c == '"')
                return scan_string(scan);
        if (c >= '0' && c <= '9')
                return scan_number(scan);
        if (c == '@')
                return config_error(scan->reterr,
                                    scan->path,
                                    scan->line,
                                    "@include is not supported: a site is one file");
        if (strchr(first, c)) {
                scan->at += scan_span(scan, more);
                return 0;
        }

        scan_to(scan, scan->at + 1);
        return 0;
}

static int config_scan(char *text, size_t size, const char *path, ConfigError *reterr) {
        Scan scan = { .text = text, .size = size, .line = 1, .path = path, .reterr = reterr };
        size_t used = strlen(text);
        int r;

        if (used < size) {
                scan_to(&scan, used);
                return config_error(reterr, path, scan.line, "NUL byte in the file");
        }

        while (scan.at < size) {
                r = scan_token(&scan);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* The text of @path, scanned, with a newline at its end. */
static int config_read_text(const char *path, char **ret, ConfigError *reterr) {
        _cleanup_(freep) char *text = NULL;
        char *longer;
        size_t size;
        int r;

        r = fd_read_file(path, CONFIG_FILE_MAX, &text, &size);
        if (r < 0) {
                const char *reason = r == -EFBIG    ? "larger than 1 MiB"
                                     : r == -ENOTTY ? "not a regular file"
                                                    : strerror(-r);

                (void)config_error(reterr, path, 0, "cannot be read: %s", reason);
                return r;
        }

        r = config_scan(text, size, path, reterr);
        if (r < 0)
                return r;

        longer = realloc(text, size + 2);
        if (!longer)
                return -ENOMEM;
        text = longer;
        text[size] = '\n';
        text[size + 1] = '\0';

        *ret = TAKE_PTR(text);
        return 0;
}

int config_file_load(ConfigFile **ret, const char *path, ConfigError *reterr) {
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        _cleanup_(freep) char *text = NULL;
        int r;

        r = config_read_text(path, &text, reterr);
        if (r < 0)
                return r;

        file = calloc(1, sizeof(*file));
        if (!file)
                return -ENOMEM;
        config_init(&file->tree);

        file->path = strdup(path);
        if (!file->path)
                return -ENOMEM;

        if (!config_read_string(&file->tree, text))
                return config_error(reterr,
                                    path,
                                    (unsigned int)config_error_line(&file->tree),
                                    "%s",
                                    config_error_text(&file->tree));

        *ret = TAKE_PTR(file);
        return 0;
}

ConfigFile *config_file_free(ConfigFile *file) {
        if (!file)
                return NULL;

        free(file->path);
        config_destroy(&file->tree);
        free(file);
        return NULL;
}

const char *config_file_path(const ConfigFile *file) {
        return file->path;
}

struct config_setting_t *config_file_root(const ConfigFile *file) {
        return config_root_setting(&file->tree);
}

unsigned int config_file_line(const ConfigFile *file, const char *key) {
        const config_setting_t *setting = config_lookup(&file->tree, key);

        return setting ? config_setting_source_line(setting) : 0;
}

unsigned int config_file_element_line(const ConfigFile *file, const char *key, size_t i) {
        const config_setting_t *setting = config_lookup(&file->tree, key), *element = NULL;

        if (setting && config_setting_is_aggregate(setting))
                element = config_setting_get_elem(setting, (unsigned int)i);
        return element ? config_setting_source_line(element) : config_file_line(file, key);
}
