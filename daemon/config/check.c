/* SPDX-License-Identifier: MIT */
/*
 * What a text of the configuration may be
 *
 * Each check knows one kind of text and nothing of where it stands. They look
 * at the text alone: what exists, and where links lead, is decided for each
 * request.
 */

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "config/check.h"
#include "util/address.h"
#include "util/parse.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* RFC 1035 section 2.3.4 */
#define HOST_SIZE_MAX  253U
#define LABEL_SIZE_MAX 63U

void path_simplify(char *path) {
        char *to = path;

        for (const char *p = path; *p; p++)
                if (*p != '/' || p[1] != '/')
                        *to++ = *p;
        if (to > path + 1 && to[-1] == '/')
                to--;
        *to = '\0';
}

/* Has the path the segment @name? */
static bool path_has(const char *path, const char *name) {
        size_t size = strlen(name);

        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");

                if (n == size && memcmp(p, name, size) == 0)
                        return true;
                p += n;
                p += strspn(p, "/");
        }
        return false;
}

const char *check_directory(const char *path) {
        if (*path != '/')
                return "not an absolute path";
        if (path_has(path, "..") || path_has(path, "."))
                return "'.' and '..' may not stand in it";
        if (strspn(path, "/") == strlen(path))
                return "the whole file system would be served";
        return NULL;
}

const char *check_file(const char *path) {
        return *path == '/' ? NULL : "not an absolute path";
}

const char *check_below(const char *path) {
        if (*path == '/')
                return "it is relative to root, so it cannot start with '/'";
        if (path_has(path, ".."))
                return "'..' leads out of root";
        if (path_has(path, "."))
                return "'.' may not stand in it";
        return NULL;
}

const char *check_index(const char *name) {
        if (strchr(name, '/') || path_has(name, "..") || path_has(name, "."))
                return "not a file name";
        return NULL;
}

const char *check_script(const char *path) {
        if (*path != '/')
                return "it is a path below docroot and starts with '/'";
        if (path_has(path, ".."))
                return "'..' leads out of docroot";
        if (path[strlen(path) - 1] == '/')
                return "it names a directory";
        return NULL;
}

const char *check_uri(const char *uri) {
        if (*uri != '/')
                return "it starts with '/'";
        if (strpbrk(uri, "?# "))
                return "only the path of a URI is looked at";
        return NULL;
}

const char *check_pattern(const char *glob) {
        if (*glob != '/' && *glob != '*')
                return "it can match no path, because paths start with '/'";
        return NULL;
}

static const char *check_label(const char *label, size_t size) {
        if (size == 0)
                return "not a host name: a dot too many";
        if (size > LABEL_SIZE_MAX)
                return "not a host name: more than 63 characters between dots";
        if (label[0] == '-' || label[size - 1] == '-')
                return "not a host name: '-' may not stand next to a dot or at an end";
        return NULL;
}

static const char *check_address6(const char *host) {
        char text[INET6_ADDRSTRLEN];
        struct in6_addr address;
        size_t size = strlen(host);

        if (host[size - 1] != ']' || size - 2 >= sizeof(text))
                return "not an IPv6 address in brackets";

        memcpy(text, host + 1, size - 2);
        text[size - 2] = '\0';
        return inet_pton(AF_INET6, text, &address) == 1 ? NULL : "not an IPv6 address in brackets";
}

const char *check_host(const char *host) {
        const char *name = strncmp(host, "*.", 2) == 0 ? host + 2 : host;

        if (*host == '[')
                return check_address6(host);
        if (strlen(name) > HOST_SIZE_MAX)
                return "not a host name: longer than 253 characters";

        for (const char *p = name; *p; p++) {
                if (*p == ':')
                        return "not a host name: ports have no place here";
                if ((unsigned char)*p >= 0x80)
                        return "not a host name: write it in its ASCII form (xn--...)";
                if (*p == '*')
                        return "not a host name: '*' can only be the first label, as in *.example.org";
                if (!strchr(LETTERS DIGITS "-_.", *p))
                        return "not a host name: only letters, digits, '-', '_' and dots may stand in it";
        }

        for (const char *p = name;;) {
                size_t n = strcspn(p, ".");
                const char *reason = check_label(p, n);

                if (reason || p[n] == '\0')
                        return reason;
                p += n + 1;
        }
}

