/* SPDX-License-Identifier: MIT */
/*
 * What php_value, php_flag and their admin kinds become
 *
 * php-fpm's files are read by PHP's own parser: without quotes a word may be a truth value or a
 * constant, some characters calculate, and ${NAME} is a variable in either case
 * (zend_ini_scanner.l, zend_ini_parser.y). Ours are put in quotes again, all but flags of
 * error_reporting (sapi/ini.c).
 *
 * Two settings php-fpm does not set but adds to: what a pool disables, it disables
 * on top of what php.ini does, line by line (fpm_php_apply_defines_ex() in fpm_php.c). Ours
 * replaces php.ini's list, so it gets all of them in one.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ctl/import.h"
#include "util/parse.h"

static const char *const import_added[] = { "disable_functions", "disable_classes" };

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

/* The list of php.ini and all those of the pool. */
static void import_disabled(Import *import, const char *name) {
        const FpmDirective *last = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f) {
                import->failed = true;
                return;
        }
        (void)fputs(php_get_value(&import->php, name, ""), f);
        for (size_t i = 0; i < import->conf->n_items; i++) {
                const FpmDirective *directive = &import->conf->items[i];

                if (!import_is_php(import, directive) || strcmp(directive->index ?: "", name) != 0 ||
                    *directive->value == '\0')
                        continue;
                (void)fprintf(f, "%s%s", ftell(f) > 0 ? "," : "", directive->value);
                last = directive;
        }
        if (fclose(f) != 0) {
                import->failed = true;
                return;
        }

        if (!last)
                return;
        import_add(import, &import->admin_values, "%s=%s", name, text);
        if (!import->php.ini)
                import_note(import,
                            last,
                            "it came on top of php.ini's list, which is not known here: php.admin_values "
                            "replaces that one, so add what it has");
}

const char *import_word(const FpmDirective *directive) {
        static const char *const on[] = { "on", "yes", "true" }, *const off[] = { "off",
                                                                                  "no",
                                                                                  "false",
                                                                                  "none",
                                                                                  "null" };

        for (size_t i = 0; !directive->quote && i < ELEMENTSOF(on); i++)
                if (strcasecmp(directive->value, on[i]) == 0)
                        return "1";
        for (size_t i = 0; !directive->quote && i < ELEMENTSOF(off); i++)
                if (strcasecmp(directive->value, off[i]) == 0)
                        return "";

        return directive->value;
}

/* False: PHP calculated it, and nobody here can. */
static bool import_is_plain(const FpmDirective *directive) {
        if (directive->quote)
                return true;
        if (strcmp(directive->index, "error_reporting") == 0 && parse_is_flags(directive->value))
                return true;

        return !strpbrk(directive->value, "|&^~!()") && strncmp(directive->value, "E_", 2) != 0;
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
        for (size_t i = 0; i < ELEMENTSOF(import_added); i++)
                if (strcmp(directive->index, import_added[i]) == 0)
                        return;
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
                   "%s=%s",
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
        for (size_t i = 0; i < ELEMENTSOF(import_added); i++)
                import_disabled(import, import_added[i]);
}
