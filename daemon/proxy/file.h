/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Static files
 */

#include <stdbool.h>
#include "proxy/docroot.h"

typedef struct Exchange Exchange;

/* GET or HEAD. */
bool file_accepts_method(const Exchange *exchange);

/*
 * Answers with the file of @docroot's last look-up: whole, a range of it, or
 * 304. 0, or -errno where it cannot be opened; then nothing is answered yet.
 */
int file_answer(Exchange *exchange, Docroot *docroot);
