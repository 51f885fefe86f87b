/* SPDX-License-Identifier: MIT */
/*
 * One request inside a resident script: what php_request_startup() and
 * php_request_shutdown() would do, less what the application keeps
 *
 * Renewed or undone for each request: superglobals, session, uploads, headers,
 * status, output buffers, authentication, the body, connection status, the last
 * error, shutdown functions that the request registered, the time limit, the
 * memory limit and ignore_user_abort. All else stays on purpose: statics, other
 * settings of ini_set(), the environment, handlers, what was opened.
 *
 * Each part stands in a zend_try of its own, as in php_request_shutdown(): what
 * gives up in one must not keep the others from being done. That anything gave up
 * is the result; then the process must not run another request (request.c).
 */

#include "sapi/internal.h"

#include <Zend/zend_interfaces.h>
#include <Zend/zend_smart_str.h>
#include <ext/standard/basic_functions.h>
#include <ext/standard/php_filestat.h>
#include <ext/standard/url_scanner_ex.h>
#include <main/php_output.h>

/* Settings that end with a request even if the script sets them with ini_set(). */
static const char *const resident_settings[] = { "max_execution_time", "memory_limit", "ignore_user_abort" };

static zend_string *resident_values[ELEMENTSOF(resident_settings)]; /* as the boot left them */
static HashTable *resident_shutdown;                                /* functions that the boot registered */

static void resident_remember(void) {
        for (size_t i = 0; i < ELEMENTSOF(resident_settings); i++) {
                zend_string *name = zend_string_init(resident_settings[i],
                                                     strlen(resident_settings[i]),
                                                     /* persistent= */ false);

                resident_values[i] = zend_string_copy(zend_ini_get_value(name));
                zend_string_release(name);
        }
}

static void resident_restore(void) {
        for (size_t i = 0; i < ELEMENTSOF(resident_settings); i++) {
                zend_string *name = zend_string_init(resident_settings[i],
                                                     strlen(resident_settings[i]),
                                                     /* persistent= */ false);

                if (resident_values[i] && !zend_string_equals(zend_ini_get_value(name), resident_values[i]))
                        (void)zend_alter_ini_entry(name,
                                                   resident_values[i],
                                                   PHP_INI_SYSTEM,
                                                   PHP_INI_STAGE_RUNTIME);
                zend_string_release(name);
        }
        zend_unset_timeout(); /* altering the limit has armed it */
}

/* ext/filter keeps the input of a request, zlib what its client accepts. */
static void resident_call_module(const char *name, bool begin) {
        zend_module_entry *module = zend_hash_str_find_ptr(&module_registry, name, strlen(name));

        if (!module)
                return;
        if (begin && module->request_startup_func)
                (void)module->request_startup_func(module->type, module->module_number);
        if (!begin && module->request_shutdown_func)
                (void)module->request_shutdown_func(module->type, module->module_number);
}

static void resident_start_output(void) {
        php_output_activate();
        PG(header_is_being_sent) = 0;
        PG(connection_status) = PHP_CONNECTION_NORMAL;
        /* into the answer, under this SAPI name; the journal has errors anyway */
        if (PG(display_errors) == PHP_DISPLAY_ERRORS_STDERR)
                PG(display_errors) = 0;
}

static void resident_start_buffering(void) {
        if (PG(expose_php))
                (void)sapi_add_header(SAPI_PHP_VERSION_HEADER, sizeof(SAPI_PHP_VERSION_HEADER) - 1, 1);

        if (PG(output_handler) && PG(output_handler)[0] != '\0') {
                zval handler;

                ZVAL_STRING(&handler, PG(output_handler));
                (void)php_output_start_user(&handler, 0, PHP_OUTPUT_HANDLER_STDFLAGS); /* it has warned */
                zval_ptr_dtor(&handler);
        } else if (PG(output_buffering))
                (void)php_output_start_user(NULL,
                                            PG(output_buffering) > 1 ? (size_t)PG(output_buffering) : 0,
                                            PHP_OUTPUT_HANDLER_STDFLAGS);
        else if (PG(implicit_flush))
                php_output_set_implicit_flush(1);
}

bool resident_begin(SapiContext *context, const char *script) {
        volatile bool ok = false;

        SG(server_context) = context;
        embed_timer_begin();
        embed_fill_request_info(context, (char *)script);

        zend_try {
                resident_start_output();
                resident_call_module("filter", /* begin= */ true);
                sapi_activate(); /* reads the body */
                SG(sapi_started) = 1;
                EG(exit_status) = 0;
                resident_start_buffering();
                embed_globals_renew();
                resident_call_module("zlib", /* begin= */ true);
                php_clear_stat_cache(0, NULL, 0);
                zend_memory_reset_peak_usage();
                embed_session_begin();
                ok = true;
        }
        zend_end_try();

        resident_shutdown = BG(user_shutdown_function_names);
        BG(user_shutdown_function_names) = NULL;
        zend_set_timeout(INI_INT("max_execution_time"), /* reset_signals= */ false);
        return ok;
}

void resident_merge_shutdown(void) {
        HashTable *late = BG(user_shutdown_function_names);
        php_shutdown_function_entry *entry;

        BG(user_shutdown_function_names) = resident_shutdown;
        resident_shutdown = NULL;
        if (!late)
                return;
        if (!BG(user_shutdown_function_names)) {
                BG(user_shutdown_function_names) = late;
                return;
        }

        /* they move: only the table goes */
        ZEND_HASH_FOREACH_PTR(late, entry) {
                (void)zend_hash_next_index_insert_mem(BG(user_shutdown_function_names),
                                                      entry,
                                                      sizeof(*entry));
        }
        ZEND_HASH_FOREACH_END();
        late->pDestructor = NULL;
        zend_hash_destroy(late);
        FREE_HASHTABLE(late);
}

