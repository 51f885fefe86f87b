/* SPDX-License-Identifier: MIT */
/*
 * Sessions: who removes those that have ended, and what a resident script is left
 *
 * PHP removes them while a session starts, one time in session.gc_divisor, and
 * that request, and all that start a session meanwhile, wait for it. Here it asks
 * the manager instead (pool/sessions.c), through a copy of PHP's own "files"
 * module with another cleaning function. That is so in our own directory only, not
 * where a script calls session_gc(), whose result it wants to know, and not with
 * session.auto_start, where the session starts before we can say so.
 *
 * PHP closes the session at the end of its own request, which for a resident
 * script is its whole life. So here the session is written and forgotten after
 * each request: its data ($_SESSION, published as a leak of others:
 * GHSA-r3xh-3r3w-47gp), and its id, which would otherwise be the next visitor's
 * too (GHSA-v3ph-cgqh-r8p5). A save handler that the application has registered
 * at its start stays.
 */

#include "sapi/internal.h"

#include <ext/session/php_session.h>

static ps_module session_files; /* "files", except for its cleaning */
static const ps_module *session_files_original;
static char *session_path; /* ours; lives as long as the process */

static bool session_may_be_cleaned_later(void) {
        const zend_execute_data *caller = EG(current_execute_data);
        const zend_string *name = caller && caller->func ? caller->func->common.function_name : NULL;
        const char *path = INI_STR("session.save_path");

        if (!path || strcmp(path, session_path) != 0)
                return false;

        return !name ||
               (!zend_string_equals_literal(name, "session_gc") && !zend_string_equals_literal(name, "gc"));
}

static zend_long session_clean(PS_GC_ARGS) {
        if (!session_may_be_cleaned_later())
                return session_files_original->s_gc(mod_data, maxlifetime, nrdels);

        embed_options->clean_sessions(maxlifetime > 0 ? (uint64_t)maxlifetime : 0);
        *nrdels = 0;
        return 0;
}

void embed_session_prepare(void) {
        if (session_files_original && PS(mod) == session_files_original)
                PS(mod) = &session_files;
}

void embed_session_start(void) {
        if (!embed_options->clean_sessions || !embed_options->state_directory || !PS(mod) ||
            strcmp(PS(mod)->s_name, "files") != 0 ||
            asprintf(&session_path, "%s/sessions", embed_options->state_directory) < 0)
                return;

        session_files_original = PS(mod);
        session_files = *session_files_original;
        session_files.s_gc = session_clean;
}

static void session_close_storage(void) {
        if (!PS(mod) || (!PS(mod_data) && !PS(mod_user_implemented)))
                return;

        zend_try {
                (void)PS(mod)->s_close(&PS(mod_data)); /* nothing is left to write */
        }
        zend_end_try();
}

void embed_session_end(void) {
        if (PS(session_status) == php_session_active) {
                zend_try {
                        (void)php_session_flush(1); /* it has told in a warning what went wrong */
                }
                zend_end_try();
        }

        if (!Z_ISUNDEF(PS(http_session_vars))) {
                zval_ptr_dtor(&PS(http_session_vars));
                ZVAL_UNDEF(&PS(http_session_vars));
        }
        session_close_storage();
        if (PS(id)) {
                zend_string_release_ex(PS(id), /* persistent= */ false);
                PS(id) = NULL;
        }
        if (PS(session_vars)) {
                zend_string_release_ex(PS(session_vars), /* persistent= */ false);
                PS(session_vars) = NULL;
        }

        PS(session_status) = php_session_none;
        PS(in_save_handler) = 0; /* set for good by a bailout inside a handler */
        PS(set_handler) = 0;
        PS(mod_data) = NULL;
        PS(mod_user_is_open) = 0;
        PS(define_sid) = 1;
        (void)zend_hash_str_del_ind(&EG(symbol_table), ZEND_STRL("_SESSION")); /* or there was none */
}

void embed_session_begin(void) {
        if (PS(auto_start))
                (void)php_session_start(); /* as at the start of an ordinary request */
}
