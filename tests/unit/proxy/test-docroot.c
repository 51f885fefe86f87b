/* SPDX-License-Identifier: MIT */
/* The document root on a real tree: links, where they may lead, and a root that is switched. */

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "proxy/docroot.h"
#include "proxy/target.h"
#include "test.h"
#include "util/fd.h"

static char base[64] = "/tmp/test-docroot-XXXXXX";
static Docroot docroot;

static const char *at(const char *path) {
        static char text[2][256];
        static int i;

        i = !i;
        snprintf(text[i], sizeof(text[i]), "%s%s", base, path);
        return text[i];
}

static void make_file(const char *path) {
        int fd = open(at(path), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        test_true(fd >= 0);
        test_int(write(fd, "x", 1), 1);
        close(fd);
}

static void make_tree(void) {
        test_true(mkdtemp(base));
        test_int(mkdir(at("/one"), 0755), 0);
        test_int(mkdir(at("/one/sub"), 0755), 0);
        test_int(mkdir(at("/two"), 0755), 0);
        test_int(mkdir(at("/also"), 0755), 0);
        test_int(mkdir(at("/also2"), 0755), 0);
        make_file("/one/a.txt");
        make_file("/one/sub/b.txt");
        make_file("/two/a.txt");
        make_file("/two/only.txt");
        make_file("/also/s.txt");
        make_file("/also2/t.txt");
        make_file("/out.txt");
        test_int(symlink("sub/b.txt", at("/one/inner.txt")), 0);
        test_int(symlink(at("/one/a.txt"), at("/one/absolute.txt")), 0);
        test_int(symlink("../out.txt", at("/one/out.txt")), 0);
        test_int(symlink(at("/also"), at("/one/shared")), 0);
        test_int(symlink(at("/also2/t.txt"), at("/one/sibling.txt")), 0);
        test_int(symlink("/proc/self/cwd", at("/one/magic")), 0);
        test_int(symlink("loop", at("/one/loop")), 0);
        test_int(symlink("nowhere", at("/one/dangling")), 0);
        make_file("/one/info.php (deleted)");
        test_int(symlink("info.php (deleted)", at("/one/removed.txt")), 0);
        test_int(mkfifo(at("/one/fifo"), 0644), 0);
        test_int(symlink("one", at("/current")), 0);
}

static int lookup(const char *path, RouteEntryType type, const char *resolved) {
        RouteEntry entry;
        int r = docroot.tree.lookup(&docroot.tree, path, &entry);

        if (r == 0) {
                test_int(entry.type, type);
                if (resolved)
                        test_string(entry.resolved, resolved);
        }
        return r;
}

static void test_plain_paths_are_found(void) {
        test_int(lookup("/", ROUTE_ENTRY_DIRECTORY, "/"), 0);
        test_int(lookup("/a.txt", ROUTE_ENTRY_FILE, "/a.txt"), 0);
        test_int(lookup("/sub", ROUTE_ENTRY_DIRECTORY, "/sub"), 0);
        test_int(lookup("/sub/b.txt", ROUTE_ENTRY_FILE, "/sub/b.txt"), 0);
        test_int(lookup("/fifo", ROUTE_ENTRY_OTHER, "/fifo"), 0);
        test_int(lookup("/none", ROUTE_ENTRY_NONE, NULL), 0);
        test_int(lookup("/a.txt/x", ROUTE_ENTRY_NONE, NULL), 0);
        test_int(lookup("/dangling", ROUTE_ENTRY_NONE, NULL), 0);
        /* as the kernel calls what is removed in the moment between open and question */
        test_int(lookup("/removed.txt", ROUTE_ENTRY_NONE, NULL), 0);
        test_int(lookup("/info.php (deleted)", ROUTE_ENTRY_FILE, "/info.php (deleted)"), 0);
}

static void test_links_are_followed_inside_and_into_also_and_nowhere_else(void) {
        test_int(lookup("/inner.txt", ROUTE_ENTRY_FILE, "/sub/b.txt"), 0);
        test_int(lookup("/absolute.txt", ROUTE_ENTRY_FILE, "/a.txt"), 0);
        test_int(lookup("/shared/s.txt", ROUTE_ENTRY_FILE, "/s.txt"), 0);
        test_int(lookup("/shared", ROUTE_ENTRY_DIRECTORY, "/"), 0);
        test_int(lookup("/out.txt", ROUTE_ENTRY_NONE, NULL), -EXDEV);
        test_int(lookup("/sibling.txt", ROUTE_ENTRY_NONE, NULL),
                 -EXDEV); /* "/also2" only begins like "/also" */
        test_int(lookup("/loop", ROUTE_ENTRY_NONE, NULL), -ELOOP);
        test_true(lookup("/magic", ROUTE_ENTRY_NONE, NULL) < 0);
}

static void test_the_entry_is_opened_for_reading(void) {
        TargetFile file;
        char c = 0;

        test_int(lookup("/inner.txt", ROUTE_ENTRY_FILE, NULL), 0);
        test_int(docroot_open_entry(&docroot, &file), 0);
        test_int(file.status.st_size, 1);
        test_int(read(file.fd, &c, 1), 1);
        test_int(c, 'x');
        fd_close(file.fd);
}

/* What RestrictSUIDSGID= does (systemd.exec(5)). */
static void test_without_openat2_the_answers_are_the_same(void) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        test_int(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        test_int(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
        test_int(syscall(SYS_openat2, -1, "", NULL, 0), -1);
        test_int(errno, ENOSYS);

        test_plain_paths_are_found();
        test_links_are_followed_inside_and_into_also_and_nowhere_else();
        test_the_entry_is_opened_for_reading();
}

static void point_current_to(const char *name) {
        test_int(symlink(name, at("/current.new")), 0);
        test_int(rename(at("/current.new"), at("/current")), 0);
}

static void test_a_switched_root_is_seen_after_a_moment(void) {
        test_int(lookup("/only.txt", ROUTE_ENTRY_NONE, NULL), 0);
        point_current_to("two");
        test_int(docroot_refresh(&docroot, TARGETS_USEC), 0);
        test_int(lookup("/only.txt", ROUTE_ENTRY_NONE, NULL), 0); /* this request still has the old tree */
        test_int(docroot.generation, 1);
        test_int(docroot_refresh(&docroot, TARGETS_USEC + 1), 0);
        test_int(docroot.generation, 2);
        test_int(lookup("/only.txt", ROUTE_ENTRY_FILE, "/only.txt"), 0);
        test_string(strrchr(docroot.real, '/'), "/two");
}

/* Here without openat2(2), which asks for no names. */
static void test_a_root_that_gets_another_name_is_still_the_root(void) {
        test_int(symlink("a.txt", at("/two/link.txt")), 0);
        test_int(symlink(at("/two/a.txt"), at("/two/back.txt")), 0);
        test_int(rename(at("/two"), at("/two.old")), 0);
        test_int(mkdir(at("/two"), 0755), 0);
        make_file("/two/a.txt");

        test_int(lookup("/a.txt", ROUTE_ENTRY_FILE, "/a.txt"), 0);
        test_int(lookup("/link.txt", ROUTE_ENTRY_FILE, "/a.txt"), 0);
        /* what has got the name meanwhile is another directory */
        test_int(lookup("/back.txt", ROUTE_ENTRY_NONE, NULL), -EXDEV);

        point_current_to("two.old");
        test_int(docroot_refresh(&docroot, 2 * TARGETS_USEC + 1), 0);
        test_int(docroot.generation, 3); /* whose path is told to scripts */
        test_string(strrchr(docroot.real, '/'), "/two.old");
        test_int(lookup("/a.txt", ROUTE_ENTRY_FILE, "/a.txt"), 0);
}

static void test_who_misses_something_looks_once_more(void) {
        const uint64_t now = 2 * TARGETS_USEC + 2;

        test_int(docroot_refresh(&docroot, now), 0);
        test_true(!docroot_has_moved(&docroot, now)); /* nothing was missed */
        test_int(lookup("/new.txt", ROUTE_ENTRY_NONE, NULL), 0);
        test_true(!docroot_has_moved(&docroot, now)); /* nothing has changed */

        test_int(mkdir(at("/three"), 0755), 0);
        make_file("/three/new.txt");
        point_current_to("three");
        test_true(!docroot_has_moved(&docroot, now));
        test_int(lookup("/new.txt", ROUTE_ENTRY_NONE, NULL), 0);
        test_true(docroot_has_moved(&docroot, now));
        test_int(lookup("/new.txt", ROUTE_ENTRY_FILE, "/new.txt"), 0);

        /* between two renames the path leads nowhere, and what is open is what there is */
        test_int(lookup("/old.txt", ROUTE_ENTRY_NONE, NULL), 0);
        test_int(unlink(at("/current")), 0);
        test_true(docroot_has_moved(&docroot, now));
        test_int(lookup("/new.txt", ROUTE_ENTRY_FILE, "/new.txt"), 0);
}

static void test_a_root_that_is_gone_is_an_error(void) {
        test_int(docroot_refresh(&docroot, 4 * TARGETS_USEC), -ENOENT);
}

int main(void) {
        char command[128];
        char *also[] = { NULL, NULL }, *path;

        make_tree();
        also[0] = strdup(at("/also"));
        path = strdup(at("/current"));
        docroot_init(&docroot, path, also);
        test_int(docroot_refresh(&docroot, 1), 0);

        test_run(test_plain_paths_are_found);
        test_run(test_links_are_followed_inside_and_into_also_and_nowhere_else);
        test_run(test_the_entry_is_opened_for_reading);
        test_run(test_without_openat2_the_answers_are_the_same);
        test_run(test_a_switched_root_is_seen_after_a_moment);
        test_run(test_a_root_that_gets_another_name_is_still_the_root);
        test_run(test_who_misses_something_looks_once_more);
        test_run(test_a_root_that_is_gone_is_an_error);

        docroot_done(&docroot);
        free(also[0]);
        free(path);
        snprintf(command, sizeof(command), "rm -r %s", base);
        return system(command);
}