const char *check_extension(const char *extension) {
        if (*extension != '.')
                return "it has to start with a dot";
        if (extension[1] == '\0' || strspn(extension + 1, LETTERS DIGITS "_-") != strlen(extension + 1))
                return "only letters, digits, '_' and '-' may follow the dot";
        return NULL;
}

const char *check_version(const char *version) {
        size_t major = strspn(version, DIGITS), minor;

        if (major == 0 || version[major] != '.')
                return "not of the form \"8.2\"";
        minor = strspn(version + major + 1, DIGITS);
        if (minor == 0 || version[major + 1 + minor] != '\0')
                return "not of the form \"8.2\"";
        return NULL;
}

const char *check_ini(const char *entry) {
        size_t name = strspn(entry, LETTERS DIGITS "._-");

        if (!strchr(entry, '='))
                return "not of the form NAME=VALUE";
        if (name == 0 || entry[name] != '=')
                return "not the name of a php.ini setting before '='";
        return NULL;
}

const char *check_env(const char *entry) {
        static const char prefix[] = "@credential:";
        size_t name = strspn(entry, LETTERS DIGITS "_");
        const char *value = entry + name + 1;

        if (!strchr(entry, '='))
                return "not of the form NAME=VALUE";
        if (name == 0 || entry[name] != '=' || strchr(DIGITS, entry[0]))
                return "not the name of an environment variable before '='";
        if (strncmp(value, prefix, strlen(prefix)) != 0)
                return NULL;

        /* a credential is a file in CREDENTIALS_DIRECTORY (systemd.exec(5)) */
        value += strlen(prefix);
        if (*value == '\0' || check_index(value) || strchr(value, ':'))
                return "not the name of a credential after @credential:";
        return NULL;
}

const char *check_pool(const char *name) {
        const char *reason = NULL;

        return parse_pool_name(name, &reason) < 0 ? reason : NULL;
}

const char *check_server(const char *address) {
        struct sockaddr_storage socket;
        socklen_t size;

        return address_parse_server(address, &socket, &size) < 0
                       ? "not of the form tcp:127.0.0.1:9000, tcp:[::1]:9000, vsock:3:9000 or /run/x.sock"
                       : NULL;
}

const char *check_range(const char *range) {
        return address_range_is_valid(range) ? NULL
                                             : "not an address, a range of them (10.0.0.0/8), or \"unix\"";
}

/* Each word of @text has to pass @check. */
static const char *check_words(const char *text, const char *(*check)(const char *word)) {
        char word[64];

        for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
                size_t size = strcspn(p, " ");
                const char *reason;

                if (size >= sizeof(word))
                        return "a word in it is too long";
                memcpy(word, p, size);
                word[size] = '\0';
                reason = check(word);
                if (reason)
                        return reason;
                p += size;
        }
        return NULL;
}

const char *check_ranges(const char *ranges) {
        return check_words(ranges, check_range);
}

const char *check_extensions(const char *extensions) {
        return check_words(extensions, check_extension);
}

const char *check_header(const char *line) {
        /* the proxy frames its answers itself */
        static const char *const own[] = { "Connection", "Content-Length",    "Date",
                                           "Keep-Alive", "Transfer-Encoding", "Upgrade" };
        size_t name = strspn(line, LETTERS DIGITS "-_");

        if (name == 0 || line[name] != ':' || line[name + 1] != ' ' || line[name + 2] == '\0')
                return "not of the form \"Name: value\"";
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                if (strlen(own[i]) == name && strncasecmp(line, own[i], name) == 0)
                        return "that one the proxy sets itself";
        return NULL;
}

const char *check_error_page(const char *text) {
        if (strspn(text, DIGITS) != 3 || text[3] != ' ' || (text[0] != '4' && text[0] != '5'))
                return "not of the form \"404 /404.html\", with a status of 400 to 599";
        return check_script(text + 4);
}

const char *check_redirect(const char *target) {
        if (*target != '/' && strncmp(target, "http://", 7) != 0 && strncmp(target, "https://", 8) != 0)
                return "neither a path, which starts with '/', nor a http:// or https:// address";
        if (strpbrk(target, " \\\"<>"))
                return "a space, a backslash, '\"', '<' or '>' may not stand in it";
        return NULL;
}

const char *check_redirect_status(const char *status) {
        static const char *const known[] = { "301", "302", "303", "307", "308" };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (strcmp(status, known[i]) == 0)
                        return NULL;
        return "not a redirect: 301, 302, 303, 307 or 308";
}
