/* SPDX-License-Identifier: MIT */
/*
 * The `rules` of a site
 *
 * Patterns are PCRE2, compiled once, by its JIT where the sandbox allows that
 * (MemoryDenyWriteExecute= does not; the interpreter gives the same answers).
 * Match and depth are limited: what needs more is refused, never served by
 * another route. Captures are copied in one pass into the caller's bounded
 * buffer; there is no length computed beforehand that could differ.
 */

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include "http/uri.h"
#include "proxy/route.h"
#include "proxy/rules.h"

#define RULES_MATCH_LIMIT 100000U
#define RULES_DEPTH_LIMIT 1000U
#define RULES_N_CAPTURES  10U

struct Rules {
        const SiteConfig *site;
        pcre2_code **codes; /* one per rule */
        pcre2_match_data *data;
        pcre2_match_context *context;
};

static int rules_compile(Rules *rules, size_t i, char *reterr, size_t reterr_size) {
        const char *pattern = rules->site->rules[i].match;
        PCRE2_UCHAR why[128];
        PCRE2_SIZE where;
        int error;

        rules->codes[i] = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &error, &where, NULL);
        if (!rules->codes[i]) {
                (void)pcre2_get_error_message(error, why, sizeof(why));
                (void)snprintf(reterr,
                               reterr_size,
                               "pattern '%s': %s at byte %zu",
                               pattern,
                               (char *)why,
                               where);
                return -EINVAL;
        }

        (void)pcre2_jit_compile(rules->codes[i], PCRE2_JIT_COMPLETE);
        return 0;
}

int rules_new(Rules **ret, const SiteConfig *site, char *reterr, size_t reterr_size) {
        _cleanup_(rules_freep) Rules *rules = NULL;

        rules = calloc(1, sizeof(*rules));
        if (!rules)
                return -ENOMEM;

        rules->site = site;
        rules->codes = calloc(site->n_rules + 1, sizeof(*rules->codes));
        rules->data = pcre2_match_data_create(RULES_N_CAPTURES, NULL);
        rules->context = pcre2_match_context_create(NULL);
        if (!rules->codes || !rules->data || !rules->context)
                return -ENOMEM;

        (void)pcre2_set_match_limit(rules->context, RULES_MATCH_LIMIT);
        (void)pcre2_set_depth_limit(rules->context, RULES_DEPTH_LIMIT);

        for (size_t i = 0; i < site->n_rules; i++) {
                int r = rules_compile(rules, i, reterr, reterr_size);

                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(rules);
        return 0;
}

Rules *rules_free(Rules *rules) {
        if (!rules)
                return NULL;

        pcre2_match_context_free(rules->context);
        pcre2_match_data_free(rules->data);
        for (size_t i = 0; rules->codes && i < rules->site->n_rules; i++)
                pcre2_code_free(rules->codes[i]);
        free(rules->codes);
        free(rules);
        return NULL;
}

/* Appends @piece, percent-encoded for a redirect. */
static int rules_append(char *buffer, size_t size, size_t *used, const char *piece, size_t n, bool encode) {
        char copy[ROUTE_PATH_MAX];

        if (n >= sizeof(copy) || n >= size - *used)
                return RULES_E_LIMIT;

        if (encode) {
                memcpy(copy, piece, n);
                copy[n] = '\0';
                if (http_path_encode(copy, buffer + *used, size - *used) != 0)
                        return RULES_E_LIMIT;
                n = strlen(buffer + *used);
        } else
                memcpy(buffer + *used, piece, n);
        *used += n;
        return 0;
}

/* Copies @text with $1..$9 replaced; a group that did not take part is empty. */
static int rules_expand(const Rules *rules,
                        const char *text,
                        const char *path,
                        int n_groups,
                        bool encode,
                        char *buffer,
                        size_t size) {
        const PCRE2_SIZE *groups = pcre2_get_ovector_pointer(rules->data);
        size_t used = 0;
        int r;

        for (const char *p = text; *p; p++) {
                if (p[0] == '$' && p[1] >= '1' && p[1] <= '9') {
                        int group = *++p - '0';
                        const PCRE2_SIZE *ends = groups + 2 * group;

                        if (group >= n_groups || ends[0] == PCRE2_UNSET || ends[1] < ends[0])
                                continue;
                        r = rules_append(buffer, size, &used, path + ends[0], ends[1] - ends[0], encode);
                } else
                        r = rules_append(buffer, size, &used, p, 1, false);
                if (r != 0)
                        return r;
        }

        buffer[used] = '\0';
        return 0;
}

int rules_match(const Rules *rules, const char *path, char *text, size_t text_size, const SiteRule **ret) {
        size_t size = strlen(path);

        for (size_t i = 0; i < rules->site->n_rules; i++) {
                const SiteRule *rule = &rules->site->rules[i];
                int n = pcre2_match(rules->codes[i],
                                    (PCRE2_SPTR)path,
                                    size,
                                    0,
                                    0,
                                    rules->data,
                                    rules->context);

                if (n == PCRE2_ERROR_NOMATCH)
                        continue;
                if (n < 0)
                        return RULES_E_LIMIT;

                *ret = rule;
                return rules_expand(rules,
                                    rule->redirect ?: rule->script,
                                    path,
                                    n == 0 ? (int)RULES_N_CAPTURES : n,
                                    rule->redirect,
                                    text,
                                    text_size);
        }

        return RULES_E_NONE;
}
