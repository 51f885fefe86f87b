/* SPDX-License-Identifier: MIT */
/*
 * Static files
 *
 * The validator is made of inode, size and modification time in nanoseconds:
 * a file that is replaced or rewritten gets another one. Conditions are
 * evaluated in the order of RFC 9110 section 13.2.2: If-None-Match decides
 * alone where it is given. One range is served; of several, or where If-Range
 * does not match, the whole file (section 14.2 allows it).
 *
 * The length is promised from fstat(2). A file that shrinks while it is sent
 * ends the connection, since the promise cannot be kept.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "http/date.h"
#include "proxy/exchange.h"
#include "proxy/file.h"
#include "proxy/mime.h"
#include "proxy/proxy.h"
#include "util/fd.h"
#include "util/parse.h"

typedef struct FileRange {
        uint64_t offset;
        uint64_t size;
} FileRange;

typedef struct FileValidators {
        char etag[64];
        char modified[HTTP_DATE_SIZE + 1];
        uint64_t modified_seconds;
} FileValidators;

bool file_accepts_method(const Exchange *exchange) {
        HttpSlice method = exchange->request.method;

        return (method.size == 3 && memcmp(method.data, "GET", 3) == 0) ||
               (method.size == 4 && memcmp(method.data, "HEAD", 4) == 0);
}

static void file_validators(FileValidators *ret, const struct stat *st) {
        ret->modified_seconds = st->st_mtim.tv_sec > 0 ? (uint64_t)st->st_mtim.tv_sec : 0;
        (void)snprintf(ret->etag,
                       sizeof(ret->etag),
                       "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
                       (uint64_t)st->st_ino,
                       (uint64_t)st->st_size,
                       ret->modified_seconds * 1000000000U + (uint64_t)st->st_mtim.tv_nsec);
        http_date_format(ret->modified, ret->modified_seconds);
}

static bool file_etag_same(HttpSlice given, const char *etag) {
        return given.size == strlen(etag) && memcmp(given.data, etag, given.size) == 0;
}

/* If-None-Match compares weakly: "W/" is passed over (RFC 9110 section 8.8.3.2). */
static bool file_etag_listed(HttpSlice list, const char *etag) {
        HttpSlice item;

        while (http_list_next(&list, &item)) {
                if (item.size > 2 && memcmp(item.data, "W/", 2) == 0)
                        item = (HttpSlice){ item.data + 2, item.size - 2 };
                if (http_slice_is(item, "*") || file_etag_same(item, etag))
                        return true;
        }
        return false;
}

static bool file_is_unchanged(const HttpRequest *request, const FileValidators *validators) {
        const HttpHeader *header;
        uint64_t seconds;

        header = http_request_header(request, "If-None-Match");
        if (header)
                return file_etag_listed(header->value, validators->etag);

        header = http_request_header(request, "If-Modified-Since");
        return header && http_date_parse(header->value, &seconds) >= 0 &&
               validators->modified_seconds <= seconds;
}

static bool file_range_applies(const HttpRequest *request, const FileValidators *validators) {
        const HttpHeader *header = http_request_header(request, "If-Range");
        uint64_t seconds;

        if (!header || file_etag_same(header->value, validators->etag))
                return true;
        return http_date_parse(header->value, &seconds) >= 0 && seconds == validators->modified_seconds;
}

/* 0: *ret is what to send. 1: send all of it. -ERANGE: nothing of it exists. */
static int file_range(const HttpRequest *request, uint64_t size, FileRange *ret) {
        const HttpHeader *header = http_request_header(request, "Range");
        uint64_t first = 0, last = size;
        const char *p, *dash, *end;
        bool has_first, has_last;

        if (!header || header->value.size < 7 || memcmp(header->value.data, "bytes=", 6) != 0)
                return 1;

        p = header->value.data + 6;
        end = header->value.data + header->value.size;
        dash = memchr(p, '-', (size_t)(end - p));
        if (!dash)
                return 1;

        has_first = dash > p;
        has_last = end > dash + 1;
        if (has_first && parse_u64(p, (size_t)(dash - p), INT64_MAX, &first) < 0)
                return 1;
        if (has_last && parse_u64(dash + 1, (size_t)(end - dash - 1), INT64_MAX, &last) < 0)
                return 1;
        if ((!has_first && !has_last) || (has_first && has_last && last < first))
                return 1;

        if (!has_first) { /* the last bytes */
                if (last == 0 || size == 0)
                        return -ERANGE;
                first = last < size ? size - last : 0;
                last = size - 1;
        }
        if (first >= size)
                return -ERANGE;

        ret->offset = first;
        ret->size = MIN2(last, size - 1) - first + 1;
        return 0;
}

static void file_answer_head(Exchange *exchange,
                             unsigned int status,
                             const char *path,
                             const FileValidators *validators) {
        answer_begin(exchange, status, (HttpSlice){}, false);
        answer_string(exchange, "Last-Modified", validators->modified);
        answer_string(exchange, "ETag", validators->etag);
        if (status == 304)
                return;

        answer_string(exchange, "Content-Type", mime_type(exchange->connection->proxy->mime, path));
        answer_string(exchange, "X-Content-Type-Options", "nosniff");
        answer_string(exchange, "Accept-Ranges", "bytes");
}

static void file_answer_content_range(Exchange *exchange, const FileRange *range, uint64_t size) {
        char text[96];

        if (range)
                (void)snprintf(text,
                               sizeof(text),
                               "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                               range->offset,
                               range->offset + range->size - 1,
                               size);
        else
                (void)snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
        answer_string(exchange, "Content-Range", text);
}

static void file_answer_body(Exchange *exchange, FileRange range, int *fd) {
        Connection *connection = exchange->connection;

        answer_length(exchange, range.size);
        answer_end_head(exchange);
        if (exchange->request.method.size == 4 || range.size == 0) /* HEAD */
                return;

        connection->file_fd = TAKE_FD(*fd);
        connection->file_offset = range.offset;
        connection->file_left = range.size;
}

int file_answer(Exchange *exchange, Docroot *docroot) {
        const HttpRequest *request = &exchange->request;
        const char *path = exchange->route.script;
        uint64_t size = (uint64_t)docroot->status.st_size;
        FileRange range = { 0, size };
        FileValidators validators;
        _cleanup_(fd_closep) int fd = -EBADF;
        int partial = 1;

        file_validators(&validators, &docroot->status);
        if (file_is_unchanged(request, &validators)) {
                file_answer_head(exchange, 304, path, &validators);
                answer_end_head(exchange);
                return 0;
        }

        fd = docroot_open_entry(docroot);
        if (fd < 0)
                return fd;

        if (request->method.size == 3 && file_range_applies(request, &validators))
                partial = file_range(request, size, &range);

        if (partial == -ERANGE) {
                file_answer_head(exchange, 416, path, &validators);
                file_answer_content_range(exchange, NULL, size);
                file_answer_body(exchange, (FileRange){ 0, 0 }, &fd);
                return 0;
        }

        file_answer_head(exchange, partial == 0 ? 206 : 200, path, &validators);
        if (partial == 0)
                file_answer_content_range(exchange, &range, size);
        file_answer_body(exchange, range, &fd);
        return 0;
}
