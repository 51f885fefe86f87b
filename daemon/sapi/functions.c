/* SPDX-License-Identifier: MIT */
/*
 * The module that scripts see as "cgi-fcgi": php-fpm's functions and the ini
 * entries that libphp itself does not know
 */

#include "sapi/internal.h"

#include <ext/standard/head.h>
#include <ext/standard/info.h>
#include <main/php_output.h>

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_finish, 0, 0, _IS_BOOL, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_MASK_EX(arginfo_status, 0, 0, MAY_BE_ARRAY | MAY_BE_FALSE)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_headers, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_handle, 0, 1, _IS_BOOL, 0)
ZEND_ARG_TYPE_INFO(0, handler, IS_CALLABLE, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_log, 0, 1, IS_VOID, 0)
ZEND_ARG_TYPE_INFO(0, message, IS_STRING, 0)
ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, level, IS_LONG, 0, "0")
ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, context, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_send, 0, 0, IS_LONG, 0)
ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, status, IS_LONG, 0, "200")
ZEND_END_ARG_INFO()

/* Everything out, then the script goes on without a client. False if that was done already. */
PHP_FUNCTION(fastcgi_finish_request) {
        SapiContext *context = embed_context();

        ZEND_PARSE_PARAMETERS_NONE();

        if (!context || context->finished)
                RETURN_FALSE;

        php_output_end_all();
        php_header();
        if (context->aborted)
                RETURN_FALSE;

        context->finished = true;
        RETURN_BOOL(context->request->finish(context->request->userdata,
                                             /* exit_status= */ 0,
                                             /* early= */ true) >= 0);
}

/*
 * The head so far, now. A status of 1xx is an interim answer (RFC 8297: 103 with
 * Link headers), the final one has all headers again. Gives whether it was sent:
 * a front end that does not say that it can forward interim answers would take
 * one for the final answer.
 */
PHP_FUNCTION(headers_send) {
        SapiContext *context = embed_context();
        zend_long status = 200;
        int before;

        ZEND_PARSE_PARAMETERS_START(0, 1)
        Z_PARAM_OPTIONAL
        Z_PARAM_LONG(status)
        ZEND_PARSE_PARAMETERS_END();

        if (status < 100 || status > 599) {
                zend_argument_value_error(1, "must be a status between 100 and 599");
                RETURN_THROWS();
        }
        if (!context || context->finished || SG(headers_sent))
                RETURN_LONG(0);

        before = SG(sapi_headers).http_response_code;
        SG(sapi_headers).http_response_code = (int)status;
        if (status >= 200)
                RETURN_LONG(sapi_send_headers() == SUCCESS);

        if (!pairs_get(context->request->params, EMBED_PARAM_INTERIM, NULL)) {
                SG(sapi_headers).http_response_code = before;
                RETURN_LONG(0);
        }
        (void)embed_send_headers(&SG(sapi_headers));
        SG(sapi_headers).http_response_code = before;
        RETURN_LONG(context->request->flush(context->request->userdata) >= 0);
}

/* "HTTP_X_FORWARDED_FOR" -> "X-Forwarded-For" */
static void add_header(zval *array, const char *name, const Pair *pair) {
        char text[256];
        size_t n = 0;
        bool upper = true;

        for (const char *p = name; *p && n < sizeof(text) - 1; p++) {
                if (*p == '_') {
                        text[n++] = '-';
                        upper = true;
                } else {
                        text[n++] = upper || *p < 'A' || *p > 'Z' ? *p : (char)(*p + ('a' - 'A'));
                        upper = false;
                }
        }
        text[n] = '\0';
        add_assoc_stringl_ex(array, text, n, pair->value, pair->value_size);
}

PHP_FUNCTION(apache_request_headers) {
        SapiContext *context = embed_context();
        const Pairs *params;

        ZEND_PARSE_PARAMETERS_NONE();

        array_init(return_value);
        if (!context)
                return;

        params = context->request->params;
        for (size_t i = 0; i < params->n_entries; i++) {
                Pair pair = pairs_at(params, i);

                if (strncmp(pair.name, "HTTP_", 5) == 0 && strcmp(pair.name, "HTTP_PROXY") != 0)
                        add_header(return_value, pair.name + 5, &pair);
                else if (strcmp(pair.name, "CONTENT_TYPE") == 0 || strcmp(pair.name, "CONTENT_LENGTH") == 0)
                        add_header(return_value, pair.name, &pair);
        }
}

