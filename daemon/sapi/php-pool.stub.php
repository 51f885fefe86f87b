<?php

/**
 * Functions and constants of php-pool, for editors and static analysis; see php-pool-resident(7).
 * This file is not loaded by anything.
 */

namespace PhpPool {
    /**
     * Waits for a request, calls the handler for it, and ends the answer.
     *
     * @param callable(): mixed $handler its result is ignored
     * @return bool false: no request was taken, and the script is to clean up and end
     * @throws \RuntimeException in a pool without a resident script, or inside a handler
     */
    function handle_request(callable $handler): bool
    {
    }
}

namespace {
    /** Of FrankenPHP; the numbers between are levels too. */
    const FRANKENPHP_LOG_LEVEL_DEBUG = -4;
    const FRANKENPHP_LOG_LEVEL_INFO = 0;
    const FRANKENPHP_LOG_LEVEL_WARN = 4;
    const FRANKENPHP_LOG_LEVEL_ERROR = 8;

    /** @see \PhpPool\handle_request() */
    function frankenphp_handle_request(callable $handler): bool
    {
    }

    /** Sends all of the answer; the script goes on without a client. False: that was done already, or the client has gone. */
    function fastcgi_finish_request(): bool
    {
    }

    /** @see fastcgi_finish_request() */
    function frankenphp_finish_request(): bool
    {
    }

    /**
     * Sends the head now; with a status of 1xx as an interim answer.
     *
     * @return int 1: it was sent; 0: it was too late, or the front end cannot forward interim answers
     */
    function headers_send(int $status = 200): int
    {
    }

    /** Into the journal. */
    function frankenphp_log(string $message, int $level = 0, array $context = []): void
    {
    }

    /** @return array<string, string> */
    function getallheaders(): array
    {
    }

    /** @return array<string, string> */
    function apache_request_headers(): array
    {
    }

    /** @return array<string, string> */
    function frankenphp_request_headers(): array
    {
    }

    /** @return array<string, string> */
    function apache_response_headers(): array
    {
    }

    /** @return array<string, string> */
    function frankenphp_response_headers(): array
    {
    }

    /** The pool's figures under php-fpm's keys; false where they cannot be had. */
    function fpm_get_status(): array|false
    {
    }
}
