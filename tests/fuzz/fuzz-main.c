/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target as an ordinary test
 *
 * Runs the target over each file given, and over each file of each directory
 * given (not of those below it), in the order of their names. Each input ends
 * at an unreadable page, so that an over-read crashes without a sanitizer as
 * well. Prints how many inputs there were; none at all is a failure, because a
 * mistyped directory must not pass for a clean run.
 */

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include "fuzz/fuzz.h"
#include "test.h"
#include "util/cleanup.h"

/* libFuzzer's own inputs are at most 1 MiB by default. */
#define INPUT_SIZE_MAX (4U << 20)

static size_t n_inputs;

static void closefp(FILE **f) {
        if (*f)
                fclose(*f);
}

static void run_file(const char *path) {
        static uint8_t bytes[INPUT_SIZE_MAX];
        _cleanup_(closefp) FILE *f = NULL;
        uint8_t *copy;
        size_t size;

        f = fopen(path, "re");
        if (!f)
                test_fail("%s: %s", path, strerror(errno));

        size = fread(bytes, 1, sizeof(bytes), f);
        if (ferror(f) || !feof(f))
                test_fail("%s: cannot be read, or is too large", path);

        /* Said before, so that the log of a crash ends with the input. */
        printf("%s (%zu bytes)\n", path, size);
        fflush(stdout);

        copy = guard_copy(bytes, size);
        LLVMFuzzerTestOneInput(copy, size);
        guard_free(copy, size);
        n_inputs++;
}

static int is_visible(const struct dirent *entry) {
        return entry->d_name[0] != '.';
}

static void run_directory(const char *path) {
        struct dirent **entries;
        int n;

        n = scandir(path, &entries, is_visible, alphasort);
        if (n < 0)
                test_fail("%s: %s", path, strerror(errno));

        for (int i = 0; i < n; i++) {
                _cleanup_(freep) char *file = NULL;

                test_true(asprintf(&file, "%s/%s", path, entries[i]->d_name) >= 0);
                run_file(file);
                free(entries[i]);
        }
        free(entries);
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                struct stat st;

                if (stat(argv[i], &st) < 0)
                        test_fail("%s: %s", argv[i], strerror(errno));
                if (S_ISDIR(st.st_mode))
                        run_directory(argv[i]);
                else
                        run_file(argv[i]);
        }

        printf("%zu inputs\n", n_inputs);
        return n_inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
