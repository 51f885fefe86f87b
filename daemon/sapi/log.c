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

#define LOG_FIELD_MAX 1024U
#define LOG_FIELDS    12U

/* The error that PHP is about to log; borrowed while it does. */
static struct {
        bool valid;
        int type;
        const char *file;
        size_t file_size;
        uint32_t line;
        const char *message;
        size_t message_size;
} log_pending;

static void embed_log_observe(int type, zend_string *file, uint32_t line, zend_string *message) {
        log_pending.valid = true;
        log_pending.type = type;
        log_pending.file = file ? ZSTR_VAL(file) : "";
        log_pending.file_size = file ? ZSTR_LEN(file) : 0;
        log_pending.line = line;
        log_pending.message = ZSTR_VAL(message);
        log_pending.message_size = ZSTR_LEN(message);
}

void embed_log_start(void) {
        zend_observer_error_register(embed_log_observe);
}

typedef struct LogFields {
        char text[LOG_FIELDS][LOG_FIELD_MAX];
        const char *list[LOG_FIELDS + 1];
        size_t n;
} LogFields;

static void log_field(LogFields *fields, const char *format, ...) _printf_(2, 3);

static void log_field(LogFields *fields, const char *format, ...) {
        va_list args;

        if (fields->n >= LOG_FIELDS)
                return;

        va_start(args, format);
        (void)vsnprintf(fields->text[fields->n], LOG_FIELD_MAX, format, args);
        va_end(args);
        fields->list[fields->n] = fields->text[fields->n];
        fields->list[++fields->n] = NULL;
}

static void log_fields_of_request(LogFields *fields) {
        const SapiContext *context = embed_context();
        const Pairs *params;
        const char *value;

        if (!context)
                return;

        params = context->request->params;
        log_field(fields, "PHP_WORKER=%" PRIu32, context->request->worker);
        log_field(fields, "PHP_REQUEST_ID=%s", context->request->id);
        value = pairs_get(params, "REQUEST_METHOD", NULL);
        if (value)
                log_field(fields, "PHP_REQUEST_METHOD=%s", value);
        value = pairs_get(params, "REQUEST_URI", NULL);
        if (value)
                log_field(fields, "PHP_REQUEST_URI=%s", value);
        value = SG(request_info).path_translated;
        if (!value)
                value = pairs_get(params, "SCRIPT_FILENAME", NULL);
        if (value)
                log_field(fields, "PHP_SCRIPT=%s", value);
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

void embed_log_message(const char *message, int level) {
        LogFields fields = {};

        if (log_is_pending(message)) {
                level = log_level_of(log_pending.type);
                log_field(&fields, "CODE_FILE=%.*s", (int)log_pending.file_size, log_pending.file);
                log_field(&fields, "CODE_LINE=%" PRIu32, log_pending.line);
        } else if (zend_is_executing()) {
                log_field(&fields, "CODE_FILE=%s", zend_get_executed_filename());
                log_field(&fields, "CODE_LINE=%" PRIu32, zend_get_executed_lineno());
        }
        log_pending.valid = false;

        if (zend_is_executing() && get_active_function_name())
                log_field(&fields, "CODE_FUNC=%s", get_active_function_name());
        log_fields_of_request(&fields);
        log_entry(level, message, fields.list);
}

void embed_log_refusal(SapiContext *context, int status, const char *reason) {
        static LogLimit limit = LOG_LIMIT(10 * 1000000, 20); /* any client can ask for what is not there */
        LogFields fields = {};
        char message[LOG_FIELD_MAX];

        if (!log_limit_below(&limit))
                return;

        log_fields_of_request(&fields);
        log_field(&fields, "PHP_STATUS=%d", status);
        (void)snprintf(message, sizeof(message), "Request refused with %d: %s", status, reason);
        log_entry(LOG_NOTICE, message, fields.list);
}
