/* SPDX-License-Identifier: MIT */
/*
 * What opcache says of itself, for metrics and for the manager
 *
 * Its figures are behind a PHP function, opcache_get_status(), which is asked at
 * the end of a request, at most once a second in a worker. Whether a restart is
 * pending matters most: opcache restarts (after opcache_reset(), or when its
 * memory is full) only at a moment when no worker runs a request, is off until
 * then, and after opcache.force_restart_timeout kills those that do. The manager
 * starts a new generation instead.
 *
 * It is asked in the request of whoever came, and what it needs is not theirs: a
 * script that has used its memory_limit up to the last kilobyte must not fail.
 */

#include "sapi/internal.h"

#include <Zend/zend_interfaces.h>
#include "util/clock.h"

#define SAMPLE_USEC USEC_PER_SEC

static uint64_t opcache_number(const zval *array, const char *name) {
        const zval *value = zend_hash_str_find(Z_ARRVAL_P(array), name, strlen(name));

        return value && Z_TYPE_P(value) == IS_LONG && Z_LVAL_P(value) > 0 ? (uint64_t)Z_LVAL_P(value) : 0;
}

static bool opcache_flag(const zval *array, const char *name) {
        const zval *value = zend_hash_str_find(Z_ARRVAL_P(array), name, strlen(name));

        return value && Z_TYPE_P(value) == IS_TRUE;
}

static const zval *opcache_array(const zval *array, const char *name) {
        const zval *value = zend_hash_str_find(Z_ARRVAL_P(array), name, strlen(name));

        return value && Z_TYPE_P(value) == IS_ARRAY ? value : NULL;
}

static bool opcache_read(const zval *status, SapiOpcache *ret) {
        const zval *memory, *statistics;

        if (Z_TYPE_P(status) != IS_ARRAY)
                return false;
        memory = opcache_array(status, "memory_usage");
        statistics = opcache_array(status, "opcache_statistics");
        if (!memory || !statistics)
                return false;

        *ret = (SapiOpcache){
                .hits = opcache_number(statistics, "hits"),
                .misses = opcache_number(statistics, "misses"),
                .memory_used = opcache_number(memory, "used_memory"),
                .memory_free = opcache_number(memory, "free_memory"),
                .memory_wasted = opcache_number(memory, "wasted_memory"),
                .n_scripts = opcache_number(statistics, "num_cached_scripts"),
                .n_restarts = opcache_number(statistics, "oom_restarts") +
                              opcache_number(statistics, "hash_restarts") +
                              opcache_number(statistics, "manual_restarts"),
                .restart_pending = opcache_flag(status, "restart_pending"),
        };
        return true;
}

/* Where the function may not be called it would log a warning each time. */
static zend_function *opcache_function(void) {
        const char *restricted = INI_STR("opcache.restrict_api");

        if (restricted && *restricted != '\0')
                return NULL;
        return zend_hash_str_find_ptr(CG(function_table), ZEND_STRL("opcache_get_status"));
}

/* Twice: where memory has to be given back first, PHP does that and leaves the limit as it was. */
static void opcache_restore_limit(size_t limit) {
        limit = MAX2(limit,
                     zend_memory_usage(/* real_usage= */ true)); /* PHP sets its own at the request's end */
        (void)zend_set_memory_limit(limit);
        (void)zend_set_memory_limit(limit);
}

void embed_sample_opcache(SapiContext *context) {
        static uint64_t sampled_usec;
        zend_function *function;
        uint64_t now = clock_now_usec();
        SapiOpcache opcache;
        zval argument, status;

        if (!context->request->on_opcache || now - sampled_usec < SAMPLE_USEC || EG(exception))
                return;
        sampled_usec = now;

        function = opcache_function();
        if (!function || function->type != ZEND_INTERNAL_FUNCTION)
                return;

        ZVAL_FALSE(&argument);
        ZVAL_UNDEF(&status);
        (void)zend_set_memory_limit(SIZE_MAX); /* it can only fail to lower it */
        zend_call_known_function(function, NULL, NULL, &status, 1, &argument, NULL);
        if (opcache_read(&status, &opcache))
                context->request->on_opcache(context->request->userdata, &opcache);
        zval_ptr_dtor(&status);
        opcache_restore_limit((size_t)PG(memory_limit));
}
