/* SPDX-License-Identifier: MIT */
/*
 * The pools of php-poolctl top
 *
 * Each column has a number to sort by, so that "9.8M" and "10.1M" come in the
 * right order. Pools are found again by name at the next look; one whose
 * counters went backwards was restarted, and its rate is the one it tells.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/top-list.h"

enum {
        COLUMN_NAME,
        COLUMN_STATE,
        COLUMN_BUSY,
        COLUMN_QUEUE,
        COLUMN_RATE,
        COLUMN_TIME,
        COLUMN_TOTAL,
        COLUMN_MEMORY,
        COLUMN_RESIDENT,
        COLUMN_TROUBLE,
        N_COLUMNS
};

static const struct {
        const char *name;
        char key;
        bool largest_first;
} columns[N_COLUMNS] = {
        [COLUMN_NAME] = { "NAME", 'N', false },         [COLUMN_STATE] = { "STATE", 0, true },
        [COLUMN_BUSY] = { "BUSY/IDLE/MAX", 'P', true }, [COLUMN_QUEUE] = { "QUEUE", 'Q', true },
        [COLUMN_RATE] = { "RATE", 'H', true },          [COLUMN_TIME] = { "TIME", 0, true },
        [COLUMN_TOTAL] = { "REQUESTS", 'T', true },     [COLUMN_MEMORY] = { "MEMORY", 'M', true },
        [COLUMN_RESIDENT] = { "BOOT", 0, true },        [COLUMN_TROUBLE] = { "TROUBLE", 0, true },
};

static const TopItem *top_list_find(const TopList *list, const char *name) {
        for (size_t i = 0; i < list->n_items; i++)
                if (strcmp(list->items[i].view->name, name) == 0)
                        return &list->items[i];

        return NULL;
}

static void top_item_fill(TopItem *item, const View *view, const TopItem *before, double seconds) {
        struct json_object *status = view->status, *time = field_object(status, "durations");
        struct json_object *workers = field_object(status, "workers");
        double requests, usec;

        *item = (TopItem){
                .view = view,
                .awake = view->state == VIEW_AWAKE,
                .requests = (double)field_int(status, "requests", -1),
                .usec = (double)field_int(time, "sum_usec", -1),
        };
        item->values[COLUMN_STATE] = view->state == VIEW_UNREACHABLE ? 2 : item->awake;
        item->values[COLUMN_BUSY] = (double)field_int(workers, "busy", 0);
        item->values[COLUMN_QUEUE] = (double)field_int(status, "queue", 0);
        item->values[COLUMN_RATE] = MIN2(field_double(status, "rate"), 1e9);
        item->values[COLUMN_TIME] = -1;
        item->values[COLUMN_TOTAL] = (double)field_int(status, "requests", 0);
        item->values[COLUMN_MEMORY] = (double)view_memory(view);
        item->values[COLUMN_RESIDENT] =
                (double)field_int(field_object(status, "resident_script"), "boot_usec", 0);
        item->values[COLUMN_TROUBLE] = (double)field_int(status, "crashes", 0) +
                                       (double)field_int(status, "timeouts", 0) +
                                       (double)field_int(status, "refused", 0);

        if (!before || seconds <= 0 || before->requests < 0 || item->requests < before->requests)
                return;
        requests = item->requests - before->requests;
        usec = item->usec - before->usec;
        item->values[COLUMN_RATE] = requests / seconds;
        if (before->usec >= 0 && usec >= 0 && requests > 0)
                item->values[COLUMN_TIME] = usec / requests;
}

int top_list_refresh(TopList *list, const Ctl *ctl) {
        _cleanup_(views_done) Views views = {};
        uint64_t now;
        TopItem *items;
        int r;

        r = views_load(&views, ctl);
        if (r < 0)
                return r;
        items = calloc(MAX2(views.n_views, (size_t)1), sizeof(*items));
        if (!items)
                return -ENOMEM;

        now = clock_now_usec();
        for (size_t i = 0; i < views.n_views; i++)
                top_item_fill(&items[i],
                              &views.views[i],
                              top_list_find(list, views.views[i].name),
                              list->look_usec > 0 ? (double)(now - list->look_usec) / USEC_PER_SEC : 0);

        free(list->items);
        views_done(&list->views);
        list->views = views;
        list->items = items;
        list->n_items = views.n_views;
        list->look_usec = now;
        views = (Views){};
        return 0;
}

void top_list_done(TopList *list) {
        free(list->items);
        views_done(&list->views);
        *list = (TopList)TOP_LIST_NULL;
}

void top_list_on_key(TopList *list, int key) {
        if (key == 'R')
                list->reversed = !list->reversed;
        if (key == '<' && list->column > 0)
                list->column--;
        if (key == '>' && list->column + 1 < N_COLUMNS)
                list->column++;
        for (size_t i = 0; i < N_COLUMNS; i++)
                if (columns[i].key && columns[i].key == key)
                        list->column = i;
}

void top_list_sum(const TopList *list, TopSums *ret) {
        *ret = (TopSums){ .n_pools = list->n_items };

        for (size_t i = 0; i < list->n_items; i++) {
                const TopItem *item = &list->items[i];
                struct json_object *workers = field_object(item->view->status, "workers");

                ret->n_running += item->awake;
                ret->n_unreachable += item->view->state == VIEW_UNREACHABLE;
                ret->busy += (uint64_t)field_int(workers, "busy", 0);
                ret->idle += (uint64_t)field_int(workers, "idle", 0);
                ret->max += (uint64_t)field_int(workers, "max", 0);
                ret->queue += (uint64_t)field_int(item->view->status, "queue", 0);
                ret->memory += (uint64_t)MAX2(view_memory(item->view), 0);
                ret->rate += item->values[COLUMN_RATE];
        }
}

static int top_list_compare(const void *a, const void *b, void *userdata) {
        const TopItem *x = *(const TopItem *const *)a, *y = *(const TopItem *const *)b;
        const TopList *list = userdata;
        double l = x->values[list->column], r = y->values[list->column];
        int order = columns[list->column].largest_first ? (l < r) - (l > r) : (l > r) - (l < r);

        /* what runs is not to be looked for below what sleeps */
        if (order == 0 && list->column != COLUMN_NAME)
                order = (int)y->awake - (int)x->awake;
        if (order == 0)
                order = strcmp(x->view->name, y->view->name);
        return list->reversed ? -order : order;
}

