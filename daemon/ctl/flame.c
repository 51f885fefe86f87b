/* SPDX-License-Identifier: MIT */
/*
 * A flame graph
 *
 * Stacks with the same beginning share their beginning: a tree, in which a node
 * is as wide as the samples that went through it, with those it called above.
 * Names come from a pool's scripts, and the image is opened in a browser: they
 * are made printable when they come in, and escaped when they go out. There is
 * no script in the image, nothing to load, and no style but attributes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/flame.h"
#include "ctl/text.h"

#define FLAME_WIDTH       1200.0
#define FLAME_ROW         18.0
#define FLAME_MARGIN      10.0
#define FLAME_HEAD        40.0
#define FLAME_LETTER      6.6 /* width of a letter of 11 px monospace */
#define FLAME_WIDTH_LEAST 0.3 /* narrower ones are not drawn */

typedef struct FlameNode FlameNode;

struct FlameNode {
        char *name; /* owned */
        uint64_t count;
        FlameNode *children; /* owned, with their siblings */
        FlameNode *next;
};

struct Flame {
        FlameNode root;
        size_t n_nodes;
        uint64_t n_steps; /* names compared in vain */
        unsigned int depth;
};

int flame_new(Flame **ret) {
        Flame *flame = calloc(1, sizeof(*flame));

        if (!flame)
                return -ENOMEM;

        *ret = flame;
        return 0;
}

/* As deep as FLAME_DEPTH_MAX. */
static void flame_free_children(FlameNode *node) {
        while (node->children) {
                FlameNode *child = node->children;

                node->children = child->next;
                flame_free_children(child);
                free(child->name);
                free(child);
        }
}

Flame *flame_free(Flame *flame) {
        if (!flame)
                return NULL;

        flame_free_children(&flame->root);
        free(flame);
        return NULL;
}

uint64_t flame_count(const Flame *flame) {
        return flame->root.count;
}

/* NULL: no memory, or no room: *@ret_full. */
static FlameNode *flame_child(Flame *flame, FlameNode *node, const char *name, bool *ret_full) {
        FlameNode *child;

        for (child = node->children; child; child = child->next, flame->n_steps++)
                if (strcmp(child->name, name) == 0)
                        return child;

        *ret_full = flame->n_nodes >= FLAME_NODES_MAX || flame->n_steps >= FLAME_STEPS_MAX;
        if (*ret_full)
                return NULL;
        child = calloc(1, sizeof(*child));
        if (!child)
                return NULL;
        child->name = strdup(name);
        if (!child->name) {
                free(child);
                return NULL;
        }
        child->next = node->children;
        node->children = child;
        flame->n_nodes++;
        return child;
}

static int flame_add_stack(Flame *flame, char *stack, uint64_t count) {
        FlameNode *node = &flame->root;
        unsigned int depth = 0;
        char *saved = NULL;

        node->count += count;
        if (flame->n_steps >= FLAME_STEPS_MAX)
                return 0;
        for (char *name = strtok_r(stack, ";", &saved); name && depth < FLAME_DEPTH_MAX;
             name = strtok_r(NULL, ";", &saved)) {
                _cleanup_(freep) char *clean = text_clean(name, FLAME_NAME_MAX);
                bool full = false;

                if (!clean)
                        return -ENOMEM;
                node = flame_child(flame, node, clean, &full);
                if (!node)
                        return full ? 0 : -ENOMEM;
                node->count += count;
                depth++;
        }

        flame->depth = MAX2(flame->depth, depth);
        return 0;
}

int flame_add_folded(Flame *flame, char *folded) {
        char *saved = NULL;
        int r = 0;

        for (char *line = strtok_r(folded, "\n", &saved); r == 0 && line;
             line = strtok_r(NULL, "\n", &saved)) {
                char *space = strrchr(line, ' '), *end;
                unsigned long count;

                if (!space || space == line || space[1] < '0' || space[1] > '9')
                        continue;
                errno = 0;
                count = strtoul(space + 1, &end, 10);
                /* more samples than there can be in ten minutes of any machine */
                if (errno != 0 || *end || count == 0 || count > UINT32_MAX)
                        continue;
                *space = '\0';
                r = flame_add_stack(flame, line, count);
        }

        return r;
}

