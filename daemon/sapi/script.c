/* SPDX-License-Identifier: MIT */
/*
 * Which script the front end means, and what the script sees of it
 *
 * Front ends do not agree on what SCRIPT_FILENAME, SCRIPT_NAME and PATH_INFO
 * hold, and php-fpm has learned to repair each of them. Applications rely on the
 * repaired values, so they are the same here, and so are the ORIG_ copies of
 * what was sent. The cases:
 *
 *   plain        the file is there: nothing changes
 *   path info    the name goes on behind the file ("/x/b.php/c/d"): it is cut,
 *                and PATH_INFO is that rest, which the front end may have glued
 *                to SCRIPT_NAME, put before it, or left out
 *   Apache       "proxy:fcgi://host:port/x/b.php/c%20d?query" (also
 *                "proxy:balancer://"): ProxyPassMatch sends all of the URL,
 *                %-encoded, with the path info in SCRIPT_NAME as well
 *   Action       SCRIPT_FILENAME is an interpreter, PATH_TRANSLATED the script and
 *                REDIRECT_URL its name (Apache's mod_fastcgi)
 *   IIS          SCRIPT_FILENAME is missing, or PATH_INFO begins with SCRIPT_NAME
 *
 * cgi.fix_pathinfo = 0 turns all but Apache and IIS off: the script is
 * PATH_TRANSLATED, or SCRIPT_FILENAME where there is none or cgi.discard_path is
 * set.
 *
 * Which file may run at all is decided in paths.c.
 */

#include "sapi/internal.h"

#include <errno.h>
#include <ext/standard/url.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct Script Script;

/* What the front end sent; NULL where it sent nothing. */
struct Script {
        SapiContext *context;
        const char *filename;
        const char *name;
        size_t name_size; /* of its part without path info */
        const char *info;
        const char *translated;
        const char *root;
        char path[PATH_MAX]; /* of the script: filename as it is understood so far */
        bool apache;
};

const SapiOverride *embed_overridden(const SapiContext *context, const char *name) {
        for (size_t i = 0; i < context->n_overrides; i++)
                if (strcmp(context->overrides[i].name, name) == 0)
                        return &context->overrides[i];

        return NULL;
}

void embed_override(SapiContext *context, const char *name, const char *value, size_t size) {
        SapiOverride *override = (SapiOverride *)embed_overridden(context, name);

        if (!override) {
                assert(context->n_overrides < SAPI_OVERRIDES_MAX);
                override = &context->overrides[context->n_overrides++];
                override->name = name;
        }

        free(override->value);
        override->value = value ? strndup(value, size) : NULL;
        if (value && !override->value)
                context->no_memory = true;
}

void embed_overrides_done(SapiContext *context) {
        while (context->n_overrides > 0)
                free(context->overrides[--context->n_overrides].value);
}

static void script_set(Script *script, const char *name, const char *value) {
        embed_override(script->context, name, value, value ? strlen(value) : 0);
}

static void script_keep(Script *script, const char *original_name, const char *value) {
        if (value)
                script_set(script, original_name, value);
}

/* "Microsoft-IIS" puts SCRIPT_NAME before the path info. */
static void script_mend_iis(Script *script) {
        const char *server = pairs_get(script->context->request->params, "SERVER_SOFTWARE", NULL);
        size_t size = script->name ? strlen(script->name) : 0;

        if (!server || !script->name || !script->info || strncmp(server, "Microsoft-IIS", 13) != 0 ||
            strncmp(script->info, script->name, size) != 0)
                return;

        script_keep(script, "ORIG_PATH_INFO", script->info);
        script->info = script->info[size] != '\0' ? script->info + size : NULL;
        script_set(script, "PATH_INFO", script->info);
}

/* Cuts host and query off; what is left is the file's name. */
static void script_mend_apache(Script *script) {
        static const char *const prefixes[] = { "proxy:fcgi://", "proxy:balancer://" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                char *slash;

                if (strncasecmp(script->path, prefixes[i], n) != 0)
                        continue;

                slash = strchr(script->path + n, '/');
                if (!slash)
                        return;
                slash[strcspn(slash, "?")] = '\0';
                memmove(script->path, slash, strlen(slash) + 1);
                script->apache = true;
                return;
        }
}

/*
 * ProxyPassMatch leaves the path %-encoded, SetHandler does not. A file that is
 * there under the name as it stands is the latter's. -EINVAL: a NUL came out.
 */
static int script_decode(Script *script) {
        struct stat st;
        size_t size;

        if (!script->apache || !strchr(script->path, '%') ||
            (stat(script->path, &st) == 0 && S_ISREG(st.st_mode)))
                return 0;

        size = php_raw_url_decode(script->path, strlen(script->path));
        return size == strlen(script->path) ? 0 : -EINVAL;
}

