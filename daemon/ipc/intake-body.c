/* SPDX-License-Identifier: MIT */
/*
 * The body of a whole request: a second walk over the STDIN records of its raw
 * bytes, which the decoder has found valid, from `body_offset` on.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "ipc/intake.h"

#define RAW_SPARE (1U << 19) /* for records of a small request that nobody needs */

/* Copies raw bytes of the request from @offset on. */
static int intake_copy(Intake *intake, uint64_t offset, void *data, size_t size) {
        if (offset + size > intake->decoded)
                return -EIO; /* beyond what the decoder has found valid */

        if (intake->spool < 0) {
                memcpy(data, buffer_data(&intake->raw) + offset, size);
                return 0;
        }

        return pread(intake->spool, data, size, (off_t)offset) == (ssize_t)size ? 0 : -EIO;
}

/* Moves the cursor to the next STDIN record of this request that has content. */
static int intake_next_record(Intake *intake, IntakeCursor *cursor) {
        while (cursor->content_left == 0 && !cursor->ended) {
                uint8_t header[FCGI_HEADER_SIZE];
                FcgiRecord record;
                int r;

                cursor->offset += cursor->padding_left;
                cursor->padding_left = 0;

                r = intake_copy(intake, cursor->offset, header, sizeof(header));
                if (r < 0)
                        return r;
                fcgi_record_decode(&record, header);
                cursor->offset += sizeof(header);

                if (record.type == FCGI_STDIN && record.id == intake->server.id) {
                        cursor->content_left = record.content_size;
                        cursor->padding_left = record.padding_size;
                        cursor->ended = record.content_size == 0;
                } else
                        cursor->offset += (uint64_t)record.content_size + record.padding_size;
        }

        return 0;
}

ssize_t intake_read_body(Intake *intake, IntakeCursor *cursor, void *data, size_t size) {
        uint8_t *to = data;
        size_t done = 0;
        int r;

        if (!cursor->started) {
                cursor->started = true;
                cursor->offset = intake->body_offset;
        }

        while (done < size) {
                size_t n;

                r = intake_next_record(intake, cursor);
                if (r < 0)
                        return r;
                if (cursor->ended)
                        break;

                n = MIN2(size - done, cursor->content_left);
                r = intake_copy(intake, cursor->offset, to + done, n);
                if (r < 0)
                        return r;
                cursor->offset += n;
                cursor->content_left -= (uint32_t)n;
                done += n;
        }

        return (ssize_t)done;
}

bool intake_body_is_too_large(const Intake *intake) {
        const IntakeLimits *limits = &intake->limits;

        if (limits->body_max == 0)
                return false;

        /* front ends put kilobytes into a record: headers and padding are a small part, and half of it never */
        return intake->body_size > limits->body_max ||
               intake->decoded / 2 > limits->body_max + limits->params_max + RAW_SPARE;
}
