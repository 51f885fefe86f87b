/* SPDX-License-Identifier: MIT */
/*
 * The responder's side of a connection
 *
 *   IDLE --BEGIN--> HEAD --empty PARAMS--> BODY --empty STDIN--> WHOLE
 *    ^               |                      |                      |
 *    |               +--------ABORT---------+--------------------->|
 *    +-------------------------next()------------------------------+
 *
 * When a header is read, it is decided what the record is for (FcgiServerUse);
 * streams (PARAMS, STDIN) are then used as their content comes, all other
 * records act when they are complete. What the connection cannot go on from,
 * or what no client sends but to confuse, is a violation and final: there is no
 * resynchronising in a stream that has lost its record boundaries.
 *
 * Records of ids without a request are skipped (section 3.3), so are DATA and
 * unknown types. They are counted: a peer that sends nothing useful for
 * RECORDS_IGNORED_MAX records is cut off.
 *
 * PARAMS after their end and STDIN before it are violations. php-fpm refuses
 * both too, so no client that works with it sends them.
 */

#include "fcgi/server.h"

/* A multiplexing client may have many records under way when it is told not to. */
#define RECORDS_IGNORED_MAX 1000U

/* A usual request's parameters fit; what a large one took is not kept on an idle connection. */
#define PARAMS_SIZE_KEPT (16U * 1024U)

static const struct {
        const char *name;
        const char *value;
} values[] = {
        { "FCGI_MAX_CONNS", "1024" },
        { "FCGI_MAX_REQS", "1024" },
        { "FCGI_MPXS_CONNS", "0" },
};

void fcgi_server_init(FcgiServer *server, size_t n_params_max, size_t params_size_max) {
        *server = (FcgiServer){ .state = FCGI_SERVER_IDLE };
        pairs_init(&server->params, n_params_max, params_size_max);
        fcgi_params_init(&server->decoder, params_size_max);
        buffer_init(&server->management, FCGI_CONTENT_MAX);
}

void fcgi_server_done(FcgiServer *server) {
        if (!server)
                return;

        buffer_done(&server->management);
        fcgi_params_done(&server->decoder);
        pairs_done(&server->params);
}

/* What is between requests depends on the reader alone. */
static void server_settle(FcgiServer *server) {
        bool between = server->state == FCGI_SERVER_IDLE || server->state == FCGI_SERVER_HEAD;

        if (between && !server->active)
                server->state =
                        fcgi_reader_at_boundary(&server->reader) ? FCGI_SERVER_IDLE : FCGI_SERVER_HEAD;
}

static void server_forget(FcgiServer *server) {
        if (server->params.bytes.allocated > PARAMS_SIZE_KEPT)
                pairs_done(&server->params);
        else
                pairs_clear(&server->params);

        if (server->decoder.rest.allocated > PARAMS_SIZE_KEPT)
                fcgi_params_done(&server->decoder);
        else
                fcgi_params_clear(&server->decoder);

        server->active = false;
        server->id = 0;
        server->keep_conn = false;
        server->n_ignored = 0;
}

void fcgi_server_next(FcgiServer *server) {
        /* Nothing can be done on a connection without records. */
        if (server->state == FCGI_SERVER_BROKEN)
                return;

        if (server->reader.in_record && server->active && server->reader.record.id == server->id)
                server->use = FCGI_SERVER_USE_NONE;

        server_forget(server);
        server->state = FCGI_SERVER_IDLE;
        server_settle(server);
}

void fcgi_server_restart(FcgiServer *server) {
        server_forget(server);
        buffer_done(&server->management);
        server->reader = (FcgiReader){};
        server->close = false;
        server->error = NULL;
        server->too_large = false;
        server->state = FCGI_SERVER_IDLE;
}

/*
 * The steps below return 0 when *ret is what feed gives, 1 when it goes on.
 */

static int server_violation(FcgiServer *server, FcgiEvent *ret, const char *error) {
        server->state = FCGI_SERVER_BROKEN;
        server->error = error;
        *ret = (FcgiEvent){ .type = FCGI_EVENT_VIOLATION, .error = error };
        return 0;
}

static int server_event(FcgiEvent *ret, FcgiEventType type) {
        *ret = (FcgiEvent){ .type = type };
        return 0;
}

static int server_reply(FcgiServer *server, FcgiEvent *ret, size_t size) {
        *ret = (FcgiEvent){ .type = FCGI_EVENT_REPLY, .data = server->reply, .size = size };
        return 0;
}

static int server_use(FcgiServer *server, FcgiServerUse use) {
        server->use = use;
        return 1;
}

/* For what no request needs. */
static int server_ignore(FcgiServer *server, FcgiServerUse use, FcgiEvent *ret) {
        if (++server->n_ignored > RECORDS_IGNORED_MAX)
                return server_violation(server, ret, "too many records that no request needs");
        return server_use(server, use);
}

