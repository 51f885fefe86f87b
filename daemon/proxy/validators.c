/* SPDX-License-Identifier: MIT */
/*
 * What tells one state of a file from another
 *
 * The entity tag is made of inode, size and modification time in nanoseconds: a
 * file that is replaced or rewritten gets another one. Conditions are evaluated
 * in the order of RFC 9110 section 13.2.2: If-Match and If-None-Match decide
 * alone where they are given.
 *
 * A date has only seconds: while the one of the last modification is not over,
 * the file may change again and keep it. Until then the date is a weak validator
 * (section 8.8.2.2), which is no reason to put two parts together (13.1.5).
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "proxy/validators.h"

void validators_init(Validators *validators, const struct stat *st, uint64_t now_seconds) {
        validators->now_seconds = now_seconds;
        validators->modified_seconds = st->st_mtim.tv_sec > 0 ? (uint64_t)st->st_mtim.tv_sec : 0;
        (void)snprintf(validators->etag,
                       sizeof(validators->etag),
                       "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
                       (uint64_t)st->st_ino,
                       (uint64_t)st->st_size,
                       validators->modified_seconds * 1000000000U + (uint64_t)st->st_mtim.tv_nsec);
        http_date_format(validators->modified, validators->modified_seconds);
}

static bool etag_same(HttpSlice given, const char *etag) {
        return given.size == strlen(etag) && memcmp(given.data, etag, given.size) == 0;
}

/* If-None-Match compares weakly: "W/" is passed over (RFC 9110 section 8.8.3.2). If-Match does not. */
static bool etag_listed(HttpSlice list, const char *etag, bool weakly) {
        HttpSlice item;

        while (http_list_next(&list, &item)) {
                if (weakly && item.size > 2 && memcmp(item.data, "W/", 2) == 0)
                        item = (HttpSlice){ item.data + 2, item.size - 2 };
                if (http_slice_is(item, "*") || etag_same(item, etag))
                        return true;
        }
        return false;
}

bool validators_have_changed(const Validators *validators, const HttpRequest *request) {
        const HttpHeader *header;
        uint64_t seconds;

        header = http_request_header(request, "If-Match");
        if (header)
                return !etag_listed(header->value, validators->etag, /* weakly= */ false);

        header = http_request_header(request, "If-Unmodified-Since");
        return header && http_date_parse(header->value, validators->now_seconds, &seconds) >= 0 &&
               validators->modified_seconds > seconds;
}

bool validators_are_known(const Validators *validators, const HttpRequest *request) {
        const HttpHeader *header;
        uint64_t seconds;

        header = http_request_header(request, "If-None-Match");
        if (header)
                return etag_listed(header->value, validators->etag, /* weakly= */ true);

        header = http_request_header(request, "If-Modified-Since");
        return header && http_date_parse(header->value, validators->now_seconds, &seconds) >= 0 &&
               validators->modified_seconds <= seconds;
}

bool validators_allow_range(const Validators *validators, const HttpRequest *request) {
        const HttpHeader *header = http_request_header(request, "If-Range");
        uint64_t seconds;

        if (!header || etag_same(header->value, validators->etag))
                return true;
        return http_date_parse(header->value, validators->now_seconds, &seconds) >= 0 &&
               seconds == validators->modified_seconds && seconds < validators->now_seconds;
}
