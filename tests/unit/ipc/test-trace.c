/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "ipc/trace.h"
#include "test.h"

static void test_frames_there_and_back(void) {
        static const TraceFrame frames[] = {
                { "sleep", "", 0 },
                { "Shop\\Cart->total", "/srv/www/lib.php", 4294967295U },
                { "{main}", "/srv/www/index.php", 3 },
        };
        char text[256], *p = text;
        size_t used = 0;
        TraceFrame frame;

        for (size_t i = 0; i < 3; i++)
                used = trace_append(text, used, sizeof(text), &frames[i]);
        for (size_t i = 0; i < 3; i++) {
                test_true(trace_next(&p, &used, &frame));
                test_string(frame.function, frames[i].function);
                test_string(frame.file, frames[i].file);
                test_int(frame.line, frames[i].line);
        }
        test_true(!trace_next(&p, &used, &frame));
        test_int(used, 0);
}

static void test_what_does_not_fit_is_left_out(void) {
        static const TraceFrame frame = { "function", "file", 12 };
        char text[40];
        size_t used = 0, more;

        while ((more = trace_append(text, used, sizeof(text), &frame)) != used)
                used = more;
        test_int(used, 2 * strlen("function0file0120"));
}

/* Every beginning of a message, and noise: no frame but whole ones, nothing read beyond the end. */
static void test_cut_and_hostile_messages(void) {
        static const TraceFrame frame = { "a\x1b[2J", "b\n\xff", 7 };
        char text[64];
        size_t size = trace_append(text, 0, sizeof(text), &frame);

        for (size_t n = 0; n <= size; n++) {
                char *copy = malloc(n > 0 ? n : 1), *p = copy; /* the sanitizers watch its end */
                size_t left = n;
                TraceFrame got;
                bool whole;

                memcpy(copy, text, n);
                whole = trace_next(&p, &left, &got);
                test_true(whole == (n == size));
                if (whole) {
                        test_string(got.function, "a?[2J");
                        test_string(got.file, "b??");
                }
                free(copy);
        }

        srandom(1);
        for (size_t i = 0; i < 10000; i++) {
                size_t n = (size_t)random() % 40, left = n;
                char *copy = malloc(n + 1), *p = copy;
                TraceFrame got;

                for (size_t k = 0; k < n; k++)
                        copy[k] = random() % 3 == 0 ? '\0' : (char)('0' + random() % 12);
                while (trace_next(&p, &left, &got))
                        test_true(strlen(got.function) < n);
                free(copy);
        }
}

int main(void) {
        test_run(test_frames_there_and_back);
        test_run(test_what_does_not_fit_is_left_out);
        test_run(test_cut_and_hostile_messages);
        return 0;
}
