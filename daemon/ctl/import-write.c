/* SPDX-License-Identifier: MIT */
/*
 * The files of an imported pool: its site, and drop-ins for its units
 *
 * A value that is our default is left out, so that the files are as short as
 * somebody would write them.
 */
#include <stdio.h>
#include <string.h>
#include "ctl/import.h"
#include "ctl/text.h"

static void write_list(FILE *f, const char *indent, const char *key, const ImportList *list) {
        if (list->n_items == 0)
                return;

        (void)fprintf(f, "%s%s = [", indent, key);
        for (size_t i = 0; i < list->n_items; i++) {
                (void)fprintf(f, "%s\n%s        ", i > 0 ? "," : "", indent);
                text_write_quoted(f, list->items[i]);
        }
        (void)fprintf(f, "\n%s];\n", indent);
}

static void write_key(FILE *f, const char *key, const char *value) {
        (void)fprintf(f, "        %s = ", key);
        text_write_quoted(f, value);
        (void)fputs(";\n", f);
}

static void write_php(FILE *f, const Import *import) {
        if (!*import->version && import->values.n_items == 0 && import->admin_values.n_items == 0)
                return;

        (void)fputs("\nphp:\n{\n", f);
        if (*import->version)
                write_key(f, "version", import->version);
        write_list(f, "        ", "values", &import->values);
        write_list(f, "        ", "admin_values", &import->admin_values);
        (void)fputs("};\n", f);
}

static void write_workers(FILE *f, const Import *import) {
        (void)fprintf(f, "\nworkers:\n{\n        max = %lu;\n", import->max);
        if (import->min > 0)
                (void)fprintf(f, "        min = %lu;\n", import->min);
        if (import->spare != 1)
                (void)fprintf(f, "        spare = %lu;\n", import->spare);
        if (import->has_idle)
                (void)fprintf(f, "        idle_timeout = \"%lus\";\n", import->idle_seconds);
        if (import->max_requests > 0)
                (void)fprintf(f, "        max_requests = %lu;\n", import->max_requests);
        (void)fputs("};\n", f);
}

static void write_times(FILE *f, const Import *import) {
        (void)fputs("\ntimeouts:\n{\n", f);
        if (import->request_seconds > 0)
                (void)fprintf(f, "        request = \"%lus\";\n", import->request_seconds);
        else
                (void)fputs(
                        "        # php-fpm had no limit (request_terminate_timeout).\n        request = \"0\";\n",
                        f);
        (void)fprintf(f,
                      "        slow = \"%lu%s\";\n",
                      import->slow_seconds,
                      import->slow_seconds > 0 ? "s" : "");
        if (import->has_stop && import->stop_seconds > 0)
                (void)fprintf(f, "        stop = \"%lus\";\n", import->stop_seconds);
        (void)fputs("};\n", f);
}

static const char *write_value(const Import *import, const char *name) {
        const FpmDirective *directive = fpm_conf_get(import->conf, import->pool, name);

        return directive && *directive->value ? directive->value : NULL;
}

static void write_log(FILE *f, const Import *import) {
        const char *format = write_value(import, "access.format");

        if (!import->logs_access)
                return;

        (void)fputs("\nlog:\n{\n        access = \"all\";\n", f);
        if (format)
                write_key(f, "format", format);
        write_list(f, "        ", "suppress", &import->suppress);
        (void)fputs("};\n", f);
}

static void write_status(FILE *f, const Import *import) {
        static const struct {
                const char *name, *key;
        } keys[] = { { "pm.status_path", "path" }, { "ping.path", "ping" }, { "ping.response", "pong" } };

        if (!write_value(import, "pm.status_path") && !write_value(import, "ping.path"))
                return;

        (void)fputs("\nstatus:\n{\n", f);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (write_value(import, keys[i].name))
                        write_key(f, keys[i].key, write_value(import, keys[i].name));
        (void)fputs("};\n", f);
}

static void write_site(FILE *f, const Import *import) {
        (void)fputs("\n# For php-pool-proxy; another front end does not read it.\nsite:\n{\n", f);
        if (import->hosts.n_items > 0)
                write_list(f, "        ", "hosts", &import->hosts);
        else
                /* two default sites would be an error: a name that nobody asks for */
                (void)fprintf(f, "        hosts = [ \"%s.invalid\" ];\n", import->name);
        if (import->docroot)
                write_key(f, "docroot", import->docroot);
        write_list(f, "        ", "also", &import->also);
        write_list(f, "        ", "index", &import->index);
        if (import->front_controller)
                write_key(f, "front_controller", import->front_controller);
        (void)fputs("};\n", f);
}

char *import_compose_pool(const Import *import) {
        _cleanup_(freep) char *pool = text_clean(import->pool, 100);
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;

        (void)fprintf(f, "# The pool [%s] of php-fpm. All keys: php-pool.conf(5)\n\nroot = ", pool ?: "");
        text_write_quoted(f, import->root);
        (void)fputs(";\n", f);
        write_list(f, "", "env", &import->env);
        write_php(f, import);
        write_workers(f, import);
        write_times(f, import);
        if (import->extensions.n_items != 1 || strcmp(import->extensions.items[0], ".php") != 0) {
                (void)fputs("\nsecurity:\n{\n", f);
                write_list(f, "        ", "extensions", &import->extensions);
                (void)fputs("};\n", f);
        }
        write_log(f, import);
        write_status(f, import);
        write_site(f, import);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* With @inside paths are those below RootDirectory=, not the system's (systemd.exec(5), ReadWritePaths=). */
static char *
write_dropin(const char *section, const ImportList *lines, const ImportList *writable, bool inside) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;

        if (lines->n_items > 0 || (writable && writable->n_items > 0))
                (void)fprintf(f, "# What php-fpm did, and systemd does now.\n[%s]\n", section);
        for (size_t i = 0; i < lines->n_items; i++)
                (void)fprintf(f, "%s\n", lines->items[i]);
        if (writable && writable->n_items > 0)
                (void)fputs("# php-fpm's user could write these. Take away what the site does not need.\n",
                            f);
        for (size_t i = 0; writable && i < writable->n_items; i++)
                (void)fprintf(f, "ReadWritePaths=-%s%s\n", inside ? "+" : "", writable->items[i]);
        if (writable && writable->n_items > 0)
                (void)fputs("# Nor does what lies there run as a program: ExecPaths= for what has to.\n", f);
        /* each is a mount of its own, which the unit's NoExecPaths=/ does not reach */
        for (size_t i = 0; writable && i < writable->n_items; i++)
                (void)fprintf(f, "NoExecPaths=-%s%s\n", inside ? "+" : "", writable->items[i]);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *import_compose_service(const Import *import) {
        return write_dropin("Service", &import->service, &import->writable, import->chroot);
}

char *import_compose_socket(const Import *import) {
        return write_dropin("Socket", &import->socket, NULL, /* inside= */ false);
}
