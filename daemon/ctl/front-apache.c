/* SPDX-License-Identifier: MIT */
/*
 * What Apache sends to FastCGI
 *
 * By SetHandler "proxy:unix:...|fcgi://..." or ProxyPassMatch with such a URL,
 * in a virtual host or for the whole server. The files of Debian's layout are
 * read line by line: of what stands in sections only VirtualHost is of interest. What
 * goes wrong: mod_proxy_fcgi passes no Authorization unless CGIPassAuth, or a
 * SetEnvIf or RewriteRule that makes the variable, says so.
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
};

typedef struct Apache Apache;

/* What was said so far, for the server or in the virtual host at hand. */
struct Apache {
        Fronts *fronts;
        size_t first; /* front of this virtual host, or file */
        char *root;   /* owned */
        char *hosts[FRONT_HOSTS_MAX];
        size_t n_hosts;
        char *front_controller; /* owned */
        bool passes_authorization;
};

static void apache_forget(Apache *apache) {
        for (size_t i = 0; i < apache->n_hosts; i++)
                free(apache->hosts[i]);
        free(apache->root);
        free(apache->front_controller);
        *apache = (Apache){ .fronts = apache->fronts, .first = apache->fronts->n_items };
}

/* The virtual host ends: its fronts get what was said in it, before them or behind. */
static int apache_finish(Apache *apache) {
        int r = 0;

        for (size_t i = apache->first; r == 0 && i < apache->fronts->n_items; i++) {
                Front *front = &apache->fronts->items[i];

                front->loses_authorization = !apache->passes_authorization;
                front->user = strdup("www-data");
                if (apache->root)
                        front->root = strdup(apache->root);
                if (apache->front_controller)
                        front->front_controller = strdup(apache->front_controller);
                for (size_t k = 0; r == 0 && k < apache->n_hosts; k++)
                        r = front_add_host(front, apache->hosts[k]);
        }

        apache_forget(apache);
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

static int apache_on_directive(Apache *apache, char **words, size_t n, const char *file, unsigned int line) {
        const char *name = words[0], *last = words[n - 1];

        if ((strcasecmp(name, "SetHandler") == 0 || strcasecmp(name, "ProxyPassMatch") == 0 ||
             strcasecmp(name, "ProxyPass") == 0) &&
            n > 1)
                for (size_t i = 1; i < n; i++)
                        if (strstr(words[i], "fcgi://"))
                                return fronts_add(apache->fronts, FRONT_APACHE, file, line, words[i])
                                               ? 0
                                               : -ENOMEM;
        if (strcasecmp(name, "DocumentRoot") == 0 && n == 2)
                return apache_replace(&apache->root, words[1]);
        if (strcasecmp(name, "FallbackResource") == 0 && n == 2 && *words[1] == '/')
                return apache_replace(&apache->front_controller, words[1]);
        if (strcasecmp(name, "CGIPassAuth") == 0 && strcasecmp(last, "on") == 0)
                apache->passes_authorization = true;
        if ((strcasecmp(name, "SetEnvIf") == 0 || strcasecmp(name, "SetEnvIfNoCase") == 0) && n > 1 &&
            strcasecmp(words[1], "Authorization") == 0)
                apache->passes_authorization = true;
        if (strcasecmp(name, "RewriteRule") == 0 && strcasestr(last, "HTTP_AUTHORIZATION"))
                apache->passes_authorization = true;
        if (strcasecmp(name, "ServerName") == 0 || strcasecmp(name, "ServerAlias") == 0)
                for (size_t i = 1; i < n && apache->n_hosts < FRONT_HOSTS_MAX; i++) {
                        apache->hosts[apache->n_hosts] = strndup(words[i], strcspn(words[i], ":"));
                        if (!apache->hosts[apache->n_hosts])
                                return -ENOMEM;
                        apache->n_hosts++;
                }
        return 0;
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
                        r = apache_finish(apache);
                else if (words[0][0] != '<')
                        r = apache_on_directive(apache, words, n, path, number);
        }

        return r < 0 ? r : apache_finish(apache);
}

int front_apache_load(Fronts *fronts, const char *directory) {
        static const char *const patterns[] = {
                "apache2/apache2.conf",    "apache2/conf-enabled/*.conf", "apache2/mods-enabled/*.conf",
                "apache2/sites-enabled/*", "httpd/conf/httpd.conf",       "httpd/conf.d/*.conf",
        };
        Apache apache = { .fronts = fronts, .first = fronts->n_items };
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

        apache_forget(&apache);
        return r;
}
