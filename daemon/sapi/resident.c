/* SPDX-License-Identifier: MIT */
/*
 * A resident script: the application stays loaded
 *
 * To PHP the script runs in one request that takes as long as the process lives.
 * It boots the application and then calls PhpPool\handle_request() with a
 * function, again and again; each call waits for a request of the pool, sets PHP
 * up for it, runs the function and answers (resident-request.c).
 *
 *   boot     up to the first call. No client: what it prints goes to the journal
 *   request  inside a call
 *   between  the function has returned, the answer is out; superglobals are still
 *            the request's, for what the application does behind it
 *   end      the call has given false: the manager wants the worker gone. The
 *            script cleans up and ends, and so does the process
 *
 * What a request can do to the rest:
 *
 *   exit()            ends the request; the script goes on
 *   an exception      goes to the application's handler, else 500; the script goes on
 *   a fatal error, a  PHP unwinds to the end of the script (a bailout). Shutdown functions
 *   limit passed      run, those of the boot too, with the request's client still there;
 *                     then the process ends
 *   pcntl_fork()      the child ends with the request
 */

#include "sapi/internal.h"

#include <Zend/zend_exceptions.h>
#include <ext/spl/spl_exceptions.h>
#include <main/php_output.h>
#include <stdio.h>

static struct {
        SapiResident *resident; /* NULL: not in a resident script */
        SapiContext context;    /* of the request, or of the boot; it must outlive a bailout */
        SapiRequest boot;
        Pairs boot_params;
        bool in_request;
} resident;

/* The boot's client is the journal. */
static int boot_write(void *userdata, const void *data, size_t size) {
        embed_log_output(data, size);
        return 0;
}

static int boot_flush(void *userdata) {
        return 0;
}

static int boot_finish(void *userdata, int exit_status, bool early) {
        return 0;
}

static ssize_t boot_read_body(void *userdata, void *data, size_t size) {
        return 0;
}

static bool boot_is_aborted(void *userdata) {
        return false;
}

static int boot_fill_params(const SapiResident *options) {
        const char *below = options->script;
        size_t n = strlen(options->docroot);
        int r;

        if (strncmp(options->script, options->docroot, n) == 0 && options->script[n] == '/')
                below += n;

        pairs_init(&resident.boot_params, 8, 4 * PATH_MAX);
        r = pairs_add_string(&resident.boot_params, "DOCUMENT_ROOT", options->docroot);
        if (r >= 0)
                r = pairs_add_string(&resident.boot_params, "SCRIPT_FILENAME", options->script);
        if (r >= 0)
                r = pairs_add_string(&resident.boot_params, "SCRIPT_NAME", below);
        return r;
}

/* The same teardown as after a request, and what the boot has made of the settings is what requests begin with. */
static void boot_end(void) {
        resident.resident->has_booted = true;
        resident_end_boot();
}

/* As in the command line: workers of other servers' runtimes write to STDERR. */
static void resident_define_files(void) {
        static const struct {
                const char *name, *url, *mode;
        } files[] = {
                { "STDIN", "php://stdin", "rb" },
                { "STDOUT", "php://stdout", "wb" },
                { "STDERR", "php://stderr", "wb" },
        };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                php_stream *stream = php_stream_open_wrapper((char *)files[i].url, files[i].mode, 0, NULL);
                zend_constant constant = {};

                if (!stream)
                        continue;
                php_stream_to_zval(stream, &constant.value);
                ZEND_CONSTANT_SET_FLAGS(&constant, CONST_CS, 0);
                constant.name =
                        zend_string_init_interned(files[i].name, strlen(files[i].name), /* permanent= */ 0);
                (void)zend_register_constant(&constant); /* nobody can have defined it yet */
        }
}

void sapi_run_resident(SapiResident *options) {
        resident.resident = options;
        resident.boot = (SapiRequest){
                .params = &resident.boot_params,
                .id = "boot",
                .worker = options->worker,
                .read_body = boot_read_body,
                .write = boot_write,
                .flush = boot_flush,
                .finish = boot_finish,
                .is_aborted = boot_is_aborted,
        };
        resident.context = (SapiContext){ .request = &resident.boot };
        if (boot_fill_params(options) < 0)
                return;

        SG(server_context) = &resident.context;
        sapi_interrupt_begin();
        if (embed_begin(&resident.context, (char *)options->script)) {
                SG(request_info).no_headers = 1;
                zend_try {
                        resident_define_files();
                }
                zend_end_try();
                embed_execute(&resident.context, (char *)options->script, /* known= */ false);
        }
        options->exit_status = EG(exit_status);
        options->gave_up = CG(unclean_shutdown);

        /* after a bailout in a request this runs the shutdown functions and answers it */
        embed_interrupt_end();
        zend_first_try {
                php_request_shutdown(NULL);
        }
        zend_catch {
                options->gave_up = true;
        }
        zend_end_try();

        SG(server_context) = NULL;
        resident.resident = NULL;
        (void)fflush(stdout); /* what was printed between requests */
        if (resident.in_request)
                options->done(options->userdata, resident.context.request);
}

