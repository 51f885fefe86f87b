/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What tells one state of a file from another, and the conditions of requests
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "http/date.h"
#include "http/request.h"

typedef struct Validators Validators;

struct Validators {
        char etag[64];
        char modified[HTTP_DATE_SIZE + 1];
        uint64_t modified_seconds;
        uint64_t now_seconds;
};

void validators_init(Validators *validators, const struct stat *st, uint64_t now_seconds);

/* What the client has a part of, or wants to be the same, is another file by now: 412. */
bool validators_have_changed(const Validators *validators, const HttpRequest *request);

/* The client has it already: 304. */
bool validators_are_known(const Validators *validators, const HttpRequest *request);

/* If-Range: what the client has a part of is this. True also where it does not ask. */
bool validators_allow_range(const Validators *validators, const HttpRequest *request);
