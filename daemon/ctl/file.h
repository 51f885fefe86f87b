/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files that we write for the administrator, and such as others may have put there
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Writes @text to @path, 0644, whole or not at all; makes the directories that it
 * stands in. -EEXIST: it is there, and @replace is false.
 */
int file_write(const char *path, const char *text, bool replace);

/* All that are missing of the directories above an absolute path, 0755. */
int file_make_directory_of(const char *path);

/*
 * Reads, as fd_read_file(), a file that whoever writes into a site may have put there.
 * Only a regular file whose mode has all bits of @mode is opened: a link to a device must not
 * make root open that, /dev/watchdog being one that a mere open(2) arms (watchdog-api). @flags: 0 or
 * O_NOFOLLOW. -EACCES: not of that mode. -ENOTTY: not a regular file.
 */
int file_read_foreign(int dir_fd,
                      const char *path,
                      int flags,
                      mode_t mode,
                      size_t max,
                      char **ret,
                      size_t *ret_size);
