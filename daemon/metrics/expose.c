/* SPDX-License-Identifier: MIT */
/*
 * The families of all pools as text
 *
 * OpenMetrics 1.0 and Prometheus' text format 0.0.4 differ in little here: the
 * former names a counter's family without _total, has UNIT lines, and ends with
 * "# EOF". All samples of a family stand together, so the families are walked
 * outside and the pools inside.
 *
 * A pool's status is not to be trusted (field.h): a member of another type, a
 * negative number, a histogram whose bounds do not rise is left out, and what is
 * left is still valid.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "ctl/field.h"
#include "metrics/expose.h"
#include "metrics/family.h"

#define EXPOSE_BUCKETS_MAX 64U

/* Counts beyond it are not exact as the doubles that every reader makes of them. */
#define EXPOSE_COUNT_MAX (INT64_C(1) << 53)

typedef struct Histogram Histogram;

struct Histogram {
        size_t n_bounds;
        int64_t bounds[EXPOSE_BUCKETS_MAX];
        int64_t counts[EXPOSE_BUCKETS_MAX + 1]; /* the last is of those above all bounds */
        int64_t sum_usec;
};

const char *expose_content_type(ExposeFormat format) {
        static const char *const types[_EXPOSE_FORMAT_MAX] = {
                [EXPOSE_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
                [EXPOSE_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
        };

        return types[format];
}

/* Microseconds as seconds, without what a double would make of them; "0.005", "2.0". */
static const char *expose_seconds(char *buffer, size_t size, uint64_t usec) {
        int n = snprintf(buffer, size, "%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC, usec % USEC_PER_SEC);

        while (n > 2 && buffer[n - 1] == '0' && buffer[n - 2] != '.')
                buffer[--n] = '\0';
        return buffer;
}

/* {pool="www",state="busy"}, with what there is of them. */
static void expose_labels(FILE *f, const char *pool, const char *label, const char *value, const char *le) {
        const char *separator = "";

        if (!pool && !value && !le)
                return;

        /* names of pools are letters, digits, _ and -, all other values are ours: nothing to escape */
        (void)fputc('{', f);
        if (pool) {
                (void)fprintf(f, "pool=\"%s\"", pool);
                separator = ",";
        }
        if (value) {
                (void)fprintf(f, "%s%s=\"%s\"", separator, label, value);
                separator = ",";
        }
        if (le)
                (void)fprintf(f, "%sle=\"%s\"", separator, le);
        (void)fputc('}', f);
}

/* {"buckets_usec": [...], "counts": [...], "sum_usec": n}; -EBADMSG: it is none. */
static int expose_read_buckets(Histogram *ret, struct json_object *object) {
        struct json_object *buckets = field_array(object, "buckets_usec"),
                           *counts = field_array(object, "counts");
        size_t n = buckets ? json_object_array_length(buckets) : 0;

        if (!counts || n > EXPOSE_BUCKETS_MAX || json_object_array_length(counts) != n + 1)
                return -EBADMSG;
        for (size_t i = 0; i <= n; i++) {
                ret->counts[i] = field_element_int(counts, i);
                if (i < n)
                        ret->bounds[i] = field_element_int(buckets, i);
        }
        ret->n_bounds = n;
        ret->sum_usec = field_int(object, "sum_usec", 0);
        return 0;
}

/* [{"le_usec": n, "count": n}, ..., {"count": n}] */
static int expose_read_le_buckets(Histogram *ret, struct json_object *array, int64_t sum_usec) {
        size_t n = array ? json_object_array_length(array) : 0;

        if (n < 1 || n > EXPOSE_BUCKETS_MAX + 1)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                struct json_object *bucket = json_object_array_get_idx(array, i);

                if (!json_object_is_type(bucket, json_type_object))
                        return -EBADMSG;
                ret->counts[i] = field_int(bucket, "count", -1);
                if (i + 1 < n)
                        ret->bounds[i] = field_int(bucket, "le_usec", -1);
        }
        ret->n_bounds = n - 1;
        ret->sum_usec = sum_usec;
        return 0;
}

/* Bounds rise, counts are none below zero, and together no more than can be counted. */
static bool expose_is_histogram(const Histogram *histogram) {
        int64_t sum = 0;

        for (size_t i = 0; i <= histogram->n_bounds; i++) {
                if (histogram->counts[i] < 0 || histogram->counts[i] > EXPOSE_COUNT_MAX - sum)
                        return false;
                if (i < histogram->n_bounds && (histogram->bounds[i] < 0 ||
                                                (i > 0 && histogram->bounds[i] <= histogram->bounds[i - 1])))
                        return false;
                sum += histogram->counts[i];
        }

        return histogram->n_bounds > 0 && histogram->sum_usec >= 0;
}

static void expose_histogram(FILE *f, const Family *family, const char *pool, const Histogram *histogram) {
        size_t n = histogram->n_bounds;
        int64_t sum = 0;
        char text[64];

        for (size_t i = 0; i <= n; i++) {
                sum += histogram->counts[i];
                (void)fprintf(f, "%s_bucket", family->name);
                expose_labels(f,
                              pool,
                              NULL,
                              NULL,
                              i < n ? expose_seconds(text, sizeof(text), (uint64_t)histogram->bounds[i])
                                    : "+Inf");
                (void)fprintf(f, " %" PRIi64 "\n", sum);
        }
        (void)fprintf(f, "%s_count", family->name);
        expose_labels(f, pool, NULL, NULL, NULL);
        (void)fprintf(f, " %" PRIi64 "\n%s_sum", sum, family->name);
        expose_labels(f, pool, NULL, NULL, NULL);
        (void)fprintf(f, " %s\n", expose_seconds(text, sizeof(text), (uint64_t)histogram->sum_usec));
}

/* Of the numbers in @object those that no sample of the family names; one that is none makes no sum. */
static int64_t expose_rest(const Family *family, struct json_object *object) {
        int64_t sum = 0;

        json_object_object_foreach(object, key, value) {
                bool named = false;

                for (size_t i = 0; i < family->n_samples; i++)
                        named = named ||
                                (family->samples[i].member && strcmp(family->samples[i].member, key) == 0);
                if (named || !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
                        continue;
                sum = MIN2(json_object_get_int64(value), EXPOSE_COUNT_MAX - sum) + sum;
        }

        return sum;
}

/* -1: there is no such number. */
static int64_t expose_number(const Family *family,
                             const FamilySample *sample,
                             const View *view,
                             struct json_object *object) {
        const char *text;

        switch (family->source) {
        case FAMILY_UP:
                return view->state == VIEW_AWAKE;
        case FAMILY_GARBLED:
                return view->state == VIEW_UNREACHABLE;
        case FAMILY_MEMORY:
                return view_memory(view);
        case FAMILY_FLAG:
                return field_bool(object, sample->member);
        case FAMILY_TEXT:
                text = field_string(object, sample->member);
                return text ? *text != '\0' : -1;
        case FAMILY_INDEX:
                object = field_array(view->status, family->object);
                return object ? field_element_int(object, strtoul(sample->member, NULL, 10)) : -1;
        case FAMILY_REST:
                if (!object)
                        return -1;
                return sample->member ? field_int(object, sample->member, 0) : expose_rest(family, object);
        case FAMILY_NUMBER:
        case FAMILY_USEC:
        case FAMILY_BUCKETS:
        case FAMILY_LE_BUCKETS:
        default:
                return field_int(object, sample->member, -1);
        }
}

static void expose_sample(FILE *f, const Family *family, size_t i, const View *view, const char *pool) {
        const FamilySample *sample = &family->samples[i];
        struct json_object *object =
                family->object ? field_object(view->status, family->object) : view->status;
        char text[64];
        int64_t number;

        if (family->type == FAMILY_HISTOGRAM) {
                Histogram histogram = {};
                int r = family->source == FAMILY_BUCKETS
                                ? expose_read_buckets(&histogram, field_object(object, sample->member))
                                : expose_read_le_buckets(&histogram,
                                                         field_array(object, sample->member),
                                                         field_int(object, "duration_usec", 0));

                if (r == 0 && expose_is_histogram(&histogram))
                        expose_histogram(f, family, pool, &histogram);
                return;
        }
        number = expose_number(family, sample, view, object);
        if (number < 0)
                return;

        (void)fprintf(f, "%s%s", family->name, family->type == FAMILY_COUNTER ? "_total" : "");
        expose_labels(f, pool, family->label, sample->value, NULL);
        if (family->source == FAMILY_USEC)
                (void)fprintf(f, " %s\n", expose_seconds(text, sizeof(text), (uint64_t)number));
        else
                (void)fprintf(f, " %" PRIi64 "\n", number);
}

static void expose_family(FILE *f,
                          ExposeFormat format,
                          const Family *family,
                          const View *views,
                          size_t n_views,
                          bool of_pools) {
        const char *suffix = format == EXPOSE_PROMETHEUS && family->type == FAMILY_COUNTER ? "_total" : "";

        (void)fprintf(f, "# TYPE %s%s %s\n", family->name, suffix, family_type_to_string(family->type));
        if (family->unit && format == EXPOSE_OPENMETRICS)
                (void)fprintf(f, "# UNIT %s %s\n", family->name, family->unit);
        (void)fprintf(f, "# HELP %s%s %s\n", family->name, suffix, family->help);

        for (size_t v = 0; v < n_views; v++)
                for (size_t i = 0; i < family->n_samples; i++)
                        expose_sample(f, family, i, &views[v], of_pools ? views[v].name : NULL);
}

int expose(FILE *f, ExposeFormat format, const View *pools, size_t n_pools, const View *proxy) {
        const Family *families;
        size_t n;

        families = families_of_pools(&n);
        for (size_t i = 0; i < n; i++)
                expose_family(f, format, &families[i], pools, n_pools, /* of_pools= */ true);
        families = families_of_proxy(&n);
        for (size_t i = 0; proxy && i < n; i++)
                expose_family(f, format, &families[i], proxy, 1, /* of_pools= */ false);
        if (format == EXPOSE_OPENMETRICS)
                (void)fputs("# EOF\n", f);

        return ferror(f) ? -EIO : 0;
}

static void expose_list_families(FILE *f, const Family *families, size_t n) {
        for (size_t i = 0; i < n; i++)
                (void)fprintf(f,
                              "%s%s\t%s\t%s\n",
                              families[i].name,
                              families[i].type == FAMILY_COUNTER ? "_total" : "",
                              family_type_to_string(families[i].type),
                              families[i].help);
}

void expose_list(FILE *f) {
        size_t n;
        const Family *families = families_of_pools(&n);

        expose_list_families(f, families, n);
        families = families_of_proxy(&n);
        expose_list_families(f, families, n);
}
