/* SPDX-License-Identifier: MIT */
/*
 * A varlink service
 *
 * A peer has one call answered at a time: while a reply is not sent nothing is
 * read, and a peer that does not come to an end within a deadline is cut off,
 * so the few places there are become free again.
 */

#include <json-c/json.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "config.h"
#include "ipc/varlink-server.h"
#include "ipc/varlink.h"
#include "util/clock.h"
#include "util/fd.h"

#define VARLINK_SERVER_PEERS_MAX 16U
#define VARLINK_SERVER_PEER_USEC (5 * USEC_PER_SEC)
#define VARLINK_SERVER_CHUNK     4096U

#define VARLINK_SERVICE "org.varlink.service"

typedef struct VarlinkPeer {
        Source source; /* fd -EBADF: the place is free */
        Timer timer;
        VarlinkServer *server;
        Buffer in, out;
} VarlinkPeer;

struct VarlinkServer {
        Source listener;
        Loop *loop;                    /* borrowed */
        const VarlinkService *service; /* borrowed */
        void *userdata;
        VarlinkPeer peers[VARLINK_SERVER_PEERS_MAX];
};

static struct json_object *object_of(const char *name, const char *text) {
        struct json_object *object = json_object_new_object();

        if (object)
                (void)json_object_object_add(object, name, json_object_new_string(text));
        return object;
}

static struct json_object *varlink_server_info(const VarlinkService *service) {
        struct json_object *info = object_of("product", service->product),
                           *interfaces = json_object_new_array();

        if (!info || !interfaces) {
                json_object_put(interfaces);
                return info;
        }
        (void)json_object_object_add(info, "vendor", json_object_new_string("php-pool"));
        (void)json_object_object_add(info, "version", json_object_new_string(PACKAGE_VERSION));
        (void)json_object_object_add(info, "url", json_object_new_string(""));
        (void)json_object_array_add(interfaces, json_object_new_string(service->interface));
        (void)json_object_array_add(interfaces, json_object_new_string(VARLINK_SERVICE));
        (void)json_object_object_add(info, "interfaces", interfaces);
        return info;
}

/* What is behind "@interface." in the method's name, or NULL. */
static const char *method_of(const char *method, const char *interface) {
        size_t n = strlen(interface);

        return strncmp(method, interface, n) == 0 && method[n] == '.' ? method + n + 1 : NULL;
}

/* The reply's parameters; *ret_error where it is one. */
static struct json_object *
varlink_server_answer(const VarlinkServer *server, const VarlinkCall *call, const char **ret_error) {
        const VarlinkService *service = server->service;
        const char *own = method_of(call->method, service->interface);
        const char *common = method_of(call->method, VARLINK_SERVICE) ?: "";
        struct json_object *value = NULL, *parameters = own ? service->answer(server->userdata, own) : NULL;
        const char *name = "";

        if (parameters)
                return parameters;
        if (strcmp(common, "GetInfo") == 0)
                return varlink_server_info(service);
        if (strcmp(common, "GetInterfaceDescription") != 0) {
                *ret_error = VARLINK_SERVICE ".MethodNotFound";
                return object_of("method", call->method);
        }

        if (call->parameters && json_object_object_get_ex(call->parameters, "interface", &value))
                name = json_object_get_string(value) ?: "";
        if (strcmp(name, service->interface) == 0)
                return object_of("description", service->description);
        *ret_error = VARLINK_SERVICE ".InterfaceNotFound";
        return object_of("interface", name);
}

static void varlink_peer_close(VarlinkPeer *peer) {
        source_close(&peer->source);
        timer_unset(&peer->timer);
        buffer_done(&peer->in);
        buffer_done(&peer->out);
}

/* 0; or the connection has to be closed. */
static int varlink_peer_answer(VarlinkPeer *peer, size_t size) {
        struct json_object *parameters;
        const char *error = NULL;
        VarlinkCall call;
        int r = 0;

        if (varlink_call_decode(&call, buffer_data(&peer->in), size) != 0)
                return -EBADMSG;
        if (!call.oneway) {
                parameters = varlink_server_answer(peer->server, &call, &error);
                r = varlink_reply_encode(&peer->out, error, parameters);
                json_object_put(parameters);
        }
        varlink_call_done(&call);
        buffer_consume(&peer->in, size + 1);
        return r;
}

