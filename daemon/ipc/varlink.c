/* SPDX-License-Identifier: MIT */
/*
 * Varlink messages
 *
 * Decoding goes in three steps, each cheaper to refuse than the next: the size
 * (varlink_next), a scan that counts values and refuses what is not JSON at all,
 * json-c's tokener with a bound on nesting. What comes out has the shape of a
 * message; the values inside its parameters are still the peer's.
 *
 * Strings with a NUL inside (\u0000) are refused where we use them as C
 * strings, so that what is compared is what was sent.
 */
#include <json-c/json.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/varlink.h"
#include "util/cleanup.h"
#include "util/utf8.h"

int varlink_next(const Buffer *buffer, size_t max, size_t *ret_size) {
        size_t size = buffer_size(buffer);
        const uint8_t *end = size > 0 ? memchr(buffer_data(buffer), '\0', MIN2(size, max)) : NULL;

        if (!end)
                return size >= max ? VARLINK_E_LARGE : VARLINK_E_MORE;

        *ret_size = (size_t)(end - buffer_data(buffer));
        return 0;
}

/* What RFC 8259 has there. json-c takes more, however strict: keys in single quotes, in which it hides the others, and NaN. */
static bool varlink_is_outside_string(char c) {
        return c != '\0' && strchr("{}[]:, \t\r\n0123456789+-.eEtrufalsn", c);
}

/* How much it would become. */
static int varlink_scan(const char *text, size_t size) {
        size_t n_containers = 0, n_values = 1;
        bool in_string = false;

        for (size_t i = 0; i < size; i++) {
                if (text[i] == '"')
                        in_string = !in_string;
                else if (in_string && text[i] == '\\')
                        i++;
                else if (!in_string && !varlink_is_outside_string(text[i]))
                        return VARLINK_E_MALFORMED;
                else if (!in_string && (text[i] == '{' || text[i] == '['))
                        n_containers++;
                else if (!in_string && text[i] == ',')
                        n_values++;
        }

        return n_containers > VARLINK_CONTAINERS_MAX || n_values > VARLINK_VALUES_MAX ? VARLINK_E_LARGE : 0;
}

/*
 * The same JSON without bytes above ASCII, which can only stand in strings (RFC 8259):
 * strict json-c 0.18 takes them for control characters. A copy, never empty.
 */
static int varlink_to_ascii(char **ret, size_t *ret_size, const char *text, size_t size) {
        _cleanup_(freep) char *ascii = malloc(size * 3 + 1); /* two bytes become six, four become twelve */
        bool escaped = false;
        size_t n = 0;

        if (!ascii)
                return -ENOMEM;

        for (size_t i = 0; i < size;) {
                uint32_t c;
                size_t n_bytes = utf8_decode(text + i, size - i, &c);

                if (n_bytes == 0 || (n_bytes > 1 && escaped))
                        return VARLINK_E_MALFORMED;
                if (n_bytes == 1)
                        ascii[n++] = text[i];
                else if (c < 0x10000)
                        n += (size_t)sprintf(ascii + n, "\\u%04x", c);
                else
                        n += (size_t)sprintf(ascii + n,
                                             "\\u%04x\\u%04x",
                                             0xd7c0 + (c >> 10),
                                             0xdc00 + (c & 0x3ff));
                escaped = !escaped && text[i] == '\\';
                i += n_bytes;
        }

        *ret = TAKE_PTR(ascii);
        *ret_size = n;
        return 0;
}

