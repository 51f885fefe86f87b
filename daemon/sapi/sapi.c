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
#include <ext/standard/head.h>
#include <ext/standard/php_random.h>
#include <php_ini.h>
#include <php_version.h>
#include <rfc1867.h>
#include <signal.h>
#include <time.h>
#include "util/clock.h"

const SapiOptions *embed_options;

static volatile sig_atomic_t embed_interrupted;
static uint64_t embed_begin_usec; /* of the request that runs */
static void (*embed_next_interrupt_function)(zend_execute_data *execute_data);

static int embed_module_startup(sapi_module_struct *module) {
        return php_module_startup(module, &embed_entry);
}

static int embed_module_activate(void) {
        SapiContext *context = embed_context();

        /* also called once inside php_module_startup(), without a request */
        if (context)
                embed_ini_activate(context);
        return SUCCESS;
}

static int embed_module_deactivate(void) {
        SapiContext *context = embed_context();

        /* what is left of the body stays where it is: the worker knows where the request ends */
        if (context && !context->finished && !context->aborted) {
                context->finished = true;
                if (context->request->finish(context->request->userdata, /* early= */ false) < 0)
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

void embed_interrupt_begin(void) {
        embed_begin_usec = clock_now_usec();
        embed_interrupted = 0;
}

/* The signal may have been meant for the request before: it is believed only if this one is over its time. */
static bool embed_is_over_time(void) {
        return clock_now_usec() - embed_begin_usec + USEC_PER_SEC / 10 >= embed_options->request_usec;
}

/* Runs between two instructions of the script, after sapi_interrupt(). */
static void embed_on_interrupt(zend_execute_data *execute_data) {
        if (embed_interrupted && embed_is_over_time()) {
                embed_interrupted = 0;
                zend_error_noreturn(E_ERROR,
                                    "Request ran longer than the %" PRIu64
                                    " seconds that timeouts.request allows",
                                    embed_options->request_usec / USEC_PER_SEC);
        }

        if (embed_next_interrupt_function)
                embed_next_interrupt_function(execute_data);
}

void sapi_interrupt(void) {
        embed_interrupted = 1;
        zend_atomic_bool_store(&EG(vm_interrupt), true);
}

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

        if (embed_module.startup(&embed_module) == FAILURE)
                return -ENOEXEC;

        (void)unsetenv("PHP_INI_SCAN_DIR");
        embed_ini_lock_admin_values(options);
        embed_log_start();
        SG(options) |= SAPI_OPTION_NO_CHDIR; /* request.c changes directory itself */

        zend_signal_globals.reset = 0;
        PG(max_input_time) = -1; /* a body is whole before PHP sees it; saves a timer */
        embed_next_interrupt_function = zend_interrupt_function;
        zend_interrupt_function = embed_on_interrupt;
        return 0;
}

void sapi_stop(void) {
        php_module_shutdown();
        sapi_shutdown();
}

const char *sapi_php_version(void) {
        return PHP_VERSION;
}
