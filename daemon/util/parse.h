/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Strict parsers: the whole string or nothing. -EINVAL: not of the form,
 * -ERANGE: of the form, but too large. Outputs are untouched on failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1*DIGIT, nothing else: no sign, no space. */
int parse_u64(const char *text, size_t size, uint64_t max, uint64_t *ret);

/* "0", "64K", "256M", "2G": bytes, powers of 1024. */
int parse_size(const char *text, uint64_t *ret);

/*
 * systemd's time spans (systemd.time(7)): "30s", "1min 30s", "500ms", "2h"; a
 * bare number is seconds; "infinity". Microseconds.
 */
int parse_span(const char *text, uint64_t *ret_usec);

/* Writes "1min 30s" for 90000000; always NUL-terminated. */
const char *format_span(char *buffer, size_t size, uint64_t usec);

/*
 * Flags as php.ini has them: names that begin with E_, numbers, and | & ^ ~ ! with brackets between
 * them, as in "E_ALL & ~E_NOTICE". Whole and well-formed, so that it can stand without quotes.
 */
bool parse_is_flags(const char *text);

/* On, Off, Yes, No, True, False, None or Null, in any case: php.ini makes "1" and "" of them. */
bool parse_is_switch(const char *text);

/*
 * Settings of which a pool's value adds to php.ini's, as under php-fpm (fpm_php_apply_defines_ex()): who
 * takes functions from all sites does not give them back to the one that names another. Ended by NULL.
 */
extern const char *const parse_lists[];

/* "NAME=VALUE", or NAME alone: whether it is one of these. */
bool parse_is_list(const char *line);

/* Whether the value of a line of php.ini, "NAME=VALUE", stands without quotes: PHP makes something else of it. */
bool parse_is_unquoted(const char *line);

/*
 * Pool names: [A-Za-z0-9_][A-Za-z0-9_-]{0,26}, because "php-NAME" has to be a
 * user name by systemd's strict rule (31 characters). Neither "pool" nor
 * "pool-...": their users would be the front ends' group and the proxy.
 * On -EINVAL *reterr (may be NULL) says why.
 */
int parse_pool_name(const char *name, const char **reterr);
