/* SPDX-License-Identifier: MIT */
/*
 * The web server's side of a connection
 *
 * One request, and its answer: STDOUT and STDERR in any order and number, then
 * one END_REQUEST. A pool is not trusted more than a browser, since PHP code
 * can write to its connections. All that is not an answer to the one request
 * is a violation: other ids, id 0 (nothing of management was asked), types that
 * only a web server sends, END_REQUEST of another size than eight, and bytes
 * behind it.
 *
 * php-fpm gives up on a pair that is cut between two PARAMS records, though the
 * stream may be cut anywhere (section 3.4). The encoder begins a new record
 * instead.
 */

#include <assert.h>
#include "fcgi/client.h"
#include "fcgi/params.h"

/* Empty records end a stream, so there is a use for two of them. */
#define RECORDS_EMPTY_MAX 1000U

/* The PARAMS stream on its way into a buffer: the record that is open at its end. */
typedef struct Writer {
        Buffer *buffer;
        uint16_t id;
        bool open;
        size_t header;       /* where its header stands, in the readable bytes */
        size_t content_size; /* of it, until now */
} Writer;

/* The header could not be known before the content was. */
static void writer_close_record(Writer *writer) {
        uint8_t *bytes = writer->buffer->data + writer->buffer->start + writer->header;

        if (!writer->open)
                return;
        fcgi_record_encode(bytes, FCGI_PARAMS, writer->id, writer->content_size, 0);
        writer->open = false;
}

static int writer_open_record(Writer *writer) {
        size_t header = buffer_size(writer->buffer);
        uint8_t *p;
        int r;

        r = buffer_reserve(writer->buffer, FCGI_HEADER_SIZE, &p);
        if (r < 0)
                return r;

        memset(p, 0, FCGI_HEADER_SIZE);
        buffer_commit(writer->buffer, FCGI_HEADER_SIZE);
        writer->open = true;
        writer->header = header;
        writer->content_size = 0;
        return 0;
}

static int writer_append(Writer *writer, const void *data, size_t size) {
        const uint8_t *bytes = data;
        int r;

        while (size > 0) {
                size_t n;

                if (!writer->open) {
                        r = writer_open_record(writer);
                        if (r < 0)
                                return r;
                }

                n = MIN2(size, FCGI_CONTENT_MAX - writer->content_size);
                r = buffer_append(writer->buffer, bytes, n);
                if (r < 0)
                        return r;
                writer->content_size += n;
                bytes += n;
                size -= n;

                if (writer->content_size == FCGI_CONTENT_MAX)
                        writer_close_record(writer);
        }
        return 0;
}

static int writer_append_pair(Writer *writer, const Pair *pair) {
        uint8_t lengths[FCGI_LENGTHS_SIZE_MAX];
        size_t n;
        int r;

        n = fcgi_lengths_encode(lengths, pair->name_size, pair->value_size);
        if (writer->open && n + pair->name_size + pair->value_size > FCGI_CONTENT_MAX - writer->content_size)
                writer_close_record(writer);

        r = writer_append(writer, lengths, n);
        if (r < 0)
                return r;
        r = writer_append(writer, pair->name, pair->name_size);
        if (r < 0)
                return r;
        return writer_append(writer, pair->value, pair->value_size);
}

static int append_empty(Buffer *buffer, uint8_t type, uint16_t id) {
        uint8_t header[FCGI_HEADER_SIZE];

        fcgi_record_encode(header, type, id, 0, 0);
        return buffer_append(buffer, header, sizeof(header));
}

static int encode_request(Buffer *buffer, uint16_t id, bool keep_conn, const Pairs *params) {
        Writer writer = { .buffer = buffer, .id = id };
        uint8_t begin[FCGI_BEGIN_SIZE];
        int r;

        fcgi_begin_encode(begin, id, FCGI_RESPONDER, keep_conn ? FCGI_KEEP_CONN : 0);
        r = buffer_append(buffer, begin, sizeof(begin));
        if (r < 0)
                return r;

        for (size_t i = 0; i < params->n_entries; i++) {
                Pair pair = pairs_at(params, i);

                r = writer_append_pair(&writer, &pair);
                if (r < 0)
                        return r;
        }
        writer_close_record(&writer);

        return append_empty(buffer, FCGI_PARAMS, id);
}

