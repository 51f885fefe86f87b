/* SPDX-License-Identifier: MIT */
/*
 * Record by record: eight bytes of header, then content and padding, of which
 * only the front of the script's output and the body of END_REQUEST are kept.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "bench/answer.h"
#include "util/cleanup.h"

enum {
        TYPE_END = 3,
        TYPE_STDOUT = 6,
        TYPE_STDERR = 7,
};

void answer_init(Answer *answer) {
        answer->header_size = answer->content = answer->head_size = answer->left = 0;
        answer->stdout_size = 0;
}

static size_t content_size(const Answer *answer) {
        return (size_t)answer->header[4] << 8 | answer->header[5];
}

static int header_check(const Answer *answer) {
        uint8_t type = answer->header[1];

        if (answer->header[0] != 1 || (type != TYPE_END && type != TYPE_STDOUT && type != TYPE_STDERR))
                return ANSWER_E_BROKEN;
        if (type == TYPE_END && content_size(answer) != sizeof(answer->end))
                return ANSWER_E_BROKEN;
        return 0;
}

/* Keeps what is wanted of @size bytes of content. */
static void content_take(Answer *answer, const uint8_t *data, size_t size) {
        size_t n;

        if (answer->header[1] == TYPE_END) {
                memcpy(answer->end + answer->content, data, size);
        } else if (answer->header[1] == TYPE_STDOUT) {
                n = MIN2(size, ANSWER_HEAD_SIZE - answer->head_size);
                memcpy(answer->head + answer->head_size, data, n);
                answer->head_size += n;
                answer->stdout_size += size;
        }
        answer->content += size;
}

int answer_feed(Answer *answer, const uint8_t *data, size_t size, size_t *ret_used) {
        size_t used = 0, n;

        for (;;) {
                if (answer->header_size < sizeof(answer->header)) {
                        n = MIN2(size - used, sizeof(answer->header) - answer->header_size);
                        if (n > 0)
                                memcpy(answer->header + answer->header_size, data + used, n);
                        answer->header_size += n;
                        used += n;
                        if (answer->header_size < sizeof(answer->header))
                                return ANSWER_E_MORE;
                        if (header_check(answer) != 0)
                                return ANSWER_E_BROKEN;
                        answer->content = 0;
                        answer->left = content_size(answer) + answer->header[6];
                }

                n = MIN2(size - used, answer->left);
                if (answer->content < content_size(answer) && n > 0)
                        content_take(answer, data + used, MIN2(n, content_size(answer) - answer->content));
                answer->left -= n;
                used += n;
                if (answer->left > 0)
                        return ANSWER_E_MORE;

                answer->header_size = 0;
                if (answer->header[1] == TYPE_END) {
                        *ret_used = used;
                        return 0;
                }
        }
}

uint8_t answer_protocol_status(const Answer *answer) {
        return answer->end[4];
}

unsigned answer_http_status(const Answer *answer) {
        const char *line = (const char *)answer->head, *end = line + answer->head_size, *next;

        for (; line < end && *line != '\r' && *line != '\n'; line = next + 1) {
                next = memchr(line, '\n', (size_t)(end - line));
                if (!next)
                        break;
                if (next - line > 7 && strncasecmp(line, "Status:", 7) == 0)
                        return (unsigned)strtoul(line + 7, NULL, 10);
        }
        return 200;
}
