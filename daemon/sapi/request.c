/* SPDX-License-Identifier: MIT */
/*
 * One request, from its parameters to its end
 *
 * php_request_startup() reads the body (POST and uploads) and runs the modules'
 * starts; php_request_shutdown() runs shutdown functions, flushes and sends the
 * end through the deactivate callback. Both may longjmp out of PHP (a bailout);
 * what that leaves behind in PHP's globals nobody knows, so the worker is told
 * to retire (CVE-2026-109618: a later request met the remains).
 */

#include "sapi/internal.h"

#include <Zend/zend_exceptions.h>
#include <ext/standard/basic_functions.h>
#include <ext/standard/php_filestat.h>
#include <rfc1867.h>

/* What PHP_SELF begins with. Without cgi.fix_pathinfo that is PATH_INFO, if there is one (php-fpm: "pre 4.3 behaviour"). */
static char *embed_script_name(void) {
        char *info = embed_ini.fix_pathinfo ? NULL : embed_get_param(ZEND_STRL("PATH_INFO"));

        return info ? info : embed_get_param(ZEND_STRL("SCRIPT_NAME"));
}

void embed_fill_request_info(SapiContext *context, char *script) {
        const Pairs *params = context->request->params;

        SG(request_info).request_method = pairs_get(params, "REQUEST_METHOD", NULL);
        SG(request_info).query_string = (char *)pairs_get(params, "QUERY_STRING", NULL);
        SG(request_info).request_uri = embed_script_name();
        SG(request_info).path_translated = script;
        SG(request_info).content_type = pairs_get(params, "CONTENT_TYPE", NULL);
        if (!SG(request_info).content_type)
                SG(request_info).content_type = "";
        SG(request_info).content_length = (zend_long)context->request->body_size;
        SG(request_info).headers_only =
                SG(request_info).request_method && strcmp(SG(request_info).request_method, "HEAD") == 0;
        SG(request_info).proto_num = 1000;
        SG(sapi_headers).http_response_code = 200;

        php_handle_auth_data(pairs_get(params, "HTTP_AUTHORIZATION", NULL));
        (void)snprintf(context->request->user,
                       sizeof(context->request->user),
                       "%s",
                       SG(request_info).auth_user ? SG(request_info).auth_user : "");
}

void embed_execute(SapiContext *context, char *script, bool known) {
        zend_file_handle file;

        embed_change_directory(context->path ?: script, known);
        EG(exit_status) = 0; /* the last script's stays there else */
        zend_stream_init_filename(&file, script);
        file.primary_script = true;

        zend_try {
                php_execute_script(&file);
        }
        zend_catch {
                context->request->retire = true;
        }
        zend_end_try();

        zend_destroy_file_handle(&file);
        context->request->exit_status = EG(exit_status);
}

bool embed_begin(SapiContext *context, char *script) {
        volatile bool ok = false;

        embed_fill_request_info(context, script);
        zend_first_try {
                ok = php_request_startup() == SUCCESS;
                embed_interrupt_look();
                embed_session_prepare();
        }
        zend_end_try();

        return ok;
}

/* 404 or 403: PHP is not started. */
static void embed_refuse(SapiContext *context, SapiPathOutcome outcome, const char *reason) {
        int status = outcome == SAPI_PATH_MISSING ? 404 : 403;

        embed_log_refusal(context, status, reason);
        if (status == 404)
                embed_answer(context, status, "Not Found", "File not found.\n");
        else
                embed_answer(context, status, "Forbidden", "Access denied.\n");
}

/* fastcgi.error_header: for front ends that look at a header to see that a script failed. */
void embed_set_error_header(void) {
        sapi_header_line line = { .line = embed_ini.error_header };

        if (EG(exit_status) != 255 || !line.line || *line.line == '\0' || SG(headers_sent))
                return;

        line.line_len = strlen(line.line);
        (void)sapi_header_op(SAPI_HEADER_REPLACE, &line); /* a bad value is PHP's to report */
}

static void embed_run(SapiContext *context, char *script, bool known) {
        SapiRequest *request = context->request;

        request->on_script(request->userdata, script);
        if (embed_begin(context, script)) {
                embed_execute(context, script, known);
                embed_set_error_header();
                if (!CG(unclean_shutdown)) {
                        zend_try {
                                embed_sample_opcache(context);
                        }
                        zend_end_try();
                }
        } else {
                request->retire = true;
                embed_answer(context, 500, "Internal Server Error", "PHP could not start the request.\n");
        }

        request->memory_peak = zend_memory_peak_usage(/* real_usage= */ true);
        if (SG(sapi_headers).http_response_code)
                request->status = SG(sapi_headers).http_response_code;
        if (CG(unclean_shutdown))
                request->retire = true;

        embed_interrupt_end();
        zend_first_try {
                php_request_shutdown(NULL);
        }
        zend_catch {
                request->retire = true;
        }
        zend_end_try();

        if (CG(unclean_shutdown))
                request->retire = true;
        SG(request_info).path_translated = NULL;
        SG(request_info).request_method = NULL;
}

void sapi_run(SapiRequest *request) {
        SapiContext context = { .request = request, .body_left = request->body_size };
        const char *reason = NULL;
        SapiPathOutcome outcome;
        char *script = NULL;
        bool known = false;

        request->status = 200;
        request->exit_status = 0;
        request->retire = false;
        SG(server_context) = &context;
        embed_timer_begin();

        outcome = embed_find_script(&context, &script, &known, &reason);
        if (outcome == SAPI_PATH_FOUND)
                embed_run(&context, script, known);
        else
                embed_refuse(&context, outcome, reason);

        SG(server_context) = NULL;
        embed_overrides_done(&context);
}
