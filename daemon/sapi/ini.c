/* SPDX-License-Identifier: MIT */
/*
 * php.ini and what goes around it
 *
 * From weakest to strongest: our defaults for the sandbox (embed_ini_defaults),
 * php.ini and its scan directory, php.values and php.admin_values of the pool
 * (ini-values.c, which PHP parses last), [PATH=] and [HOST=] sections,
 * .user.ini, and PHP_VALUE of the front end where the pool allows it. All of
 * the pool's values are there before the modules start, so they may be any
 * directive; admin values are then locked against ini_set().
 */

#include "sapi/internal.h"

#include <Zend/zend_ini.h>
#include <Zend/zend_ini_scanner.h>
#include <main/fopen_wrappers.h>
#include <main/php_ini.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/parse.h"

const char *embed_ini_path(const SapiOptions *options) {
        static char path[64];

        if (options->ini)
                return options->ini;

        (void)snprintf(path,
                       sizeof(path),
                       "/etc/php/%d.%d/fpm/php.ini",
                       PHP_MAJOR_VERSION,
                       PHP_MINOR_VERSION);
        return access(path, R_OK) == 0 ? path : NULL; /* NULL: where libphp looks by itself */
}

static HashTable *ini_configuration; /* what php.ini says, as long as PHP starts */

static void embed_ini_default(HashTable *configuration, const char *name, const char *value) {
        zval entry;

        ZVAL_NEW_STR(&entry, zend_string_init(value, strlen(value), /* persistent= */ true));
        zend_hash_str_update(configuration, name, strlen(name), &entry);
}

static void
embed_ini_default_path(HashTable *configuration, const char *name, const char *directory, const char *leaf) {
        char path[PATH_MAX];

        if (!directory)
                return;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, leaf);
        embed_ini_default(configuration, name, path);
}

/* What the sandbox needs: PHP's own defaults point at places that the pool may not write, or shares with nobody. */
void embed_ini_defaults(HashTable *configuration) {
        const char *state = embed_options->state_directory;

        ini_configuration = configuration;
        embed_ini_default(configuration, "display_errors", "0");
        embed_ini_default(configuration, "log_errors", "1");
        embed_ini_default_path(configuration, "session.save_path", state, "sessions");
        embed_ini_default_path(configuration,
                               "opcache.file_cache",
                               embed_options->cache_directory,
                               "opcache");
        if (state)
                embed_ini_default(configuration, "session.gc_probability", "1");
}

/* Whether php.ini or the pool has left a directory to us. */
static bool ini_is_ours(const char *name, const char *directory, const char *leaf) {
        const zval *value = cfg_get_entry(name, strlen(name));
        char path[PATH_MAX];

        if (!directory || !value || Z_TYPE_P(value) != IS_STRING)
                return false;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, leaf);
        return strcmp(Z_STRVAL_P(value), path) == 0;
}

static bool ini_is_off(const char *name) {
        const zval *value = cfg_get_entry(name, strlen(name));

        return value && Z_TYPE_P(value) == IS_STRING && !zend_ini_parse_bool(Z_STR_P(value));
}

static bool ini_is_in_values(char **values, const char *name) {
        size_t size = strlen(name);

        for (char **v = values; v && *v; v++)
                if (strncmp(*v, name, size) == 0 && (*v)[size] == '=')
                        return true;

        return false;
}

/* For the life of the process, before any request. */
void embed_ini_set_for_all(const char *name, const char *value) {
        zend_ini_entry *entry = zend_hash_str_find_ptr(EG(ini_directives), name, strlen(name));
        zend_string *text;

        if (!entry)
                return;

        text = zend_string_init(value, strlen(value), /* persistent= */ true);
        GC_ADD_FLAGS(text,
                     IS_STR_INTERNED |
                             IS_STR_PERMANENT); /* as all of PHP's are, which scripts get uncounted */
        if (!entry->on_modify || entry->on_modify(entry,
                                                  text,
                                                  entry->mh_arg1,
                                                  entry->mh_arg2,
                                                  entry->mh_arg3,
                                                  PHP_INI_STAGE_STARTUP) == SUCCESS)
                entry->value = text; /* the old one is php.ini's, which goes with PHP */
}

/*
 * Uploads and temporary files go to the state directory, unless open_basedir keeps
 * scripts out of it: a moved upload would be a file that nobody may touch. /tmp, PHP's
 * own default, is private to the pool too (PrivateTmp=).
 */
static void ini_place_temporary(void) {
        static const char *const names[] = { "upload_tmp_dir", "sys_temp_dir" };
        char path[PATH_MAX];

        if (!embed_options->state_directory)
                return;
        (void)snprintf(path, sizeof(path), "%s/tmp", embed_options->state_directory);
        if (php_check_open_basedir_ex(path, /* warn= */ 0) != 0)
                return;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (!cfg_get_entry(names[i], strlen(names[i])))
                        embed_ini_set_for_all(names[i], path);
}

/*
 * When php.ini is read, and before opcache starts. Without time stamps opcache
 * takes what its file cache has, however old: code that was deployed before a
 * restart or a reload would not be seen after it. So that goes without ours.
 */
