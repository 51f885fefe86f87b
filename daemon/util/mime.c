/* SPDX-License-Identifier: MIT */
/*
 * Content types by file name extension
 *
 * The system's table, read once and sorted; the built-in types are those
 * without which no browser shows a page, for hosts without the table. Text
 * types are called UTF-8, as nearly all files of this age are. Contents are
 * never looked at: guessing types from contents is how an upload becomes a
 * script.
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "util/fd.h"
#include "util/mime.h"

#define MIME_FILE_MAX      (1024U * 1024U)
#define MIME_ENTRIES_MAX   16384U
#define MIME_EXTENSION_MAX 32U

typedef struct MimeEntry {
        const char *extension;
        const char *type;
} MimeEntry;

struct Mime {
        char *text;   /* the file; its strings are used in place */
        char **texts; /* types with a charset appended */
        size_t n_texts;
        MimeEntry *entries; /* sorted */
        size_t n_entries;
};

static const MimeEntry mime_builtin[] = {
        { "avif", "image/avif" },
        { "css", "text/css" },
        { "csv", "text/csv" },
        { "gif", "image/gif" },
        { "htm", "text/html" },
        { "html", "text/html" },
        { "ico", "image/vnd.microsoft.icon" },
        { "jpeg", "image/jpeg" },
        { "jpg", "image/jpeg" },
        { "js", "text/javascript" },
        { "json", "application/json" },
        { "map", "application/json" },
        { "mjs", "text/javascript" },
        { "mp4", "video/mp4" },
        { "pdf", "application/pdf" },
        { "png", "image/png" },
        { "svg", "image/svg+xml" },
        { "txt", "text/plain" },
        { "wasm", "application/wasm" },
        { "webm", "video/webm" },
        { "webmanifest", "application/manifest+json" },
        { "webp", "image/webp" },
        { "woff", "font/woff" },
        { "woff2", "font/woff2" },
        { "xml", "text/xml" },
        { "zip", "application/zip" },
};

static int mime_compare(const void *a, const void *b) {
        return strcmp(((const MimeEntry *)a)->extension, ((const MimeEntry *)b)->extension);
}

static bool mime_is_text(const char *type) {
        return strncmp(type, "text/", 5) == 0 || strcmp(type, "application/javascript") == 0 ||
               strcmp(type, "application/json") == 0 || strcmp(type, "application/xml") == 0;
}

/* The type as it is sent. */
static int mime_finish_type(Mime *mime, const char **type) {
        char **texts, *text;

        if (!mime_is_text(*type))
                return 0;

        texts = realloc(mime->texts, (mime->n_texts + 1) * sizeof(*texts));
        if (!texts)
                return -ENOMEM;
        mime->texts = texts;
        if (asprintf(&text, "%s; charset=utf-8", *type) < 0)
                return -ENOMEM;
        mime->texts[mime->n_texts++] = text;
        *type = text;
        return 0;
}

static int mime_add(Mime *mime, const char *extension, const char *type) {
        MimeEntry *entries;

        if (mime->n_entries >= MIME_ENTRIES_MAX)
                return 0;
        if ((mime->n_entries & (mime->n_entries - 1)) == 0) {
                entries = realloc(mime->entries, MAX2(mime->n_entries * 2, 64U) * sizeof(*entries));
                if (!entries)
                        return -ENOMEM;
                mime->entries = entries;
        }

        mime->entries[mime->n_entries++] = (MimeEntry){ extension, type };
        return 0;
}

static int mime_read_line(Mime *mime, char *line) {
        const char *type;
        char *state, *word;
        int r;

        line[strcspn(line, "#")] = '\0';
        type = strtok_r(line, " \t\r", &state);
        word = type ? strtok_r(NULL, " \t\r", &state) : NULL;
        if (!word)
                return 0;

        r = mime_finish_type(mime, &type);
        for (; r >= 0 && word; word = strtok_r(NULL, " \t\r", &state)) {
                for (char *p = word; *p; p++)
                        *p = (char)tolower((unsigned char)*p);
                r = mime_add(mime, word, type);
        }
        return r;
}

static const MimeEntry *mime_find(const Mime *mime, const char *extension) {
        MimeEntry key = { .extension = extension };

        return bsearch(&key, mime->entries, mime->n_entries, sizeof(key), mime_compare);
}

static int mime_add_builtin(Mime *mime) {
        size_t n_read = mime->n_entries;

        for (size_t i = 0; i < ELEMENTSOF(mime_builtin); i++) {
                const char *type = mime_builtin[i].type;
                Mime read = { .entries = mime->entries, .n_entries = n_read };
                int r;

                if (n_read > 0 && mime_find(&read, mime_builtin[i].extension))
                        continue;
                r = mime_finish_type(mime, &type);
                if (r < 0)
                        return r;
                r = mime_add(mime, mime_builtin[i].extension, type);
                if (r < 0)
                        return r;
        }

        qsort(mime->entries, mime->n_entries, sizeof(*mime->entries), mime_compare);
        return 0;
}

int mime_new(Mime **ret, const char *path) {
        _cleanup_(mime_freep) Mime *mime = NULL;
        char *state = NULL;
        size_t size;
        int r;

        mime = calloc(1, sizeof(*mime));
        if (!mime)
                return -ENOMEM;

        if (fd_read_file(path, MIME_FILE_MAX, &mime->text, &size) >= 0)
                for (char *line = strtok_r(mime->text, "\n", &state); line;
                     line = strtok_r(NULL, "\n", &state)) {
                        r = mime_read_line(mime, line);
                        if (r < 0)
                                return r;
                }

        if (mime->n_entries > 0)
                qsort(mime->entries, mime->n_entries, sizeof(*mime->entries), mime_compare);
        r = mime_add_builtin(mime);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(mime);
        return 0;
}

Mime *mime_free(Mime *mime) {
        if (!mime)
                return NULL;

        for (size_t i = 0; i < mime->n_texts; i++)
                free(mime->texts[i]);
        free(mime->texts);
        free(mime->entries);
        free(mime->text);
        free(mime);
        return NULL;
}

const char *mime_type(const Mime *mime, const char *path) {
        const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
        char extension[MIME_EXTENSION_MAX];
        const MimeEntry *entry = NULL;

        if (dot && strlen(dot + 1) < sizeof(extension)) {
                size_t n = 0;

                for (const char *p = dot + 1; *p; p++)
                        extension[n++] = (char)tolower((unsigned char)*p);
                extension[n] = '\0';
                entry = mime_find(mime, extension);
        }

        return entry ? entry->type : "application/octet-stream";
}
