/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include "config/texts.h"

size_t texts_count(char *const *texts) {
        size_t n = 0;

        while (texts && texts[n])
                n++;
        return n;
}

int texts_add(char ***texts, const char *text) {
        size_t n = texts_count(*texts);
        char **longer;

        longer = reallocarray(*texts, n + 2, sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        *texts = longer;

        longer[n] = strdup(text);
        if (!longer[n])
                return -ENOMEM;
        longer[n + 1] = NULL;
        return 0;
}

int texts_copy(char ***ret, char *const *texts) {
        _cleanup_(texts_freep) char **copy = NULL;
        int r;

        copy = calloc(1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;

        for (size_t i = 0; texts && texts[i]; i++) {
                r = texts_add(&copy, texts[i]);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(copy);
        return 0;
}

char **texts_free(char **texts) {
        for (size_t i = 0; texts && texts[i]; i++)
                free(texts[i]);
        free(texts);
        return NULL;
}
