/* SPDX-License-Identifier: MIT */
/*
 * What php_value, php_flag and their admin kinds become
 *
 * php-fpm's files are read by PHP's own parser: without quotes a word may be a truth value or a
 * constant, some characters calculate, and ${NAME} is a variable in either case
 * (zend_ini_scanner.l, zend_ini_parser.y). Ours are put in quotes again, all but error
 * levels and switches (sapi/ini-values.c), which keep theirs where they had some.
 */
#include <string.h>
#include <strings.h>
#include "ctl/import.h"
#include "util/parse.h"

/* Of this pool, and one of the four. */
static bool import_is_php(const Import *import, const FpmDirective *directive) {
        static const char *const names[] = { "php_value", "php_flag", "php_admin_value", "php_admin_flag" };

        if (strcmp(directive->pool, import->pool) != 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(directive->name, names[i]) == 0)
                        return true;

        return false;
}

const char *import_word(const FpmDirective *directive) {
        static const char *const on[] = { "on", "yes", "true" };

        if (directive->quote || !parse_is_switch(directive->value))
                return directive->value;
        for (size_t i = 0; i < ELEMENTSOF(on); i++)
                if (strcasecmp(directive->value, on[i]) == 0)
                        return "1";
        return "";
}

/* False: PHP calculated it, and nobody here can. */
static bool import_is_plain(const FpmDirective *directive) {
        if (directive->quote)
                return true;
        if (parse_is_flags(directive->value)) /* ours calculates these */
                return true;

        return !strpbrk(directive->value, "|&^~!()") && strncmp(directive->value, "E_", 2) != 0;
}

/* Without its quotes PHP would make something else of it. */
static bool import_reads_else(const char *value) {
        return parse_is_switch(value) || parse_is_flags(value);
}

/* "NAME=value", as a string of the file: what was off in php-fpm's words is off in PHP's. */
static void import_value(Import *import, const FpmDirective *directive) {
        bool admin = strncmp(directive->name, "php_admin_", 10) == 0;
        bool flag = strcmp(strrchr(directive->name, '_'), "_flag") == 0;
        ImportList *list = admin ? &import->admin_values : &import->values;

        if (!directive->index || *directive->index == '\0') {
                import_note(import, directive, "it has no name in []");
                return;
        }
        if (strcmp(directive->index, "error_log") == 0) {
                import_note(import,
                            directive,
                            "errors go to the journal; set it in php.admin_values to have it so again");
                return;
        }

        if (!import_is_plain(directive)) {
                import_note(import, directive, "PHP calculates that; write the result into php.values");
                return;
        }
        if (strstr(directive->value, "${") && directive->quote != '\'')
                import_note(
                        import,
                        directive,
                        "${...} came from php-fpm's environment; say Environment= in the unit, or write its value");

        import_add(import,
                   list,
                   directive->quote && !flag && import_reads_else(directive->value) ? "%s=\"%s\"" : "%s=%s",
                   directive->index,
                   !flag                              ? import_word(directive)
                   : fpm_parse_flag(directive->value) ? "1"
                                                      : "0");
        if (strcmp(directive->index, "sendmail_path") == 0 && strstr(directive->value, "sendmail"))
                import_note(
                        import,
                        directive,
                        "it does not work if that program is setuid or setgid: `php-poolctl doctor` says so");
}

void import_settings(Import *import) {
        for (size_t i = 0; i < import->conf->n_items; i++)
                if (import_is_php(import, &import->conf->items[i]))
                        import_value(import, &import->conf->items[i]);
}
