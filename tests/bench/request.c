/* SPDX-License-Identifier: MIT */
/*
 * Written from the specification (sections 3.3, 3.4 and 5), apart from daemon/fcgi,
 * so that one does not repeat the other's mistakes.
 */

#include <errno.h>
#include "bench/request.h"

enum {
        TYPE_BEGIN = 1,
        TYPE_PARAMS = 4,
        TYPE_STDIN = 5,
        CONTENT_MAX = 65535,
};

static int header_append(Buffer *buffer, uint8_t type, size_t size) {
        return buffer_append(buffer,
                             (uint8_t[]){ 1, type, 0, 1, (uint8_t)(size >> 8), (uint8_t)size, 0, 0 },
                             8);
}

/* As many records as it takes, then the empty one that ends the stream; no @data: bytes of "x". */
static int stream_append(Buffer *buffer, uint8_t type, const uint8_t *data, size_t size) {
        uint8_t *to;
        int r;

        for (size_t done = 0, n; done < size; done += n) {
                n = MIN2(size - done, (size_t)CONTENT_MAX);
                r = header_append(buffer, type, n);
                if (r < 0)
                        return r;
                r = buffer_reserve(buffer, n, &to);
                if (r < 0)
                        return r;
                if (data)
                        memcpy(to, data + done, n);
                else
                        memset(to, 'x', n);
                buffer_commit(buffer, n);
        }
        return header_append(buffer, type, 0);
}

static int length_append(Buffer *buffer, size_t size) {
        if (size < 128)
                return buffer_append(buffer, (uint8_t[]){ (uint8_t)size }, 1);
        return buffer_append(buffer,
                             (uint8_t[]){ (uint8_t)(size >> 24 | 0x80),
                                          (uint8_t)(size >> 16),
                                          (uint8_t)(size >> 8),
                                          (uint8_t)size },
                             4);
}

static int pair_append(Buffer *buffer, const char *param) {
        const char *value = strchr(param, '=');
        int r;

        if (!value)
                return -EINVAL;

        r = length_append(buffer, (size_t)(value - param));
        if (r == 0)
                r = length_append(buffer, strlen(value + 1));
        if (r == 0)
                r = buffer_append(buffer, param, (size_t)(value - param));
        if (r == 0)
                r = buffer_append(buffer, value + 1, strlen(value + 1));
        return r;
}

int request_append(Buffer *buffer,
                   const char *const params[],
                   size_t n_params,
                   size_t body_size,
                   bool keep) {
        Buffer pairs = BUFFER_NULL(64 << 20);
        int r = 0;

        for (size_t i = 0; i < n_params && r == 0; i++)
                r = pair_append(&pairs, params[i]);
        if (r == 0)
                r = header_append(buffer, TYPE_BEGIN, 8);
        if (r == 0)
                r = buffer_append(buffer, (uint8_t[]){ 0, 1, keep, 0, 0, 0, 0, 0 }, 8);
        if (r == 0)
                r = stream_append(buffer, TYPE_PARAMS, buffer_data(&pairs), buffer_size(&pairs));
        if (r == 0)
                r = stream_append(buffer, TYPE_STDIN, NULL, body_size);
        buffer_done(&pairs);
        return r;
}