static void resident_run_shutdown(void) {
        php_call_shutdown_functions();
        resident_settle_exception(); /* of the function that threw or called exit(); no other has run after it */
        php_free_shutdown_functions();
        BG(user_shutdown_function_names) = resident_shutdown;
        resident_shutdown = NULL;
}

/* php://input of this request may still be open: then the body has to stay, for it would read freed memory. */
static bool resident_input_is_open(void) {
        zend_resource *resource;

        ZEND_HASH_FOREACH_PTR(&EG(regular_list), resource) {
                const php_stream *stream = resource->ptr;

                if (resource->type == php_file_le_stream() && stream && stream->ops && stream->ops->label &&
                    strcmp(stream->ops->label, "Input") == 0)
                        return true;
        }
        ZEND_HASH_FOREACH_END();

        return false;
}

/* PHP leaves the stream of the body to the end of its request. */
static void resident_free_body(void) {
        php_stream *body = SG(request_info).request_body;

        if (!body || GC_REFCOUNT(body->res) != 1 || resident_input_is_open())
                return;

        SG(request_info).request_body = NULL;
        php_stream_close(body);
}

/* output_add_rewrite_var() and trans-sid: what ext/standard does at the end of its own request, which is not exported. */
static void resident_stop_rewriting(void) {
        url_adapt_state_ex_t *const states[] = { &BG(url_adapt_session_ex), &BG(url_adapt_output_ex) };

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                smart_str *const strings[] = {
                        &states[i]->result,   &states[i]->buf,      &states[i]->tag,     &states[i]->arg,
                        &states[i]->attr_val, &states[i]->form_app, &states[i]->url_app,
                };

                if (!states[i]->active)
                        continue;
                states[i]->active = 0;
                for (size_t j = 0; j < ELEMENTSOF(strings); j++)
                        smart_str_free(strings[j]);
        }
}

static void resident_forget_error(void) {
        if (PG(last_error_message)) {
                zend_string_release(PG(last_error_message));
                PG(last_error_message) = NULL;
        }
        if (PG(last_error_file)) {
                zend_string_release(PG(last_error_file));
                PG(last_error_file) = NULL;
        }
        PG(last_error_type) = 0;
        PG(last_error_lineno) = 0;
}

static bool resident_do(void (*part)(void)) {
        volatile bool ok = true;

        zend_try {
                part();
        }
        zend_catch {
                ok = false;
        }
        zend_end_try();

        return ok;
}

/*
 * Between requests there is output as well, and what buffers it (a mail that is rendered), but no
 * head. PHP leaves the stack of buffers without memory, but not without room: who starts one
 * would write to NULL.
 */
static void resident_open_output(void) {
        zend_stack_init(&OG(handlers), sizeof(php_output_handler *));
        OG(flags) = PHP_OUTPUT_ACTIVATED;
        SG(request_info).no_headers = 1;
        SG(request_info).headers_only = 0;
}

/* A client that has gone ends scripts, but not the writing of their session. */
static void resident_end_session(void) {
        bool ignore = PG(ignore_user_abort);

        sapi_interrupt_begin();
        PG(ignore_user_abort) = true;
        embed_session_end();
        PG(ignore_user_abort) = ignore;
        sapi_interrupt_begin();
}

bool resident_end(SapiContext *context) {
        static void (*const parts[])(void) = {
                php_output_end_all,      resident_end_session, php_output_deactivate,
                resident_stop_rewriting, resident_free_body,   sapi_deactivate,
                resident_open_output,    resident_restore,     resident_forget_error,
        };
        volatile bool ok;

        embed_interrupt_end();
        ok = resident_do(resident_run_shutdown);
        embed_set_error_header();
        zend_unset_timeout();
        context->request->exit_status = EG(exit_status);
        if (SG(sapi_headers).http_response_code)
                context->request->status = SG(sapi_headers).http_response_code;
        context->request->memory_peak = zend_memory_peak_usage(/* real_usage= */ true);

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                ok = resident_do(parts[i]) && ok;

        zend_try {
                embed_sample_opcache(context);
                resident_call_module("filter", /* begin= */ false);
                resident_call_module("zlib", /* begin= */ false);
        }
        zend_catch {
                ok = false;
        }
        zend_end_try();

        context->request->memory_kept = zend_memory_usage(/* real_usage= */ false);
        EG(exit_status) = 0;
        SG(server_context) = NULL;
        embed_overrides_done(context);
        return ok && !CG(unclean_shutdown);
}

void resident_end_boot(void) {
        static void (*const parts[])(void) = {
                php_output_end_all, resident_end_session, php_output_deactivate,
                sapi_deactivate,    resident_open_output, resident_remember,
        };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                (void)resident_do(parts[i]); /* what went wrong stands in the journal */

        SG(server_context) = NULL;
}

/* Its client has gone, and the next one must not get what is his: a session above all. */
bool resident_settle(void) {
        static void (*const parts[])(void) = { php_output_discard_all, embed_session_end };

        volatile bool ok = true;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                ok = resident_do(parts[i]) && ok;
                ok = resident_do(resident_settle_exception) && ok; /* of a handler of the script's */
        }
        zend_stack_destroy(&OG(handlers)); /* the next request begins with others */
        zend_stack_init(&OG(handlers), sizeof(php_output_handler *));
        zend_llist_destroy(&SG(sapi_headers).headers);
        return ok && !CG(unclean_shutdown);
}
