/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl web: a page of live figures, for who runs it and as long as it runs
 *
 * It listens on loopback, where every pool's PHP can connect: so nothing but the
 * empty page is given without a secret. The link has a token behind "#", which a
 * browser sends to nobody; the page trades it, once, for a key that it keeps for
 * this tab and shows with each question. There are no cookies, which a site of a
 * pool on another port of the same host would be sent, too. The Host field has to
 * name loopback, or a page from elsewhere could have its own name lead here (DNS rebinding).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ctl/serve.h"
#include "ctl/web-data.h"
#include "util/fd.h"
#include "util/log.h"

#define WEB_STATUS_USEC (500 * USEC_PER_MSEC)

#define WEB_SECRET_SIZE 32U /* hexadecimal digits */

typedef struct Web Web;

struct Web {
        Ctl ctl;
        WebData *data;                   /* owned */
        char token[WEB_SECRET_SIZE + 1]; /* "": it has been used */
        char key[WEB_SECRET_SIZE + 1];
};

static const unsigned char web_page[] = {
#include "web-page.inc"
        0,
};

static int web_make_secret(char ret[static WEB_SECRET_SIZE + 1]) {
        unsigned char bytes[WEB_SECRET_SIZE / 2];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return -EIO;

        for (size_t i = 0; i < sizeof(bytes); i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

/* In the same time for every wrong one. */
static bool web_is_secret(const HttpRequest *request, const char *secret) {
        static const char scheme[] = "Bearer ";
        const HttpHeader *field = http_request_header(request, "Authorization");
        unsigned char differs = 0;

        if (!field || *secret == '\0' || field->value.size != strlen(scheme) + WEB_SECRET_SIZE ||
            strncasecmp(field->value.data, scheme, strlen(scheme)) != 0)
                return false;
        for (size_t i = 0; i < WEB_SECRET_SIZE; i++)
                differs |= (unsigned char)(field->value.data[strlen(scheme) + i] ^ secret[i]);
        return differs == 0;
}

static bool web_is_path(const HttpRequest *request, const char *method, const char *path) {
        return request->path.size == strlen(path) && memcmp(request->path.data, path, strlen(path)) == 0 &&
               request->method.size == strlen(method) &&
               memcmp(request->method.data, method, strlen(method)) == 0;
}

/* The page, with a nonce of its own: the browser runs this script, and no other that might get in. */
static int web_answer_page(ServeAnswer *ret) {
        static char headers[512];
        static const char mark[] = "@NONCE@";
        char nonce[WEB_SECRET_SIZE + 1];
        FILE *f;
        int r;

        r = web_make_secret(nonce);
        if (r < 0)
                return r;
        f = open_memstream(&ret->body, &ret->size);
        if (!f)
                return -ENOMEM;
        for (const char *p = (const char *)web_page; *p;) {
                if (strncmp(p, mark, strlen(mark)) == 0) {
                        (void)fputs(nonce, f);
                        p += strlen(mark);
                } else
                        (void)fputc(*p++, f);
        }
        if (fclose(f) != 0)
                return -ENOMEM;

        (void)snprintf(
                headers,
                sizeof(headers),
                "Content-Security-Policy: default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                "require-trusted-types-for 'script'\r\nReferrer-Policy: no-referrer\r\n",
                nonce,
                nonce);
        ret->headers = headers;
        ret->type = "text/html; charset=utf-8";
        ret->status = 200;
        return 0;
}

static int web_answer_session(Web *web, ServeAnswer *ret) {
        int n;

        web->token[0] = '\0';
        n = asprintf(&ret->body, "{\"key\":\"%s\"}", web->key);
        if (n < 0) {
                ret->body = NULL;
                return -ENOMEM;
        }
        ret->size = (size_t)n;
        ret->type = "application/json";
        ret->status = 200;
        return 0;
}

static bool web_is_for_us(const HttpRequest *request) {
        static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(request->host_name, names[i]) == 0)
                        return true;

        return false;
}

static int web_on_request(const HttpRequest *request, ServeAnswer *ret, void *userdata) {
        Web *web = userdata;
        int r;

        if (!web_is_for_us(request)) {
                ret->status = 421;
                return 0;
        }
        if (web_is_path(request, "GET", "/"))
                return web_answer_page(ret);
        if (web_is_path(request, "POST", "/session") && web_is_secret(request, web->token))
                return web_answer_session(web, ret);
        if (!web_is_secret(request, web->key)) {
                ret->status = 401;
                return 0;
        }

        r = 0;
        if (web_is_path(request, "GET", "/data"))
                r = web_data_get(web->data, &web->ctl, &ret->body);
        else if (web_is_path(request, "GET", "/stacks"))
                r = web_data_get_stacks(&web->ctl, request->query, &ret->body);
        if (r < 0 || !ret->body)
                return r;
        ret->size = strlen(ret->body);
        ret->type = "application/json";
        ret->status = 200;
        return 0;
}

/* A descriptor, or -errno. @port 0: one that is free. */
static int web_listen(uint64_t port, uint16_t *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        _cleanup_(fd_closep) int fd = -EBADF;
        socklen_t size = sizeof(address);
        int on = 1;

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) < 0)
                return -errno;

        *ret_port = ntohs(address.sin_port);
        return TAKE_FD(fd);
}

static int web_run(Web *web, int fd, uint16_t port) {
        _cleanup_(serve_freep) Serve *serve = NULL;
        sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_set_signal_exit(event, true);
        if (r >= 0)
                r = serve_new_take_fd(&serve, event, fd, web_on_request, web);
        if (r < 0) {
                fd_close(fd);
                sd_event_unref(event);
                return r;
        }

        printf("Open this link, once; ^C ends it:\n\n    http://127.0.0.1:%u/#%s\n\n"
               "From another machine, first: ssh -L %u:127.0.0.1:%u THIS-MACHINE\n",
               port,
               web->token,
               port,
               port);
        (void)fflush(stdout);
        r = sd_event_loop(event);
        serve = serve_free(serve);
        sd_event_unref(event);
        return r;
}

int verb_web(const Ctl *ctl, int argc, char **argv) {
        Web web = { .ctl = *ctl };
        uint16_t port = 0;
        int fd, r;

        web.ctl.status_usec = WEB_STATUS_USEC;
        r = web_make_secret(web.token);
        if (r == 0)
                r = web_make_secret(web.key);
        if (r == 0)
                r = web_data_new(&web.data);
        if (r < 0) {
                log_error_errno(r, "Failed to set up the page: %m");
                return EXIT_FAILURE;
        }

        fd = web_listen(ctl->port, &port);
        if (fd < 0)
                log_error_errno(fd, "Failed to listen on 127.0.0.1: %m");
        r = fd < 0 ? fd : web_run(&web, fd, port);
        if (fd >= 0 && r < 0)
                log_error_errno(r, "Failed to serve the page: %m");
        web_data_free(web.data);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