static int varlink_peer_send(VarlinkPeer *peer) {
        while (buffer_size(&peer->out) > 0) {
                ssize_t n = send(peer->source.fd,
                                 buffer_data(&peer->out),
                                 buffer_size(&peer->out),
                                 MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EINTR ? 0 : -errno;
                buffer_consume(&peer->out, (size_t)n);
        }
        return 0;
}

static int varlink_peer_receive(VarlinkPeer *peer) {
        uint8_t *p;
        ssize_t n;
        int r;

        r = buffer_reserve(&peer->in, VARLINK_SERVER_CHUNK, &p);
        if (r < 0)
                return r;
        n = recv(peer->source.fd, p, VARLINK_SERVER_CHUNK, 0);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ENOTCONN;
        buffer_commit(&peer->in, (size_t)n);
        return 0;
}

/* -EAGAIN: wait. Other -errno: close. */
static int varlink_peer_step(VarlinkPeer *peer) {
        size_t size;
        int r;

        if (buffer_size(&peer->out) > 0)
                return varlink_peer_send(peer);

        r = varlink_next(&peer->in, VARLINK_CALL_MAX, &size);
        if (r == VARLINK_E_MORE)
                return varlink_peer_receive(peer);
        if (r != 0)
                return -EMSGSIZE;

        timer_set(peer->server->loop, &peer->timer, VARLINK_SERVER_PEER_USEC);
        return varlink_peer_answer(peer, size);
}

static void varlink_peer_on_events(Source *source, uint32_t events) {
        VarlinkPeer *peer = list_entry(source, VarlinkPeer, source);
        int r;

        do
                r = varlink_peer_step(peer);
        while (r == 0);
        if (r != -EAGAIN)
                varlink_peer_close(peer);
}

static void varlink_peer_on_timer(Timer *timer) {
        varlink_peer_close(list_entry(timer, VarlinkPeer, timer));
}

static void varlink_server_on_listener(Source *source, uint32_t events) {
        VarlinkServer *server = list_entry(source, VarlinkServer, listener);
        Loop *loop = server->loop;
        int fd;

        while ((fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                VarlinkPeer *peer = server->peers;

                while (peer < server->peers + VARLINK_SERVER_PEERS_MAX && peer->source.fd >= 0)
                        peer++;
                if (peer == server->peers + VARLINK_SERVER_PEERS_MAX ||
                    loop_add_take_fd(loop, &peer->source, fd, EPOLLIN | EPOLLOUT) < 0)
                        fd_close(fd);
                else
                        timer_set(loop, &peer->timer, VARLINK_SERVER_PEER_USEC);
        }
}

static int varlink_server_listen(const char *path) {
        _cleanup_(fd_closep) int fd = -EBADF;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct stat st;
        mode_t mask;
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
                (void)unlink(path);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        mask = umask(0177);
        r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        (void)umask(mask);
        if (r < 0)
                return r;
        return listen(fd, SOMAXCONN) < 0 ? -errno : TAKE_FD(fd);
}

int varlink_server_new(VarlinkServer **ret,
                       Loop *loop,
                       const char *path,
                       const VarlinkService *service,
                       void *userdata) {
        _cleanup_(varlink_server_freep) VarlinkServer *server = NULL;
        int fd, r;

        server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;

        server->loop = loop;
        server->service = service;
        server->userdata = userdata;
        server->listener = (Source){ .fd = -EBADF, .on_events = varlink_server_on_listener };
        for (size_t i = 0; i < VARLINK_SERVER_PEERS_MAX; i++) {
                VarlinkPeer *peer = &server->peers[i];

                peer->server = server;
                peer->source = (Source){ .fd = -EBADF, .on_events = varlink_peer_on_events };
                timer_init(&peer->timer, varlink_peer_on_timer);
                buffer_init(&peer->in, VARLINK_CALL_MAX + VARLINK_SERVER_CHUNK);
                buffer_init(&peer->out, VARLINK_REPLY_MAX);
        }

        fd = varlink_server_listen(path);
        if (fd < 0)
                return fd;
        r = loop_add_take_fd(loop, &server->listener, fd, EPOLLIN);
        if (r < 0) {
                fd_close(fd);
                return r;
        }

        *ret = TAKE_PTR(server);
        return 0;
}

VarlinkServer *varlink_server_free(VarlinkServer *server) {
        if (!server)
                return NULL;

        for (size_t i = 0; i < VARLINK_SERVER_PEERS_MAX; i++)
                varlink_peer_close(&server->peers[i]);
        source_close(&server->listener);
        free(server);
        return NULL;
}