static void add_worker(zval *array, const SapiWorkerStatus *worker, zend_long now) {
        const char *query = strchr(worker->uri, '?');
        zval entry;

        array_init(&entry);
        add_assoc_long(&entry, "pid", worker->pid);
        add_assoc_string(&entry, "state", worker->state);
        add_assoc_long(&entry, "start-since", (zend_long)(worker->age_usec / 1000000));
        add_assoc_long(&entry, "start-time", now - (zend_long)(worker->age_usec / 1000000));
        add_assoc_long(&entry, "requests", (zend_long)worker->n_requests);
        add_assoc_long(&entry, "request-duration", worker->busy ? (zend_long)worker->state_usec : 0);
        add_assoc_string(&entry, "request-method", worker->method);
        add_assoc_stringl(&entry,
                          "request-uri",
                          worker->uri,
                          query ? (size_t)(query - worker->uri) : strlen(worker->uri));
        add_assoc_string(&entry, "query-string", query ? query + 1 : "");
        add_assoc_long(&entry, "request-length", (zend_long)worker->body_size);
        add_assoc_string(&entry, "user", worker->user);
        add_assoc_string(&entry, "script", worker->script);
        add_assoc_double(&entry, "last-request-cpu", worker->cpu_percent);
        add_assoc_long(&entry, "last-request-memory", (zend_long)worker->memory);
        add_next_index_zval(array, &entry);
}

/* The pool's figures under php-fpm's keys; false where they cannot be had. */
PHP_FUNCTION(fpm_get_status) {
        zend_long now = (zend_long)time(NULL);
        SapiPoolStatus status;
        zval list;

        ZEND_PARSE_PARAMETERS_NONE();

        if (!embed_options->get_status || embed_options->get_status(&status) < 0)
                RETURN_FALSE;

        array_init(return_value);
        add_assoc_string(return_value, "pool", embed_options->pool);
        add_assoc_string(return_value, "process-manager", "dynamic");
        add_assoc_long(return_value, "start-time", (zend_long)(status.start_usec / 1000000));
        add_assoc_long(return_value, "start-since", now - (zend_long)(status.start_usec / 1000000));
        add_assoc_long(return_value, "accepted-conn", (zend_long)status.n_requests);
        add_assoc_long(return_value, "listen-queue", (zend_long)status.n_queued);
        add_assoc_long(return_value, "max-listen-queue", (zend_long)status.n_queued_most);
        add_assoc_long(return_value, "listen-queue-len", (zend_long)status.n_queued_max);
        add_assoc_long(return_value, "idle-processes", (zend_long)status.n_idle);
        add_assoc_long(return_value, "active-processes", (zend_long)status.n_busy);
        add_assoc_long(return_value, "total-processes", (zend_long)(status.n_idle + status.n_busy));
        add_assoc_long(return_value,
                       "max-active-processes",
                       (zend_long)MAX2(status.n_busy_most, status.n_busy));
        add_assoc_long(return_value, "max-children-reached", (zend_long)status.n_max_reached);
        add_assoc_long(return_value, "slow-requests", (zend_long)status.n_slow);

        array_init(&list);
        for (size_t i = 0; i < status.n_workers; i++)
                add_worker(&list, &status.workers[i], now);
        add_assoc_zval(return_value, "procs", &list);
        free(status.workers);
}

/*
 * libphp is made for the command line too, and has functions that no SAPI of web
 * servers has, php-fpm's least: scripts ask for them to know where they are. Who
 * asks for the module then calls them, so it goes as well, before PHP starts it.
 * Modules are numbered without gaps (zend_next_free_module()).
 */
static void functions_remove_module(const char *name) {
        zend_module_entry *module, *removed = zend_hash_str_find_ptr(&module_registry, name, strlen(name));

        if (!removed)
                return;

        zend_unregister_functions(removed->functions, /* count= */ -1, /* function_table= */ NULL);
        ZEND_HASH_FOREACH_PTR(&module_registry, module) {
                if (module->module_number > removed->module_number)
                        module->module_number--;
        }
        ZEND_HASH_FOREACH_END();
        (void)zend_hash_str_del(&module_registry, name, strlen(name)); /* it is there */
}

