/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The metric families: what each is called, what it means, and where its
 * samples are found in a status
 */

#include <stddef.h>

typedef struct Family Family;
typedef struct FamilySample FamilySample;

typedef enum FamilyType {
        FAMILY_GAUGE,
        FAMILY_COUNTER,
        FAMILY_HISTOGRAM,
        _FAMILY_TYPE_MAX,
} FamilyType;

/* What the member holds. */
typedef enum FamilySource {
        FAMILY_NUMBER,     /* a count, as it is */
        FAMILY_USEC,       /* microseconds; shown in seconds */
        FAMILY_FLAG,       /* true or false; 1 or 0 */
        FAMILY_TEXT,       /* a text; 1 if there is any */
        FAMILY_INDEX,      /* a count in an array; the sample's member is its place */
        FAMILY_BUCKETS,    /* {"buckets_usec": [...], "counts": [...], "sum_usec": n} */
        FAMILY_LE_BUCKETS, /* [{"le_usec": n, "count": n}, ..., {"count": n}], the sum in "duration_usec" */
        FAMILY_REST,       /* all numbers of the object that no other sample names, together */
        FAMILY_UP,         /* no member: 1 if the manager answers */
        FAMILY_GARBLED,    /* no member: 1 if something else does */
        FAMILY_MEMORY,     /* no member: of all workers */
} FamilySource;

struct FamilySample {
        const char *value;  /* of the label; NULL: the family has none */
        const char *member; /* key in the object */
};

struct Family {
        const char *name; /* without the suffix _total */
        FamilyType type;
        FamilySource source;
        const char *unit; /* NULL: none; the name ends with it */
        const char *help;
        const char *object; /* member of the status that holds the samples; NULL: the status itself */
        const char *label;  /* NULL: one sample */
        const FamilySample *samples;
        size_t n_samples;
};

const char *family_type_to_string(FamilyType type);

/* Those of pools and those of the proxy. Every name begins with "php_pool_" and "php_pool_proxy_". */
const Family *families_of_pools(size_t *ret_n);
const Family *families_of_proxy(size_t *ret_n);
