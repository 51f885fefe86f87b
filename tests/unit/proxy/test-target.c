/* SPDX-License-Identifier: MIT */
/* What a path leads to, on a real tree: remembered for a moment and no longer. */

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "proxy/sites.h"
#include "test.h"
#include "util/fd.h"

static char base[64] = "/tmp/test-target-XXXXXX";
static char *none[] = { NULL };
static char *extensions[] = { (char *)".php", NULL };
static SiteConfig config = { .name = (char *)"x",
                             .docroot = base,
                             .also = none,
                             .deny = none,
                             .index = none,
                             .extensions = extensions };
static Site site = { .config = &config };
static Targets targets;
static Route route;
static uint64_t now = TARGETS_USEC;

static const char *at(const char *path) {
        static char text[2][256];
        static int i;

        i = !i;
        snprintf(text[i], sizeof(text[i]), "%s%s", base, path);
        return text[i];
}

static void make_file(const char *path, const char *text) {
        int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        test_true(fd >= 0);
        test_int(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static Target *find(const char *path) {
        Target *target;

        snprintf(route.path, sizeof(route.path), "%s", path);
        test_int(targets_find(&targets, &site, &route, now, &target), 0);
        test_string(target->path, path);
        return target;
}

static void test_it_is_remembered_for_a_moment(void) {
        Target *first = find("/a.txt"), *second;

        test_int(first->kind, ROUTE_FILE);
        test_int(first->files[TARGET_PLAIN].status.st_size, 1);
        make_file("/b.txt", "22");
        test_int(rename(at("/b.txt"), at("/a.txt")), 0);

        now += TARGETS_USEC - 1;
        second = find("/a.txt");
        test_true(second == first);
        target_unref(second);

        now += 1;
        second = find("/a.txt");
        test_true(second != first);
        test_int(second->files[TARGET_PLAIN].status.st_size, 2);
        /* who had it before still has it */
        test_int(first->files[TARGET_PLAIN].status.st_size, 1);
        test_true(fcntl(first->files[TARGET_PLAIN].fd, F_GETFD) >= 0);
        target_unref(first);
        target_unref(second);
}

static void test_what_is_not_there_is_remembered_as_well(void) {
        Target *target = find("/none");

        test_int(target->kind, ROUTE_ERROR);
        test_int(target->status, 404);
        target_unref(target);
        make_file("/none", "x");
        target = find("/none");
        test_int(target->kind, ROUTE_ERROR);
        target_unref(target);
        now += TARGETS_USEC;
        target = find("/none");
        test_int(target->kind, ROUTE_FILE);
        target_unref(target);
}

static void test_scripts_keep_their_names(void) {
        Target *target = find("/s.php/x/y");

        test_int(target->kind, ROUTE_SCRIPT);
        test_string(target->script, "/s.php");
        test_string(target->resolved, "/s.php");
        test_string(target->path_info, "/x/y");
        test_string(target->document_root, site.docroot.real);
        test_int(target->files[TARGET_PLAIN].fd, -EBADF);
        target_unref(target);
}

static void test_where_a_link_leads_is_kept(void) {
        Target *target;

        test_int(symlink("s.php", at("/link.php")), 0);
        test_int(symlink("a.txt", at("/link.txt")), 0);
        make_file("/a.txt.gz", "gzip");
        config.precompressed = true; /* further look-ups, before the end */
        target = find("/link.php/x");
        test_string(target->script, "/link.php");
        test_string(target->resolved, "/s.php");
        target_unref(target);
        target = find("/link.txt");
        test_string(target->script, "/link.txt");
        test_string(target->resolved, "/a.txt");
        target_unref(target);
        config.precompressed = false;
        test_int(unlink(at("/a.txt.gz")), 0);
}

static void test_compressed_siblings_are_opened_if_asked_for(void) {
        Target *target = find("/a.txt");

        test_int(target->files[TARGET_GZIP].fd, -EBADF);
        target_unref(target);

        config.precompressed = true;
        make_file("/a.txt.gz", "gzip");
        test_int(symlink("../outside", at("/a.txt.br")), 0);
        now += TARGETS_USEC;
        target = find("/a.txt");
        test_true(target->files[TARGET_GZIP].fd >= 0);
        test_int(target->files[TARGET_BROTLI].fd, -EBADF);
        test_int(target->files[TARGET_ZSTD].fd, -EBADF);
        target_unref(target);
        config.precompressed = false;
}

static void test_a_sweep_closes_what_nobody_asks_for(void) {
        Target *target = find("/a.txt");
        int fd = target->files[TARGET_PLAIN].fd;

        target_unref(target);
        targets_forget(&targets, now);
        test_true(fcntl(fd, F_GETFD) >= 0); /* not older than that */
        targets_forget(&targets, now + 1);
        test_int(fcntl(fd, F_GETFD), -1);
}

static int taken[16];
static size_t n_taken;

static void limit_descriptors(rlim_t max) {
        struct rlimit limit;

        test_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = max > 0 ? max : limit.rlim_max;
        test_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The next open(2) is -EMFILE. */
static void take_all_descriptors(void) {
        int fd;

        limit_descriptors(ELEMENTSOF(taken));
        while ((fd = dup(STDERR_FILENO)) >= 0)
                taken[n_taken++] = fd;
        test_int(errno, EMFILE);
}

static void give_them_back(void) {
        while (n_taken > 0)
                close(taken[--n_taken]);
        limit_descriptors(0);
}

static void test_without_descriptors_those_remembered_are_given_back(void) {
        Target *target;

        target_unref(find("/a.txt"));
        take_all_descriptors();
        target = find("/s.php"); /* for which one is enough */
        test_int(target->kind, ROUTE_SCRIPT);
        target_unref(target);
        give_them_back();

        /* when there are none to give back it is nobody's answer, and not remembered */
        targets_forget(&targets, UINT64_MAX);
        take_all_descriptors();
        snprintf(route.path, sizeof(route.path), "/s.php");
        test_int(targets_find(&targets, &site, &route, now, &target), -EMFILE);
        give_them_back();
        target = find("/s.php");
        test_int(target->kind, ROUTE_SCRIPT);
        target_unref(target);
}

static void test_a_file_is_opened_by_its_name_alone(void) {
        Target *target;

        test_int(target_open(&site.docroot, "/a.txt", now, &target), 0);
        test_int(target->kind, ROUTE_FILE);
        target_unref(target);
        test_int(target_open(&site.docroot, "/nothing", now, &target), -ENOENT);
        test_int(target_open(&site.docroot, "/", now, &target), -ENOENT);
        test_int(target_open(&site.docroot, "/a.txt.br", now, &target), -ENOENT); /* a link to nothing */
}

static void test_nothing_is_missed_while_the_root_is_exchanged(void) {
        char aside[sizeof(base) + 8];
        Target *target;

        target = find("/moved.txt");
        test_int(target->status, 404);
        target_unref(target);
        targets_forget(&targets, UINT64_MAX);

        snprintf(aside, sizeof(aside), "%s.old", base);
        test_int(rename(base, aside), 0);
        test_int(mkdir(base, 0755), 0);
        make_file("/moved.txt", "333");
        target = find("/moved.txt");
        test_int(target->kind, ROUTE_FILE);
        test_int(target->files[TARGET_PLAIN].status.st_size, 3);
        test_int(target->generation, site.docroot.generation);
        target_unref(target);

        test_int(target_open(&site.docroot, "/a.txt", now, &target), -ENOENT);

        test_int(unlink(at("/moved.txt")), 0);
        test_int(rmdir(base), 0);
        test_int(rename(aside, base), 0);
        test_int(target_open(&site.docroot, "/a.txt", now, &target), 0);
        target_unref(target);
}

static void test_many_paths_do_not_grow_the_table(void) {
        for (int i = 0; i < 3000; i++) {
                char path[32];

                snprintf(path, sizeof(path), "/n%d", i);
                target_unref(find(path));
        }
        targets_forget(&targets, UINT64_MAX);
        for (size_t i = 0; i < TARGETS_MAX; i++)
                test_true(!targets.items[i]);
}

int main(void) {
        char command[128];

        test_true(mkdtemp(base));
        make_file("/a.txt", "1");
        make_file("/s.php", "<?php");
        docroot_init(&site.docroot, config.docroot, none);

        test_run(test_it_is_remembered_for_a_moment);
        test_run(test_what_is_not_there_is_remembered_as_well);
        test_run(test_scripts_keep_their_names);
        test_run(test_where_a_link_leads_is_kept);
        test_run(test_compressed_siblings_are_opened_if_asked_for);
        test_run(test_a_sweep_closes_what_nobody_asks_for);
        test_run(test_without_descriptors_those_remembered_are_given_back);
        test_run(test_a_file_is_opened_by_its_name_alone);
        test_run(test_nothing_is_missed_while_the_root_is_exchanged);
        test_run(test_many_paths_do_not_grow_the_table);

        docroot_done(&site.docroot);
        snprintf(command, sizeof(command), "rm -r %s", base);
        return system(command);
}