static int embed_register_extensions(void) {
        int r = php_register_internal_extensions();

        /* a resident script is more like a program of the command line */
        if (r == SUCCESS && !embed_options->is_resident)
                functions_remove_module("pcntl");
        return r;
}

void embed_functions_choose(void) {
        php_register_internal_extensions_func = embed_register_extensions;
}

void embed_functions_hide(void) {
        if (embed_options->is_resident)
                return;

        (void)zend_hash_str_del(CG(function_table), ZEND_STRL("chroot")); /* or it is not there */

        /*
         * No gaps: at the end of a request PHP cuts the table to the length that it had at
         * its beginning. A table that had to grow is without gaps then, and the cut would
         * leave functions of the script in it.
         */
        zend_hash_rehash(CG(function_table));
}

/* clang-format off: the macros bring their own commas */
static const zend_function_entry functions[] = {
        /* php-fpm's */
        PHP_FE(fastcgi_finish_request, arginfo_finish) PHP_FE(apache_request_headers, arginfo_headers)
                PHP_FALIAS(getallheaders, apache_request_headers, arginfo_headers)
                        PHP_FE(fpm_get_status, arginfo_status)

        /* ours, and the same under the names of FrankenPHP's worker mode: php-pool-resident(7) */
        PHP_FE(headers_send,
               arginfo_send) ZEND_NS_FALIAS("PhpPool", handle_request, pool_handle_request, arginfo_handle)
                PHP_FALIAS(frankenphp_handle_request, pool_handle_request, arginfo_handle)
                        PHP_FALIAS(frankenphp_finish_request, fastcgi_finish_request, arginfo_finish)
                                PHP_FALIAS(frankenphp_request_headers,
                                           apache_request_headers,
                                           arginfo_headers) PHP_FE(apache_response_headers, arginfo_headers)
                                        PHP_FALIAS(frankenphp_response_headers,
                                                   apache_response_headers,
                                                   arginfo_headers) PHP_FE(frankenphp_log, arginfo_log)
                                                PHP_FE_END
};
/* clang-format on */

SapiIni embed_ini;

/* php-fpm's, with its defaults but for fastcgi.logging: the journal has all errors already */
#define INI_FLAG(name, fallback, where, field) \
        STD_PHP_INI_BOOLEAN(name, fallback, where, OnUpdateBool, field, SapiIni, embed_ini)
#define INI_TEXT(name, where, field) \
        STD_PHP_INI_ENTRY(name, NULL, where, OnUpdateString, field, SapiIni, embed_ini)

PHP_INI_BEGIN()
INI_FLAG("cgi.fix_pathinfo", "1", PHP_INI_SYSTEM, fix_pathinfo)
INI_FLAG("cgi.discard_path", "0", PHP_INI_SYSTEM, discard_path)
INI_FLAG("cgi.nph", "0", PHP_INI_ALL, nph)
INI_FLAG("cgi.rfc2616_headers", "0", PHP_INI_ALL, rfc2616_headers)
INI_FLAG("cgi.force_redirect", "1", PHP_INI_SYSTEM, force_redirect)
INI_TEXT("cgi.redirect_status_env", PHP_INI_SYSTEM, redirect_status_env)
INI_FLAG("fastcgi.logging", "0", PHP_INI_SYSTEM, logging)
INI_TEXT("fastcgi.error_header", PHP_INI_SYSTEM, error_header)
PHP_INI_END()

static PHP_MINIT_FUNCTION(pool) {
        REGISTER_INI_ENTRIES();
        embed_register_log_levels(type, module_number);
        return embed_ini_before_opcache() < 0 ? FAILURE : SUCCESS;
}

static PHP_MSHUTDOWN_FUNCTION(pool) {
        UNREGISTER_INI_ENTRIES();
        return SUCCESS;
}

static PHP_MINFO_FUNCTION(pool) {
        php_info_print_table_start();
        php_info_print_table_row(2, "Server", "php-pool");
        php_info_print_table_row(2, "Pool", embed_options->pool);
        php_info_print_table_end();
        DISPLAY_INI_ENTRIES();
}

zend_module_entry embed_entry = {
        STANDARD_MODULE_HEADER,
        "cgi-fcgi",
        functions,
        PHP_MINIT(pool),
        PHP_MSHUTDOWN(pool),
        NULL,
        NULL,
        PHP_MINFO(pool),
        PHP_VERSION,
        STANDARD_MODULE_PROPERTIES,
};
