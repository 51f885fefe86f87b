/* SPDX-License-Identifier: MIT */
/* Routes on a tree in memory: what each path becomes, and that nothing hidden, denied or PHP is sent. */

#include "proxy/route.h"
#include "test.h"

typedef struct Node {
        const char *path;
        RouteEntryType type;
        const char *resolved; /* NULL: path */
        int error;
} Node;

typedef struct MemoryTree {
        RouteTree tree;
        unsigned int n_lookups;
} MemoryTree;

static const Node nodes[] = {
        { "/", ROUTE_ENTRY_DIRECTORY },
        { "/index.php", ROUTE_ENTRY_FILE },
        { "/info.php", ROUTE_ENTRY_FILE },
        { "/a.txt", ROUTE_ENTRY_FILE },
        { "/.env", ROUTE_ENTRY_FILE },
        { "/.well-known/token", ROUTE_ENTRY_FILE },
        { "/copy.txt~", ROUTE_ENTRY_FILE },
        { "/page.php.bak", ROUTE_ENTRY_FILE },
        { "/UPPER.PHP", ROUTE_ENTRY_FILE },
        { "/lib.inc", ROUTE_ENTRY_FILE },
        { "/run.phar", ROUTE_ENTRY_FILE },
        { "/dir", ROUTE_ENTRY_DIRECTORY },
        { "/dir/index.html", ROUTE_ENTRY_FILE },
        { "/app", ROUTE_ENTRY_DIRECTORY },
        { "/app/index.php", ROUTE_ENTRY_FILE },
        { "/bare", ROUTE_ENTRY_DIRECTORY },
        { "/v1.php", ROUTE_ENTRY_DIRECTORY },
        { "/v1.php/real.php", ROUTE_ENTRY_FILE },
        { "/v1.php/.git", ROUTE_ENTRY_FILE },
        { "/uploads/x.php", ROUTE_ENTRY_FILE },
        { "/uploads/x.jpg", ROUTE_ENTRY_FILE },
        { "/fifo", ROUTE_ENTRY_OTHER },
        { "/link.txt", ROUTE_ENTRY_FILE, "/info.php" },
        { "/link.php", ROUTE_ENTRY_FILE, "/a.txt" },
        { "/hidden-link.txt", ROUTE_ENTRY_FILE, "/.env" },
        { "/denied-link.txt", ROUTE_ENTRY_FILE, "/data/secret.txt" },
        { "/denied-link.php", ROUTE_ENTRY_FILE, "/uploads/x.php" },
        { "/good-link.php", ROUTE_ENTRY_FILE, "/run.php" },
        { "/locked", ROUTE_ENTRY_NONE, NULL, -EACCES },
        { "/locked.php", ROUTE_ENTRY_NONE, NULL, -EACCES },
        { "/escape", ROUTE_ENTRY_NONE, NULL, -EXDEV },
        { "/failing", ROUTE_ENTRY_NONE, NULL, -EIO },
};

static int memory_lookup(RouteTree *tree, const char *path, RouteEntry *ret) {
        ((MemoryTree *)tree)->n_lookups++;
        *ret = (RouteEntry){ .type = ROUTE_ENTRY_NONE, .resolved = "/" };

        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                if (strcmp(nodes[i].path, path) == 0) {
                        if (nodes[i].error < 0)
                                return nodes[i].error;
                        *ret = (RouteEntry){ nodes[i].type, nodes[i].resolved ?: nodes[i].path };
                }
        return 0;
}

static char *strings_index[] = { (char *)"index.php", (char *)"index.html", NULL };
static char *strings_deny[] = { (char *)"/uploads/*.php", (char *)"/data", NULL };
static char *strings_extensions[] = { (char *)".php", NULL };
static char *strings_none[] = { NULL };
static SiteRule site_rules[] = {
        { (char *)"^/user/([0-9]+)$", (char *)"/info.php", (char *)"other" },
        { (char *)"^/go/(.*)$", (char *)"/$1.php", NULL },
        { (char *)"^/raw/(.*)$", (char *)"/$1", NULL },
        { (char *)"^/x(a+)+[bc]$", (char *)"/info.php", NULL },
};

static SiteConfig site = {
        .index = strings_index,
        .deny = strings_deny,
        .also = strings_none,
        .extensions = strings_extensions,
};

