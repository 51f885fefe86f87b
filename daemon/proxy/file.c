/* SPDX-License-Identifier: MIT */
/*
 * Static files
 *
 * A few ranges are served as parts; of many or large ones, or where If-Range does
 * not match, the whole file.
 *
 * The length is promised from fstat(2). A file that shrinks while it is sent
 * ends the connection, since the promise cannot be kept.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "proxy/exchange.h"
#include "proxy/file.h"
#include "proxy/proxy.h"
#include "proxy/validators.h"
#include "util/clock.h"
#include "util/mime.h"
#include "util/parse.h"

#define FILE_RANGES_MAX      16
#define FILE_PARTS_MAX       (512U * 1024U) /* bytes of several ranges together */
#define FILE_RANGE_TEXT_SIZE 96

static const char *const file_codings[] = {
        [TARGET_BROTLI] = "br",
        [TARGET_ZSTD] = "zstd",
        [TARGET_GZIP] = "gzip",
};

typedef struct FileRange {
        uint64_t offset;
        uint64_t size;
} FileRange;

/* What is sent, and how. */
typedef struct FileAnswer {
        const Target *target;
        const TargetFile *file;
        TargetCoding coding;
        const HttpResponse *script; /* the head of the script that has the file sent, or NULL */
        bool in_parts;              /* of a type of its own */
} FileAnswer;

/* Methods are compared with their case (RFC 9110 section 9.1). */
static bool file_method_is(const Exchange *exchange, const char *method) {
        HttpSlice given = exchange->request.method;

        return given.size == strlen(method) && memcmp(given.data, method, given.size) == 0;
}

bool file_accepts_method(const Exchange *exchange) {
        return file_method_is(exchange, "GET") || file_method_is(exchange, "HEAD");
}

static bool file_range_number(HttpSlice text, uint64_t *ret) {
        return parse_u64(text.data, text.size, INT64_MAX, ret) >= 0;
}

/* One of the ranges (RFC 9110 section 14.1.2). 0; 1: it is none; -ERANGE: nothing of it exists. */
static int file_parse_range(HttpSlice text, uint64_t size, FileRange *ret) {
        const char *dash = memchr(text.data, '-', text.size);
        HttpSlice before, behind;
        uint64_t first = 0, last = size;

        if (!dash)
                return 1;
        before = (HttpSlice){ text.data, (size_t)(dash - text.data) };
        behind = (HttpSlice){ dash + 1, text.size - before.size - 1 };
        if ((before.size > 0 && !file_range_number(before, &first)) ||
            (behind.size > 0 && !file_range_number(behind, &last)) || before.size + behind.size == 0 ||
            (before.size > 0 && behind.size > 0 && last < first))
                return 1;

        if (before.size == 0) { /* the last bytes */
                if (last == 0 || size == 0)
                        return -ERANGE;
                first = last < size ? size - last : 0;
                last = size - 1;
        }
        if (first >= size)
                return -ERANGE;

        *ret = (FileRange){ first, MIN2(last, size - 1) - first + 1 };
        return 0;
}

/*
 * How many ranges to send. 0: the whole file; of what is too much, too, which is allowed
 * (section 14.2) and saves us from being asked for the same bytes a thousand times. -ERANGE.
 */
static int file_ranges(const HttpRequest *request, uint64_t size, FileRange *ranges) {
        const HttpHeader *header = http_request_header(request, "Range");
        HttpSlice list, member;
        uint64_t total = 0;
        int n = 0, r, n_members = 0;

        if (!header || header->value.size < 7 || memcmp(header->value.data, "bytes=", 6) != 0)
                return 0;

        list = (HttpSlice){ header->value.data + 6, header->value.size - 6 };
        while (http_list_next(&list, &member)) {
                if (++n_members > FILE_RANGES_MAX)
                        return 0;
                r = file_parse_range(member, size, &ranges[n]);
                if (r > 0)
                        return 0;
                if (r == 0)
                        total += ranges[n++].size;
        }
        if (n > 1 && (total > FILE_PARTS_MAX || total > size))
                return 0;
        return n == 0 && n_members > 0 ? -ERANGE : n;
}

