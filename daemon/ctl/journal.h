/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the journal holds of a pool
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Journal Journal;
typedef struct JournalEntry JournalEntry;

/* Text of anybody: make it clean before it is shown. */
struct JournalEntry {
        uint64_t wall_usec;
        int priority;  /* as of syslog(3) */
        char *message; /* owned; cut at JOURNAL_TEXT_MAX bytes */
        char *message_id, *request_id, *uri, *code_file, *code_line; /* owned; NULL: not there */
};

struct Journal {
        JournalEntry *entries; /* owned, the oldest first */
        size_t n_entries;
};

enum {
        JOURNAL_TEXT_MAX = 4096,
        JOURNAL_ENTRIES_MAX = 1000,
};

/*
 * The last entries, JOURNAL_ENTRIES_MAX at most, of @unit (a service) and of systemd about it that are of @max_priority
 * or more urgent and not older than @since_usec. -errno: there is no journal, or it is not for us.
 */
int journal_load(Journal *ret, const char *unit, int max_priority, uint64_t since_usec, size_t n_max);
void journal_done(Journal *journal);

/* The first entry, beginning with the newest, whose message has @text; NULL. */
const JournalEntry *journal_find(const Journal *journal, const char *text);