static Route *decide(const char *path) {
        static Route route;
        _cleanup_(rules_freep) Rules *rules = NULL;
        MemoryTree tree = { .tree.lookup = memory_lookup };
        char error[128];

        memset(&route, 0xaa, sizeof(route));
        memcpy(route.path, path, strlen(path) + 1);
        test_int(rules_new(&rules, &site, error, sizeof(error)), 0);
        route_decide(&route, &site, rules, &tree.tree);
        test_true(tree.n_lookups < 8);
        return &route;
}

static void expect_script(const char *path, const char *script, const char *path_info) {
        const Route *route = decide(path);

        if (route->kind != ROUTE_SCRIPT)
                test_fail("%s is no script: %d, %u", path, route->kind, route->status);
        test_string(route->script, script);
        test_string(route->path_info, path_info);
}

static void expect_file(const char *path, const char *file) {
        const Route *route = decide(path);

        if (route->kind != ROUTE_FILE)
                test_fail("%s is no file: %d, %u", path, route->kind, route->status);
        test_string(route->script, file);
}

static void expect_error(const char *path, unsigned int status) {
        const Route *route = decide(path);

        if (route->kind != ROUTE_ERROR || route->status != status)
                test_fail("%s: kind %d, status %u, not %u", path, route->kind, route->status, status);
        test_true(route->reason && route->reason[0]);
}

static void test_the_first_script_from_the_left_runs_and_the_rest_is_path_info(void) {
        expect_script("/info.php", "/info.php", "");
        expect_script("/info.php/", "/info.php", "/");
        expect_script("/info.php/a/b", "/info.php", "/a/b");
        expect_script("/info.php/index.php", "/info.php", "/index.php");
        expect_script("/info.php/.hidden/copy~", "/info.php", "/.hidden/copy~");
        expect_script("/v1.php/real.php/x", "/v1.php/real.php", "/x");
}

static void test_no_script_is_found_where_none_is(void) {
        expect_error("/none.php", 404);
        expect_error("/none.php/info.php", 404);
        expect_error("/a.txt/info.php", 404);
        expect_error("/info.phpx", 404);
        expect_error("/.php", 404);
}

static void test_files_are_sent(void) {
        expect_file("/a.txt", "/a.txt");
        expect_file("/.well-known/token", "/.well-known/token");
        expect_file("/uploads/x.jpg", "/uploads/x.jpg");
        expect_error("/a.txt/", 404);
        expect_error("/fifo", 403);
}

static void test_nothing_named_like_php_is_sent(void) {
        expect_error("/UPPER.PHP", 403);
        expect_error("/lib.inc", 403);
        expect_error("/run.phar", 403);
        expect_error("/link.txt", 403);
        expect_error("/page.php.bak", 404);
}

static void test_nothing_hidden_is_served(void) {
        expect_error("/.env", 404);
        expect_error("/copy.txt~", 404);
        expect_error("/v1.php/.git", 404);
        expect_error("/hidden-link.txt", 404);
        expect_error("/.none/info.php", 404);
}

static void test_denied_paths_stay_denied_with_path_info_and_through_links(void) {
        expect_error("/uploads/x.php", 403);
        expect_error("/uploads/x.php/y", 403);
        expect_error("/uploads/none.php", 403);
        expect_error("/data", 403);
        expect_error("/data/x", 403);
        expect_error("/denied-link.txt", 403);
        expect_error("/denied-link.php", 403);
        expect_error("/database", 404);
}

static void test_only_what_a_link_leads_to_decides_what_is_run(void) {
        expect_error("/link.php", 403);
        expect_script("/good-link.php", "/good-link.php", "");
}

static void test_directories_are_redirected_and_answered_by_their_index(void) {
        test_int(decide("/dir")->kind, ROUTE_REDIRECT);
        test_int(decide("/bare")->kind, ROUTE_REDIRECT);
        expect_file("/dir/", "/dir/index.html");
        expect_script("/app/", "/app/index.php", "");
        expect_script("/", "/index.php", "");
        expect_error("/bare/", 404);
}

