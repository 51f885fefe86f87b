/* SPDX-License-Identifier: MIT */
/*
 * The SAPI: libphp's view of us
 *
 * The name is php-fpm's, "fpm-fcgi": opcache of PHP 8.2 to 8.4 works only under
 * names it knows (accel_find_sapi()), and applications look for this one.
 * php_embed_init() is of no use: it brings the name "embed", starts a request
 * by itself and switches headers off.
 *
 * PHP's signal layer re-reads seven handlers at each request unless `reset` of
 * zend_signal_globals is off; nobody but us sets handlers in this process, so
 * it is.
 */

#include "sapi/internal.h"

#include <Zend/zend_signal.h>
#include <ext/random/php_random.h>
#include <ext/standard/head.h>
#include <php_ini.h>
#include <php_version.h>
#include <rfc1867.h>
#include <signal.h>
#include <time.h>

const SapiOptions *embed_options;

static int embed_module_startup(sapi_module_struct *module) {
        return php_module_startup(module, &embed_entry);
}

static int embed_module_activate(void) {
        SapiContext *context = embed_context();

        /* also called once inside php_module_startup(), without a request */
        if (context && !embed_in_resident_request())
                embed_ini_activate(context);
        return SUCCESS;
}

static int embed_module_deactivate(void) {
        SapiContext *context = embed_context();

        /* what is left of the body stays where it is: the worker knows where the request ends */
        if (context && !context->finished && !context->aborted) {
                context->finished = true;
                if (context->request->finish(context->request->userdata,
                                             context->request->exit_status,
                                             /* early= */ false) < 0)
                        context->aborted = true;
        }
        return SUCCESS;
}

static size_t embed_read_post(char *data, size_t size) {
        SapiContext *context = embed_context();
        ssize_t n;

        size = MIN2(size, context->body_left);
        if (size == 0)
                return 0;

        n = context->request->read_body(context->request->userdata, data, size);
        if (n <= 0) {
                context->body_left = 0;
                return 0;
        }

        context->body_left -= (uint64_t)n;
        return (size_t)n;
}

static char *embed_read_cookies(void) {
        return embed_get_param(ZEND_STRL("HTTP_COOKIE"));
}

static zend_result embed_request_time(double *ret) {
        struct timespec ts;

        (void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
        *ret = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
        return SUCCESS;
}

sapi_module_struct embed_module = {
        .name = (char *)"fpm-fcgi",
        .pretty_name = (char *)"php-pool (FastCGI)",
        .startup = embed_module_startup,
        .shutdown = php_module_shutdown_wrapper,
        .activate = embed_module_activate,
        .deactivate = embed_module_deactivate,
        .ub_write = embed_write,
        .flush = embed_flush,
        .getenv = embed_get_param,
        .sapi_error = php_error,
        .send_headers = embed_send_headers,
        .read_post = embed_read_post,
        .read_cookies = embed_read_cookies,
        .register_server_variables = embed_register_variables,
        .log_message = embed_log_message,
        .get_request_time = embed_request_time,
        .ini_defaults = embed_ini_defaults,
        .php_ini_ignore_cwd = 1,
};

int sapi_start(const SapiOptions *options) {
        char scan_directory[64];

        embed_options = options;
        (void)signal(SIGPIPE, SIG_IGN); /* cannot fail for a valid signal */
        embed_ini_make_directories(options);

        zend_signal_startup();
        sapi_startup(&embed_module);

        embed_module.php_ini_path_override = (char *)embed_ini_path(options);
        embed_module.ini_entries = embed_ini_entries(options);
        if (!embed_module.ini_entries)
                return -ENOMEM;

        /* the distribution's modules for fpm, unless somebody has said otherwise */
        (void)snprintf(scan_directory,
                       sizeof(scan_directory),
                       "/etc/php/%d.%d/fpm/conf.d",
                       PHP_MAJOR_VERSION,
                       PHP_MINOR_VERSION);
        if (access(scan_directory, X_OK) == 0)
                (void)setenv("PHP_INI_SCAN_DIR", scan_directory, /* overwrite= */ 0);

        embed_functions_choose();
        if (embed_module.startup(&embed_module) == FAILURE)
                return -ENOEXEC;

        (void)unsetenv("PHP_INI_SCAN_DIR");
        embed_ini_after_start(options);
        embed_log_start();
        embed_variables_start();
        embed_functions_hide();
        SG(options) |= SAPI_OPTION_NO_CHDIR; /* request.c changes directory itself */

        zend_signal_globals.reset = 0;
        PG(max_input_time) = -1; /* a body is whole before PHP sees it; saves a timer */
        embed_interrupt_start();
        embed_opcache_unlock(); /* what preloading took, the template would keep for life */
        return 0;
}

void sapi_forget_timers(void) {
        embed_timer_forget();
}

void sapi_begin_worker(void) {
        embed_timer_forget();
        /* a preloaded script may have drawn random numbers: all workers would go on with the same */
        RANDOM_G(mt19937_seeded) = false;
        RANDOM_G(combined_lcg_seeded) = false;
}

/*
 * Servers are told that their persistent connections end. The rest of PHP's shutdown
 * frees, piece by piece, memory that a worker shares with its template: each piece
 * has to be copied for that first, a tenth of a second in all, and for nothing.
 */
void sapi_end_worker(void) {
        zend_try {
                zend_hash_graceful_reverse_destroy(&EG(persistent_list));
        }
        zend_end_try();
}

void sapi_stop(void) {
        php_module_shutdown();
        sapi_shutdown();
}

const char *sapi_php_version(void) {
        return PHP_VERSION;
}