static int server_on_management_header(FcgiServer *server, FcgiEvent *ret) {
        switch (server->reader.record.type) {
        case FCGI_GET_VALUES:
                buffer_clear(&server->management);
                if (server->active)
                        return server_ignore(server, FCGI_SERVER_USE_GET_VALUES, ret);
                return server_use(server, FCGI_SERVER_USE_GET_VALUES);
        case FCGI_GET_VALUES_RESULT:
        case FCGI_UNKNOWN_TYPE:
                /* Answers, to nothing. An answer to them could go round for ever. */
                return server_ignore(server, FCGI_SERVER_USE_NONE, ret);
        default:
                return server_ignore(server, FCGI_SERVER_USE_UNKNOWN_TYPE, ret);
        }
}

static int server_on_begin_header(FcgiServer *server, FcgiEvent *ret) {
        if (server->reader.record.content_size != sizeof(server->begin))
                return server_violation(server, ret, "BEGIN_REQUEST of a wrong size");
        if (!server->active)
                return server_use(server, FCGI_SERVER_USE_BEGIN);
        if (server->reader.record.id == server->id)
                return server_violation(server, ret, "BEGIN_REQUEST for the active request");
        return server_ignore(server, FCGI_SERVER_USE_BEGIN, ret);
}

static int server_on_header(FcgiServer *server, FcgiEvent *ret) {
        const FcgiRecord *record = &server->reader.record;

        if (record->version != FCGI_VERSION_1)
                return server_violation(server, ret, "record of an unknown version");
        if (record->id == FCGI_NULL_REQUEST_ID)
                return server_on_management_header(server, ret);
        if (record->type == FCGI_BEGIN_REQUEST)
                return server_on_begin_header(server, ret);
        if (!server->active || record->id != server->id)
                return server_ignore(server, FCGI_SERVER_USE_NONE, ret);

        switch (record->type) {
        case FCGI_ABORT_REQUEST:
                return server_use(server, FCGI_SERVER_USE_ABORT);
        case FCGI_PARAMS:
                if (server->state != FCGI_SERVER_HEAD)
                        return server_violation(server, ret, "PARAMS after their end");
                return server_use(server, FCGI_SERVER_USE_PARAMS);
        case FCGI_STDIN:
                if (server->state != FCGI_SERVER_BODY)
                        return server_violation(server, ret, "STDIN before the end of PARAMS");
                return server_use(server, FCGI_SERVER_USE_STDIN);
        default:
                return server_ignore(server, FCGI_SERVER_USE_NONE, ret);
        }
}

static int server_on_content(FcgiServer *server, const FcgiSlice *content, FcgiEvent *ret) {
        size_t done;
        int r;

        switch (server->use) {
        case FCGI_SERVER_USE_BEGIN:
                done = sizeof(server->begin) - server->reader.content_left - content->size;
                memcpy(server->begin + done, content->data, content->size);
                return 1;
        case FCGI_SERVER_USE_PARAMS:
                r = fcgi_params_feed(&server->decoder, &server->params, content->data, content->size);
                server->too_large = r == FCGI_PARAMS_E_LIMIT;
                if (server->too_large)
                        return server_violation(server, ret, "too many or too large PARAMS");
                return r < 0 ? r : 1;
        case FCGI_SERVER_USE_STDIN:
                *ret = (FcgiEvent){
                        .type = FCGI_EVENT_STDIN,
                        .data = content->data,
                        .size = content->size,
                };
                return 0;
        case FCGI_SERVER_USE_GET_VALUES:
                r = buffer_append(&server->management, content->data, content->size);
                return r < 0 ? r : 1;
        case FCGI_SERVER_USE_NONE:
        case FCGI_SERVER_USE_ABORT:
        case FCGI_SERVER_USE_UNKNOWN_TYPE:
        case _FCGI_SERVER_USE_MAX:
                break;
        }
        return 1;
}

static int server_on_begin(FcgiServer *server, FcgiEvent *ret) {
        uint16_t id = server->reader.record.id, role = (uint16_t)(server->begin[0] << 8 | server->begin[1]);
        bool keep_conn = server->begin[2] & FCGI_KEEP_CONN;

        if (server->active) {
                fcgi_end_encode(server->reply, id, 0, FCGI_CANT_MPX_CONN);
                return server_reply(server, ret, FCGI_END_SIZE);
        }

        if (role != FCGI_RESPONDER) {
                /* That was a request, and it has ended. */
                server->n_ignored = 0;
                server->close = !keep_conn;
                fcgi_end_encode(server->reply, id, 0, FCGI_UNKNOWN_ROLE);
                return server_reply(server, ret, FCGI_END_SIZE);
        }

        server->active = true;
        server->id = id;
        server->keep_conn = keep_conn;
        server->state = FCGI_SERVER_HEAD;
        return 1;
}

