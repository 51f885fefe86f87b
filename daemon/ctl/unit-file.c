/* SPDX-License-Identifier: MIT */
/*
 * A unit as its files say it
 *
 * `systemctl cat` prints the file and the drop-ins in the order in which systemd
 * reads them, each behind a line "# /path". The syntax is that of systemd.syntax(7):
 * a backslash at the end of a line joins the next, also over comments. Specifiers
 * are those of systemd.unit(5) as far as they can be known without asking PID 1;
 * what is not known is refused, since half of a sandbox would be worse than none.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "ctl/child.h"
#include "ctl/unit-file.h"
#include "util/clock.h"
#include "util/fd.h"

#define UNIT_FILE_TIMEOUT_USEC (25 * USEC_PER_SEC)

enum {
        UNIT_ID_FILE_MAX = 4096, /* bytes */
};

void unit_file_done(UnitFile *file) {
        for (size_t i = 0; i < file->n_settings; i++)
                free(file->settings[i].value);
        free(file->settings);
        free(file->text);
        *file = (UnitFile){};
}

/* The reverse of systemd-escape(1): '-' is '/', "\\xNN" is a byte. */
static const char *unit_unescape(const char *text, size_t n, char *buffer, size_t size) {
        size_t k = 0;

        for (size_t i = 0; i < n && k + 1 < size; i++) {
                unsigned int byte;

                if (text[i] == '\\' && i + 3 < n && sscanf(text + i, "\\x%2x", &byte) == 1) {
                        buffer[k++] = (char)byte;
                        i += 3;
                } else
                        buffer[k++] = text[i] == '-' ? '/' : text[i];
        }
        buffer[k] = '\0';
        return buffer;
}

/* A file of one ID, with or without dashes (machine-id(5), random(4)). */
static const char *unit_read_id(const char *path, char *buffer, size_t size) {
        _cleanup_(freep) char *text = NULL;
        size_t text_size, k = 0;

        if (fd_read_file(path, UNIT_ID_FILE_MAX, &text, &text_size) < 0)
                return NULL;
        for (const char *p = text; *p && *p != '\n' && k + 1 < size; p++)
                if (*p != '-')
                        buffer[k++] = *p;
        buffer[k] = '\0';
        return k > 0 ? buffer : NULL;
}

/* What depends on the machine; as PID 1 sees it, whose namespaces are ours. */
static const char *unit_machine_specifier(char c, char *buffer, size_t size) {
        struct utsname names;

        switch (c) {
        case 'H':
                return gethostname(buffer, size) < 0 ? NULL : buffer;
        case 'm':
                return unit_read_id("/etc/machine-id", buffer, size);
        case 'b':
                return unit_read_id("/proc/sys/kernel/random/boot_id", buffer, size);
        case 'v':
                if (uname(&names) < 0)
                        return NULL;
                (void)snprintf(buffer, size, "%s", names.release);
                return buffer;
        default:
                return NULL;
        }
}

/* What %c stands for in @unit, "php-pool@site.service"; NULL: not known. @buffer may hold it. */
static const char *unit_specifier(char c, const char *unit, char *buffer, size_t size) {
        const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');
        static const struct {
                char c;
                const char *text;
        } fixed[] = {
                { '%', "%" },        { 't', "/run" }, { 'S', "/var/lib" }, { 'C', "/var/cache" },
                { 'L', "/var/log" }, { 'E', "/etc" }, { 'T', "/tmp" },     { 'V', "/var/tmp" },
                { 'h', "/root" },    { 'u', "root" }, { 'U', "0" },        { 'g', "root" },
                { 's', "/bin/sh" },
        };

        for (size_t i = 0; i < ELEMENTSOF(fixed); i++)
                if (fixed[i].c == c)
                        return fixed[i].text;
        if (strchr("Hmbv", c))
                return unit_machine_specifier(c, buffer, size);
        if (!at || !dot || dot < at)
                return NULL;

        switch (c) {
        case 'n':
                return unit;
        case 'N':
                (void)snprintf(buffer, size, "%.*s", (int)(dot - unit), unit);
                return buffer;
        case 'p':
                (void)snprintf(buffer, size, "%.*s", (int)(at - unit), unit);
                return buffer;
        case 'i':
                (void)snprintf(buffer, size, "%.*s", (int)(dot - at - 1), at + 1);
                return buffer;
        case 'I':
                return unit_unescape(at + 1, (size_t)(dot - at - 1), buffer, size);
        case 'd':
                (void)snprintf(buffer, size, "/run/credentials/%s", unit);
                return buffer;
        default:
                return NULL;
        }
}