/*
 * zend_user_exception_handler() drops what the handler itself throws, unless nothing runs; here the resident script
 * does. Symfony's handler gives back so what it wants PHP to report.
 */
static void resident_call_exception_handler(void) {
        zend_object *exception = EG(exception);
        zval handler, argument, result;

        ZVAL_COPY_VALUE(&handler, &EG(user_exception_handler));
        ZVAL_OBJ(&argument, exception);
        EG(exception) = NULL;
        /* as PHP does: it is not called for what it throws, and it may set or restore another */
        zend_stack_push(&EG(user_exception_handlers), &handler);
        ZVAL_UNDEF(&EG(user_exception_handler));

        if (call_user_function(NULL, NULL, &handler, &result, 1, &argument) == SUCCESS) {
                zval_ptr_dtor(&result);
                OBJ_RELEASE(exception);
        } else if (!EG(exception))
                EG(exception) = exception;

        if (Z_TYPE(EG(user_exception_handler)) == IS_UNDEF) {
                const zval *before = zend_stack_top(&EG(user_exception_handlers));

                if (before) {
                        ZVAL_COPY_VALUE(&EG(user_exception_handler), before);
                        zend_stack_del_top(&EG(user_exception_handlers));
                }
        }
}

void resident_settle_exception(void) {
        if (!EG(exception))
                return;

        if (!zend_is_unwind_exit(EG(exception)) && Z_TYPE(EG(user_exception_handler)) != IS_UNDEF)
                resident_call_exception_handler();
        if (!EG(exception))
                return;

        if (!zend_is_unwind_exit(EG(exception))) {
                /* sets 500, logs; it does not bail out */
                (void)zend_exception_error(EG(exception), E_ERROR);
                if (!SG(headers_sent) && SG(sapi_headers).http_response_code == 200)
                        SG(sapi_headers).http_response_code = 500;
                EG(exit_status) = 255;
        }
        if (EG(exception))
                zend_clear_exception();
}

static void resident_call(zend_fcall_info *call, zend_fcall_info_cache *cache) {
        zval result;

        ZVAL_UNDEF(&result);
        call->retval = &result;
        call->param_count = 0;
        (void)zend_call_function(call, cache); /* what it failed with is an exception */
        zval_ptr_dtor(&result);
        resident_settle_exception();
}

/* Does not return if PHP gave up. */
static void resident_handle(SapiRequest *request, zend_fcall_info *call, zend_fcall_info_cache *cache) {
        SapiResident *options = resident.resident;
        volatile bool gave_up = false;

        resident.context = (SapiContext){ .request = request, .body_left = request->body_size };
        resident.in_request = true;
        request->status = 200;
        request->exit_status = 0;
        request->retire = false;
        request->on_script(request->userdata, options->script);

        if (resident_begin(&resident.context, options->script)) {
                zend_try {
                        resident_call(call, cache);
                }
                zend_catch {
                        gave_up = true;
                }
                zend_end_try();
        } else
                gave_up = true;

        if (CG(unclean_shutdown)) /* PHP may unwind by itself what it gave up in: so does 8.2.36 when memory is out */
                gave_up = true;
        if (gave_up) {
                request->retire = true;
                resident_merge_shutdown();
                embed_set_error_header();
                _zend_bailout((char *)__FILE__, __LINE__); /* to the end of sapi_run_resident() */
        }

        if (!resident_end(&resident.context))
                request->retire = true;
        resident.in_request = false;
        sapi_interrupt_begin(); /* what was meant for the request is not for what the script does behind it */
        options->done(options->userdata, request);
}

/* PhpPool\handle_request(callable $handler): bool, also under the name that worker scripts of FrankenPHP call. */
PHP_FUNCTION(pool_handle_request) {
        SapiResident *options = resident.resident;
        zend_fcall_info_cache cache;
        zend_fcall_info call;
        SapiRequest *request;

        ZEND_PARSE_PARAMETERS_START(1, 1)
        Z_PARAM_FUNC(call, cache)
        ZEND_PARSE_PARAMETERS_END();

        if (!options || resident.in_request) {
                zend_throw_exception_ex(
                        spl_ce_RuntimeException,
                        0,
                        "%s() called %s",
                        get_active_function_name(),
                        options ? "while it handles a request"
                                : "while not in worker mode: the pool has no resident script");
                RETURN_THROWS();
        }

        zend_unset_timeout(); /* waiting is nobody's time */
        if (!options->has_booted)
                boot_end();
        else if (!resident_settle())
                _zend_bailout((char *)__FILE__, __LINE__); /* nobody's request is run in what is left */

        request = options->next(options->userdata);
        if (!request)
                RETURN_FALSE;

        resident_handle(request, &call, &cache);
        RETURN_TRUE;
}

bool embed_in_resident_request(void) {
        return resident.in_request;
}
