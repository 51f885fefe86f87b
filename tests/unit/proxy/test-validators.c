/* SPDX-License-Identifier: MIT */
/* Conditions of requests for a file that was changed at a known time. */

#include "proxy/validators.h"
#include "test.h"

#define MODIFIED 784111777U /* Sun, 06 Nov 1994 08:49:37 GMT */

static Validators validators;
static HttpRequest request;

static void ask(const char *field, const char *value) {
        static char head[256];

        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s: %s\r\n\r\n", field, value);
        test_int(http_request_parse(&request, head, strlen(head), 0, sizeof(head)), 0);
}

static bool allows_range(const char *value) {
        ask("If-Range", value);
        return validators_allow_range(&validators, &request);
}

static bool knows(const char *field, const char *value) {
        ask(field, value);
        return validators_are_known(&validators, &request);
}

static bool has_changed(const char *field, const char *value) {
        ask(field, value);
        return validators_have_changed(&validators, &request);
}

static void begin(uint64_t now_seconds) {
        struct stat st = { .st_ino = 0x1f, .st_size = 10, .st_mtim = { MODIFIED, 5 } };

        validators_init(&validators, &st, now_seconds);
}

static void test_what_a_file_is_known_by(void) {
        struct stat before_1970 = { .st_mtim = { -1, 0 } };

        begin(MODIFIED);
        test_string(validators.etag, "\"1f-a-ae1b981bc490a05\"");
        test_string(validators.modified, "Sun, 06 Nov 1994 08:49:37 GMT");
        validators_init(&validators, &before_1970, 0);
        test_string(validators.modified, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void test_conditions(void) {
        begin(MODIFIED);
        test_true(knows("If-None-Match", validators.etag));
        test_true(knows("If-None-Match", "\"x\", W/\"1f-a-ae1b981bc490a05\""));
        test_true(!knows("If-None-Match", "\"x\""));
        test_true(knows("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"));
        test_true(!knows("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"));
        test_true(!knows("If-Modified-Since", "yesterday"));
        /* in each of the forms that there are */
        test_true(knows("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT"));
        test_true(knows("If-Modified-Since", "Sun Nov  6 08:49:37 1994"));
        test_true(!knows("If-Modified-Since", "Sun Nov  6 08:49:36 1994"));
        test_true(!has_changed("If-Match", validators.etag));
        test_true(has_changed("If-Match", "W/\"1f-a-ae1b981bc490a05\""));
        test_true(!has_changed("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"));
        test_true(has_changed("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"));
        test_true(!has_changed("If-Range", "\"x\"") && !knows("If-Range", "\"x\""));
}

static void test_a_range_goes_with_what_cannot_have_changed_since(void) {
        static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";

        begin(MODIFIED + 1);
        ask("X-Other", "x");
        test_true(validators_allow_range(&validators, &request));
        test_true(allows_range(validators.etag));
        test_true(!allows_range("W/\"1f-a-ae1b981bc490a05\""));
        test_true(!allows_range("\"x\""));
        test_true(allows_range(date));
        test_true(!allows_range("Sun, 06 Nov 1994 08:49:38 GMT"));
        test_true(!allows_range("Sun, 06 Nov 1994 08:49:36 GMT"));

        /* the second is not over, or has not come yet */
        begin(MODIFIED);
        test_true(!allows_range(date));
        test_true(allows_range(validators.etag));
        begin(MODIFIED - 100);
        test_true(!allows_range(date));
}

int main(void) {
        test_run(test_what_a_file_is_known_by);
        test_run(test_conditions);
        test_run(test_a_range_goes_with_what_cannot_have_changed_since);
        return 0;
}
