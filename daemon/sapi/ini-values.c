/* SPDX-License-Identifier: MIT */
/*
 * php.values and php.admin_values as lines of php.ini
 *
 * PHP's parser takes a value apart: ';' begins a comment, '=' and '{' are errors,
 * '$' begins a variable. Here it is meant as it stands, so it goes in quotes. Two
 * kinds do not, because php.ini and php-fpm's pool file make something else of
 * them, and PHP reads the text behind quotes as 0: error levels ("E_ALL &
 * ~E_DEPRECATED"), and the words that are "1" or "" (zend_ini_scanner.l).
 */

#include "sapi/internal.h"

#include <stdio.h>
#include "util/parse.h"

static int append(char **text, size_t *size, const char *format, const char *a, int a_size, const char *b) {
        char *line, *grown;
        int n = asprintf(&line, format, a_size, a, b);

        if (n < 0)
                return -ENOMEM;

        grown = realloc(*text, *size + (size_t)n + 1);
        if (grown) {
                memcpy(grown + *size, line, (size_t)n + 1);
                *text = grown;
                *size += (size_t)n;
        }
        free(line);
        return grown ? 0 : -ENOMEM;
}

/* On, Off and their like. */
static bool value_is_word(const char *value) {
        static const char *const words[] = { "on", "off", "yes", "no", "true", "false", "none", "null" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(value, words[i]) == 0)
                        return true;

        return false;
}

/* The format of a line. Values with quotes stay as written. */
static const char *value_format(const char *value) {
        return strchr(value, '"') || value_is_word(value) || parse_is_flags(value) ? "%.*s=%s\n"
                                                                                   : "%.*s=\"%s\"\n";
}

static int append_values(char **text, size_t *size, char **values) {
        for (char **v = values; v && *v; v++) {
                const char *equals = strchr(*v, '=');
                int r;

                if (!equals)
                        continue;
                r = append(text, size, value_format(equals + 1), *v, (int)(equals - *v), equals + 1);
                if (r < 0)
                        return r;
        }

        return 0;
}

SapiIniEntries embed_ini_entries(const SapiOptions *options) {
        char *text = strdup("");
        size_t size = 0;

        if (!text || append_values(&text, &size, options->values) < 0 ||
            append_values(&text, &size, options->admin_values) < 0) {
                free(text);
                return NULL;
        }

        return text;
}
