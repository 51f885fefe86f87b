/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/finding.h"
#include "ctl/output.h"
#include "ctl/text.h"

#define FINDING_TEXT_MAX 2000U

void findings_add(Findings *findings,
                  FindingLevel level,
                  FindingStage stage,
                  const char *where,
                  const char *format,
                  ...) {
        Finding finding = { .level = level, .stage = stage, .where = where ? strdup(where) : NULL };
        Finding *items;
        va_list args;

        findings->n_errors += level == FINDING_ERROR;
        findings->n_warnings += level == FINDING_WARNING;

        va_start(args, format);
        if (vasprintf(&finding.text, format, args) < 0)
                finding.text = NULL;
        va_end(args);

        items = findings->n_items < FINDINGS_MAX
                        ? reallocarray(findings->items, findings->n_items + 1, sizeof(*items))
                        : NULL;
        if (!items || !finding.text) {
                free(finding.where);
                free(finding.text);
                findings->items = items ?: findings->items;
                return;
        }
        findings->items = items;
        items[findings->n_items++] = finding;
}

void findings_done(Findings *findings) {
        for (size_t i = 0; i < findings->n_items; i++) {
                free(findings->items[i].where);
                free(findings->items[i].text);
        }
        free(findings->items);
        *findings = (Findings){};
}

const char *finding_stage_to_string(FindingStage stage) {
        static const char *const names[_FINDING_STAGE_MAX] = {
                [FINDING_UNIT] = "unit",       [FINDING_SOCKET] = "socket", [FINDING_WORKER] = "worker",
                [FINDING_PHP] = "php",         [FINDING_SITE] = "site",     [FINDING_FRONT] = "front end",
                [FINDING_JOURNAL] = "journal",
        };

        return names[stage];
}

void finding_print(const Finding *finding, FILE *f) {
        static const struct {
                const char *word;
                OutputStyle style;
        } levels[] = {
                [FINDING_NOTE] = { "note: ", OUTPUT_DIM },
                [FINDING_WARNING] = { "warning: ", OUTPUT_WARN },
                [FINDING_ERROR] = { "", OUTPUT_BAD },
        };
        _cleanup_(freep) char *where = text_clean(finding->where ?: "", FINDING_TEXT_MAX);
        _cleanup_(freep) char *text = text_clean(finding->text, FINDING_TEXT_MAX);

        (void)fprintf(f,
                      "%s%s%s%s%s%s\n",
                      where ?: "",
                      finding->where ? ": " : "",
                      output_style(levels[finding->level].style),
                      levels[finding->level].word,
                      text ?: "",
                      output_style(OUTPUT_PLAIN));
}

const char *finding_where(char *buffer, size_t size, const char *file, unsigned int line) {
        if (line > 0)
                (void)snprintf(buffer, size, "%s:%u", file, line);
        else
                (void)snprintf(buffer, size, "%s", file);
        return buffer;
}
