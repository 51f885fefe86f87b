/* SPDX-License-Identifier: MIT */
/*
 * What the journal holds of a pool
 *
 * Any pool can write any field, but for those that begin with an underscore, which journald
 * adds itself (systemd.journal-fields(7)). So entries are looked for by
 * _SYSTEMD_UNIT=, and those of systemd about a unit by UNIT= together with _PID=1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include "ctl/journal.h"
#include "util/cleanup.h"

static void journal_closep(sd_journal **journal) {
        if (*journal)
                sd_journal_close(*journal);
}

/* Looked at beyond those wanted: an entry without a message is none for us, and scripts can write them without end. */
#define EMPTY_MAX 1000U

static int journal_add_priorities(sd_journal *journal, int max_priority) {
        int r = 0;

        for (int i = 0; r >= 0 && i <= max_priority; i++) {
                char match[sizeof("PRIORITY=7")];

                (void)snprintf(match, sizeof(match), "PRIORITY=%d", i & 7);
                r = sd_journal_add_match(journal, match, 0);
        }

        return r;
}

static int journal_add_matches(sd_journal *journal, const char *unit, int max_priority) {
        char by[128], about[128];
        int r;

        (void)snprintf(by, sizeof(by), "_SYSTEMD_UNIT=%s", unit);
        (void)snprintf(about, sizeof(about), "UNIT=%s", unit);

        r = sd_journal_add_match(journal, by, 0);
        if (r >= 0)
                r = journal_add_priorities(journal, max_priority);
        if (r >= 0)
                r = sd_journal_add_disjunction(journal);
        if (r >= 0)
                r = sd_journal_add_match(journal, "_PID=1", 0);
        if (r >= 0)
                r = sd_journal_add_match(journal, about, 0);
        if (r >= 0)
                r = journal_add_priorities(journal, max_priority);
        return r;
}

static char *journal_get(sd_journal *journal, const char *field) {
        size_t size, n = strlen(field) + 1;
        const void *data;

        if (sd_journal_get_data(journal, field, &data, &size) < 0 || size < n)
                return NULL;

        return strndup((const char *)data + n, MIN2(size - n, (size_t)JOURNAL_TEXT_MAX));
}

static int journal_read_entry(sd_journal *journal, uint64_t wall_usec, JournalEntry *ret) {
        _cleanup_(freep) char *priority = journal_get(journal, "PRIORITY");

        *ret = (JournalEntry){
                .wall_usec = wall_usec,
                .priority = priority && *priority >= '0' && *priority <= '7' ? *priority - '0' : 6,
                .message = journal_get(journal, "MESSAGE"),
                .message_id = journal_get(journal, "MESSAGE_ID"),
                .request_id = journal_get(journal, "PHP_REQUEST_ID"),
                .uri = journal_get(journal, "PHP_REQUEST_URI"),
                .code_file = journal_get(journal, "CODE_FILE"),
                .code_line = journal_get(journal, "CODE_LINE"),
        };
        return ret->message ? 0 : -ENODATA;
}

static void journal_entry_done(JournalEntry *entry) {
        free(entry->message);
        free(entry->message_id);
        free(entry->request_id);
        free(entry->uri);
        free(entry->code_file);
        free(entry->code_line);
}

/* Backwards from the end, then turned round. */
static int journal_read(Journal *ret, sd_journal *journal, uint64_t since_usec, size_t n_max) {
        int r = sd_journal_seek_tail(journal);

        for (size_t n = 0; r >= 0 && ret->n_entries < n_max && n < n_max + EMPTY_MAX; n++) {
                JournalEntry *entry = &ret->entries[ret->n_entries];
                uint64_t wall_usec;

                r = sd_journal_previous(journal);
                if (r <= 0 || sd_journal_get_realtime_usec(journal, &wall_usec) < 0 ||
                    wall_usec < since_usec)
                        break;
                if (journal_read_entry(journal, wall_usec, entry) < 0)
                        journal_entry_done(entry);
                else
                        ret->n_entries++;
        }

        for (size_t i = 0; i < ret->n_entries / 2; i++) {
                JournalEntry t = ret->entries[i];

                ret->entries[i] = ret->entries[ret->n_entries - 1 - i];
                ret->entries[ret->n_entries - 1 - i] = t;
        }
        return MIN2(r, 0);
}

int journal_load(Journal *ret, const char *unit, int max_priority, uint64_t since_usec, size_t n_max) {
        _cleanup_(journal_closep) sd_journal *journal = NULL;
        _cleanup_(journal_done) Journal loaded = {};
        int r;

        r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);
        if (r < 0)
                return r;
        (void)sd_journal_set_data_threshold(journal, JOURNAL_TEXT_MAX + 64);
        r = journal_add_matches(journal, unit, max_priority);
        if (r < 0)
                return r;

        n_max = MIN2(n_max, (size_t)JOURNAL_ENTRIES_MAX);
        loaded.entries = calloc(n_max, sizeof(*loaded.entries));
        if (!loaded.entries)
                return -ENOMEM;
        r = journal_read(&loaded, journal, since_usec, n_max);
        if (r < 0)
                return r;

        *ret = loaded;
        loaded = (Journal){};
        return 0;
}

void journal_done(Journal *journal) {
        for (size_t i = 0; i < journal->n_entries; i++)
                journal_entry_done(&journal->entries[i]);
        free(journal->entries);
        *journal = (Journal){};
}

const JournalEntry *journal_find(const Journal *journal, const char *text) {
        for (size_t i = journal->n_entries; i-- > 0;)
                if (strstr(journal->entries[i].message, text))
                        return &journal->entries[i];

        return NULL;
}
