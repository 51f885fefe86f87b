/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the fields of a request say about its message; for request.c alone
 */

#include "http/request.h"

/* 0, or rejected: fills body, content_length, host_*, keep_alive, expect_continue and forward. */
int http_request_decide(HttpRequest *request);

/* Sets status and reason, gives HTTP_REQUEST_E_REJECTED. */
int http_request_reject(HttpRequest *request, unsigned int status, const char *reason);
