/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * FastCGI 1.0: the constants of the specification (section 8)
 */

#include <stddef.h>
#include <stdint.h>

enum {
        FCGI_VERSION_1 = 1,
        FCGI_HEADER_SIZE = 8,
        FCGI_CONTENT_MAX = 65535,
        FCGI_NULL_REQUEST_ID = 0,
};

typedef enum FcgiType {
        FCGI_BEGIN_REQUEST = 1,
        FCGI_ABORT_REQUEST = 2,
        FCGI_END_REQUEST = 3,
        FCGI_PARAMS = 4,
        FCGI_STDIN = 5,
        FCGI_STDOUT = 6,
        FCGI_STDERR = 7,
        FCGI_DATA = 8,
        FCGI_GET_VALUES = 9,
        FCGI_GET_VALUES_RESULT = 10,
        FCGI_UNKNOWN_TYPE = 11,
} FcgiType;

typedef enum FcgiRole {
        FCGI_RESPONDER = 1,
        FCGI_AUTHORIZER = 2,
        FCGI_FILTER = 3,
} FcgiRole;

enum {
        FCGI_KEEP_CONN = 1,
};

typedef enum FcgiProtocolStatus {
        FCGI_REQUEST_COMPLETE = 0,
        FCGI_CANT_MPX_CONN = 1,
        FCGI_OVERLOADED = 2,
        FCGI_UNKNOWN_ROLE = 3,
} FcgiProtocolStatus;
