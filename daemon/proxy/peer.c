/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "proxy/connection.h"

/* "unix:" is what nginx says of a client without an IP address. */
static uint16_t address_format(const struct sockaddr_storage *address, char text[static INET6_ADDRSTRLEN]) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;

        switch (address->ss_family) {
        case AF_INET:
                (void)inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
                return ntohs(in->sin_port);
        case AF_INET6:
                /* an IPv4 client of a socket that takes both: applications compare with dotted quads */
                if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
                        (void)inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
                else
                        (void)inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN);
                return ntohs(in6->sin6_port);
        default:
                (void)snprintf(text, INET6_ADDRSTRLEN, "unix:");
                return 0;
        }
}

void connection_describe(Connection *connection) {
        struct sockaddr_storage local = {};
        socklen_t size = sizeof(local);

        if (connection->remote_address[0])
                return;

        (void)getsockname(connection->source.fd, (struct sockaddr *)&local, &size);
        connection->server_port = address_format(&local, connection->server_address);
        connection->remote_port = address_format(&connection->peer, connection->remote_address);
}
