/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is told of a request when it is over: figures, and the access log
 */

typedef struct Exchange Exchange;

void access_log(const Exchange *exchange);