static int varlink_parse(struct json_object **ret, const char *text, size_t size) {
        _cleanup_(freep) char *ascii = NULL;
        struct json_tokener *tokener;
        struct json_object *object;
        bool complete;
        int r;

        if (size >= INT_MAX / 3)
                return VARLINK_E_LARGE;
        r = varlink_scan(text, size);
        if (r == 0)
                r = varlink_to_ascii(&ascii, &size, text, size);
        if (r != 0)
                return r;

        tokener = json_tokener_new_ex(VARLINK_DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;

        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        object = json_tokener_parse_ex(tokener, ascii, (int)size);
        complete = json_tokener_get_error(tokener) == json_tokener_success &&
                   json_tokener_get_parse_end(tokener) == size;
        json_tokener_free(tokener);

        if (!complete || !json_object_is_type(object, json_type_object)) {
                json_object_put(object);
                return VARLINK_E_MALFORMED;
        }

        *ret = object;
        return 0;
}

/* The string @key of @object: a copy, or NULL if there is none. */
static int varlink_take_string(struct json_object *object, const char *key, char **ret) {
        struct json_object *value;
        size_t size;
        char *copy;

        if (!json_object_object_get_ex(object, key, &value) || !value) {
                *ret = NULL;
                return 0;
        }

        if (!json_object_is_type(value, json_type_string))
                return VARLINK_E_MALFORMED;
        size = (size_t)json_object_get_string_len(value);
        if (size == 0 || strlen(json_object_get_string(value)) != size)
                return VARLINK_E_MALFORMED;

        copy = strdup(json_object_get_string(value));
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int varlink_take_parameters(struct json_object *object, struct json_object **ret) {
        struct json_object *value;

        if (!json_object_object_get_ex(object, "parameters", &value) || !value) {
                *ret = NULL;
                return 0;
        }
        if (!json_object_is_type(value, json_type_object))
                return VARLINK_E_MALFORMED;

        *ret = json_object_get(value);
        return 0;
}

static int varlink_take_flag(struct json_object *object, const char *key, bool *ret) {
        struct json_object *value;

        if (!json_object_object_get_ex(object, key, &value) || !value) {
                *ret = false;
                return 0;
        }
        if (!json_object_is_type(value, json_type_boolean))
                return VARLINK_E_MALFORMED;

        *ret = json_object_get_boolean(value);
        return 0;
}

static int varlink_call_from_json(VarlinkCall *ret, struct json_object *object) {
        VarlinkCall call = {};
        int r;

        r = varlink_take_string(object, "method", &call.method);
        if (r == 0 && !call.method)
                r = VARLINK_E_MALFORMED;
        if (r == 0)
                r = varlink_take_flag(object, "oneway", &call.oneway);
        if (r == 0)
                r = varlink_take_parameters(object, &call.parameters);
        if (r != 0) {
                varlink_call_done(&call);
                return r;
        }

        *ret = call;
        return 0;
}

int varlink_call_decode(VarlinkCall *ret, const void *text, size_t size) {
        struct json_object *object;
        int r;

        r = varlink_parse(&object, text, size);
        if (r != 0)
                return r;

        r = varlink_call_from_json(ret, object);
        json_object_put(object);
        return r;
}

void varlink_call_done(VarlinkCall *call) {
        json_object_put(call->parameters);
        free(call->method);
        *call = (VarlinkCall){};
}

static int varlink_reply_from_json(VarlinkReply *ret, struct json_object *object) {
        VarlinkReply reply = {};
        int r;

        r = varlink_take_string(object, "error", &reply.error);
        if (r == 0)
                r = varlink_take_parameters(object, &reply.parameters);
        if (r != 0) {
                varlink_reply_done(&reply);
                return r;
        }

        *ret = reply;
        return 0;
}

int varlink_reply_decode(VarlinkReply *ret, const void *text, size_t size) {
        struct json_object *object;
        int r;

        r = varlink_parse(&object, text, size);
        if (r != 0)
                return r;

        r = varlink_reply_from_json(ret, object);
        json_object_put(object);
        return r;
}

void varlink_reply_done(VarlinkReply *reply) {
        json_object_put(reply->parameters);
        free(reply->error);
        *reply = (VarlinkReply){};
}

static int varlink_append(Buffer *buffer, struct json_object *message, size_t max) {
        const char *text;
        size_t size;

        text = json_object_to_json_string_length(message,
                                                 JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
                                                 &size);
        if (!text)
                return -ENOMEM;
        if (size >= max)
                return -ENOBUFS;

        return buffer_append(buffer, text, size + 1);
}

/* {@key: @name, "parameters": @parameters}, without what is NULL. */
static int varlink_encode(Buffer *buffer,
                          const char *key,
                          const char *name,
                          struct json_object *parameters,
                          size_t max) {
        struct json_object *message = json_object_new_object(), *value = NULL;
        int r = 0;

        if (!message)
                return -ENOMEM;

        if (name) {
                value = json_object_new_string(name);
                if (!value || json_object_object_add(message, key, value) < 0)
                        r = -ENOMEM;
        }
        if (r == 0 && parameters &&
            json_object_object_add(message, "parameters", json_object_get(parameters)) < 0)
                r = -ENOMEM;
        if (r == 0)
                r = varlink_append(buffer, message, max);

        json_object_put(message);
        return r;
}

int varlink_call_encode(Buffer *buffer, const char *method, struct json_object *parameters) {
        return varlink_encode(buffer, "method", method, parameters, VARLINK_CALL_MAX);
}

int varlink_reply_encode(Buffer *buffer, const char *error, struct json_object *parameters) {
        return varlink_encode(buffer, "error", error, parameters, VARLINK_REPLY_MAX);
}
