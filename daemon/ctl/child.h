/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Other programs: run one, and take what it says
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        CHILD_OUTPUT_MAX = 4 * 1024 * 1024, /* bytes kept; `systemctl show` of 4096 pools has less */
};

/*
 * Runs @argv[0] of PATH, in the locale C, with nothing on its stdin, and gives its exit status (128 + n
 * for a signal). @ret_output (may be NULL, then it goes nowhere) is what it wrote to
 * stdout, and to stderr where @with_errors; NUL-terminated; free it. -ENOENT:
 * there is no such program. -ETIMEDOUT: it was killed. Other -errno.
 */
int child_run(const char *const *argv, uint64_t timeout_usec, bool with_errors, char **ret_output);

/* The exit status of our child @pid, as above. */
int child_wait(pid_t pid);

/* Becomes the program; returns only to say why not: -errno. */
int child_become(const char *const *argv);