static void test_a_front_controller_takes_what_is_left(void) {
        site.front_controller = (char *)"/index.php";
        expect_script("/wiki/page", "/index.php", "");
        expect_script("/none.php/x", "/index.php", "");
        expect_script("/bare/", "/index.php", "");
        expect_file("/a.txt", "/a.txt");
        expect_error("/.none", 404);
        expect_error("/data/none", 403);
        expect_error("/locked", 403);
        site.front_controller = (char *)"/none.php";
        expect_error("/wiki/page", 404);
        site.front_controller = (char *)"/a.txt";
        expect_error("/wiki/page", 403);
        site.front_controller = NULL;
}

static void test_what_cannot_be_looked_at_is_an_error_and_never_another_route(void) {
        expect_error("/locked", 403);
        expect_error("/locked.php", 403);
        expect_error("/locked.php/x", 403);
        expect_error("/escape", 403);
        expect_error("/failing", 500);
        test_int(decide("/failing")->error, -EIO);
        test_int(decide("/locked")->error, 0);
}

static void test_rules_come_first_and_may_name_a_pool(void) {
        char path[128] = "/x";

        site.rules = site_rules;
        site.n_rules = ELEMENTSOF(site_rules);
        expect_script("/user/12", "/info.php", "");
        test_string(decide("/user/12")->pool, "other");
        expect_script("/go/index", "/index.php", "");
        test_true(!decide("/go/index")->pool);
        expect_error("/go/none", 404);
        expect_error("/raw/a.txt", 403);
        expect_error("/raw/uploads/x.php", 403);
        expect_error("/raw/x/../info.php", 404);
        expect_file("/a.txt", "/a.txt");

        memset(path + 2, 'a', 100); /* a pattern that explodes is given up, and nothing else answers */
        site.front_controller = (char *)"/index.php";
        expect_error(path, 404);
        path[10] = '\0';
        expect_script(path, "/index.php", "");
        site.front_controller = NULL;
        site.rules = NULL;
        site.n_rules = 0;
}

static void test_a_resident_script_takes_all_that_no_file_answers(void) {
        site.front_controller = (char *)"/index.php";
        site.resident = (char *)"/worker.php";
        site.resident_file = (char *)"/srv/bin/worker.php";
        expect_script("/none", "/worker.php", "");
        test_string(decide("/none")->filename, site.resident_file);
        expect_script("/a/b/", "/worker.php", "");
        expect_script("/a.txt/b", "/worker.php", "");
        expect_script("/none.php", "/worker.php", "");
        expect_script("/none.php/a", "/worker.php", "");
        expect_script("/bare", "/worker.php", "");
        expect_script("/bare/", "/worker.php", "");
        expect_file("/a.txt", "/a.txt");
        expect_file("/dir/", "/dir/index.html");
        test_int(decide("/dir")->kind, ROUTE_REDIRECT);
        /* what a script's URL says about itself stays true */
        expect_script("/info.php/x", "/info.php", "/x");
        test_true(!decide("/info.php/x")->filename);
        expect_script("/", "/index.php", "");
        expect_script("/app/", "/app/index.php", "");
        /* nothing is allowed that was not */
        expect_error("/.env", 404);
        expect_error("/uploads/none.php", 403);
        expect_error("/lib.inc", 403);
        expect_error("/fifo", 403);
        expect_error("/escape", 403);

        site.resident = (char *)"/a.txt";
        expect_error("/a.txt", 403);
        site.resident_file = NULL;
        expect_script("/none", "/a.txt", "");
        test_true(!decide("/none")->filename);
        site.resident = NULL;
        site.front_controller = NULL;
}

int main(void) {
        test_run(test_the_first_script_from_the_left_runs_and_the_rest_is_path_info);
        test_run(test_no_script_is_found_where_none_is);
        test_run(test_files_are_sent);
        test_run(test_nothing_named_like_php_is_sent);
        test_run(test_nothing_hidden_is_served);
        test_run(test_denied_paths_stay_denied_with_path_info_and_through_links);
        test_run(test_only_what_a_link_leads_to_decides_what_is_run);
        test_run(test_directories_are_redirected_and_answered_by_their_index);
        test_run(test_a_front_controller_takes_what_is_left);
        test_run(test_what_cannot_be_looked_at_is_an_error_and_never_another_route);
        test_run(test_rules_come_first_and_may_name_a_pool);
        test_run(test_a_resident_script_takes_all_that_no_file_answers);
        return 0;
}
