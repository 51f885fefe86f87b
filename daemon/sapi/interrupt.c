/* SPDX-License-Identifier: MIT */
/*
 * What ends a script from outside, between two of its instructions
 *
 *   late       timeouts.request is over. A fatal error, like max_execution_time:
 *              shutdown functions run, finally blocks do not. 504 if there is no
 *              answer yet.
 *   cancelled  the same at an operator's word, and 500
 *   alone      a write has failed, so the client has gone, or the front end has said
 *              that it wants no answer (FastCGI 1.0, section 5.4: ABORT_REQUEST). Unless
 *              the script wants to go on (ignore_user_abort), it ends as by exit(): no
 *              error, and the worker stays as good as new. PHP's own way is a bailout,
 *              after which nobody knows what is left behind (request.c).
 *
 * A connection that is closed while nothing is written ends nothing, as under
 * php-fpm: applications call themselves, hang up and rely on being run (WordPress:
 * wp_remote_post() with "blocking" => false), and a checkout must not stop half way
 * because the browser's tab was closed.
 *
 * All are flags that a signal handler may set; PHP calls embed_on_interrupt()
 * when it next looks (EG(vm_interrupt)). What it does not look at while it waits
 * in the kernel or runs one long function, nobody can help but the manager, who
 * kills after timeouts.kill.
 */

#include "sapi/internal.h"

#include <Zend/zend_exceptions.h>
#include <inttypes.h>
#include <main/php_output.h>
#include <signal.h>
#include "util/clock.h"

/* Writes of one internal function, a readfile() of something endless say, that are let pass for a client that has
 * gone; then it is ended by a bailout, because it never comes to an instruction. */
#define WRITES_MAX 64U

static volatile sig_atomic_t interrupt_late;
static volatile sig_atomic_t interrupt_cancelled;
static volatile sig_atomic_t interrupt_alone;
static volatile sig_atomic_t interrupt_ended; /* the script, by itself */
static unsigned int interrupt_writes;
static uint64_t interrupt_begin_usec; /* of the request that runs */
static void (*interrupt_next)(zend_execute_data *execute_data);

void sapi_interrupt_begin(void) {
        interrupt_begin_usec = clock_now_usec();
        interrupt_late = 0;
        interrupt_cancelled = 0;
        interrupt_alone = 0;
        interrupt_ended = 0;
        interrupt_writes = 0;
}

/* The signal may have been meant for the request before: it is believed only if this one is over its time. */
static bool interrupt_is_late(void) {
        return clock_now_usec() - interrupt_begin_usec + USEC_PER_SEC / 10 >= embed_options->request_usec;
}

static void interrupt_end_late(void) {
        interrupt_late = 0;
        if (!SG(headers_sent))
                SG(sapi_headers).http_response_code = 504; /* PHP sets 500 only where it finds 200 */
        zend_error_noreturn(E_ERROR,
                            "Request ran longer than the %" PRIu64 " ms that timeouts.request allows",
                            embed_options->request_usec / USEC_PER_MSEC);
}

static void interrupt_end_cancelled(void) {
        interrupt_cancelled = 0;
        zend_error_noreturn(E_ERROR, "Request was ended by an operator (php-poolctl kill-request)");
}

static void interrupt_mark_alone(void) {
        SapiContext *context = embed_context();

        interrupt_alone = 0;
        if (context)
                context->aborted = true;
        PG(connection_status) |= PHP_CONNECTION_ABORTED;
        php_output_set_status(PHP_OUTPUT_DISABLED);
}

static void embed_on_interrupt(zend_execute_data *execute_data) {
        if (!embed_context()) /* a resident script behind a request: there is nobody it could concern */
                interrupt_late = interrupt_alone = 0;
        if (interrupt_late && interrupt_is_late())
                interrupt_end_late();
        if (interrupt_cancelled)
                interrupt_end_cancelled();

        if (interrupt_alone) {
                interrupt_mark_alone();
                if (!PG(ignore_user_abort) && !EG(exception)) {
                        zend_throw_unwind_exit();
                        return;
                }
        }

        if (interrupt_next)
                interrupt_next(execute_data);
}

void embed_on_client_gone(void) {
        PG(connection_status) |= PHP_CONNECTION_ABORTED;
        if (!EG(current_execute_data) || interrupt_ended) { /* what runs now, or will, is the cleaning up */
                interrupt_mark_alone();
                return;
        }
        if (interrupt_writes++ == 0) {
                interrupt_alone = 1;
                zend_atomic_bool_store(&EG(vm_interrupt), true);
        } else if (interrupt_writes > WRITES_MAX)
                php_handle_aborted_connection();
}

void embed_interrupt_end(void) {
        interrupt_ended = 1;
        if (interrupt_alone) /* PHP has not come to it, and would end the first shutdown function */
                interrupt_mark_alone();
}

void embed_check_abort(void) {
        SapiContext *context = embed_context();

        if (!context || context->finished || context->aborted || interrupt_alone || interrupt_ended ||
            !context->request->is_aborted(context->request->userdata))
                return;

        interrupt_alone = 1;
        zend_atomic_bool_store(&EG(vm_interrupt), true);
}

void sapi_interrupt(bool cancelled) {
        interrupt_late = 1;
        if (cancelled)
                interrupt_cancelled = 1;
        zend_atomic_bool_store(&EG(vm_interrupt), true);
}

void embed_interrupt_look(void) {
        if (interrupt_late || interrupt_cancelled || interrupt_alone)
                zend_atomic_bool_store(&EG(vm_interrupt), true);
}

void embed_interrupt_start(void) {
        interrupt_next = zend_interrupt_function;
        zend_interrupt_function = embed_on_interrupt;
}
