/* SPDX-License-Identifier: MIT */
#include "proxy/rules.h"
#include "test.h"

static int match(const char *pattern, const char *script, const char *path, char *ret, size_t size) {
        SiteRule rule = { (char *)pattern, (char *)script, (char *)"pool" };
        SiteConfig site = { .rules = &rule, .n_rules = 1 };
        _cleanup_(rules_freep) Rules *rules = NULL;
        const SiteRule *matched = NULL;
        char error[128];
        int r;

        test_int(rules_new(&rules, &site, error, sizeof(error)), 0);
        r = rules_match(rules, path, ret, size, &matched);
        if (r == 0)
                test_true(matched == &rule);
        return r;
}

static void test_captures_are_filled_in(void) {
        char script[64];

        test_int(match("^/(a)/(b)$", "/$2/$1$3.php", "/a/b", script, sizeof(script)), 0);
        test_string(script, "/b/a.php");
        test_int(match("^/(a)?(x)?$", "/[$1$2]", "/a", script, sizeof(script)), 0);
        test_string(script, "/[a]");
        test_int(match("^/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)$",
                       "/$9$1$$",
                       "/abcdefghijk",
                       script,
                       sizeof(script)),
                 0);
        test_string(script, "/ia$$");
        test_int(match("^/a$", "/x", "/b", script, sizeof(script)), RULES_E_NONE);
}

static void test_a_name_that_does_not_fit_is_refused_and_one_that_just_fits_is_not(void) {
        char script[6];

        test_int(match("^/(.*)$", "/$1", "/1234", script, sizeof(script)), 0);
        test_string(script, "/1234");
        test_int(match("^/(.*)$", "/$1", "/12345", script, sizeof(script)), RULES_E_LIMIT);
}

static void test_a_pattern_that_explodes_is_given_up(void) {
        char path[80], script[64];

        memset(path, 'a', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        test_int(match("^(a+)+[bc]$", "/x", path, script, sizeof(script)), RULES_E_LIMIT);
}

static void test_a_wrong_pattern_is_named(void) {
        SiteRule rule = { (char *)"^/(", (char *)"/x", NULL };
        SiteConfig site = { .rules = &rule, .n_rules = 1 };
        char error[128] = "";
        Rules *rules = NULL;

        test_int(rules_new(&rules, &site, error, sizeof(error)), -EINVAL);
        test_true(!rules);
        test_true(strstr(error, "'^/('"));
}

static void test_what_goes_into_a_redirect_is_encoded(void) {
        SiteRule rule = { .match = (char *)"^/old/(.*)$",
                          .redirect = (char *)"https://a.org/%20/$1?x=$1#$2" };
        SiteConfig site = { .rules = &rule, .n_rules = 1 };
        _cleanup_(rules_freep) Rules *rules = NULL;
        const SiteRule *matched;
        char error[128], text[64];

        test_int(rules_new(&rules, &site, error, sizeof(error)), 0);
        test_int(rules_match(rules, "/old/a b?\xc3\xbc", text, sizeof(text), &matched), 0);
        test_string(text, "https://a.org/%20/a%20b%3F%C3%BC?x=a%20b%3F%C3%BC#");
        /* three bytes for one: what does not fit is given up */
        test_int(rules_match(rules, "/old/              ", text, sizeof(text), &matched), RULES_E_LIMIT);
}

int main(void) {
        test_run(test_captures_are_filled_in);
        test_run(test_a_name_that_does_not_fit_is_refused_and_one_that_just_fits_is_not);
        test_run(test_a_pattern_that_explodes_is_given_up);
        test_run(test_a_wrong_pattern_is_named);
        test_run(test_what_goes_into_a_redirect_is_encoded);
        return 0;
}
