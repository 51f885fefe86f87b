/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files that a script has sent in place of its own body
 */

typedef struct Exchange Exchange;

/* The script has ended, and its head is in exchange->relay.head. */
void internal_answer(Exchange *exchange);
