/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Heads parsed in every way their bytes can arrive
 *
 * Shared by the unit tests and the fuzz targets: the result must not depend on
 * where the input was cut, and no byte behind what was handed over is read.
 */

#include "http/request.h"
#include "http/response.h"
#include "test.h"

/*
 * A copy whose end may not be passed. AddressSanitizer guards memory of the
 * heap as well, far more cheaply than by mapping pages.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COMPARE_HEAP 1
#endif
#endif

static inline char *head_copy(const char *data, size_t size) {
#ifdef COMPARE_HEAP
        char *copy = malloc(size > 0 ? size : 1);

        test_true(copy);
        if (size > 0)
                memcpy(copy, data, size);
        return copy;
#else
        return (char *)guard_copy(data, size);
#endif
}

static inline void head_free(char *copy, size_t size) {
#ifdef COMPARE_HEAP
        free(copy);
#else
        guard_free((uint8_t *)copy, size);
#endif
}

/* Slices are the same where their bytes are, and stand at the same place (or outside of the input). */
static inline void
same_slice(HttpSlice a, const char *a_base, HttpSlice b, const char *b_base, size_t size) {
        test_bytes(a.data, a.size, b.data, b.size);
        test_true(!a.data == !b.data);
        if (a.data >= a_base && a.data < a_base + size)
                test_int(a.data - a_base, b.data - b_base);
}

static inline void same_headers(const HttpHeader *a,
                                const char *a_base,
                                const HttpHeader *b,
                                const char *b_base,
                                size_t size,
                                size_t n) {
        for (size_t i = 0; i < n; i++) {
                same_slice(a[i].name, a_base, b[i].name, b_base, size);
                same_slice(a[i].value, a_base, b[i].value, b_base, size);
                test_int(a[i].forward, b[i].forward);
        }
}

static inline void
same_request(const HttpRequest *a, const char *a_base, const HttpRequest *b, const char *b_base) {
        size_t size = a->head_size;

        test_int(a->head_size, b->head_size);
        test_int(a->version_minor, b->version_minor);
        same_slice(a->method, a_base, b->method, b_base, size);
        same_slice(a->target, a_base, b->target, b_base, size);
        same_slice(a->uri, a_base, b->uri, b_base, size);
        same_slice(a->path, a_base, b->path, b_base, size);
        same_slice(a->query, a_base, b->query, b_base, size);
        same_slice(a->host, a_base, b->host, b_base, size);
        test_string(a->host_name, b->host_name);
        test_int(a->host_port, b->host_port);
        test_int(a->body, b->body);
        test_int(a->content_length, b->content_length);
        test_int(a->keep_alive, b->keep_alive);
        test_int(a->expect_continue, b->expect_continue);
        test_int(a->n_headers, b->n_headers);
        same_headers(a->headers, a_base, b->headers, b_base, size, a->n_headers);
}

static inline void
same_response(const HttpResponse *a, const char *a_base, const HttpResponse *b, const char *b_base) {
        size_t size = a->head_size;

        test_int(a->head_size, b->head_size);
        test_int(a->status, b->status);
        same_slice(a->reason, a_base, b->reason, b_base, size);
        test_int(a->has_content_length, b->has_content_length);
        test_int(a->content_length, b->content_length);
        test_int(a->buffering_no, b->buffering_no);
        test_int(a->event_stream, b->event_stream);
        test_int(a->has_date, b->has_date);
        same_slice(a->location, a_base, b->location, b_base, size);
        test_int(a->n_headers, b->n_headers);
        same_headers(a->headers, a_base, b->headers, b_base, size, a->n_headers);
}

/*
 * Feeds @size bytes in steps of @step to the parser, each time as a copy that
 * ends at an unreadable page, and checks the outcome against that of the whole
 * (@r, @whole, at @data).
 */
static inline void
request_in_steps(const char *data, size_t size, size_t max, size_t step, int r, const HttpRequest *whole) {
        size_t checked = 0;

        for (size_t n = step < size ? step : size;; n = size - n > step ? n + step : size) {
                char *copy = head_copy(data, n);
                HttpRequest request;
                int q = http_request_parse(&request, copy, n, checked, max);

                if (q == 0 && r == 0)
                        same_request(whole, data, &request, copy);
                head_free(copy, n);
                if (q != HTTP_REQUEST_E_INCOMPLETE || n == size) {
                        test_int(q, r);
                        if (q == HTTP_REQUEST_E_REJECTED) {
                                test_int(request.status, whole->status);
                                test_string(request.reason, whole->reason);
                        }
                        return;
                }
                checked = n;
        }
}

static inline void
response_in_steps(const char *data, size_t size, size_t max, size_t step, int r, const HttpResponse *whole) {
        size_t checked = 0;

        for (size_t n = step < size ? step : size;; n = size - n > step ? n + step : size) {
                char *copy = head_copy(data, n);
                HttpResponse response;
                int q = http_response_parse(&response, copy, n, checked, max);

                if (q == 0 && r == 0)
                        same_response(whole, data, &response, copy);
                head_free(copy, n);
                if (q != HTTP_RESPONSE_E_INCOMPLETE || n == size) {
                        test_int(q, r);
                        if (q == HTTP_RESPONSE_E_VIOLATION)
                                test_string(response.error, whole->error);
                        return;
                }
                checked = n;
        }
}

/* Whole, and in steps of each size from byte by byte on. */
static inline int request_all_ways(HttpRequest *ret, const char *data, size_t size, size_t max) {
        int r = http_request_parse(ret, data, size, 0, max);

        for (size_t step = 1; step <= size && step < 600; step++)
                request_in_steps(data, size, max, step, r, ret);
        return r;
}
