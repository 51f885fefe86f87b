/* SPDX-License-Identifier: MIT */
/*
 * php.values and php.admin_values as lines of php.ini
 *
 * PHP's parser takes a value apart: ';' begins a comment, '=' and '{' are errors,
 * '$' begins a variable. Here it is meant as it stands, so it goes in quotes. Two
 * kinds do not, because php.ini and php-fpm's pool file make something else of
 * them, and PHP reads the text behind quotes as 0: error levels ("E_ALL &
 * ~E_DEPRECATED"), and the words that are "1" or "" (zend_ini_scanner.l).
 *
 * What takes functions and classes away is no such line, since it adds to what
 * php.ini says (util/parse.h).
 */

#include "sapi/internal.h"

#include <Zend/zend_ini.h>
#include <stdio.h>
#include "util/log.h"
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

/* Whether the text before '=' is @name. */
static bool value_is_named(const char *value, const char *name) {
        size_t size = strcspn(value, " \t=");

        return size == strlen(name) && memcmp(value, name, size) == 0;
}

static int append_values(char **text, size_t *size, char **values) {
        for (char **v = values; v && *v; v++) {
                const char *equals = strchr(*v, '=');
                int r;

                if (!equals || parse_is_list(*v))
                        continue;
                r = append(text,
                           size,
                           parse_is_unquoted(*v) ? "%.*s=%s\n" : "%.*s=\"%s\"\n",
                           *v,
                           (int)(equals - *v),
                           equals + 1);
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

/* @text becomes its old self, a comma, and what @values have under @name. */
static int list_join(char **text, char **values, const char *name) {
        for (char **v = values; v && *v; v++) {
                char *joined;

                if (!value_is_named(*v, name) || !strchr(*v, '='))
                        continue;
                if (asprintf(&joined, "%s,%s", *text, strchr(*v, '=') + 1) < 0)
                        return -ENOMEM;
                free(*text);
                *text = joined;
        }

        return 0;
}

/* PHP parts the list at commas and spaces; quotes, which are as good in php.ini, would become part of a name. */
static void list_remove_quotes(char *text) {
        for (; *text; text++)
                if (*text == '"' || *text == '\'')
                        *text = ' ';
}

int embed_ini_join_lists(const SapiOptions *options) {
        for (size_t i = 0; parse_lists[i]; i++) {
                const char *name = parse_lists[i],
                           *before = zend_ini_string(name, strlen(name), /* orig= */ 0);
                char *text = strdup(before ?: "");
                int r = text ? 0 : -ENOMEM;

                if (r == 0)
                        r = list_join(&text, options->values, name);
                if (r == 0)
                        r = list_join(&text, options->admin_values, name);
                if (r == 0 && strcmp(text, before ?: "") != 0) {
                        list_remove_quotes(text);
                        embed_ini_set_for_all(name, text);
                }
                free(text);
                if (r < 0)
                        return r;
        }

        return 0;
}

bool embed_ini_refuse(const char *name) {
        static LogLimit limit = LOG_LIMIT(60 * 1000000, 1);
        char message[256];

        if (strcmp(name, "extension") != 0 && strcmp(name, "zend_extension") != 0 && !parse_is_list(name))
                return false;

        (void)snprintf(message,
                       sizeof(message),
                       "'%s' of PHP_VALUE or PHP_ADMIN_VALUE has no effect: it belongs in php.admin_values",
                       name);
        if (log_limit_below(&limit))
                embed_log_message(message, LOG_WARNING);
        return true;
}
