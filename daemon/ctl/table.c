/* SPDX-License-Identifier: MIT */
/*
 * Rows of text in aligned columns
 *
 * Cells are made clean when they come in, so nothing that is printed here can
 * hold a line break or an escape sequence. Columns are two spaces apart; a line
 * has no spaces at its end.
 */
#include <assert.h>
#include <string.h>
#include "ctl/table.h"
#include "ctl/text.h"

struct Table {
        const char *const *headers;
        const char *align;
        size_t n_columns;
        char **cells;        /* n_rows * n_columns, owned */
        OutputStyle *styles; /* as many, owned */
        size_t n_rows;
        size_t n_allocated; /* rows */
};

int table_new(Table **ret, const char *const *headers, const char *align, size_t n_columns) {
        Table *table;

        assert(n_columns > 0 && n_columns <= TABLE_COLUMNS_MAX && strlen(align) == n_columns);

        table = calloc(1, sizeof(*table));
        if (!table)
                return -ENOMEM;

        *table = (Table){ .headers = headers, .align = align, .n_columns = n_columns };
        *ret = table;
        return 0;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;

        for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
                free(table->cells[i]);
        free(table->cells);
        free(table->styles);
        free(table);
        return NULL;
}

static int table_grow(Table *table) {
        size_t n = table->n_allocated ? table->n_allocated * 2 : 16;
        OutputStyle *styles;
        char **cells;

        cells = reallocarray(table->cells, n * table->n_columns, sizeof(*cells));
        if (!cells)
                return -ENOMEM;
        table->cells = cells;
        styles = reallocarray(table->styles, n * table->n_columns, sizeof(*styles));
        if (!styles)
                return -ENOMEM;
        table->styles = styles;

        table->n_allocated = n;
        return 0;
}

int table_add(Table *table, const char *const *cells) {
        char **row;

        if (table->n_rows >= TABLE_ROWS_MAX)
                return -ENOBUFS;
        if (table->n_rows == table->n_allocated) {
                int r = table_grow(table);

                if (r < 0)
                        return r;
        }

        row = table->cells + table->n_rows * table->n_columns;
        memset(table->styles + table->n_rows * table->n_columns,
               0,
               table->n_columns * sizeof(*table->styles));
        for (size_t i = 0; i < table->n_columns; i++) {
                row[i] = text_clean(cells[i] && *cells[i] ? cells[i] : "-",
                                    i + 1 == table->n_columns ? TABLE_LAST_MAX : TABLE_CELL_MAX);
                if (row[i])
                        continue;
                while (i-- > 0)
                        free(row[i]);
                return -ENOMEM;
        }

        table->n_rows++;
        return 0;
}

void table_set_style(Table *table, size_t column, OutputStyle style) {
        assert(table->n_rows > 0 && column < table->n_columns);

        table->styles[(table->n_rows - 1) * table->n_columns + column] = style;
}

static void table_measure(const Table *table, bool legend, size_t *widths) {
        for (size_t c = 0; c < table->n_columns; c++) {
                widths[c] = legend ? text_columns(table->headers[c]) : 0;
                for (size_t r = 0; r < table->n_rows; r++)
                        widths[c] = MAX2(widths[c], text_columns(table->cells[r * table->n_columns + c]));
        }
}

static void table_print_cell(FILE *f, const char *text, OutputStyle style) {
        if (style == OUTPUT_PLAIN)
                (void)fputs(text, f);
        else
                (void)fprintf(f, "%s%s%s", output_style(style), text, output_style(OUTPUT_PLAIN));
}

/* @styles NULL: the header. */
static void table_print_row(const Table *table,
                            FILE *f,
                            const char *const *cells,
                            const OutputStyle *styles,
                            const size_t *widths,
                            size_t width) {
        size_t at = 0;

        for (size_t c = 0; c < table->n_columns; c++) {
                size_t columns = text_columns(cells[c]), pad = widths[c] - columns;
                bool last = c + 1 == table->n_columns, right = table->align[c] == 'r';
                OutputStyle style = styles ? styles[c] : OUTPUT_BOLD;

                if (last && !right && width > at && columns > width - at) {
                        _cleanup_(freep) char *cut = text_clean(cells[c], width - at);

                        table_print_cell(f, cut ?: "", style);
                } else {
                        (void)fprintf(f, "%*s", right ? (int)pad : 0, "");
                        table_print_cell(f, cells[c], style);
                        (void)fprintf(f, "%*s", last || right ? 0 : (int)pad, "");
                }
                if (!last)
                        (void)fputs("  ", f);
                at += widths[c] + 2;
        }
        (void)fputc('\n', f);
}

void table_print(const Table *table, FILE *f, bool legend, size_t width) {
        size_t widths[TABLE_COLUMNS_MAX];

        table_measure(table, legend, widths);
        if (legend)
                table_print_row(table, f, table->headers, NULL, widths, width);
        for (size_t r = 0; r < table->n_rows; r++)
                table_print_row(table,
                                f,
                                (const char *const *)table->cells + r * table->n_columns,
                                table->styles + r * table->n_columns,
                                widths,
                                width);
}
