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

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_headers, 0, 0, IS_ARRAY, 0)
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
        RETURN_BOOL(context->request->finish(context->request->userdata, /* early= */ true) >= 0);
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

                if (strncmp(pair.name, "HTTP_", 5) == 0)
                        add_header(return_value, pair.name + 5, &pair);
                else if (strcmp(pair.name, "CONTENT_TYPE") == 0 || strcmp(pair.name, "CONTENT_LENGTH") == 0)
                        add_header(return_value, pair.name, &pair);
        }
}

static const zend_function_entry functions[] = {
        PHP_FE(fastcgi_finish_request, arginfo_finish) PHP_FE(apache_request_headers, arginfo_headers)
                PHP_FALIAS(getallheaders, apache_request_headers, arginfo_headers) PHP_FE_END
};

PHP_INI_BEGIN()
PHP_INI_ENTRY("cgi.fix_pathinfo", "1", PHP_INI_SYSTEM, NULL)
PHP_INI_ENTRY("cgi.rfc2616_headers", "0", PHP_INI_ALL, NULL)
PHP_INI_ENTRY("fastcgi.logging", "0", PHP_INI_SYSTEM, NULL)
PHP_INI_END()

static PHP_MINIT_FUNCTION(pool) {
        REGISTER_INI_ENTRIES();
        return SUCCESS;
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
