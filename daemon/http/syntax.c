/* SPDX-License-Identifier: MIT */

/*
 * What requests and responses share
 *
 * Everything here looks at bytes, never at a locale, and promises to read
 * inside the slice alone: the end of a slice is the end of the world, there is
 * no NUL behind it.
 */

#include <errno.h>
#include <string.h>
#include "http/syntax.h"
#include "util/cleanup.h"

static const bool token_bytes[256] = {
        ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
        ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
        ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool http_name_is_token(HttpSlice name) {
        for (size_t i = 0; i < name.size; i++)
                if (!token_bytes[(uint8_t)name.data[i]])
                        return false;

        return name.size > 0;
}

static char ascii_lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int http_hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

bool http_slice_same(HttpSlice a, HttpSlice b) {
        if (a.size != b.size)
                return false;

        for (size_t i = 0; i < a.size; i++)
                if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
                        return false;

        return true;
}

bool http_slice_is(HttpSlice slice, const char *text) {
        return http_slice_same(slice, (HttpSlice){ text, strlen(text) });
}

static bool is_space(char c) {
        return c == ' ' || c == '\t';
}

HttpSlice http_slice_trim(HttpSlice slice) {
        while (slice.size > 0 && is_space(slice.data[0])) {
                slice.data++;
                slice.size--;
        }
        while (slice.size > 0 && is_space(slice.data[slice.size - 1]))
                slice.size--;

        return slice;
}

int http_header_split(HttpSlice line, HttpHeader *ret) {
        HttpSlice name = { line.data, 0 };

        /* White space before the colon, or at the start (a folded line), is
         * no token byte: both have been used to hide a field from one of two
         * parsers (RFC 9112 sections 5.1 and 5.2). */
        while (name.size < line.size && token_bytes[(uint8_t)line.data[name.size]])
                name.size++;
        if (name.size == 0 || name.size == line.size || line.data[name.size] != ':')
                return -EINVAL;

        *ret = (HttpHeader){
                .name = name,
                .value =
                        http_slice_trim((HttpSlice){ line.data + name.size + 1, line.size - name.size - 1 }),
        };
        return 0;
}

bool http_list_next(HttpSlice *list, HttpSlice *ret) {
        while (list->size > 0) {
                const char *comma = memchr(list->data, ',', list->size);
                size_t size = comma ? (size_t)(comma - list->data) : list->size,
                       used = size + (comma ? 1 : 0);
                HttpSlice member = http_slice_trim((HttpSlice){ list->data, size });

                list->data += used;
                list->size -= used;
                if (member.size > 0) {
                        *ret = member;
                        return true;
                }
        }

        return false;
}

bool http_coding_accepted(HttpSlice field, const char *coding) {
        HttpSlice member;

        while (http_list_next(&field, &member)) {
                const char *semicolon = memchr(member.data, ';', member.size);
                HttpSlice name = { member.data,
                                   semicolon ? (size_t)(semicolon - member.data) : member.size };
                HttpSlice weight = { semicolon, semicolon ? member.size - name.size : 0 };
                bool zero = weight.size > 0;

                if (!http_slice_is(http_slice_trim(name), coding))
                        continue;
                /* ";q=0", ";q=0.000": any other digit makes it more than nothing */
                for (size_t i = 0; i < weight.size; i++)
                        zero = zero && !(weight.data[i] >= '1' && weight.data[i] <= '9');
                return !zero;
        }
        return false;
}

/* RFC 9110 section 15, and those of the IANA registry that PHP applications send. */
static const struct {
        unsigned int status;
        const char *reason;
} reasons[] = {
        { 100, "Continue" },
        { 101, "Switching Protocols" },
        { 102, "Processing" },
        { 103, "Early Hints" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 203, "Non-Authoritative Information" },
        { 204, "No Content" },
        { 205, "Reset Content" },
        { 206, "Partial Content" },
        { 207, "Multi-Status" },
        { 208, "Already Reported" },
        { 226, "IM Used" },
        { 300, "Multiple Choices" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 305, "Use Proxy" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 402, "Payment Required" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 416, "Range Not Satisfiable" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 423, "Locked" },
        { 424, "Failed Dependency" },
        { 425, "Too Early" },
        { 426, "Upgrade Required" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 451, "Unavailable For Legal Reasons" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 506, "Variant Also Negotiates" },
        { 507, "Insufficient Storage" },
        { 508, "Loop Detected" },
        { 511, "Network Authentication Required" },
};

const char *http_status_reason(unsigned int status) {
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (reasons[i].status == status)
                        return reasons[i].reason;

        return "";
}
