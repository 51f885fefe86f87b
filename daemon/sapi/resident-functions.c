/* SPDX-License-Identifier: MIT */
/*
 * What worker scripts of FrankenPHP call besides handle_request(), under the
 * names that they use, so that they run unchanged. They work in any pool.
 */

#include "sapi/internal.h"

#include <Zend/zend_smart_str.h>
#include <ext/json/php_json.h>
#include "util/log.h"

/* The numbers are those of Go's log/slog, which FrankenPHP takes: any between are allowed. */
enum {
        LEVEL_DEBUG = -4,
        LEVEL_INFO = 0,
        LEVEL_WARN = 4,
        LEVEL_ERROR = 8,
};

void embed_register_log_levels(int type, int module_number) {
        REGISTER_MAIN_LONG_CONSTANT("FRANKENPHP_LOG_LEVEL_DEBUG", LEVEL_DEBUG, CONST_CS | CONST_PERSISTENT);
        REGISTER_MAIN_LONG_CONSTANT("FRANKENPHP_LOG_LEVEL_INFO", LEVEL_INFO, CONST_CS | CONST_PERSISTENT);
        REGISTER_MAIN_LONG_CONSTANT("FRANKENPHP_LOG_LEVEL_WARN", LEVEL_WARN, CONST_CS | CONST_PERSISTENT);
        REGISTER_MAIN_LONG_CONSTANT("FRANKENPHP_LOG_LEVEL_ERROR", LEVEL_ERROR, CONST_CS | CONST_PERSISTENT);
}

static int log_priority(zend_long level) {
        if (level >= LEVEL_ERROR)
                return LOG_ERR;
        if (level >= LEVEL_WARN)
                return LOG_WARNING;
        return level >= LEVEL_INFO ? LOG_INFO : LOG_DEBUG;
}

/* frankenphp_log(string $message, int $level = 0, array $context = []): into the journal, the context as one field. */
PHP_FUNCTION(frankenphp_log) {
        smart_str json = {};
        zval *context = NULL;
        zend_long level = 0;
        zend_string *message;

        ZEND_PARSE_PARAMETERS_START(1, 3)
        Z_PARAM_STR(message)
        Z_PARAM_OPTIONAL
        Z_PARAM_LONG(level)
        Z_PARAM_ARRAY(context)
        ZEND_PARSE_PARAMETERS_END();

        if (context && zend_hash_num_elements(Z_ARRVAL_P(context)) > 0) {
                (void)php_json_encode(&json, context, PHP_JSON_PARTIAL_OUTPUT_ON_ERROR); /* what it can */
                smart_str_0(&json);
        }
        embed_log_script(log_priority(level), ZSTR_VAL(message), json.s ? ZSTR_VAL(json.s) : NULL);
        smart_str_free(&json);
}

/* The headers of the answer so far, by name; of several with one name the last. */
PHP_FUNCTION(apache_response_headers) {
        zend_llist_position position;

        ZEND_PARSE_PARAMETERS_NONE();

        array_init(return_value);
        for (sapi_header_struct *h = zend_llist_get_first_ex(&SG(sapi_headers).headers, &position); h;
             h = zend_llist_get_next_ex(&SG(sapi_headers).headers, &position)) {
                const char *colon = memchr(h->header, ':', h->header_len), *value;
                size_t size;

                if (!colon || colon == h->header)
                        continue;
                value = colon + 1;
                size = h->header_len - (size_t)(value - h->header);
                for (; size > 0 && *value == ' '; size--)
                        value++;
                add_assoc_stringl_ex(return_value,
                                     h->header,
                                     (size_t)(colon - h->header),
                                     (char *)value,
                                     size);
        }
}