/* Marks in @asked which of the values are asked for. False: the content is not pairs. */
static bool get_values_decode(const Buffer *content, bool asked[static ELEMENTSOF(values)]) {
        const uint8_t *data = buffer_data(content);
        size_t size = buffer_size(content);

        while (size > 0) {
                FcgiLengths lengths;

                if (!fcgi_lengths_decode(&lengths, data, size) || fcgi_lengths_pair_size(&lengths) > size)
                        return false;

                for (size_t i = 0; i < ELEMENTSOF(values); i++)
                        if (strlen(values[i].name) == lengths.name_size &&
                            memcmp(values[i].name, data + lengths.size, lengths.name_size) == 0)
                                asked[i] = true;

                data += fcgi_lengths_pair_size(&lengths);
                size -= (size_t)fcgi_lengths_pair_size(&lengths);
        }
        return true;
}

static int server_on_get_values(FcgiServer *server, FcgiEvent *ret) {
        bool asked[ELEMENTSOF(values)] = {};
        size_t n = FCGI_HEADER_SIZE;

        if (buffer_size(&server->management) > 0 && !get_values_decode(&server->management, asked))
                return server_violation(server, ret, "GET_VALUES that ends inside a pair");
        buffer_done(&server->management);

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                size_t name_size = strlen(values[i].name), value_size = strlen(values[i].value);

                if (!asked[i])
                        continue;
                n += fcgi_lengths_encode(server->reply + n, name_size, value_size);
                memcpy(server->reply + n, values[i].name, name_size);
                memcpy(server->reply + n + name_size, values[i].value, value_size);
                n += name_size + value_size;
        }

        fcgi_record_encode(server->reply,
                           FCGI_GET_VALUES_RESULT,
                           FCGI_NULL_REQUEST_ID,
                           n - FCGI_HEADER_SIZE,
                           0);
        return server_reply(server, ret, n);
}

static int server_on_end(FcgiServer *server, FcgiEvent *ret) {
        bool empty = server->reader.record.content_size == 0;

        switch (server->use) {
        case FCGI_SERVER_USE_BEGIN:
                return server_on_begin(server, ret);
        case FCGI_SERVER_USE_PARAMS:
                if (!empty)
                        return 1;
                if (fcgi_params_end(&server->decoder) == FCGI_PARAMS_E_TRUNCATED)
                        return server_violation(server, ret, "PARAMS that end inside a pair");
                server->state = FCGI_SERVER_BODY;
                return server_event(ret, FCGI_EVENT_PARAMS);
        case FCGI_SERVER_USE_STDIN:
                if (!empty)
                        return 1;
                server->state = FCGI_SERVER_WHOLE;
                return server_event(ret, FCGI_EVENT_STDIN_END);
        case FCGI_SERVER_USE_ABORT:
                server->state = FCGI_SERVER_WHOLE;
                return server_event(ret, FCGI_EVENT_ABORT);
        case FCGI_SERVER_USE_GET_VALUES:
                return server_on_get_values(server, ret);
        case FCGI_SERVER_USE_UNKNOWN_TYPE:
                fcgi_unknown_type_encode(server->reply, server->reader.record.type);
                return server_reply(server, ret, FCGI_UNKNOWN_TYPE_SIZE);
        case FCGI_SERVER_USE_NONE:
        case _FCGI_SERVER_USE_MAX:
                break;
        }
        return 1;
}

static int server_step(FcgiServer *server, FcgiSlice *input, FcgiEvent *ret) {
        FcgiSlice content;

        switch (fcgi_reader_next(&server->reader, input, &content)) {
        case FCGI_READER_HEADER:
                return server_on_header(server, ret);
        case FCGI_READER_CONTENT:
                return server_on_content(server, &content, ret);
        case FCGI_READER_END:
                return server_on_end(server, ret);
        case FCGI_READER_NEED_MORE:
                break;
        }
        return server_event(ret, FCGI_EVENT_NEED_MORE);
}

int fcgi_server_feed(FcgiServer *server,
                     const uint8_t *data,
                     size_t size,
                     size_t *ret_used,
                     FcgiEvent *ret) {
        FcgiSlice input = { .data = data, .size = size };
        FcgiEvent event = { .type = FCGI_EVENT_NEED_MORE };
        int r;

        if (server->state == FCGI_SERVER_BROKEN) {
                event = (FcgiEvent){ .type = FCGI_EVENT_VIOLATION, .error = server->error };
        } else if (server->close) {
                event.type = FCGI_EVENT_CLOSE;
        } else if (server->state != FCGI_SERVER_WHOLE) {
                do {
                        r = server_step(server, &input, &event);
                        if (r < 0)
                                return r;
                } while (r > 0);
                server_settle(server);
        }

        *ret_used = size - input.size;
        *ret = event;
        return 0;
}
