/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Content types by file name extension
 */

#include "util/cleanup.h"

typedef struct Mime Mime;

/* Reads /etc/mime.types at @path; where it is absent a few built-in types remain. 0 or -ENOMEM. */
int mime_new(Mime **ret, const char *path);
Mime *mime_free(Mime *mime);
DEFINE_CLEANUP(Mime *, mime_free);

/* "text/html; charset=utf-8"; "application/octet-stream" for what it does not know. */
const char *mime_type(const Mime *mime, const char *path);
