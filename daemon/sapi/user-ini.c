/* SPDX-License-Identifier: MIT */
/*
 * .user.ini (php.ini: user_ini.filename, user_ini.cache_ttl)
 *
 * Each directory from the document root down to the script's may have one; the
 * deeper wins. They are those of the path that the front end named, links not
 * followed, as under php-fpm; only where that does not lead through the document
 * root, those of the real path. What a file said, or that there is none, is kept for
 * user_ini.cache_ttl seconds, or until the directory is seen to be another: the link of a
 * deployment was switched. The table has a fixed size: two directories that
 * fall on one place take turns.
 */

#include "sapi/internal.h"

#include <main/php_ini.h>
#include "util/clock.h"

#define CACHE_SLOTS 64U

typedef struct UserIni UserIni;

struct UserIni {
        char *directory; /* owned */
        uint64_t until_usec;
        uint64_t real; /* hash of where the directory really was; 0: not known */
        HashTable values;
};

static UserIni user_ini_cache[CACHE_SLOTS];

static UserIni *user_ini_place(const char *directory) {
        return &user_ini_cache[zend_inline_hash_func(directory, strlen(directory)) % CACHE_SLOTS];
}

/* Where @path[0..@size) really is, as a hash, if @real ends as the rest of @path does: then that part is no link. */
static uint64_t user_ini_real(const char *path, size_t size, size_t path_size, const char *real) {
        size_t rest = path_size - size, real_size = strlen(real);

        if (rest > real_size || memcmp(real + real_size - rest, path + size, rest) != 0)
                return 0;
        return zend_inline_hash_func(real, real_size - rest);
}

static void user_ini_activate_directory(const char *directory, uint64_t real) {
        UserIni *ini = user_ini_place(directory);
        uint64_t now = clock_now_usec();

        if (!ini->directory || strcmp(ini->directory, directory) != 0 || now >= ini->until_usec ||
            (real != 0 && ini->real != 0 && real != ini->real)) {
                if (ini->directory)
                        zend_hash_destroy(&ini->values);
                free(ini->directory);
                ini->directory = strdup(directory);
                if (!ini->directory)
                        return;
                zend_hash_init(&ini->values, 8, NULL, (dtor_func_t)config_zval_dtor, /* persistent= */ true);
                (void)php_parse_user_ini_file(directory,
                                              PG(user_ini_filename),
                                              &ini->values); /* most have none */
                ini->real = real;
                ini->until_usec = now + (uint64_t)MAX2(PG(user_ini_cache_ttl), 0) * USEC_PER_SEC;
        }

        if (zend_hash_num_elements(&ini->values) > 0)
                php_ini_activate_config(&ini->values, PHP_INI_PERDIR, PHP_INI_STAGE_HTACCESS);
}

/* The part of @path that is @docroot; 0: it lies elsewhere. */
static size_t user_ini_root_size(const char *path, size_t size, const char *docroot) {
        size_t root_size = docroot ? strlen(docroot) : 0;

        while (root_size > 1 && docroot[root_size - 1] == '/')
                root_size--;
        if (root_size > size || memcmp(path, docroot ?: "", root_size) != 0 ||
            (path[root_size] != '/' && path[root_size] != '\0'))
                return 0;
        return root_size;
}

/*
 * The same where @docroot is a link ("current" of a deployment), as the script's path was resolved.
 * Where it led is remembered; it may lead elsewhere by now.
 */
static size_t user_ini_linked_root_size(const char *path, size_t size, const char *docroot) {
        static char *given, *real;
        size_t root_size = given && strcmp(given, docroot) == 0 ? user_ini_root_size(path, size, real) : 0;

        if (root_size > 0)
                return root_size;

        free(given);
        free(real);
        given = strdup(docroot);
        real = realpath(docroot, NULL);
        return user_ini_root_size(path, size, real);
}

/* The directory of @file into @ret (PATH_MAX bytes); its size, 0: there is none. */
static size_t user_ini_directory(char *ret, const char *file) {
        const char *slash = strrchr(file, '/');
        size_t size = slash ? (size_t)(slash - file) : 0;

        if (size == 0 || size >= PATH_MAX)
                return 0;
        memcpy(ret, file, size);
        ret[size] = '\0';
        return size;
}

void embed_user_ini_activate(const char *file, const char *script, const char *docroot) {
        char path[PATH_MAX], real[PATH_MAX];
        size_t root_size, size;

        if (!PG(user_ini_filename) || *PG(user_ini_filename) == '\0')
                return;

        size = user_ini_directory(path, file);
        if (size == 0)
                return;
        root_size = user_ini_root_size(path, size, docroot);
        if (root_size == 0) {
                size = user_ini_directory(path, script);
                root_size = user_ini_root_size(path, size, docroot);
        }
        if (root_size == 0 && docroot)
                root_size = user_ini_linked_root_size(path, size, docroot);
        if (root_size == 0) { /* it stands elsewhere: its own directory alone */
                size = user_ini_directory(path, file);
                root_size = size;
        }

        if (user_ini_directory(real, script) == 0)
                real[0] = '\0';
        for (size_t i = root_size; i <= size; i++) {
                uint64_t where = user_ini_real(path, i, size, real);
                char cut = path[i];

                if (cut != '/' && cut != '\0')
                        continue;
                path[i] = '\0';
                user_ini_activate_directory(path, where);
                path[i] = cut;
        }
}