/* XML (section 2.4): what is clean has no control characters. */
static void flame_print_text(FILE *f, const char *text, size_t columns_max) {
        size_t n = text_fit(text, columns_max);

        for (size_t i = 0; i < n; i++)
                switch (text[i]) {
                case '&':
                        (void)fputs("&amp;", f);
                        break;
                case '<':
                        (void)fputs("&lt;", f);
                        break;
                case '>':
                        (void)fputs("&gt;", f);
                        break;
                case '"':
                        (void)fputs("&quot;", f);
                        break;
                case '\'':
                        (void)fputs("&#39;", f);
                        break;
                default:
                        (void)fputc(text[i], f);
                        break;
                }
}

/* A warm colour that is always the same for a name, so that two images can be compared. */
static void flame_print_colour(FILE *f, const char *name) {
        uint32_t hash = 2166136261U; /* FNV-1a */

        for (; *name; name++)
                hash = (hash ^ (uint8_t)*name) * 16777619U;
        (void)fprintf(f, "rgb(%u,%u,%u)", 205 + hash % 50, 90 + (hash >> 8) % 120, 20 + (hash >> 16) % 60);
}

static void flame_draw_node(const Flame *flame,
                            const FlameNode *node,
                            double x,
                            double width,
                            unsigned int level,
                            FILE *f) {
        double y = FLAME_HEAD + (flame->depth - level) * FLAME_ROW;
        size_t letters = width > 2 * FLAME_LETTER ? (size_t)((width - FLAME_LETTER) / FLAME_LETTER) : 0;

        (void)fputs("<g><title>", f);
        flame_print_text(f, node->name, SIZE_MAX);
        (void)fprintf(
                f,
                " (%" PRIu64
                " samples, %.1f %%)</title><rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"",
                node->count,
                100.0 * (double)node->count / (double)flame->root.count,
                x,
                y,
                MAX2(width - 0.5, 0.2),
                FLAME_ROW - 1);
        flame_print_colour(f, node->name);
        (void)fputs("\"/>", f);
        if (letters >= 3) {
                (void)fprintf(f, "<text x=\"%.2f\" y=\"%.1f\">", x + 3, y + 12.5);
                flame_print_text(f, node->name, letters);
                (void)fputs("</text>", f);
        }
        (void)fputs("</g>\n", f);
}

static int flame_compare(const void *a, const void *b) {
        return strcmp((*(const FlameNode *const *)a)->name, (*(const FlameNode *const *)b)->name);
}

/* In the order of their names: time does not run from left to right here. */
static int flame_draw_children(const Flame *flame,
                               const FlameNode *node,
                               double x,
                               double width,
                               unsigned int level,
                               FILE *f) {
        _cleanup_(freep) const FlameNode **order = NULL;
        size_t n = 0;
        int r = 0;

        for (const FlameNode *child = node->children; child; child = child->next)
                n++;
        if (n == 0)
                return 0;
        order = calloc(n, sizeof(*order));
        if (!order)
                return -ENOMEM;
        n = 0;
        for (const FlameNode *child = node->children; child; child = child->next)
                order[n++] = child;
        qsort(order, n, sizeof(*order), flame_compare);

        for (size_t i = 0; r == 0 && i < n; i++) {
                double own = width * (double)order[i]->count / (double)node->count;

                if (own >= FLAME_WIDTH_LEAST) {
                        flame_draw_node(flame, order[i], x, own, level, f);
                        r = flame_draw_children(flame, order[i], x, own, level + 1, f);
                }
                x += own;
        }
        return r;
}

int flame_draw(const Flame *flame, const char *title, FILE *f) {
        double height = FLAME_HEAD + (flame->depth + 1) * FLAME_ROW + FLAME_MARGIN;
        _cleanup_(freep) char *clean = text_clean(title, FLAME_NAME_MAX);
        int r;

        (void)fprintf(f,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                      "viewBox=\"0 0 %.0f %.0f\" font-family=\"monospace\" font-size=\"11\">\n"
                      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffdf7\"/>\n"
                      "<text x=\"%.0f\" y=\"24\" font-size=\"15\">",
                      FLAME_WIDTH,
                      height,
                      FLAME_WIDTH,
                      height,
                      FLAME_MARGIN);
        flame_print_text(f, clean ?: "", SIZE_MAX);
        (void)fputs("</text>\n", f);
        r = flame_draw_children(flame, &flame->root, FLAME_MARGIN, FLAME_WIDTH - 2 * FLAME_MARGIN, 0, f);
        (void)fputs("</svg>\n", f);

        return r < 0 ? r : ferror(f) ? -EIO : 0;
}
