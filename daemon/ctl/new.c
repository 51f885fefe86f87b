/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl new: a site, ready to be started
 *
 * Writes the site's file and, where there is nothing yet, a directory with a
 * first page. What exists is never touched. The commands that start it are
 * printed, not run.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/pool.h"
#include "config/proxy.h"
#include "ctl/ctl.h"
#include "ctl/file.h"
#include "ctl/text.h"
#include "util/log.h"

static const char new_page[] = "<?php\n\necho \"Hello from PHP \", PHP_VERSION, \"\\n\";\n";

static char *new_compose(const Ctl *ctl, const char *root, bool has_public) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;

        (void)fputs(
                "# Every key is explained in www.conf.example beside this file, and in php-pool.conf(5).\n\nroot = ",
                f);
        text_write_quoted(f, root);
        (void)fputs(
                ";\n\nsite:\n{\n        # No host names: the site for all names that no other has.\n        hosts = [",
                f);
        for (size_t i = 0; ctl->hosts[i]; i++) {
                (void)fputs(i > 0 ? ", " : " ", f);
                text_write_quoted(f, ctl->hosts[i]);
        }
        (void)fputs(ctl->hosts[0] ? " ];\n" : "];\n", f);
        (void)fprintf(f,
                      "\n        # Below root.\n        docroot = \"%s\";\n"
                      "\n        # What answers when no file does; most frameworks want it.\n"
                      "        #front_controller = \"/index.php\";\n};\n",
                      has_public ? "public" : "");
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* Is the text a good configuration? Says what is wrong with it. */
static bool new_is_valid(const char *text, const char *name) {
        char path[] = "/tmp/php-pool-new-XXXXXX";
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        ConfigError error = {};
        int fd = mkstemp(path), r;
        FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

        if (!f) {
                log_error_errno(-errno, "Failed to make a temporary file: %m");
                return false;
        }
        (void)fputs(text, f);
        r = fclose(f) != 0 ? -errno : pool_config_load_path(&config, path, name, &error);
        (void)unlink(path);
        if (r < 0) {
                _cleanup_(freep) char *clean = text_clean(error.message, 500);

                log_error("That is no good site: %s", clean ?: "");
                return false;
        }
        return true;
}

/*
 * The directory and a page, if there is nothing. Somebody who may write beside it
 * may have been faster with a link: what is there by now is left alone.
 */
static int new_make_root(const char *root) {
        char path[PATH_MAX];
        int r;

        r = file_make_directory_of(root);
        if (r < 0)
                return r;
        if (mkdir(root, 0755) < 0)
                return -errno;

        (void)snprintf(path, sizeof(path), "%s/index.php", root);
        return file_write(path, new_page, /* replace= */ false);
}

/* What only all files together show: another site has its host names, or is the site for all others. */
static void new_warn(const Ctl *ctl, const char *name) {
        _cleanup_(proxy_config_freep) ProxyConfig *proxy = NULL;
        ConfigError error = {};

        if (proxy_config_load(&proxy, ctl->config_dir, &error) < 0)
                return; /* `check` says it */
        for (size_t i = 0; i < proxy->n_broken; i++) {
                if (strcmp(proxy->broken[i].name, name) != 0)
                        continue;
                (void)fflush(stdout);
                log_warning("php-pool-proxy will answer 503 for it until this is mended:");
                ctl_print_config_error(stderr, &proxy->broken[i].error);
        }
}

static int new_write(const Ctl *ctl, const char *name, const char *root, const char *text, bool make_root) {
        char path[PATH_MAX];
        int r;

        (void)snprintf(path, sizeof(path), "%s/conf.d/%s.conf", ctl->config_dir, name);
        r = file_write(path, text, /* replace= */ false);
        if (r < 0) {
                log_error_errno(r, "Failed to write '%s': %m", path);
                return EXIT_FAILURE;
        }
        printf("Wrote %s\n", path);
        if (make_root) {
                r = new_make_root(root);
                if (r < 0) {
                        log_error_errno(r, "Failed to make '%s': %m", root);
                        return EXIT_FAILURE;
                }
                printf("Made  %s with an index.php\n", root);
        }

        new_warn(ctl, name);
        printf("\nTo start it, and have it started at boot:\n\n"
               "    systemctl enable --now php-pool@%s.socket php-pool-proxy.socket\n"
               "    systemctl reload-or-restart php-pool-proxy.service\n\n"
               "If it does not answer:\n\n"
               "    php-poolctl doctor %s\n",
               name,
               name);
        return EXIT_SUCCESS;
}

int verb_new(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(freep) char *root = NULL, *text = NULL;
        char public[PATH_MAX];
        struct stat st;
        bool exists;

        if (!ctl_check_name(argv[0]))
                return EX_USAGE;
        if (ctl->root ? !(root = strdup(ctl->root)) : asprintf(&root, "/srv/www/%s", argv[0]) < 0) {
                root = NULL;
                log_error_errno(-ENOMEM, "Failed to make a site: %m");
                return EXIT_FAILURE;
        }

        exists = stat(root, &st) == 0;
        (void)snprintf(public, sizeof(public), "%s/public", root);
        text = new_compose(ctl, root, stat(public, &st) == 0 && S_ISDIR(st.st_mode));
        if (!text) {
                log_error_errno(-ENOMEM, "Failed to make a site: %m");
                return EXIT_FAILURE;
        }
        if (!new_is_valid(text, argv[0]))
                return EX_USAGE;
        if (ctl->print) {
                (void)fputs(text, stdout);
                return EXIT_SUCCESS;
        }
        return new_write(ctl, argv[0], root, text, !exists);
}
