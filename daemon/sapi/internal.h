/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of sapi/ share. Only they may include it: it knows PHP.
 */

#include "sapi/compat.h"

#include <SAPI.h>
#include <assert.h>
#include <php_main.h>
#include <stdbool.h>
#include <sys/stat.h>
#include "sapi/sapi.h"

typedef struct SapiContext SapiContext;
typedef struct SapiIni SapiIni;
typedef struct SapiOverride SapiOverride;

enum {
        SAPI_OVERRIDES_MAX = 12, /* four variables, their ORIG_ copies, DOCUMENT_ROOT, and some air */
};

/* A parameter that scripts see with another value than the front end sent. */
struct SapiOverride {
        const char *name; /* static string */
        char *value;      /* owned; NULL: they do not see it */
};

/* The request that runs; SG(server_context) points at it. */
struct SapiContext {
        SapiRequest *request;
        const char *path; /* of the script, as the front end means it, links not followed; NULL: as it is */
        bool finished;    /* the answer is out */
        bool aborted;     /* the client is gone */
        bool has_logged;  /* to the front end */
        bool no_memory;
        uint64_t body_left; /* of the body, not read by PHP */
        SapiOverride overrides[SAPI_OVERRIDES_MAX];
        size_t n_overrides;
};

/* php.ini's cgi.* and fastcgi.*, which libphp does not know */
struct SapiIni {
        bool fix_pathinfo;
        bool discard_path;
        bool nph;
        bool rfc2616_headers;
        bool force_redirect; /* read and without effect, as under php-fpm */
        bool logging;
        char *redirect_status_env;
        char *error_header;
};

/* A front end sends it, with any value, if it forwards answers of 1xx before the final one. */
#define EMBED_PARAM_INTERIM "PHP_POOL_INTERIM_ANSWERS"

extern const SapiOptions *embed_options;
extern sapi_module_struct embed_module;
extern zend_module_entry embed_entry; /* functions.c */
extern SapiIni embed_ini;             /* functions.c */

static inline SapiContext *embed_context(void) {
        return SG(server_context);
}

/* paths.c: outcomes of finding the script */
typedef enum SapiPathOutcome {
        SAPI_PATH_FOUND,
        SAPI_PATH_MISSING, /* 404 */
        SAPI_PATH_DENIED,  /* 403 */
} SapiPathOutcome;

/*
 * Resolves the script of the request: *ret_script is a real path, and
 * context->path what it was resolved from; both hold until the next call. *ret_known: the same file was found a moment ago, and so
 * were the directories that lead to it. On refusal *ret_reason is text for the
 * journal.
 */
SapiPathOutcome
embed_find_script(SapiContext *context, char **ret_script, bool *ret_known, const char **ret_reason);

/*
 * script.c: the file that the front end means, into @path (PATH_MAX bytes), and
 * what stat(2) says of it; overrides of the context are set. -EINVAL and -ENOENT
 * with *ret_reason set: what the front end sent cannot be right (403, 404). Else
 * -errno of stat(2) or -ENOMEM.
 */
int embed_stat_script(const char *path, struct stat *ret); /* stat(2), or what it said just now; -errno */
int embed_locate_script(SapiContext *context, char *path, struct stat *ret_st, const char **ret_reason);

/* @name: a static string; @value NULL: scripts do not see it. */
void embed_override(SapiContext *context, const char *name, const char *value, size_t size);
const SapiOverride *embed_overridden(const SapiContext *context, const char *name); /* or NULL */
void embed_overrides_done(SapiContext *context);

/* interrupt.c */
void embed_interrupt_start(void);
void embed_interrupt_look(void); /* PHP has forgotten what it was told while it began the request */
/* A write has failed: the script will end, unless it wants to go on. */
void embed_on_client_gone(void);
/* The script has ended: what follows (shutdown functions, the session) is not ended for want of a client. */
void embed_interrupt_end(void);
/* Looks whether the front end has taken the request back; safe in a signal handler. */
void embed_check_abort(void);

/* timer.c */
/* The script waits, or is about to (sapi_on_block()). Async-signal-safe if the function is. */
void embed_tell_blocking(void);

void embed_timer_begin(void);
void embed_timer_forget(void); /* in a fork, which inherits no timers (setitimer(2)) */

/* directory.c */
void embed_change_directory(const char *script, bool known);

/* ini-values.c */
SapiIniEntries embed_ini_entries(const SapiOptions *options);
int embed_ini_join_lists(
        const SapiOptions *options);     /* when php.ini's are known, before they are used; -errno */
bool embed_ini_refuse(const char *name); /* whether no request may bring it; then it has been logged */

/* ini.c */
const char *embed_ini_path(const SapiOptions *options);
void embed_ini_defaults(HashTable *configuration);
int embed_ini_before_opcache(void); /* -errno */
void embed_ini_set_for_all(const char *name, const char *value);
void embed_ini_after_start(const SapiOptions *options);
void embed_ini_make_directories(const SapiOptions *options);
void embed_ini_apply_params(SapiContext *context);
void embed_ini_activate(SapiContext *context); /* [PATH=], [HOST=], .user.ini */

/* user-ini.c */
/* @file: the script, links not followed */
void embed_user_ini_activate(const char *file, const char *script, const char *docroot);

/* variables.c */
void embed_variables_start(void);
void embed_register_variables(zval *array);
char *embed_get_param(const char *name, size_t size);

/* functions.c */
void embed_functions_choose(void); /* before PHP starts */
void embed_functions_hide(void);   /* when it has */

/* resident-functions.c, resident.c */
void embed_register_log_levels(int type, int module_number);
PHP_FUNCTION(apache_response_headers);
PHP_FUNCTION(frankenphp_log);
PHP_FUNCTION(pool_handle_request);

/* output.c */
size_t embed_write(const char *data, size_t size);
void embed_flush(void *server_context);
int embed_send_headers(sapi_headers_struct *headers);
void embed_answer(SapiContext *context, int status, const char *reason, const char *text);

/* request.c */
void embed_fill_request_info(SapiContext *context, char *script);
bool embed_begin(SapiContext *context, char *script);
void embed_execute(SapiContext *context, char *script, bool known);
void embed_set_error_header(void);

/* resident.c: whether the request runs inside a resident script; its settings are not the front end's to change */
bool embed_in_resident_request(void);
void resident_settle_exception(void); /* afterwards EG(exception) is not set */

/* resident-request.c; false: PHP gave up, and must not run another request */
bool resident_begin(SapiContext *context, const char *script);
bool resident_end(SapiContext *context);
void resident_end_boot(void);
bool resident_settle(void);         /* what the script has begun between two requests; false: PHP gave up */
void resident_merge_shutdown(void); /* what the request registered runs with what the boot did */

/* globals.c, session.c */
void embed_globals_renew(void);
void embed_session_start(void);
void embed_session_prepare(void); /* after PHP has begun a request, which looks its module up */
void embed_session_begin(void);
void embed_session_end(void);

/* binding.c: the C library's own of a function that this program defines too */
void *embed_next(const char *name);

/* opcache.c */
void embed_sample_opcache(SapiContext *context);

/* opcache-lock.c */
void embed_opcache_unlock(void); /* if PHP has no use for it at this moment */

/* log.c */
void embed_log_start(void);
void embed_log_message(const char *message, int level);
void embed_log_script(int level, const char *message, const char *context); /* @context: JSON, or NULL */
void embed_log_output(const char *data, size_t size); /* what a resident script prints while it boots */
void embed_log_refusal(SapiContext *context, int status, const char *reason);
