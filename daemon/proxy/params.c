/* SPDX-License-Identifier: MIT */
/*
 * A request as CGI variables
 *
 * The set of names is closed: those written here, and HTTP_* of the fields
 * that http/request.h marks as `forward`. No client can make a PHP_VALUE, a
 * SCRIPT_FILENAME or a REQUEST_BODY_FILE: names of its choice always begin
 * with HTTP_. Fields whose names hold an underscore are gone before they could
 * become the variable of another field (RFC 9110 section 17.10).
 *
 * A field that came several times is one variable, joined by ", ", cookies by
 * "; " (RFC 6265 section 5.4, RFC 9110 section 5.3).
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "proxy/params.h"

#define PARAMS_NAME_MAX  256U
#define PARAMS_VALUE_MAX (1024U * 1024U) /* request heads are far smaller */

/* A worker of ours sends a 103 before its answer only where it finds this; other servers pass it over. */
#define PARAMS_INTERIM "PHP_POOL_INTERIM_ANSWERS"

static int params_add(Pairs *pairs, const char *name, HttpSlice value) {
        return pairs_add(pairs, name, strlen(name), value.data ? value.data : "", value.size);
}

static int params_add_number(Pairs *pairs, const char *name, uint64_t value) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
        return pairs_add_string(pairs, name, text);
}

static int params_add_path(Pairs *pairs, const char *name, const char *root, const char *path) {
        _cleanup_(freep) char *text = NULL;
        size_t n = strlen(root);

        /* a root of "/" is no reason for "//index.php" */
        while (n > 0 && root[n - 1] == '/')
                n--;
        if (asprintf(&text, "%.*s%s", (int)n, root, path) < 0)
                return -ENOMEM;
        return pairs_add_string(pairs, name, text);
}

static int params_add_request(Pairs *pairs, const ParamsInput *input) {
        const HttpRequest *request = input->request;
        const HttpHeader *type = http_request_header(request, "Content-Type");
        char protocol[sizeof("HTTP/1.1")];
        int r;

        (void)snprintf(protocol, sizeof(protocol), "HTTP/1.%u", request->version_minor % 10);

        r = params_add(pairs, "REQUEST_METHOD", request->method);
        r = r ?: params_add(pairs, "REQUEST_URI", request->uri);
        r = r ?: params_add(pairs, "QUERY_STRING", request->query);
        r = r ?: pairs_add_string(pairs, "SERVER_PROTOCOL", protocol);
        if (type)
                r = r ?: params_add(pairs, "CONTENT_TYPE", type->value);
        if (request->body != HTTP_BODY_NONE)
                r = r ?: params_add_number(pairs, "CONTENT_LENGTH", input->body_size);
        if (request->host.size > 0)
                r = r ?: params_add(pairs, "HTTP_HOST", request->host);
        /* a script should know whether its hints go out: see answer_interim() */
        if (request->version_minor > 0 && !input->trusted)
                r = r ?: pairs_add_string(pairs, PARAMS_INTERIM, "1");
        return r;
}

static int params_add_script(Pairs *pairs, const ParamsInput *input) {
        int r;

        r = pairs_add_string(pairs, "DOCUMENT_ROOT", input->document_root);
        r = r ?: pairs_add_string(pairs, "SCRIPT_NAME", input->script_name);
        if (input->script_filename)
                r = r ?: pairs_add_string(pairs, "SCRIPT_FILENAME", input->script_filename);
        else
                r = r ?: params_add_path(pairs, "SCRIPT_FILENAME", input->document_root, input->script_name);
        r = r ?: pairs_add_string(pairs, "PATH_INFO", input->path_info);
        if (input->path_info[0])
                r = r ?: params_add_path(pairs, "PATH_TRANSLATED", input->document_root, input->path_info);
        return r;
}

