/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Static files
 */

#include <stdbool.h>

typedef struct Exchange Exchange;
typedef struct HttpResponse HttpResponse;
typedef struct Target Target;

/* GET or HEAD. */
bool file_accepts_method(const Exchange *exchange);

/*
 * Answers with the file of @target: whole, ranges of it, or 304. @script: the
 * head of the script that has it sent, or NULL.
 */
void file_answer(Exchange *exchange, const Target *target, const HttpResponse *script);

/* Answers with the file as the page for an error. */
void file_answer_page(Exchange *exchange, const Target *target, unsigned int status);
