/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "ctl/flame.h"
#include "test.h"

static char *draw(const char *folded, uint64_t wanted) {
        char *copy = strdup(folded), *text = NULL;
        Flame *flame;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        test_int(flame_new(&flame), 0);
        test_int(flame_add_folded(flame, copy), 0);
        test_int(flame_count(flame), wanted);
        test_int(flame_draw(flame, "a <title> & more", f), 0);
        fclose(f);
        flame_free(flame);
        free(copy);
        return text;
}

static size_t count(const char *text, const char *what) {
        size_t n = 0;

        for (const char *p = text; (p = strstr(p, what)); p++)
                n++;
        return n;
}

static void equal_beginnings_are_drawn_once(void) {
        char *text = draw("main;a;b 3\nmain;a;c 1\nmain;d 4\n", 8);

        test_int(count(text, "<g>"), 5);
        test_true(strstr(text, "<title>main (8 samples, 100.0 %)</title>"));
        test_true(strstr(text, "<title>a (4 samples, 50.0 %)</title>"));
        test_true(strstr(text, "<title>b (3 samples, 37.5 %)</title>"));
        /* main is as wide as the image without its margins */
        test_true(strstr(text, "width=\"1179.50\""));
        test_true(strstr(text, "a &lt;title&gt; &amp; more"));
        free(text);
}

static void names_are_text_and_nothing_else(void) {
        char *text = draw("main;<script>\"'&;\033[31m\xe2\x80\xae 2\n", 2);

        test_true(strstr(text, "&lt;script&gt;&quot;&#39;&amp;"));
        test_true(!strstr(text, "<script"));
        test_true(!strchr(text, '\033'));
        test_true(!strstr(text, "\xe2\x80\xae"));
        free(text);
}

static void lines_of_another_form_are_left_out(void) {
        char *text = draw(
                "no number\nmain x\nmain -3\nmain 0\nmain 99999999999999999999\nmain 5000000000\n 4\nmain;a 1\n\n",
                1);

        test_int(count(text, "<g>"), 2);
        free(text);
        free(draw("", 0));
        free(draw(";;; 3\n", 3));
}

static void depth_and_number_are_bounded(void) {
        char *text, *folded = NULL;
        size_t size;
        FILE *f = open_memstream(&folded, &size);

        for (int i = 0; i < 3000; i++)
                fprintf(f, "f%d;", i);
        fprintf(f, "x 1\n");
        for (int i = 0; i < 20000; i++)
                fprintf(f, "main;g%d 1\n", i);
        fclose(f);
        text = draw(folded, 20001);
        test_true(strstr(text, "</svg>"));
        test_true(strlen(text) < 1024 * 1024); /* what would be narrower than a hair is not drawn */
        free(text);
        free(folded);
}

int main(void) {
        test_run(equal_beginnings_are_drawn_once);
        test_run(names_are_text_and_nothing_else);
        test_run(lines_of_another_form_are_left_out);
        test_run(depth_and_number_are_bounded);
        return 0;
}