int fcgi_client_encode_request(Buffer *buffer, uint16_t id, bool keep_conn, const Pairs *params) {
        size_t size = buffer_size(buffer);
        int r;

        assert(id != FCGI_NULL_REQUEST_ID);

        r = encode_request(buffer, id, keep_conn, params);
        if (r < 0)
                /* A part of a request must not go out with what stood before it. */
                buffer->end = buffer->start + size;
        return r;
}

int fcgi_client_encode_stdin_end(Buffer *buffer, uint16_t id) {
        return append_empty(buffer, FCGI_STDIN, id);
}

void fcgi_client_init(FcgiClient *client, uint16_t id) {
        *client = (FcgiClient){ .id = id };
}

/*
 * The steps below return whether *ret is what feed gives.
 */

static bool client_violation(FcgiClient *client, FcgiClientEvent *ret, const char *error) {
        client->error = error;
        *ret = (FcgiClientEvent){ .type = FCGI_CLIENT_VIOLATION, .error = error };
        return true;
}

static bool client_on_header(FcgiClient *client, FcgiClientEvent *ret) {
        const FcgiRecord *record = &client->reader.record;

        if (record->version != FCGI_VERSION_1)
                return client_violation(client, ret, "record of an unknown version");
        if (record->id == FCGI_NULL_REQUEST_ID)
                return client_violation(client, ret, "management record, though none was asked for");
        if (record->id != client->id)
                return client_violation(client, ret, "record of another request");

        switch (record->type) {
        case FCGI_STDOUT:
        case FCGI_STDERR:
                if (record->content_size > 0)
                        client->n_ignored = 0;
                else if (++client->n_ignored > RECORDS_EMPTY_MAX)
                        return client_violation(client, ret, "too many empty records");
                return false;
        case FCGI_END_REQUEST:
                if (record->content_size != sizeof(client->end))
                        return client_violation(client, ret, "END_REQUEST of a wrong size");
                return false;
        default:
                return client_violation(client, ret, "record of a type that no application sends");
        }
}

static bool client_on_content(FcgiClient *client, const FcgiSlice *content, FcgiClientEvent *ret) {
        if (client->reader.record.type == FCGI_END_REQUEST) {
                size_t done = sizeof(client->end) - client->reader.content_left - content->size;

                memcpy(client->end + done, content->data, content->size);
                return false;
        }

        *ret = (FcgiClientEvent){
                .type = client->reader.record.type == FCGI_STDOUT ? FCGI_CLIENT_STDOUT : FCGI_CLIENT_STDERR,
                .data = content->data,
                .size = content->size,
        };
        return true;
}

static bool client_on_end(FcgiClient *client, FcgiClientEvent *ret) {
        const uint8_t *end = client->end;

        if (client->reader.record.type != FCGI_END_REQUEST)
                return false;

        client->ended = true;
        *ret = (FcgiClientEvent){
                .type = FCGI_CLIENT_END,
                .app_status =
                        (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3],
                .protocol_status = end[4],
        };
        return true;
}

static bool client_step(FcgiClient *client, FcgiSlice *input, FcgiClientEvent *ret) {
        FcgiSlice content;

        switch (fcgi_reader_next(&client->reader, input, &content)) {
        case FCGI_READER_HEADER:
                return client_on_header(client, ret);
        case FCGI_READER_CONTENT:
                return client_on_content(client, &content, ret);
        case FCGI_READER_END:
                return client_on_end(client, ret);
        case FCGI_READER_NEED_MORE:
                break;
        }
        *ret = (FcgiClientEvent){ .type = FCGI_CLIENT_NEED_MORE };
        return true;
}

int fcgi_client_feed(FcgiClient *client,
                     const uint8_t *data,
                     size_t size,
                     size_t *ret_used,
                     FcgiClientEvent *ret) {
        FcgiSlice input = { .data = data, .size = size };

        if (client->error)
                client_violation(client, ret, client->error);
        else if (client->ended && size > 0)
                client_violation(client, ret, "bytes after END_REQUEST");
        else if (client->ended)
                *ret = (FcgiClientEvent){ .type = FCGI_CLIENT_NEED_MORE };
        else
                while (!client_step(client, &input, ret))
                        ;

        *ret_used = size - input.size;
        return 0;
}
