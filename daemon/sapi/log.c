/* SPDX-License-Identifier: MIT */
/*
 * PHP's errors and error_log() into the journal, with fields
 *
 * PHP hands its SAPI one finished line. The parts come a moment earlier to
 * whoever observes errors, so the observer keeps them for the line that
 * follows. Lines that no error announced (error_log(), opcache) go as they are.
 */

#include "sapi/internal.h"

#include <Zend/zend_observer.h>
#include <inttypes.h>
#include <stdio.h>
#include "util/log.h"

/*
 * The error that PHP may be about to log; if a handler of the script's takes it,
 * it never does. So this is a copy: what the error was told with is freed by then.
 */
static struct {
        bool valid;
        int type;
        uint32_t line;
        char file[1024];
        char message[256]; /* its beginning */
} log_pending;

static void log_keep(char *to, size_t to_size, const zend_string *from) {
        size_t n = from ? MIN2(ZSTR_LEN(from), to_size - 1) : 0;

        if (n > 0)
                memcpy(to, ZSTR_VAL(from), n);
        to[n] = '\0';
}

static void embed_log_observe(int type, zend_string *file, uint32_t line, zend_string *message) {
        log_pending.valid = true;
        log_pending.type = type;
        log_pending.line = line;
        log_keep(log_pending.file, sizeof(log_pending.file), file);
        log_keep(log_pending.message, sizeof(log_pending.message), message);
}

void embed_log_start(void) {
        zend_observer_error_register(embed_log_observe);
}

static void log_fields_of_request(LogFields *fields) {
        const SapiContext *context = embed_context();
        const Pairs *params;
        const char *value;

        if (!context)
                return;

        params = context->request->params;
        log_fields_add(fields, "PHP_WORKER=%" PRIu32, context->request->worker);
        log_fields_add(fields, "PHP_REQUEST_ID=%s", context->request->id);
        value = pairs_get(params, "REQUEST_METHOD", NULL);
        if (value)
                log_fields_add(fields, "PHP_REQUEST_METHOD=%s", value);
        value = pairs_get(params, "REQUEST_URI", NULL);
        if (value)
                log_fields_add(fields, "PHP_REQUEST_URI=%s", value);
        value = SG(request_info).path_translated;
        if (!value)
                value = pairs_get(params, "SCRIPT_FILENAME", NULL);
        if (value)
                log_fields_add(fields, "PHP_SCRIPT=%s", value);
}

/* The level that php_log_err_with_severity() derives is LOG_NOTICE for all errors; the type says more. */
static int log_level_of(int type) {
        switch (type & E_ALL) {
        case E_ERROR:
        case E_CORE_ERROR:
        case E_COMPILE_ERROR:
        case E_PARSE:
        case E_RECOVERABLE_ERROR:
        case E_USER_ERROR:
                return LOG_ERR;
        case E_WARNING:
        case E_CORE_WARNING:
        case E_COMPILE_WARNING:
        case E_USER_WARNING:
                return LOG_WARNING;
        default:
                return LOG_NOTICE;
        }
}

/* Whether @line is the line that announces the pending error: it has the error's text in it. */
static bool log_is_pending(const char *line) {
        return log_pending.valid && strstr(line, log_pending.message) != NULL;
}

/* fastcgi.logging: the front end writes it into its own log, all of a request in one line; php-fpm's form */
static void log_to_front_end(const char *prefix, const char *message) {
        SapiContext *context = embed_context();
        char *text;
        size_t size;

        if (!embed_ini.logging || !context || context->finished || !context->request->write_error)
                return;

        size = spprintf(&text, 0, "%s%s%s", context->has_logged ? "; " : "", prefix, message);
        context->has_logged = true;
        context->request->write_error(context->request->userdata, text, size);
        efree(text);
}

void embed_log_message(const char *message, int level) {
        _cleanup_(log_fields_done) LogFields fields = {};

        if (log_is_pending(message)) {
                level = log_level_of(log_pending.type);
                log_fields_add(&fields, "CODE_FILE=%s", log_pending.file);
                log_fields_add(&fields, "CODE_LINE=%" PRIu32, log_pending.line);
        } else if (zend_is_executing()) {
                log_fields_add(&fields, "CODE_FILE=%s", zend_get_executed_filename());
                log_fields_add(&fields, "CODE_LINE=%" PRIu32, zend_get_executed_lineno());
        }
        log_pending.valid = false;

        if (zend_is_executing() && get_active_function_name())
                log_fields_add(&fields, "CODE_FUNC=%s", get_active_function_name());
        log_fields_of_request(&fields);
        log_entry(level, message, log_fields_list(&fields));
        log_to_front_end("PHP message: ", message);
}

void embed_log_refusal(SapiContext *context, int status, const char *reason) {
        static LogLimit limit = LOG_LIMIT(10 * 1000000, 20); /* any client can ask for what is not there */
        _cleanup_(log_fields_done) LogFields fields = {};
        char message[1024];

        /* php-fpm's words, which people search their front end's log for */
        log_to_front_end("", status == 404 ? "Primary script unknown" : reason);
        if (!log_limit_below(&limit))
                return;

        log_fields_of_request(&fields);
        log_fields_add(&fields, "PHP_STATUS=%d", status);
        (void)snprintf(message, sizeof(message), "Request refused with %d: %s", status, reason);
        log_entry(LOG_NOTICE, message, log_fields_list(&fields));
}

void embed_log_script(int level, const char *message, const char *context) {
        _cleanup_(log_fields_done) LogFields fields = {};

        log_fields_add(&fields, "CODE_FILE=%s", zend_get_executed_filename());
        log_fields_add(&fields, "CODE_LINE=%" PRIu32, zend_get_executed_lineno());
        log_fields_of_request(&fields);
        if (context)
                log_fields_add(&fields, "PHP_CONTEXT=%s", context);
        log_entry(level, message, log_fields_list(&fields));
}

void embed_log_output(const char *data, size_t size) {
        static LogLimit limit = LOG_LIMIT(10 * 1000000, 20);
        _cleanup_(log_fields_done) LogFields fields = {};
        char message[1024];

        while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r'))
                size--;
        if (size == 0 || !log_limit_below(&limit))
                return;

        (void)snprintf(message,
                       sizeof(message),
                       "The resident script printed: %.*s",
                       (int)MIN2(size, sizeof(message)),
                       data);
        log_fields_of_request(&fields);
        log_entry(LOG_NOTICE, message, log_fields_list(&fields));
}
