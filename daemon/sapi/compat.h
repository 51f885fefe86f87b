/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every difference between the PHP versions that we are built with: 8.2 to 8.4
 */

#include <php.h>

#if PHP_VERSION_ID < 80200
#error "PHP 8.2 or newer is needed"
#endif

/* 8.4 made sapi_module.ini_entries const; before, PHP's own SAPIs hand over memory of malloc(). */
#if PHP_VERSION_ID >= 80400
typedef const char *SapiIniEntries;
#else
typedef char *SapiIniEntries;
#endif