/* Apache's: the path info is cut off SCRIPT_NAME, where it stands too. */
static void script_cut_name(Script *script, const char *rest) {
        size_t size = script->name ? strlen(script->name) : 0, rest_size = strlen(rest);

        if (size <= rest_size || strcmp(script->name + size - rest_size, rest) != 0)
                return;

        script_keep(script, "ORIG_SCRIPT_NAME", script->name);
        script->name_size = size - rest_size;
        embed_override(script->context, "SCRIPT_NAME", script->name, script->name_size);
}

/* Gives the path info that counts from now on. */
static const char *script_info_apache(Script *script, const char *rest) {
        if (script->info && strcmp(script->info, rest) == 0)
                return script->info;

        if (script->info)
                script_keep(script, "ORIG_PATH_INFO", script->info);
        else
                script_cut_name(script, rest);
        script_set(script, "PATH_INFO", rest);
        return rest;
}

/* PATH_INFO may have the script's name in front: "/b.php/c/d" for the rest "/c/d". */
static const char *script_info_plain(Script *script, const char *rest) {
        size_t size = script->info ? strlen(script->info) : 0, rest_size = strlen(rest);
        const char *info;

        if (size <= rest_size)
                return script->info;

        size -= rest_size;
        info = script->info + size;
        script_keep(script, "ORIG_PATH_INFO", script->info);
        if (!script->name || strlen(script->name) != size || memcmp(script->name, script->info, size) != 0) {
                script_keep(script, "ORIG_SCRIPT_NAME", script->name);
                embed_override(script->context, "SCRIPT_NAME", script->info, size);
        }
        script_set(script, "PATH_INFO", info);
        return info;
}

/* PATH_TRANSLATED: the path info as if it were a file of the document root. */
static void script_translate(Script *script, const char *info) {
        char *text = NULL;
        size_t size;

        if (script->root) {
                size = strlen(script->root);
                if (size > 0 && script->root[size - 1] == '/')
                        size--;
                if (asprintf(&text, "%.*s%s", (int)size, script->root, info ? info : "") < 0)
                        text = NULL;
        } else if (script->name_size > 0 &&
                   memmem(script->path, strlen(script->path), script->name, script->name_size)) {
                size = strlen(script->path) - script->name_size;
                if (asprintf(&text, "%.*s%s", (int)size, script->path, info ? info : "") < 0)
                        text = NULL;
        } else
                return;

        script->context->no_memory |= !text;
        script_keep(script, "ORIG_PATH_TRANSLATED", script->translated);
        script_set(script, "PATH_TRANSLATED", text);
        free(text);
}

/* The script ends at @end, and something stands behind it. */
static void script_split(Script *script, char *end, const char *renamed) {
        char rest[PATH_MAX];
        const char *info;

        memcpy(rest, end, strlen(end) + 1);
        *end = '\0';

        info = script->apache ? script_info_apache(script, rest) : script_info_plain(script, rest);
        script_translate(script, info);
        if (renamed && !embed_overridden(script->context, "SCRIPT_NAME")) {
                script_keep(script, "ORIG_SCRIPT_NAME", script->name);
                script_set(script, "SCRIPT_NAME", renamed);
        }
}

/* The whole path is a file, or nothing that we know. */
static void script_take_whole(Script *script, const char *renamed) {
        if (!script->apache && pairs_get(script->context->request->params, "REDIRECT_URL", NULL)) {
                if (script->info) {
                        script_keep(script, "ORIG_PATH_INFO", script->info);
                        script_set(script, "PATH_INFO", NULL);
                }
                if (script->translated) {
                        script_keep(script, "ORIG_PATH_TRANSLATED", script->translated);
                        script_set(script, "PATH_TRANSLATED", NULL);
                }
        }
        if (renamed) {
                script_keep(script, "ORIG_SCRIPT_NAME", script->name);
                script_set(script, "SCRIPT_NAME", renamed);
        }
}

/* Walks back over '/' to a regular file that something stands behind. NULL: there is none. */
static char *script_walk(Script *script, struct stat *st) {
        for (char *end = script->path + strlen(script->path); end > script->path; end--) {
                bool found;

                if (*end != '/')
                        continue;
                *end = '\0';
                found = stat(script->path, st) == 0 && S_ISREG(st->st_mode);
                *end = '/';
                if (found)
                        return end;
        }

        return NULL;
}

/* Apache's Action: the script is PATH_TRANSLATED. Gives its name, NULL if this is no such request. */
static const char *script_follow_action(Script *script) {
        const char *url = pairs_get(script->context->request->params, "REDIRECT_URL", NULL);
        size_t size = script->translated ? strlen(script->translated) : 0;

        if (script->apache || !url || size == 0 || size >= sizeof(script->path) ||
            strcmp(script->translated, script->path) == 0)
                return NULL;

        memcpy(script->path, script->translated, size + 1);
        return url;
}

