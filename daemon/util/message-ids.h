/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The entries of the journal that an operator must act on (sd-id128(3)).
 * journalctl -x explains each with its text in the catalog.
 */

#define MESSAGE_ID_WORKER_DIED "MESSAGE_ID=6d0d5e8a63d24b6eb7fc8e6c038a77de" /* while it ran a request */
#define MESSAGE_ID_CRASH_LOOP \
        "MESSAGE_ID=3c1f70fec92642b2a6c04c6cf3e516c3" /* workers die before they take one */
#define MESSAGE_ID_REQUEST_TIMEOUT "MESSAGE_ID=471d4c6729be4cbd99e2159e9a91422e"
#define MESSAGE_ID_REQUEST_SLOW    "MESSAGE_ID=8abb41d2baa8453e9eba0151e07779cc"
#define MESSAGE_ID_POOL_SATURATED \
        "MESSAGE_ID=0b5acccb28ab4e658ffc18cb5d89d2a1" /* requests were refused for waiting too long */
#define MESSAGE_ID_CONFIG_REFUSED "MESSAGE_ID=b920220e514b48a2b0012b8b72fb6a44"
#define MESSAGE_ID_LIMITS_TOO_LOW "MESSAGE_ID=5558d905bca0412bab5b074b29d922f9" /* for workers.max */
