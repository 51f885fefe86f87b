/* SPDX-License-Identifier: MIT */
/*
 * Name/value pairs, to and from the wire
 *
 *  +-------------+--------------+---------+----------+
 *  | name length | value length |  name   |  value   |
 *  +-------------+--------------+---------+----------+
 *    0xxxxxxx                             one byte
 *    1xxxxxxx xxxxxxxx xxxxxxxx xxxxxxxx  four bytes
 *
 * Pairs that lie whole in the input are decoded from there, so their bytes are
 * copied once, into the Pairs. The front of a cut pair waits in `rest`, which
 * never holds more than that one pair.
 *
 * Nothing is believed about a length but that it was sent: it is compared with
 * the room that is left before a byte is kept for it, and memory grows with
 * the bytes that come, not with those announced.
 */

#include <assert.h>
#include "fcgi/params.h"

static bool length_decode(uint32_t *ret, size_t *n, const uint8_t *data, size_t size) {
        if (*n >= size)
                return false;

        data += *n;
        if (data[0] < 0x80) {
                *ret = data[0];
                *n += 1;
                return true;
        }

        if (size - *n < 4)
                return false;

        *ret = (uint32_t)(data[0] & 0x7f) << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
        *n += 4;
        return true;
}

bool fcgi_lengths_decode(FcgiLengths *ret, const uint8_t *data, size_t size) {
        uint32_t name_size, value_size;
        size_t n = 0;

        if (!length_decode(&name_size, &n, data, size) || !length_decode(&value_size, &n, data, size))
                return false;

        *ret = (FcgiLengths){ .size = n, .name_size = name_size, .value_size = value_size };
        return true;
}

static size_t length_encode(uint8_t *bytes, size_t length) {
        if (length < 0x80) {
                bytes[0] = (uint8_t)length;
                return 1;
        }

        assert(length <= INT32_MAX);
        bytes[0] = (uint8_t)(length >> 24 | 0x80);
        bytes[1] = (uint8_t)(length >> 16);
        bytes[2] = (uint8_t)(length >> 8);
        bytes[3] = (uint8_t)length;
        return 4;
}

size_t
fcgi_lengths_encode(uint8_t bytes[static FCGI_LENGTHS_SIZE_MAX], size_t name_size, size_t value_size) {
        size_t n = length_encode(bytes, name_size);

        return n + length_encode(bytes + n, value_size);
}

void fcgi_params_init(FcgiParams *params, size_t size_max) {
        buffer_init(&params->rest, size_max + FCGI_LENGTHS_SIZE_MAX);
}

void fcgi_params_done(FcgiParams *params) {
        buffer_done(&params->rest);
}

void fcgi_params_clear(FcgiParams *params) {
        buffer_clear(&params->rest);
}

static int pair_add(Pairs *pairs, const FcgiLengths *lengths, const uint8_t *wire) {
        const uint8_t *name = wire + lengths->size;

        return pairs_add(pairs, name, lengths->name_size, name + lengths->name_size, lengths->value_size);
}

/* Moves to `rest` what the cut pair there lacks, and adds the pair if that completes it. */
static int params_feed_rest(FcgiParams *params, Pairs *pairs, const uint8_t **data, size_t *size) {
        Buffer *rest = &params->rest;
        FcgiLengths lengths;
        uint64_t missing;
        size_t n;
        int r;

        while (!fcgi_lengths_decode(&lengths, buffer_data(rest), buffer_size(rest))) {
                if (*size == 0)
                        return 0;
                r = buffer_append(rest, *data, 1);
                if (r < 0)
                        return r == -ENOBUFS ? FCGI_PARAMS_E_LIMIT : r;
                *data += 1;
                *size -= 1;
        }

        if (!pairs_has_room(pairs, lengths.name_size, lengths.value_size))
                return FCGI_PARAMS_E_LIMIT;

        missing = fcgi_lengths_pair_size(&lengths) - buffer_size(rest);
        n = (size_t)MIN2(missing, *size);
        r = buffer_append(rest, *data, n);
        if (r < 0)
                return r == -ENOBUFS ? FCGI_PARAMS_E_LIMIT : r;
        *data += n;
        *size -= n;
        if (n < missing)
                return 0;

        r = pair_add(pairs, &lengths, buffer_data(rest));
        buffer_clear(rest);
        return r;
}

int fcgi_params_feed(FcgiParams *params, Pairs *pairs, const uint8_t *data, size_t size) {
        int r;

        if (buffer_size(&params->rest) > 0) {
                r = params_feed_rest(params, pairs, &data, &size);
                if (r != 0)
                        return r;
        }

        while (size > 0) {
                FcgiLengths lengths;
                size_t n;

                if (!fcgi_lengths_decode(&lengths, data, size))
                        break;
                if (!pairs_has_room(pairs, lengths.name_size, lengths.value_size))
                        return FCGI_PARAMS_E_LIMIT;
                if (fcgi_lengths_pair_size(&lengths) > size)
                        break;

                n = (size_t)fcgi_lengths_pair_size(&lengths);
                r = pair_add(pairs, &lengths, data);
                if (r < 0)
                        return r;
                data += n;
                size -= n;
        }

        r = buffer_append(&params->rest, data, size);
        return r == -ENOBUFS ? FCGI_PARAMS_E_LIMIT : r;
}

int fcgi_params_end(FcgiParams *params) {
        return buffer_size(&params->rest) > 0 ? FCGI_PARAMS_E_TRUNCATED : 0;
}

int fcgi_params_encode(Buffer *buffer,
                       const void *name,
                       size_t name_size,
                       const void *value,
                       size_t value_size) {
        uint8_t lengths[FCGI_LENGTHS_SIZE_MAX], *p;
        size_t n;
        int r;

        /* Checked before the sum, which could wrap. */
        if (name_size > buffer->limit || value_size > buffer->limit || name_size > INT32_MAX ||
            value_size > INT32_MAX)
                return -ENOBUFS;

        n = fcgi_lengths_encode(lengths, name_size, value_size);
        r = buffer_reserve(buffer, n + name_size + value_size, &p);
        if (r < 0)
                return r;

        memcpy(p, lengths, n);
        if (name_size > 0)
                memcpy(p + n, name, name_size);
        if (value_size > 0)
                memcpy(p + n + name_size, value, value_size);
        buffer_commit(buffer, n + name_size + value_size);
        return 0;
}
