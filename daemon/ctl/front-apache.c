/* SPDX-License-Identifier: MIT */
/*
 * What Apache sends to FastCGI
 *
 * By SetHandler "proxy:unix:...|fcgi://..." or ProxyPassMatch with such a URL,
 * in a virtual host or for the whole server. The files of Debian's layout are
 * read line by line: of what stands in sections only VirtualHost is of interest. What
 * goes wrong: mod_proxy_fcgi passes no Authorization unless CGIPassAuth, or a
 * SetEnvIf or RewriteRule that makes the variable, says so.
 *
 * Virtual hosts inherit what is said for the whole server, wherever it stands, all but
 * RewriteRules (mod_rewrite, RewriteOptions). So a handler of the server is a front for each of them
 * that has none of its own.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ctl/front.h"
#include "util/fd.h"

enum {
        APACHE_WORDS_MAX = 32,
        APACHE_HANDLERS_MAX = 64, /* of the whole server */
};

typedef struct Apache Apache;
typedef struct ApacheScope ApacheScope;

/* What was said for the server, or in a virtual host. Strings are owned. */
struct ApacheScope {
        char *file; /* of a virtual host */
        unsigned int line;
        char *root;
        char *hosts[FRONT_HOSTS_MAX];
        size_t n_hosts;
        char *front_controller;
        bool passes_authorization;
};

struct Apache {
        Fronts *fronts;
        size_t first; /* front of Apache's */
        ApacheScope server;
        ApacheScope host; /* the one at hand */
        bool in_host;
        size_t first_of_host; /* front */
        ApacheScope *hosts;   /* owned; those without a handler of their own */
        size_t n_hosts;
        size_t handlers[APACHE_HANDLERS_MAX]; /* fronts of the server */
        size_t n_handlers;
};

static void apache_scope_done(ApacheScope *scope) {
        for (size_t i = 0; i < scope->n_hosts; i++)
                free(scope->hosts[i]);
        free(scope->file);
        free(scope->root);
        free(scope->front_controller);
        *scope = (ApacheScope){};
}

static void apache_done(Apache *apache) {
        for (size_t i = 0; i < apache->n_hosts; i++)
                apache_scope_done(&apache->hosts[i]);
        free(apache->hosts);
        apache_scope_done(&apache->host);
        apache_scope_done(&apache->server);
}

static int apache_fill(Front *front, const ApacheScope *scope) {
        int r = 0;

        front->loses_authorization = !scope->passes_authorization;
        if (scope->root)
                front->root = strdup(scope->root);
        if (scope->front_controller)
                front->front_controller = strdup(scope->front_controller);
        for (size_t i = 0; r == 0 && i < scope->n_hosts; i++)
                r = front_add_host(front, scope->hosts[i]);
        return r;
}

static int apache_begin_host(Apache *apache, const char *file, unsigned int line) {
        apache->in_host = true;
        apache->first_of_host = apache->fronts->n_items;
        apache->host = (ApacheScope){ .file = strdup(file), .line = line };
        return apache->host.file ? 0 : -ENOMEM;
}

/* Its fronts get what was said in it, before them or behind; without any it waits for those of the server. */
static int apache_end_host(Apache *apache) {
        ApacheScope *hosts;
        int r = 0;

        if (!apache->in_host)
                return 0;
        apache->in_host = false;
        for (size_t i = apache->first_of_host; r == 0 && i < apache->fronts->n_items; i++)
                r = apache_fill(&apache->fronts->items[i], &apache->host);
        if (r < 0)
                return r;
        if (apache->first_of_host < apache->fronts->n_items || apache->n_hosts >= FRONTS_MAX) {
                apache_scope_done(&apache->host);
                return 0;
        }

        hosts = reallocarray(apache->hosts, apache->n_hosts + 1, sizeof(*hosts));
        if (!hosts)
                return -ENOMEM;
        apache->hosts = hosts;
        hosts[apache->n_hosts++] = apache->host;
        apache->host = (ApacheScope){};
        return 0;
}

/* The handler number @k of the server: the front that stands for it becomes that of the first virtual host. */
static int apache_spread(Apache *apache, size_t k) {
        Front *front = &apache->fronts->items[apache->handlers[k]];
        _cleanup_(freep) char *address = strdup(front->address);
        int r;

        if (!address)
                return -ENOMEM;
        if (apache->n_hosts == 0)
                return apache_fill(front, &apache->server);

        for (size_t i = 0; i < apache->n_hosts; i++) {
                const ApacheScope *host = &apache->hosts[i];

                if (i == 0) {
                        free(front->file);
                        front->file = strdup(host->file);
                        front->line = host->line;
                } else if (apache->fronts->n_items >= FRONTS_MAX)
                        break; /* who has more has them written by a program */
                else
                        front = fronts_add(apache->fronts, FRONT_APACHE, host->file, host->line, address);
                if (!front || !front->file)
                        return -ENOMEM;
                front->inherited = true;
                r = apache_fill(front, host);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int apache_finish(Apache *apache) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < apache->n_handlers; i++)
                r = apache_spread(apache, i);
        for (size_t i = apache->first; r == 0 && i < apache->fronts->n_items; i++) {
                Front *front = &apache->fronts->items[i];

                if (apache->server.passes_authorization)
                        front->loses_authorization = false;
                if (!front->root && apache->server.root)
                        front->root = strdup(apache->server.root);
                front->user = strdup("www-data");
        }

        return r;
}