static int params_add_server(Pairs *pairs, const ParamsInput *input) {
        const HttpRequest *request = input->request;
        const char *name = request->host_name[0] ? request->host_name : "localhost";
        char server[INET6_ADDRSTRLEN], client[INET6_ADDRSTRLEN];
        uint16_t port = request->host_port;
        int r;

        /* behind a proxy it is the proxy's port that counts, and only the host field knows of it */
        if (!input->trusted && input->server->port > 0)
                port = input->server->port;
        if (port == 0)
                port = input->https ? 443 : 80;

        r = pairs_add_string(pairs, "GATEWAY_INTERFACE", "CGI/1.1");
        r = r ?: pairs_add_string(pairs, "SERVER_SOFTWARE", "php-pool-proxy");
        r = r ?: pairs_add_string(pairs, "REQUEST_SCHEME", input->https ? "https" : "http");
        if (input->https)
                r = r ?: pairs_add_string(pairs, "HTTPS", "on");
        r = r ?: pairs_add_string(pairs, "SERVER_NAME", name);
        r = r ?: pairs_add_string(pairs, "SERVER_ADDR", address_format(input->server, server));
        r = r ?: params_add_number(pairs, "SERVER_PORT", port);
        r = r ?: pairs_add_string(pairs, "REMOTE_ADDR", address_format(input->client, client));
        if (input->client->port > 0)
                r = r ?: params_add_number(pairs, "REMOTE_PORT", input->client->port);
        return r ?: pairs_add_string(pairs, "HTTP_X_REQUEST_ID", input->request_id);
}

/*
 * What a client says in the name of a proxy. A trusted one is only known to set those
 * that are asked of it: X-Real-IP or X-Forwarded-Port it may have passed on.
 */
static bool params_is_forged(const ParamsInput *input, HttpSlice name) {
        static const HttpForwardedKind kinds[] = { HTTP_FORWARDED_X, HTTP_FORWARDED_RFC7239 };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (http_forwarded_is_field(name, kinds[i]))
                        return !input->trusted || input->trusted_kind != kinds[i] ||
                               !http_forwarded_is_read(name, kinds[i]);
        return http_slice_is(name, "X-Request-Id");
}

/* "HTTP_ACCEPT_LANGUAGE"; 0: too long. */
static size_t params_name(char name[static PARAMS_NAME_MAX], HttpSlice field) {
        size_t n = sizeof("HTTP_") - 1;

        if (field.size > PARAMS_NAME_MAX - n)
                return 0;

        memcpy(name, "HTTP_", n);
        for (size_t i = 0; i < field.size; i++) {
                char c = field.data[i];

                if (c >= 'a' && c <= 'z')
                        c = (char)(c - 'a' + 'A');
                name[n++] = c == '-' ? '_' : c;
        }
        return n;
}

static bool params_came_before(const HttpRequest *request, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (request->headers[j].forward &&
                    http_slice_same(request->headers[j].name, request->headers[i].name))
                        return true;
        return false;
}

/* The first value of field @i, and those of all later fields of its name. */
static int params_join(Buffer *joined, const HttpRequest *request, size_t i, HttpSlice *ret) {
        HttpSlice name = request->headers[i].name;
        const char *glue = http_slice_is(name, "Cookie") ? "; " : ", ";
        bool many = false;
        int r;

        *ret = request->headers[i].value;
        for (size_t j = i + 1; j < request->n_headers; j++) {
                const HttpHeader *header = &request->headers[j];

                if (!header->forward || !http_slice_same(header->name, name))
                        continue;
                if (!many) {
                        buffer_clear(joined);
                        r = buffer_append(joined, ret->data, ret->size);
                        if (r < 0)
                                return r;
                        many = true;
                }
                r = buffer_append(joined, glue, 2);
                r = r ?: buffer_append(joined, header->value.data, header->value.size);
                if (r < 0)
                        return r;
        }

        if (many)
                *ret = (HttpSlice){ (const char *)buffer_data(joined), buffer_size(joined) };
        return 0;
}

static int params_add_fields(Pairs *pairs, const ParamsInput *input) {
        const HttpRequest *request = input->request;
        _cleanup_(buffer_done) Buffer joined = BUFFER_NULL(PARAMS_VALUE_MAX);
        char name[PARAMS_NAME_MAX];

        for (size_t i = 0; i < request->n_headers; i++) {
                const HttpHeader *header = &request->headers[i];
                HttpSlice value;
                size_t n;
                int r;

                if (!header->forward || params_is_forged(input, header->name))
                        continue;
                n = params_name(name, header->name);
                if (n == 0 || params_came_before(request, i))
                        continue;

                r = params_join(&joined, request, i, &value);
                r = r ?: pairs_add(pairs, name, n, value.data, value.size);
                if (r < 0)
                        return r;
        }

        return 0;
}

int params_fill(Pairs *pairs, const ParamsInput *input) {
        int r;

        pairs_clear(pairs);
        r = params_add_script(pairs, input);
        r = r ?: params_add_request(pairs, input);
        r = r ?: params_add_server(pairs, input);
        return r ?: params_add_fields(pairs, input);
}
