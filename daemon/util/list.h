/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Intrusive doubly linked ring. A List is a head or a member; an empty head
 * and a member in no list point at themselves, so list_remove() is legal at
 * any time after list_init().
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct List List;

struct List {
        List *next;
        List *previous;
};

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* @l runs over the links; the member it stands on must not be removed. */
#define LIST_FOREACH(l, head) for (List *l = (head)->next; l != (head); l = l->next)

/* The same, but the member it stands on may be removed. */
#define LIST_FOREACH_SAFE(l, head) \
        for (List *l = (head)->next, *l##_next_ = l->next; l != (head); l = l##_next_, l##_next_ = l->next)

static inline void list_init(List *list) {
        list->next = list;
        list->previous = list;
}

static inline bool list_is_empty(const List *list) {
        return list->next == list;
}

static inline void list_append(List *head, List *link) {
        link->previous = head->previous;
        link->next = head;
        head->previous->next = link;
        head->previous = link;
}

static inline void list_remove(List *link) {
        link->previous->next = link->next;
        link->next->previous = link->previous;
        list_init(link);
}
