/* SPDX-License-Identifier: MIT */

/*
 * Normalising paths
 *
 * Segment by segment: a segment is decoded onto the end of the result, then
 * looked at: "." and nothing go away, ".." takes the segment before it along.
 * So dots are judged after decoding ("%2e%2e" is ".."), and decoding happens
 * once: "%252e" stays the text "%2e". An encoded slash would be a byte of a
 * segment that no file name can have, so it is refused before it can turn into
 * a separator (CVE-2021-41773 and -42013 are what the other order costs).
 */

#include <string.h>
#include "http/uri.h"

/* The byte at raw[*i], decoded; *i moves behind it. */
static int decode_byte(HttpSlice raw, size_t *i, char *ret) {
        int high, low;
        char c = raw.data[*i];

        if (c == '%') {
                if (raw.size - *i < 3)
                        return HTTP_PATH_E_INVALID;
                high = http_hex_value(raw.data[*i + 1]);
                low = http_hex_value(raw.data[*i + 2]);
                if (high < 0 || low < 0)
                        return HTTP_PATH_E_INVALID;
                c = (char)(uint8_t)(high << 4 | low);
                if (c == '/')
                        return HTTP_PATH_E_ENCODED_SLASH;
                *i += 2;
        }
        if ((uint8_t)c < ' ' || c == 0x7f || c == '\\')
                return HTTP_PATH_E_INVALID;

        *i += 1;
        *ret = c;
        return 0;
}

/* Decodes up to the next '/' or the end, to buffer[*n...]. */
static int decode_segment(HttpSlice raw, size_t *i, char *buffer, size_t buffer_size, size_t *n) {
        int r;

        while (*i < raw.size && raw.data[*i] != '/') {
                char c;

                r = decode_byte(raw, i, &c);
                if (r != 0)
                        return r;
                if (*n == buffer_size - 1)
                        return HTTP_PATH_E_TOO_LONG;
                buffer[(*n)++] = c;
        }

        return 0;
}

/* buffer[0..*n) ends with '/' and has a segment before it, or is "/". */
static int remove_segment(const char *buffer, size_t *n) {
        size_t end = *n;

        if (end == 1)
                return HTTP_PATH_E_INVALID;

        for (end--; buffer[end - 1] != '/';)
                end--;
        *n = end;
        return 0;
}

/* The segment buffer[start..*n) was decoded; @more: a '/' follows. */
static int close_segment(char *buffer, size_t buffer_size, size_t start, size_t *n, bool more) {
        size_t size = *n - start;

        if (size == 1 && buffer[start] == '.') {
                *n = start;
                return 0;
        }
        if (size == 2 && memcmp(buffer + start, "..", 2) == 0) {
                *n = start;
                return remove_segment(buffer, n);
        }
        if (size > 0 && more) {
                if (*n == buffer_size - 1)
                        return HTTP_PATH_E_TOO_LONG;
                buffer[(*n)++] = '/';
        }

        return 0;
}

int http_path_normalise(HttpSlice raw, char *buffer, size_t buffer_size, size_t *ret_size) {
        size_t i = 1, n = 1;
        int r;

        if (raw.size == 0 || raw.data[0] != '/')
                return HTTP_PATH_E_INVALID;
        if (buffer_size < 2)
                return HTTP_PATH_E_TOO_LONG;

        buffer[0] = '/';
        for (;;) {
                size_t start = n;
                bool more;

                r = decode_segment(raw, &i, buffer, buffer_size, &n);
                if (r != 0)
                        return r;
                more = i < raw.size;
                r = close_segment(buffer, buffer_size, start, &n, more);
                if (r != 0)
                        return r;
                if (!more)
                        break;
                i++;
        }

        buffer[n] = '\0';
        *ret_size = n;
        return 0;
}

bool http_path_has_dots(HttpSlice raw) {
        size_t n_dots = 0, n_others = 0;

        for (size_t i = 0; i <= raw.size; i++)
                if (i == raw.size || raw.data[i] == '/') {
                        if (n_others == 0 && (n_dots == 1 || n_dots == 2))
                                return true;
                        n_dots = n_others = 0;
                } else if (raw.data[i] == '.')
                        n_dots++;
                else if (raw.size - i >= 3 && strncasecmp(raw.data + i, "%2e", 3) == 0) {
                        n_dots++;
                        i += 2;
                } else
                        n_others++;
        return false;
}

/* pchar and '/' (RFC 3986 section 3.3), without what HTML or a shell would quote. */
static bool stands_for_itself(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               (c != '\0' && strchr("/-._~!$()*+,;=:@", c));
}

int http_path_encode(const char *path, char *buffer, size_t buffer_size) {
        static const char digits[] = "0123456789ABCDEF";
        size_t n = 0;

        for (const char *p = path; *p; p++) {
                size_t size = stands_for_itself(*p) ? 1 : 3;

                if (buffer_size - n <= size)
                        return HTTP_PATH_E_TOO_LONG;
                if (size == 1)
                        buffer[n++] = *p;
                else {
                        buffer[n++] = '%';
                        buffer[n++] = digits[(uint8_t)*p >> 4];
                        buffer[n++] = digits[(uint8_t)*p & 0xf];
                }
        }

        if (n == buffer_size)
                return HTTP_PATH_E_TOO_LONG;
        buffer[n] = '\0';
        return 0;
}
