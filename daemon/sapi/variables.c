/* SPDX-License-Identifier: MIT */
/*
 * $_SERVER and getenv(): the environment of the process, then the parameters of
 * the request, then what PHP derives, in php-fpm's order.
 */

#include "sapi/internal.h"

#include <php_variables.h>

char *embed_get_param(const char *name, size_t size) {
        SapiContext *context = embed_context();
        const SapiOverride *override;

        if (!context)
                return NULL;

        override = embed_overridden(context, name);
        return (char *)(override ? override->value : pairs_get(context->request->params, name, NULL));
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

/* Programs take the variable HTTP_PROXY for their own setting; a client's header "Proxy" must not become it
 * (CVE-2016-5385). */
static bool variables_hide(const Pair *pair) {
        return pair->name_size == 0 || strcmp(pair->name, "HTTP_PROXY") == 0;
}

static void embed_register_params(const SapiContext *context, zval *array) {
        const Pairs *params = context->request->params;

        for (size_t i = 0; i < params->n_entries; i++) {
                Pair pair = pairs_at(params, i);
                if (!variables_hide(&pair) && !embed_overridden(context, pair.name))
                        embed_register(pair.name, pair.value, pair.value_size, array);
        }

        for (size_t i = 0; i < context->n_overrides; i++) {
                const SapiOverride *override = &context->overrides[i];

                if (override->value)
                        embed_register(override->name, override->value, strlen(override->value), array);
        }
}

static void (*variables_import)(zval *array); /* libphp's own */
static void (*variables_load)(zval *array);

static void variables_load_one(zval *array, const char *name, const char *value, size_t size) {
        zval text;

        ZVAL_STRINGL(&text, value, size);
        (void)zend_symtable_str_update(Z_ARRVAL_P(array), name, strlen(name), &text); /* cannot fail */
}

/* The same without filters, for getenv() without a name. */
static void embed_load_environment(zval *array) {
        const SapiContext *context = embed_context();

        variables_load(array);
        if (!context)
                return;

        for (size_t i = 0; i < context->request->params->n_entries; i++) {
                Pair pair = pairs_at(context->request->params, i);

                if (!variables_hide(&pair) && !embed_overridden(context, pair.name))
                        variables_load_one(array, pair.name, pair.value, pair.value_size);
        }
        for (size_t i = 0; i < context->n_overrides; i++)
                if (context->overrides[i].value)
                        variables_load_one(array,
                                           context->overrides[i].name,
                                           context->overrides[i].value,
                                           strlen(context->overrides[i].value));
        variables_load_one(array, "FCGI_ROLE", "RESPONDER", strlen("RESPONDER"));
}

/* For $_SERVER and $_ENV: the process's environment, and the parameters over it. */
static void embed_import_environment(zval *array) {
        const SapiContext *context = embed_context();

        variables_import(array);
        /* a resident script keeps $_ENV: the parameters of whoever came first would stay in it */
        if (!context || (embed_in_resident_request() && array == &PG(http_globals)[TRACK_VARS_ENV]))
                return;

        embed_register_params(context, array);
        embed_register("FCGI_ROLE", "RESPONDER", strlen("RESPONDER"), array);
}

void embed_variables_start(void) {
        variables_import = php_import_environment_variables;
        php_import_environment_variables = embed_import_environment;
        variables_load = php_load_environment_variables;
        php_load_environment_variables = embed_load_environment;
}

void embed_register_variables(zval *array) {
        const SapiContext *context = embed_context();
        const char *name = SG(request_info).request_uri;
        const char *info = embed_ini.fix_pathinfo ? embed_get_param(ZEND_STRL("PATH_INFO")) : NULL;
        char *self = NULL;

        php_import_environment_variables(array);
        if (!context)
                return;

        spprintf(&self, 0, "%s%s", name ? name : "", info ? info : "");
        embed_register("PHP_SELF", self, strlen(self), array);
        efree(self);
}