size_t top_list_length(const TopList *list) {
        size_t n = 0;

        for (size_t i = 0; i < list->n_items; i++)
                n += !list->running_only || list->items[i].view->state != VIEW_SLEEPING;

        return n;
}

/* Boot and growth of a resident script, as far as there is one. */
static const char *top_resident(char *text, size_t size, struct json_object *status) {
        struct json_object *resident = field_object(status, "resident_script");
        char boot[32], growth[24];

        if (!resident)
                return NULL;

        (void)snprintf(text,
                       size,
                       "%s, +%s/1000",
                       text_duration(boot,
                                     sizeof(boot),
                                     (uint64_t)MAX2(field_int(resident, "boot_usec", 0), INT64_C(0))),
                       text_bytes(growth,
                                  sizeof(growth),
                                  (uint64_t)MAX2(field_int(resident, "growth", 0), INT64_C(0))));
        return text;
}

static int top_list_add(Table *table, const TopItem *item) {
        struct json_object *status = item->view->status, *w = field_object(status, "workers");
        char workers[80], busy[24], idle[24], max[24], queue[24], rate[32], time[48], total[24], memory[24],
                trouble[80], resident[64];
        int r;

        if (!item->awake)
                return table_add(table,
                                 (const char *const[N_COLUMNS]){ item->view->name,
                                                                 view_state_string(item->view),
                                                                 [COLUMN_TROUBLE] = item->view->error });

        (void)snprintf(workers,
                       sizeof(workers),
                       "%s/%s/%s",
                       field_number(busy, sizeof(busy), field_int(w, "busy", -1)),
                       field_number(idle, sizeof(idle), field_int(w, "idle", -1)),
                       field_number(max, sizeof(max), field_int(w, "max", -1)));
        (void)snprintf(rate, sizeof(rate), "%.1f/s", item->values[COLUMN_RATE]);
        (void)snprintf(trouble,
                       sizeof(trouble),
                       "%" PRIi64 " crashes, %" PRIi64 " timeouts, %" PRIi64 " refused",
                       field_int(status, "crashes", 0),
                       field_int(status, "timeouts", 0),
                       field_int(status, "refused", 0));
        r = table_add(
                table,
                (const char *const[N_COLUMNS]){
                        item->view->name,
                        view_state_string(item->view),
                        workers,
                        field_number(queue, sizeof(queue), field_int(status, "queue", -1)),
                        rate,
                        item->values[COLUMN_TIME] >= 0
                                ? text_duration(time, sizeof(time), (uint64_t)item->values[COLUMN_TIME])
                                : NULL,
                        field_number(total, sizeof(total), field_int(status, "requests", -1)),
                        item->values[COLUMN_MEMORY] >= 0
                                ? text_bytes(memory, sizeof(memory), (uint64_t)item->values[COLUMN_MEMORY])
                                : NULL,
                        top_resident(resident, sizeof(resident), status),
                        item->values[COLUMN_TROUBLE] > 0 ? trouble : NULL,
                });
        return r;
}

int top_list_print(const TopList *list, FILE *f, size_t width, size_t skip) {
        _cleanup_(freep) const TopItem **order = calloc(MAX2(list->n_items, (size_t)1), sizeof(*order));
        const char *headers[N_COLUMNS];
        _cleanup_(table_freep) Table *table = NULL;
        size_t n = 0;
        int r;

        if (!order)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_items; i++)
                if (!list->running_only || list->items[i].view->state != VIEW_SLEEPING)
                        order[n++] = &list->items[i];
        if (n > 0)
                qsort_r(order, n, sizeof(*order), top_list_compare, (void *)list);

        for (size_t i = 0; i < N_COLUMNS; i++)
                headers[i] = columns[i].name;
        r = table_new(&table, headers, "llrrrrrrrl", N_COLUMNS);
        for (size_t i = skip; r == 0 && i < n; i++) {
                r = top_list_add(table, order[i]);
                if (r == 0)
                        table_set_style(table, COLUMN_STATE, view_style(order[i]->view));
        }
        if (r < 0)
                return r;

        table_print(table, f, /* legend= */ true, width);
        return 0;
}