int embed_ini_before_opcache(void) {
        if (ini_is_off("opcache.validate_timestamps") &&
            ini_is_ours("opcache.file_cache", embed_options->cache_directory, "opcache"))
                (void)zend_hash_str_del(ini_configuration,
                                        ZEND_STRL("opcache.file_cache")); /* it is there */

        ini_place_temporary();
        return embed_ini_join_lists(embed_options);
}

/*
 * Debian's php.ini turns the cleaning of sessions off, because a timer of its own
 * cleans /var/lib/php/sessions; nobody cleans ours but PHP.
 */
static void ini_clean_sessions(const SapiOptions *options) {
        if (ini_is_off("session.gc_probability") &&
            ini_is_ours("session.save_path", options->state_directory, "sessions") &&
            !ini_is_in_values(options->values, "session.gc_probability") &&
            !ini_is_in_values(options->admin_values, "session.gc_probability"))
                embed_ini_set_for_all("session.gc_probability", "1");
}

static void embed_ini_make_directory(const char *directory, const char *leaf) {
        char path[PATH_MAX];

        if (!directory)
                return;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, leaf);
        (void)mkdir(path, 0700); /* it is there from the last run, or PHP will say that it is not */
}

void embed_ini_make_directories(const SapiOptions *options) {
        embed_ini_make_directory(options->state_directory, "sessions");
        embed_ini_make_directory(options->state_directory, "tmp");
        embed_ini_make_directory(options->cache_directory, "opcache");
}

static void ini_lock_admin_values(const SapiOptions *options) {
        for (char **v = options->admin_values; v && *v; v++) {
                const char *equals = strchr(*v, '=');
                zend_ini_entry *entry;

                if (!equals)
                        continue;
                entry = zend_hash_str_find_ptr(EG(ini_directives), *v, (size_t)(equals - *v));
                if (entry)
                        entry->modifiable = ZEND_INI_SYSTEM;
        }
}

void embed_ini_after_start(const SapiOptions *options) {
        ini_clean_sessions(options);
        ini_lock_admin_values(options);
        embed_session_start();
}

/* Called by PHP's parser for each line of PHP_VALUE. */
static void embed_ini_apply_line(zval *name, zval *value, zval *index, int callback_type, void *arg) {
        const int *mode = arg;
        zend_ini_entry *entry;

        if (callback_type != ZEND_INI_PARSER_ENTRY || !value || embed_ini_refuse(Z_STRVAL_P(name)))
                return;

        /* undone by PHP at the end of the request, unlike php-fpm's, which stick to the worker */
        if (zend_alter_ini_entry_ex(Z_STR_P(name),
                                    Z_STR_P(value),
                                    *mode,
                                    PHP_INI_STAGE_HTACCESS,
                                    /* force_change= */ false) == FAILURE ||
            *mode != PHP_INI_SYSTEM)
                return;

        /* and until then the script cannot change it */
        entry = zend_hash_find_ptr(EG(ini_directives), Z_STR_P(name));
        if (entry)
                entry->modifiable = ZEND_INI_SYSTEM;
}

static void embed_ini_apply_param(const Pairs *params, const char *name, int mode) {
        const char *value = pairs_get(params, name, NULL);
        char *copy;

        if (!value || *value == '\0')
                return;

        copy = estrdup(value);
        (void)zend_parse_ini_string(copy,
                                    /* unbuffered= */ true,
                                    ZEND_INI_SCANNER_NORMAL,
                                    embed_ini_apply_line,
                                    &mode);
        efree(copy);
}

void embed_ini_apply_params(SapiContext *context) {
        if (!embed_options->params_may_set_ini)
                return;

        embed_ini_apply_param(context->request->params, "PHP_VALUE", PHP_INI_PERDIR);
        embed_ini_apply_param(context->request->params, "PHP_ADMIN_VALUE", PHP_INI_SYSTEM);
}

/* [PATH=] of php.ini: all above the file. */
static void embed_ini_activate_directory(const char *path) {
        char *copy = estrdup(path);

        php_ini_activate_per_dir_config(copy, (size_t)(strrchr(copy, '/') - copy));
        efree(copy);
}

void embed_ini_activate(SapiContext *context) {
        const char *script = SG(request_info).path_translated;
        const char *server = pairs_get(context->request->params, "SERVER_NAME", NULL);

        if (php_ini_has_per_host_config() && server) {
                char *lower = estrndup(server, strlen(server));

                zend_str_tolower(lower, strlen(lower));
                php_ini_activate_per_host_config(lower, strlen(lower));
                efree(lower);
        }
        if (script && php_ini_has_per_dir_config()) {
                const char *sent = pairs_get(context->request->params, "SCRIPT_FILENAME", NULL);

                if (sent && sent[0] == '/' && strcmp(sent, script) != 0) /* as the administrator knows it */
                        embed_ini_activate_directory(sent);
                embed_ini_activate_directory(script);
        }
        if (script)
                embed_user_ini_activate(context->path ?: script,
                                        script,
                                        pairs_get(context->request->params, "DOCUMENT_ROOT", NULL));

        embed_ini_apply_params(context);
}
