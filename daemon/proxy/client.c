/* SPDX-License-Identifier: MIT */
/*
 * Who sends a request
 *
 * That is the peer of the connection, unless the peer is a proxy that the
 * configuration trusts. Then it is who the PROXY protocol names, on sockets
 * that are for it; or the last address of the forwarding headers that is not
 * itself a trusted proxy's. Where the PROXY protocol names nobody there is a
 * client all the same, and the trust in the proxy is not for what it says.
 */

#include <string.h>
#include "http/forwarded.h"
#include "http/proxy-protocol.h"
#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "util/hash.h"

/* FileDescriptorName= of the sockets where it is spoken. */
#define CLIENT_PROXY_PROTOCOL "proxy-protocol"

bool client_begin(Connection *connection, const char *listener_name) {
        const ProxyConfig *config = connection->proxy->sites->config;

        connection->trusted = address_in_ranges(&connection->peer, config->trusted);
        connection->expects_header = strcmp(listener_name, CLIENT_PROXY_PROTOCOL) == 0;
        return connection->trusted || !connection->expects_header;
}

int client_take_header(Connection *connection) {
        HttpProxyProtocol header;
        int r;

        r = http_proxy_protocol_parse(&header, buffer_data(&connection->in), buffer_size(&connection->in));
        if (r != 0)
                return r == HTTP_PROXY_PROTOCOL_E_INCOMPLETE ? -EAGAIN : -EINVAL;

        buffer_consume(&connection->in, header.size);
        connection->expects_header = false;
        connection->tls = header.tls;
        if (header.has_addresses) {
                connection->peer = header.source;
                connection->local = header.destination;
                connection->knows_local = true;
                connection->trusted =
                        address_in_ranges(&connection->peer, connection->proxy->sites->config->trusted);
                if (!connection_count_anew(connection))
                        return -EPERM;
        } else if (!header.is_local)
                connection->trusted = false;
        return 0;
}

/* An IPv6 client has a whole /64 of addresses to come from. */
uint64_t client_hash(uint64_t seed, const Address *address) {
        return hash_bytes(seed, &address->ip, IN6_IS_ADDR_V4MAPPED(&address->ip) ? 16 : 8);
}

static void client_take_host(HttpRequest *request, HttpSlice host) {
        char name[HTTP_HOST_MAX + 1];
        uint16_t port;

        if (host.size == 0 || http_host_parse(host, name, &port) < 0)
                return;
        request->host = host;
        request->host_port = port;
        memcpy(request->host_name, name, sizeof(name));
}

static void client_take_id(Exchange *exchange) {
        const HttpHeader *header = http_request_header(&exchange->request, "X-Request-Id");

        if (!header || !request_id_is_good(header->value.data, header->value.size))
                return;
        memcpy(exchange->id, header->value.data, header->value.size);
        exchange->id[header->value.size] = '\0';
}

_Static_assert((int)PROXY_TRUSTED_FORWARDED == (int)HTTP_FORWARDED_RFC7239,
               "enums that stand for each other");

void client_identify(Exchange *exchange) {
        const Connection *connection = exchange->connection;
        const ProxyConfig *config = exchange->sites->config;
        HttpForwardedKind kind = (HttpForwardedKind)config->trusted_header;
        HttpRequest *request = &exchange->request;
        HttpSlice proto;
        Address said;

        exchange->client = connection->peer;
        exchange->https = connection->tls;
        if (!connection->trusted)
                return;

        for (size_t hop = 0; http_forwarded_for(request, kind, hop, &said); hop++) {
                exchange->client = said;
                if (!address_in_ranges(&said, config->trusted))
                        break;
        }

        proto = http_forwarded_value(request, kind, "Proto");
        if (proto.size > 0)
                exchange->https = http_slice_is(proto, "https");
        client_take_host(request, http_forwarded_value(request, kind, "Host"));
        client_take_id(exchange);
}
