/* SPDX-License-Identifier: MIT */
/*
 * $_SERVER and getenv(): the environment of the process, then the parameters of
 * the request, then what PHP derives, in php-fpm's order.
 */

#include "sapi/internal.h"

#include <php_variables.h>

/* What paths.c found, where it differs from the parameter; else NULL. */
static const char *embed_replacement(const SapiContext *context, const char *name) {
        if (strcmp(name, "SCRIPT_NAME") == 0)
                return context->script_name;
        if (strcmp(name, "PATH_INFO") == 0)
                return context->path_info;
        if (strcmp(name, "PATH_TRANSLATED") == 0)
                return context->path_translated;
        if (strcmp(name, "SCRIPT_FILENAME") == 0)
                return context->script_filename;
        return NULL;
}

char *embed_get_param(const char *name, size_t size) {
        SapiContext *context = embed_context();
        const char *value;

        if (!context)
                return NULL;

        value = embed_replacement(context, name);
        return (char *)(value ? value : pairs_get(context->request->params, name, NULL));
}

static void embed_register(const char *name, const char *value, size_t size, zval *array) {
        char *text = (char *)value;
        size_t new_size = size;

        /* the filter may replace the memory: it gets a copy of its own */
        text = estrndup(value, size);
        if (sapi_module.input_filter(PARSE_SERVER, name, &text, size, &new_size))
                php_register_variable_safe(name, text, new_size, array);
        efree(text);
}

static void embed_register_params(const SapiContext *context, zval *array) {
        const Pairs *params = context->request->params;

        for (size_t i = 0; i < params->n_entries; i++) {
                Pair pair = pairs_at(params, i);
                const char *value = embed_replacement(context, pair.name);

                if (pair.name_size == 0)
                        continue;
                if (value)
                        embed_register(pair.name, value, strlen(value), array);
                else
                        embed_register(pair.name, pair.value, pair.value_size, array);
        }

        /* found by us, not sent by the front end */
        if (context->path_info && !pairs_get(params, "PATH_INFO", NULL))
                embed_register("PATH_INFO", context->path_info, strlen(context->path_info), array);
        if (context->path_translated && !pairs_get(params, "PATH_TRANSLATED", NULL))
                embed_register("PATH_TRANSLATED",
                               context->path_translated,
                               strlen(context->path_translated),
                               array);
}

void embed_register_variables(zval *array) {
        const SapiContext *context = embed_context();
        const char *name = embed_get_param(ZEND_STRL("SCRIPT_NAME"));
        const char *info = embed_get_param(ZEND_STRL("PATH_INFO"));
        char *self = NULL;

        php_import_environment_variables(array);
        if (!context)
                return;

        embed_register_params(context, array);
        embed_register("FCGI_ROLE", "RESPONDER", strlen("RESPONDER"), array);

        spprintf(&self, 0, "%s%s", name ? name : "", info ? info : "");
        embed_register("PHP_SELF", self, strlen(self), array);
        efree(self);
}
