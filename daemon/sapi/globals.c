/* SPDX-License-Identifier: MIT */
/*
 * Superglobals of a resident script, anew for each request
 *
 * PHP fills them at the start of a request, or, with auto_globals_jit, when code
 * that names them is compiled. A resident script was compiled long ago. So all
 * that belong to a request are filled here: $_SERVER, $_GET, $_POST, $_COOKIE and
 * $_FILES always, $_REQUEST where something has named it, $_SESSION not at all.
 * $_ENV stays: it is the process's.
 */

#include "sapi/internal.h"

#include <php_variables.h>

static bool globals_is(const zend_auto_global *global, const char *name) {
        return strcmp(ZSTR_VAL(global->name), name) == 0;
}

/* What the last request left, but for $_ENV. */
static void globals_forget(void) {
        for (int i = 0; i < NUM_TRACK_VARS; i++) {
                if (i == TRACK_VARS_ENV)
                        continue;
                zval_ptr_dtor_nogc(&PG(http_globals)[i]);
                ZVAL_UNDEF(&PG(http_globals)[i]);
        }
}

void embed_globals_renew(void) {
        zend_auto_global *global;

        globals_forget();
        ZEND_HASH_FOREACH_PTR(CG(auto_globals), global) {
                if (globals_is(global, "_ENV") || globals_is(global, "GLOBALS"))
                        continue;
                if (globals_is(global, "_REQUEST") && !zend_hash_exists(&EG(symbol_table), global->name))
                        continue;

                if (global->auto_global_callback)
                        global->armed = global->auto_global_callback(global->name);
                else
                        global->armed = false;
        }
        ZEND_HASH_FOREACH_END();
}
