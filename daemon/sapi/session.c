/* SPDX-License-Identifier: MIT */
/*
 * Sessions between the requests of a resident script
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