static const char *file_cache_control(const SiteConfig *site, const char *path) {
        const char *dot = strrchr(path, '.');

        for (size_t i = 0; dot && !strchr(dot, '/') && i < site->n_cache_control; i++) {
                const char *words = site->cache_control[i].extensions, *found = strstr(words, dot);
                size_t size = strlen(dot);

                while (found && found[size] != ' ' && found[size] != '\0')
                        found = strstr(found + 1, dot);
                if (found)
                        return site->cache_control[i].value;
        }
        return NULL;
}

/* Of the script's fields all that do not describe what is sent in its place. */
static void file_answer_script(Exchange *exchange, const FileAnswer *answer) {
        const HttpResponse *script = answer->script;
        static const char *const ours[] = { "ETag",
                                            "Last-Modified",
                                            "Accept-Ranges",
                                            "Content-Encoding",
                                            "X-Request-Id" };

        for (size_t i = 0; i < script->n_headers; i++) {
                const HttpHeader *header = &script->headers[i];
                bool is_ours = answer->in_parts && http_slice_is(header->name, "Content-Type");

                for (size_t j = 0; j < ELEMENTSOF(ours); j++)
                        is_ours = is_ours || http_slice_is(header->name, ours[j]);
                if (!is_ours)
                        answer_header(exchange, header->name, header->value);
        }
}

/* @type: of the body; NULL: there is none. */
static void file_answer_head(Exchange *exchange,
                             const FileAnswer *answer,
                             unsigned int status,
                             const Validators *validators,
                             const char *type) {
        const char *cache_control =
                answer->script ? NULL : file_cache_control(exchange->site->config, answer->target->script);
        bool several = false;

        answer_begin(exchange, status, (HttpSlice){}, answer->script && answer->script->has_date);
        for (size_t i = TARGET_PLAIN + 1; i < _TARGET_CODING_MAX; i++)
                several = several || answer->target->files[i].fd >= 0;
        if (several)
                answer_string(exchange, "Vary", "Accept-Encoding");
        if (cache_control)
                answer_string(exchange, "Cache-Control", cache_control);
        answer_string(exchange, "Last-Modified", validators->modified);
        answer_string(exchange, "ETag", validators->etag);
        if (answer->script)
                file_answer_script(exchange, answer);
        if (!type)
                return;

        if (!answer->script || answer->in_parts || !http_response_header(answer->script, "Content-Type"))
                answer_string(exchange, "Content-Type", type);
        if (answer->coding != TARGET_PLAIN)
                answer_string(exchange, "Content-Encoding", file_codings[answer->coding]);
        answer_string(exchange, "X-Content-Type-Options", "nosniff");
        answer_string(exchange, "Accept-Ranges", "bytes");
}

static void
file_format_range(char text[static FILE_RANGE_TEXT_SIZE], const FileRange *range, uint64_t size) {
        (void)snprintf(text,
                       FILE_RANGE_TEXT_SIZE,
                       "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       range->offset,
                       range->offset + range->size - 1,
                       size);
}

static void file_answer_body(Exchange *exchange, const FileAnswer *answer, FileRange range) {
        Connection *connection = exchange->connection;

        answer_length(exchange, range.size);
        answer_end_head(exchange);
        if (answer_is_to_head(exchange) || range.size == 0)
                return;

        if (connection->spool_fd >= 0) { /* of early hints that nobody took: a file cannot follow that */
                connection->out_failed = true;
                return;
        }
        connection->file_fd = answer->file->fd;
        connection->file_offset = range.offset;
        connection->file_left = range.size;
}

/* The head and the bytes of one part of several (RFC 9110 section 14.6). */
static int file_append_part(Buffer *parts,
                            const FileAnswer *answer,
                            const char *id,
                            const char *type,
                            FileRange range) {
        char text[FILE_RANGE_TEXT_SIZE];
        uint8_t *p;
        int r;

        file_format_range(text, &range, (uint64_t)answer->file->status.st_size);
        r = buffer_appendf(parts,
                           "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
                           id,
                           type,
                           text);
        r = r ?: buffer_reserve(parts, range.size, &p);
        if (r < 0)
                return r;
        if (pread(answer->file->fd, p, range.size, (off_t)range.offset) != (ssize_t)range.size)
                return -EIO;
        buffer_commit(parts, range.size);
        return 0;
}

