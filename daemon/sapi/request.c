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

static void embed_fill_request_info(SapiContext *context, char *script) {
        const Pairs *params = context->request->params;

        SG(request_info).request_method = pairs_get(params, "REQUEST_METHOD", NULL);
        SG(request_info).query_string = (char *)pairs_get(params, "QUERY_STRING", NULL);
        SG(request_info).request_uri = embed_get_param(ZEND_STRL("SCRIPT_NAME"));
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
}

/* The directory of the script becomes the current one, as under every SAPI. */
static void embed_change_directory(const char *script) {
        char directory[PATH_MAX];
        const char *slash = strrchr(script, '/');
        size_t size = slash ? (size_t)(slash - script) : 0;

        if (size == 0 || size >= sizeof(directory))
                return;

        memcpy(directory, script, size);
        directory[size] = '\0';
        (void)chdir(
                directory); /* it may be readable only through the file: then relative names fail, no more */
}

static void embed_execute(SapiContext *context, char *script) {
        zend_file_handle file;

        embed_change_directory(script);
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

/* True if the request may run. */
static bool embed_begin(SapiContext *context, char *script) {
        volatile bool ok = false;

        embed_fill_request_info(context, script);
        zend_first_try {
                ok = php_request_startup() == SUCCESS;
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

static void embed_run(SapiContext *context, char *script) {
        SapiRequest *request = context->request;

        request->on_script(request->userdata, script);
        if (embed_begin(context, script))
                embed_execute(context, script);
        else {
                request->retire = true;
                embed_answer(context, 500, "Internal Server Error", "PHP could not start the request.\n");
        }

        request->memory_peak = zend_memory_peak_usage(/* real_usage= */ true);
        if (SG(sapi_headers).http_response_code)
                request->status = SG(sapi_headers).http_response_code;
        if (CG(unclean_shutdown))
                request->retire = true;

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

        request->status = 200;
        request->exit_status = 0;
        request->retire = false;
        SG(server_context) = &context;
        embed_interrupt_begin();

        outcome = embed_find_script(&context, &script, &reason);
        if (outcome == SAPI_PATH_FOUND)
                embed_run(&context, script);
        else
                embed_refuse(&context, outcome, reason);

        SG(server_context) = NULL;
        free(context.script_name);
        free(context.script_filename);
        free(context.path_info);
        free(context.path_translated);
}