/* cgi.fix_pathinfo = 1. Gives what stat(2) says of the script: 0 or -errno. */
static int script_fix(Script *script, struct stat *st) {
        const char *renamed = script_follow_action(script);
        size_t size = strlen(script->path);
        char *end;
        int r = 0;

        if (!script->root && PG(doc_root) && *PG(doc_root) != '\0') {
                script->root = PG(doc_root);
                script_set(script, "DOCUMENT_ROOT", script->root);
        }

        if (size > 0 && script->path[size - 1] != '/')
                r = embed_stat_script(script->path, st);
        else
                r = -ENOENT;
        if (r == 0) {
                script_take_whole(script, renamed);
                return 0;
        }

        end = script_walk(script, st);
        if (!end)
                return r;
        script_split(script, end, renamed);
        return 0;
}

/* cgi.fix_pathinfo = 0 */
static int script_take_translated(Script *script, struct stat *st) {
        size_t size = script->translated ? strlen(script->translated) : 0;

        if (size > 0 && size < sizeof(script->path) && !embed_ini.discard_path)
                memcpy(script->path, script->translated, size + 1);
        return embed_stat_script(script->path, st);
}

/* A component ".." is never right in what a front end has resolved, and php-fpm refuses it too. */
static bool script_climbs(const char *path) {
        for (const char *p = strstr(path, ".."); p; p = strstr(p + 1, ".."))
                if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
                        return true;

        return false;
}

/* What C takes for the end of a path would not be the end of what others have checked. */
static bool script_has_nul(const Pairs *params, const char *name) {
        size_t size;
        const char *value = pairs_get(params, name, &size);

        return value && strlen(value) != size;
}

/* What the front end sent, into script. -EINVAL, -ENOENT: see embed_locate_script(). */
static int script_read(Script *script, const char **ret_reason) {
        static const char *const paths[] = {
                "SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED", "DOCUMENT_ROOT",
        };
        const Pairs *params = script->context->request->params;
        const char *path;
        size_t size;

        script->filename = pairs_get(params, "SCRIPT_FILENAME", &size);
        script->name = pairs_get(params, "SCRIPT_NAME", NULL);
        script->info = pairs_get(params, "PATH_INFO", NULL);
        script->root = pairs_get(params, "DOCUMENT_ROOT", NULL);
        script->name_size = script->name ? strlen(script->name) : 0;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (script_has_nul(params, paths[i])) {
                        *ret_reason = "A parameter that is a path has a NUL in it";
                        return -EINVAL;
                }

        path = script->filename;
        if (!path) {
                path = pairs_get(params, "PATH_TRANSLATED", &size);
                script->translated = path;
        } else
                script->translated = pairs_get(params, "PATH_TRANSLATED", NULL);

        if (!path || size == 0) {
                *ret_reason = "The front end sent no SCRIPT_FILENAME";
                return -ENOENT;
        }
        if (size >= sizeof(script->path)) {
                *ret_reason = "SCRIPT_FILENAME is longer than a path can be";
                return -ENOENT;
        }

        memcpy(script->path, path, size + 1);
        return 0;
}

int embed_locate_script(SapiContext *context, char *path, struct stat *ret_st, const char **ret_reason) {
        Script script = { .context = context };
        char original[PATH_MAX];
        int r;

        r = script_read(&script, ret_reason);
        if (r < 0)
                return r;

        script_mend_iis(&script);
        script_mend_apache(&script);
        memcpy(original, script.path, strlen(script.path) + 1);
        if (script_decode(&script) < 0) {
                *ret_reason = "SCRIPT_FILENAME has a NUL in it";
                return -EINVAL;
        }
        if (script_climbs(script.path)) {
                *ret_reason = "SCRIPT_FILENAME has a component '..'";
                return -ENOENT;
        }

        if (embed_ini.fix_pathinfo) {
                r = script_fix(&script, ret_st);
                if (r == 0 && script.filename && strcmp(original, script.path) != 0)
                        script_keep(&script, "ORIG_SCRIPT_FILENAME", original);
                if (!script.filename || strcmp(script.filename, script.path) != 0)
                        script_set(&script, "SCRIPT_FILENAME", script.path);
        } else {
                if (script.apache)
                        script_set(&script, "SCRIPT_FILENAME", script.path);
                r = script_take_translated(&script, ret_st);
        }
        memcpy(path, script.path, strlen(script.path) + 1);
        return context->no_memory ? -ENOMEM : r;
}
