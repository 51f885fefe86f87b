/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The families of all pools as text
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "ctl/view.h"

typedef enum ExposeFormat {
        EXPOSE_OPENMETRICS, /* OpenMetrics 1.0 */
        EXPOSE_PROMETHEUS,  /* Prometheus' text format 0.0.4, for those who do not ask for the other */
        _EXPOSE_FORMAT_MAX,
} ExposeFormat;

const char *expose_content_type(ExposeFormat format);

/* @proxy may be NULL: there is none. 0, or -errno of @f. */
int expose(FILE *f, ExposeFormat format, const View *pools, size_t n_pools, const View *proxy);

/* A line for each family: name, type, help; for a person, and for the test of the manual. */
void expose_list(FILE *f);
