/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Rows of text under a header, in aligned columns
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "ctl/output.h"
#include "util/cleanup.h"

typedef struct Table Table;

enum {
        TABLE_COLUMNS_MAX = 16,
        TABLE_ROWS_MAX = 65536, /* ten times the workers of the largest pool */
        TABLE_CELL_MAX =
                48, /* columns of a terminal; longer text is cut, so that one row cannot push all others away */
        TABLE_LAST_MAX = 2048, /* the same for the last column */
};

/*
 * @headers are @n_columns borrowed strings; @align has a letter for each, 'l'
 * or 'r'. -ENOMEM.
 */
int table_new(Table **ret, const char *const *headers, const char *align, size_t n_columns);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free);

/* Copies the cells, made clean (text.h); NULL and "" show as "-". -ENOMEM. -ENOBUFS: TABLE_ROWS_MAX. */
int table_add(Table *table, const char *const *cells);

/* How the cell of the row that was added last is shown. */
void table_set_style(Table *table, size_t column, OutputStyle style);

/* @width: cut lines to so many columns, 0: never. @legend: with the header. */
void table_print(const Table *table, FILE *f, bool legend, size_t width);
