/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The `rules` of a site: patterns on the decoded path that name a script
 */

#include <stddef.h>
#include "config/site.h"
#include "util/cleanup.h"

typedef struct Rules Rules;

enum {
        RULES_E_NONE = 1, /* no rule matches */
        RULES_E_LIMIT,    /* matching was given up, or the script's name is too long */
};

/* @site stays the caller's and must live as long. -EINVAL: a pattern is wrong; @reterr says which and why. */
int rules_new(Rules **ret, const SiteConfig *site, char *reterr, size_t reterr_size);
Rules *rules_free(Rules *rules);
DEFINE_CLEANUP(Rules *, rules_free);

/*
 * The first rule that matches, and its script with $1..$9 filled in; or the
 * target of its redirect, with what was caught percent-encoded.
 */
int rules_match(const Rules *rules, const char *path, char *text, size_t text_size, const SiteRule **ret);
