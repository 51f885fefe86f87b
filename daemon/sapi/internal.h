/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of sapi/ share. Only they may include it: it knows PHP.
 */

#include "sapi/compat.h"

#include <SAPI.h>
#include <php_main.h>
#include <stdbool.h>
#include "sapi/sapi.h"

typedef struct SapiContext SapiContext;

/* The request that runs; SG(server_context) points at it. */
struct SapiContext {
        SapiRequest *request;
        bool finished;      /* the answer is out */
        bool aborted;       /* the client is gone */
        uint64_t body_left; /* of the body, not read by PHP */
        char *script_name;  /* malloc'd replacements of parameters, or NULL */
        char *script_filename;
        char *path_info;
        char *path_translated;
};

extern const SapiOptions *embed_options;
extern sapi_module_struct embed_module;
extern zend_module_entry embed_entry; /* functions.c */

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
 * Resolves the script of the request: *ret_script is a real path that holds
 * until the next call; script_name and path_info of the context are set when they
 * differ from the parameters. On refusal *ret_reason is text for the journal.
 */
SapiPathOutcome embed_find_script(SapiContext *context, char **ret_script, const char **ret_reason);

/* sapi.c */
void embed_interrupt_begin(void);

/* ini.c */
SapiIniEntries embed_ini_entries(const SapiOptions *options);
const char *embed_ini_path(const SapiOptions *options);
void embed_ini_defaults(HashTable *configuration);
void embed_ini_lock_admin_values(const SapiOptions *options);
void embed_ini_make_directories(const SapiOptions *options);
void embed_ini_apply_params(SapiContext *context);
void embed_ini_activate(SapiContext *context); /* [PATH=], [HOST=], .user.ini */

/* user-ini.c */
void embed_user_ini_activate(const char *script, const char *docroot);

/* variables.c */
void embed_register_variables(zval *array);
char *embed_get_param(const char *name, size_t size);

/* output.c */
size_t embed_write(const char *data, size_t size);
void embed_flush(void *server_context);
int embed_send_headers(sapi_headers_struct *headers);
void embed_answer(SapiContext *context, int status, const char *reason, const char *text);

/* log.c */
void embed_log_start(void);
void embed_log_message(const char *message, int level);
void embed_log_refusal(SapiContext *context, int status, const char *reason);