static int unit_file_expand(char **ret, const char *value, const char *unit) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        int r = 0;

        if (!f)
                return -ENOMEM;

        for (; r == 0 && *value; value++) {
                const char *filled;
                char buffer[256];

                if (*value != '%') {
                        (void)fputc(*value, f);
                        continue;
                }
                filled = value[1] ? unit_specifier(*++value, unit, buffer, sizeof(buffer)) : NULL;
                if (filled)
                        (void)fputs(filled, f);
                else
                        r = -EOPNOTSUPP;
        }
        if (fclose(f) != 0 && r == 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }

        *ret = text;
        return 0;
}

static int unit_file_add(UnitFile *file, const UnitSetting *setting, const char *value, const char *unit) {
        UnitSetting *settings;
        int r;

        if (file->n_settings >= UNIT_FILE_SETTINGS_MAX)
                return -E2BIG;
        settings = reallocarray(file->settings, file->n_settings + 1, sizeof(*settings));
        if (!settings)
                return -ENOMEM;
        file->settings = settings;

        settings += file->n_settings;
        *settings = *setting;
        r = unit_file_expand(&settings->value, value, unit);
        if (r == 0)
                file->n_settings++;
        return r;
}

static char *unit_file_trim(char *text) {
        size_t n;

        text += strspn(text, " \t");
        n = strlen(text);
        while (n > 0 && isspace((unsigned char)text[n - 1]))
                text[--n] = '\0';
        return text;
}

/* Joins the lines that a backslash continues, in place; comments between them vanish. */
static void unit_file_join(char *text) {
        char *out = text;
        bool joins = false;

        while (*text) {
                size_t n = strcspn(text, "\n"), blank = strspn(text, " \t");
                bool comment = text[blank] == '#' || text[blank] == ';', ends = text[n] == '\0';
                bool continues = !comment && n > 0 && text[n - 1] == '\\';

                if (!comment || !joins) {
                        memmove(out, text, n);
                        out += n;
                        if (continues)
                                out[-1] = ' ';
                        else if (!ends)
                                *out++ = '\n';
                        joins = continues;
                }
                if (ends)
                        break;
                text += n + 1;
        }

        *out = '\0';
}

int unit_file_parse(UnitFile *ret, char *text, const char *unit, char **reterr) {
        UnitFile file = { .text = text };
        UnitSetting setting = { .file = "", .section = "" };
        char *saved, *line;
        int r = 0;

        unit_file_join(text);
        for (line = strtok_r(text, "\n", &saved); r == 0 && line; line = strtok_r(NULL, "\n", &saved)) {
                char *equals;

                line = unit_file_trim(line);
                if (line[0] == '#' && line[1] == ' ' && line[2] == '/')
                        setting.file = line + 2;
                if (*line == '\0' || *line == '#' || *line == ';')
                        continue;
                if (*line == '[' && line[strlen(line) - 1] == ']') {
                        line[strlen(line) - 1] = '\0';
                        setting.section = line + 1;
                        continue;
                }
                equals = strchr(line, '=');
                if (!equals)
                        continue; /* systemd has warned of it */
                *equals = '\0';
                setting.key = unit_file_trim(line);
                r = unit_file_add(&file, &setting, unit_file_trim(equals + 1), unit);
                if (r == -EOPNOTSUPP &&
                    asprintf(reterr, "%s=%s in %s", setting.key, equals + 1, setting.file) < 0)
                        *reterr = NULL;
        }
        if (r < 0) {
                unit_file_done(&file);
                return r;
        }

        *ret = file;
        return 0;
}

int unit_file_load(UnitFile *ret, const char *unit, char **reterr) {
        const char *argv[] = { "systemctl", "--no-pager", "cat", "--", unit, NULL };
        char *text;
        int r;

        r = child_run(argv, UNIT_FILE_TIMEOUT_USEC, /* with_errors= */ false, &text);
        if (r < 0)
                return r;
        if (r > 0) {
                free(text);
                return -ENOENT;
        }

        return unit_file_parse(ret, text, unit, reterr);
}

const UnitSetting *unit_file_get(const UnitFile *file, const char *section, const char *key) {
        for (size_t i = file->n_settings; i-- > 0;)
                if (strcmp(file->settings[i].section, section) == 0 &&
                    strcmp(file->settings[i].key, key) == 0)
                        return &file->settings[i];

        return NULL;
}