static size_t apache_split(char *line, char **words) {
        size_t n = 0;

        while (n < APACHE_WORDS_MAX) {
                char quote;

                line += strspn(line, " \t");
                if (*line == '\0')
                        break;
                quote = *line == '"' || *line == '\'' ? *line++ : '\0';
                words[n++] = line;
                while (*line && (quote ? *line != quote : !isspace((unsigned char)*line)))
                        line++;
                if (*line)
                        *line++ = '\0';
        }

        return n;
}

static int apache_replace(char **text, const char *with) {
        free(*text);
        *text = strdup(with);
        return *text ? 0 : -ENOMEM;
}

static int apache_add_front(Apache *apache, const char *file, unsigned int line, const char *address) {
        if (!apache->in_host && apache->n_handlers >= APACHE_HANDLERS_MAX)
                return 0;
        if (!fronts_add(apache->fronts, FRONT_APACHE, file, line, address))
                return -ENOMEM;
        if (!apache->in_host)
                apache->handlers[apache->n_handlers++] = apache->fronts->n_items - 1;
        return 0;
}

/* "https://a.test:443" (core, ServerName) */
static int apache_add_host(ApacheScope *scope, const char *name) {
        const char *scheme = strstr(name, "://");

        if (scope->n_hosts >= FRONT_HOSTS_MAX)
                return 0;
        name = scheme ? scheme + 3 : name;
        scope->hosts[scope->n_hosts] = strndup(name, strcspn(name, ":"));
        if (!scope->hosts[scope->n_hosts])
                return -ENOMEM;
        scope->n_hosts++;
        return 0;
}

/* The attribute of SetEnvIf is a header, or a pattern of some: Debian's php-fpm.conf has "^Authorization$". */
static bool apache_is_authorization(const char *attribute) {
        static const char name[] = "Authorization";

        attribute += *attribute == '^';
        return strncasecmp(attribute, name, strlen(name)) == 0 &&
               (attribute[strlen(name)] == '\0' || strcmp(attribute + strlen(name), "$") == 0);
}

static int apache_on_directive(Apache *apache, char **words, size_t n, const char *file, unsigned int line) {
        const char *name = words[0], *last = words[n - 1];
        ApacheScope *scope = apache->in_host ? &apache->host : &apache->server;
        int r = 0;

        if ((strcasecmp(name, "SetHandler") == 0 || strcasecmp(name, "ProxyPassMatch") == 0 ||
             strcasecmp(name, "ProxyPass") == 0) &&
            n > 1)
                for (size_t i = 1; i < n; i++)
                        if (strstr(words[i], "fcgi://"))
                                return apache_add_front(apache, file, line, words[i]);
        if (strcasecmp(name, "DocumentRoot") == 0 && n == 2 && !strchr(words[1], '$'))
                return apache_replace(&scope->root, words[1]);
        if (strcasecmp(name, "FallbackResource") == 0 && n == 2 && *words[1] == '/')
                return apache_replace(&scope->front_controller, words[1]);
        if (strcasecmp(name, "CGIPassAuth") == 0 && strcasecmp(last, "on") == 0)
                scope->passes_authorization = true;
        if ((strcasecmp(name, "SetEnvIf") == 0 || strcasecmp(name, "SetEnvIfNoCase") == 0) && n > 1 &&
            apache_is_authorization(words[1]))
                scope->passes_authorization = true;
        if (strcasecmp(name, "RewriteRule") == 0 && apache->in_host &&
            strcasestr(last, "HTTP_AUTHORIZATION"))
                scope->passes_authorization = true;
        if (strcasecmp(name, "ServerName") == 0 || strcasecmp(name, "ServerAlias") == 0)
                for (size_t i = 1; r == 0 && i < n; i++)
                        r = apache_add_host(scope, words[i]);
        return r;
}

static int apache_read_file(Apache *apache, const char *path) {
        _cleanup_(freep) char *text = NULL;
        unsigned int number = 0;
        size_t size;
        int r = 0;

        if (fd_read_file(path, FRONT_FILE_MAX, &text, &size) < 0)
                return 0;

        for (char *line = text, *next; r == 0 && line; line = next) {
                char *words[APACHE_WORDS_MAX], *end = strchr(line, '\n');
                size_t n;

                next = end ? end + 1 : NULL;
                if (end)
                        *end = '\0';
                number++;
                n = apache_split(line, words);
                if (n == 0 || words[0][0] == '#')
                        continue;
                if (strncasecmp(words[0], "<VirtualHost", 12) == 0 ||
                    strncasecmp(words[0], "</VirtualHost", 13) == 0)
                        r = apache_end_host(apache);
                if (r == 0 && strncasecmp(words[0], "<VirtualHost", 12) == 0)
                        r = apache_begin_host(apache, path, number);
                else if (words[0][0] != '<')
                        r = apache_on_directive(apache, words, n, path, number);
        }

        return r < 0 ? r : apache_end_host(apache);
}

int front_apache_load(Fronts *fronts, const char *directory) {
        static const char *const patterns[] = {
                "apache2/apache2.conf",    "apache2/conf-enabled/*.conf", "apache2/mods-enabled/*.conf",
                "apache2/sites-enabled/*", "httpd/conf/httpd.conf",       "httpd/conf.d/*.conf",
        };
        _cleanup_(apache_done) Apache apache = { .fronts = fronts, .first = fronts->n_items };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(patterns); i++) {
                char path[PATH_MAX];
                glob_t found = {};

                (void)snprintf(path, sizeof(path), "%s/%s", directory, patterns[i]);
                if (glob(path, 0, NULL, &found) == 0)
                        for (size_t k = 0; r == 0 && k < found.gl_pathc; k++)
                                r = apache_read_file(&apache, found.gl_pathv[k]);
                globfree(&found);
        }

        return r < 0 ? r : apache_finish(&apache);
}
