/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a fuzz target defines. It returns 0, and aborts (test.h) when the code
 * under test breaks a promise; a crash of that code is a finding as well.
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
