/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `check` and `doctor` have found: sentences, in the order of the way of a request
 */

#include <stddef.h>
#include <stdio.h>
#include "util/cleanup.h"

typedef struct Finding Finding;
typedef struct Findings Findings;

typedef enum FindingLevel {
        FINDING_NOTE,    /* good to know */
        FINDING_WARNING, /* may be meant so */
        FINDING_ERROR,   /* the site does not work */
} FindingLevel;

/* The way of a request. */
typedef enum FindingStage {
        FINDING_UNIT,
        FINDING_SOCKET,
        FINDING_WORKER,
        FINDING_PHP,
        FINDING_SITE,
        FINDING_FRONT,
        FINDING_JOURNAL,
        _FINDING_STAGE_MAX,
} FindingStage;

struct Finding {
        FindingLevel level;
        FindingStage stage;
        char *where; /* owned; "/etc/...:3", or NULL */
        char *text;  /* owned; a sentence */
};

struct Findings {
        Finding *items; /* owned */
        size_t n_items;
        unsigned int n_errors, n_warnings;
};

enum {
        FINDINGS_MAX = 500,
};

/* @where may be NULL. Memory that is short, or FINDINGS_MAX: it is counted, and not kept. */
void findings_add(Findings *findings,
                  FindingLevel level,
                  FindingStage stage,
                  const char *where,
                  const char *format,
                  ...) _printf_(5, 6);
void findings_done(Findings *findings);

/* "unit", "socket", ... */
const char *finding_stage_to_string(FindingStage stage);

/* "WHERE: warning: TEXT", made clean, with its level in colour. */
void finding_print(const Finding *finding, FILE *f);

/* "FILE:LINE", or "FILE" where @line is 0. */
const char *finding_where(char *buffer, size_t size, const char *file, unsigned int line);
