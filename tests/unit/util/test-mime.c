/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "util/mime.h"

static void test_the_table_is_used_and_the_built_in_types_fill_its_gaps(void) {
        _cleanup_(mime_freep) Mime *mime = NULL;
        char path[] = "/tmp/test-mime-XXXXXX";
        int fd = mkstemp(path);
        static const char table[] =
                "# comment\ntext/x-own css2 ZZ # tail\napplication/x-own\tpng own\nalone/type\n";

        test_true(fd >= 0);
        test_int(write(fd, table, sizeof(table) - 1), sizeof(table) - 1);
        test_int(mime_new(&mime, path), 0);
        (void)unlink(path);
        close(fd);

        test_string(mime_type(mime, "/a.css2"), "text/x-own; charset=utf-8");
        test_string(mime_type(mime, "/a.zz"), "text/x-own; charset=utf-8");
        test_string(mime_type(mime, "/a.PNG"), "application/x-own");
        test_string(mime_type(mime, "/a.own"), "application/x-own");
        test_string(mime_type(mime, "/a.html"), "text/html; charset=utf-8");
        test_string(mime_type(mime, "/a.jpg"), "image/jpeg");
}

static void test_what_is_not_known_is_a_stream_of_bytes(void) {
        _cleanup_(mime_freep) Mime *mime = NULL;
        const char *const paths[] = { "/a",
                                      "/a.",
                                      "/a.b/c",
                                      "/a.unknown",
                                      "/a.0123456789012345678901234567890123456789" };

        test_int(mime_new(&mime, "/nonexistent"), 0);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                test_string(mime_type(mime, paths[i]), "application/octet-stream");
        test_string(mime_type(mime, "/x.js"), "text/javascript; charset=utf-8");
}

int main(void) {
        test_run(test_the_table_is_used_and_the_built_in_types_fill_its_gaps);
        test_run(test_what_is_not_known_is_a_stream_of_bytes);
        return 0;
}
