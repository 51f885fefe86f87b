/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Logging of the programs: to the journal with fields, natively, when our
 * stderr is the journal or there is no terminal to talk to; else to stderr as
 * plain text. Libraries do not log.
 *
 *   return log_error_errno(r, "Failed to open '%s': %m", path);
 *
 * logs once, with %m standing for the error, and gives r back. Extra fields
 * are an array of "NAME=value" strings, ended by NULL (at most 16).
 */

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>
#include "util/cleanup.h"

/* @name: SYSLOG_IDENTIFIER and the prefix on stderr. Borrowed for ever. */
void log_open(const char *name);

/* Adds PHP_POOL=@pool to every entry. Borrowed for ever. */
void log_set_pool(const char *pool);

/* Messages above this level are not written; LOG_INFO at first. */
void log_set_max_level(int level);

int log_full(int level,
             int error,
             const char *const *fields,
             const char *file,
             int line,
             const char *func,
             const char *format,
             ...) _printf_(7, 8);

/* The whole of @message, however long, with the caller's own CODE_FILE and the like among @fields. */
void log_entry(int level, const char *message, const char *const *fields);

/*
 * Fields whose values are long or many:
 *
 *   _cleanup_(log_fields_done) LogFields fields = {};
 *   log_fields_add(&fields, "PHP_REQUEST_URI=%s", uri);
 *   log_entry(LOG_INFO, message, log_fields_list(&fields));
 *
 * A field that finds no memory, or no place, is left out.
 */
typedef struct LogFields LogFields;

struct LogFields {
        char *items[17]; /* owned, NULL-terminated */
        size_t n_items;
};

void log_fields_add(LogFields *fields, const char *format, ...) _printf_(2, 3);
void log_fields_done(LogFields *fields);

static inline const char *const *log_fields_list(const LogFields *fields) {
        return (const char *const *)fields->items;
}

/*
 * An error that the program ends with. It is the status line of the unit as well: while a
 * service waits for its next start, `systemctl status` shows no entry of the last one.
 */
void log_last_words(const char *format, ...) _printf_(1, 2);

/* The same with a "MESSAGE_ID=...", which makes journalctl -x explain it. Waits until journald has seen it. */
void log_last_words_as(const char *message_id, const char *format, ...) _printf_(2, 3);

/*
 * For a process that ends now, or may: waits until journald has seen what this process has
 * written natively, a second at most. At once where that is nothing.
 */
void log_flush(void);

#define log_message(level, error, fields, ...) \
        log_full((level), (error), (fields), __FILE__, __LINE__, __func__, __VA_ARGS__)

#define log_error(...)   log_message(LOG_ERR, 0, NULL, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, 0, NULL, __VA_ARGS__)
#define log_notice(...)  log_message(LOG_NOTICE, 0, NULL, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, 0, NULL, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_DEBUG, 0, NULL, __VA_ARGS__)

/* @error negative errno; returned. */
#define log_error_errno(error, ...)   log_message(LOG_ERR, (error), NULL, __VA_ARGS__)
#define log_warning_errno(error, ...) log_message(LOG_WARNING, (error), NULL, __VA_ARGS__)

/* With fields, see above. */
#define log_struct(level, fields, ...) log_message((level), 0, (fields), __VA_ARGS__)

/*
 * For lines that a peer can cause: at most @burst in each @interval; what was
 * held back is counted, and the count is said with the next line that passes.
 *
 *   static LogLimit limit = LOG_LIMIT(5 * USEC_PER_SEC, 10);
 *   if (log_limit_below(&limit))
 *           log_warning("...");
 */
typedef struct LogLimit LogLimit;

struct LogLimit {
        unsigned long long interval_usec;
        unsigned int burst;
        unsigned long long begin_usec;
        unsigned int n_passed;
        unsigned int n_dropped;
};

#define LOG_LIMIT(interval, n) \
        { .interval_usec = (interval), .burst = (n) }

bool log_limit_below(LogLimit *limit);