/* False: they could not be read, and nothing is answered. The request's id bounds them: no file has it. */
static bool file_answer_parts(Exchange *exchange,
                              FileAnswer *answer,
                              const Validators *validators,
                              const char *type,
                              const FileRange *ranges,
                              int n) {
        _cleanup_(buffer_done) Buffer parts = BUFFER_NULL(2 * FILE_PARTS_MAX);
        const HttpHeader *said =
                answer->script ? http_response_header(answer->script, "Content-Type") : NULL;
        char multi[128], type_of_script[256];

        if (said) {
                (void)snprintf(type_of_script,
                               sizeof(type_of_script),
                               "%.*s",
                               (int)MIN2(said->value.size, sizeof(type_of_script) - 1),
                               said->value.data);
                type = type_of_script;
        }

        for (int i = 0; i < n; i++)
                if (file_append_part(&parts, answer, exchange->id, type, ranges[i]) < 0)
                        return false;
        if (buffer_appendf(&parts, "\r\n--%s--\r\n", exchange->id) < 0)
                return false;

        answer->in_parts = true;
        (void)snprintf(multi, sizeof(multi), "multipart/byteranges; boundary=%s", exchange->id);
        file_answer_head(exchange, answer, 206, validators, multi);
        answer_length(exchange, buffer_size(&parts));
        answer_end_head(exchange);
        connection_append(exchange->connection, buffer_data(&parts), buffer_size(&parts));
        return true;
}

static void file_answer_ranges(Exchange *exchange, FileAnswer *answer, const Validators *validators) {
        const HttpRequest *request = &exchange->request;
        const char *type = mime_type(exchange->connection->proxy->mime, answer->target->script);
        uint64_t size = (uint64_t)answer->file->status.st_size;
        FileRange ranges[FILE_RANGES_MAX];
        char text[FILE_RANGE_TEXT_SIZE];
        int n = 0;

        /* for GET alone (RFC 9110 section 14.2) */
        if (file_method_is(exchange, "GET") && validators_allow_range(validators, request))
                n = file_ranges(request, size, ranges);

        if (n == -ERANGE) {
                file_answer_head(exchange, answer, 416, validators, type);
                (void)snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
                answer_string(exchange, "Content-Range", text);
                file_answer_body(exchange, answer, (FileRange){ 0, 0 });
        } else if (n == 1) {
                file_answer_head(exchange, answer, 206, validators, type);
                file_format_range(text, &ranges[0], size);
                answer_string(exchange, "Content-Range", text);
                file_answer_body(exchange, answer, ranges[0]);
        } else if (n == 0 || !file_answer_parts(exchange, answer, validators, type, ranges, n)) {
                file_answer_head(exchange, answer, 200, validators, type);
                file_answer_body(exchange, answer, (FileRange){ 0, size });
        }
}

void file_answer(Exchange *exchange, const Target *target, const HttpResponse *script) {
        const HttpHeader *accepted = http_request_header(&exchange->request, "Accept-Encoding");
        FileAnswer answer = { .target = target, .coding = TARGET_PLAIN, .script = script };
        Validators validators;

        for (size_t i = _TARGET_CODING_MAX - 1; accepted && i > TARGET_PLAIN; i--)
                if (target->files[i].fd >= 0 && http_coding_accepted(accepted->value, file_codings[i]))
                        answer.coding = (TargetCoding)i;
        answer.file = &target->files[answer.coding];

        validators_init(&validators, &answer.file->status, clock_wall_usec() / USEC_PER_SEC);
        if (file_accepts_method(exchange) && validators_have_changed(&validators, &exchange->request)) {
                file_answer_head(exchange, &answer, 412, &validators, NULL);
                answer_length(exchange, 0);
                answer_end_head(exchange);
        } else if (file_accepts_method(exchange) && validators_are_known(&validators, &exchange->request)) {
                file_answer_head(exchange, &answer, 304, &validators, NULL);
                answer_end_head(exchange);
        } else
                file_answer_ranges(exchange, &answer, &validators);
}

void file_answer_page(Exchange *exchange, const Target *target, unsigned int status) {
        FileAnswer answer = { .target = target, .file = &target->files[TARGET_PLAIN] };

        answer_begin(exchange, status, (HttpSlice){}, false);
        answer_error_fields(exchange, status);
        answer_string(exchange,
                      "Content-Type",
                      mime_type(exchange->connection->proxy->mime, target->script));
        file_answer_body(exchange, &answer, (FileRange){ 0, (uint64_t)answer.file->status.st_size });
}
