/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl top: all pools, as they are from second to second
 *
 * Rates and times are those between two looks, where the pool counts what they
 * are made of. The keys are those of top(1) as far as they have a meaning here.
 * Where stdout is no terminal one picture is printed, without waiting for keys.
 */
#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "ctl/output.h"
#include "ctl/screen.h"
#include "ctl/top-list.h"
#include "ctl/view.h"
#include "util/log.h"

/* A pool that stays silent must not stop the picture for long. */
#define TOP_STATUS_USEC (500 * USEC_PER_MSEC)

#define TOP_DELAY_MIN_USEC (100 * USEC_PER_MSEC)
#define TOP_DELAY_MAX_USEC (3600 * USEC_PER_SEC)

typedef struct Top Top;

struct Top {
        Ctl ctl;
        TopList list;
        uint64_t delay_usec;
        size_t scroll; /* rows above the first that is shown */
        bool help;
        bool asking;     /* for the delay */
        char answer[16]; /* typed so far */
};

static const char top_help[] = "Keys\n"
                               "\n"
                               "  q           end\n"
                               "  space       look again now\n"
                               "  d, s        seconds between two looks\n"
                               "  N P M T     sort by name, busy workers, memory, requests in total\n"
                               "  Q H         sort by queue, requests per second\n"
                               "  < >         sort by the column to the left, to the right\n"
                               "  R           turn the order round\n"
                               "  i           with or without the pools that are not running\n"
                               "  arrows, page up, page down, home, end\n"
                               "  h, ?        this; any key goes back\n";

static void top_print_head(const Top *top, FILE *f) {
        char clock[64], memory[24];
        TopSums sums;

        top_list_sum(&top->list, &sums);
        (void)text_time(clock, sizeof(clock), clock_wall_usec());
        (void)fprintf(f,
                      "php-poolctl top - %s, every %.1fs\n",
                      clock,
                      (double)top->delay_usec / USEC_PER_SEC);
        (void)fprintf(f,
                      "Pools: %zu, %zu running, %zu unreachable; workers: %" PRIu64 " busy, %" PRIu64
                      " idle, %" PRIu64 " at most; %" PRIu64 " requests waiting; %.1f/s; memory %s\n",
                      sums.n_pools,
                      sums.n_running,
                      sums.n_unreachable,
                      sums.busy,
                      sums.idle,
                      sums.max,
                      sums.queue,
                      sums.rate,
                      text_bytes(memory, sizeof(memory), sums.memory));
        if (top->asking)
                (void)fprintf(f, "Seconds between two looks: %s_\n", top->answer);
        else
                (void)fputc('\n', f);
}

static int top_draw(Top *top, bool on_screen) {
        _cleanup_(freep) char *text = NULL;
        size_t size, width, height;
        FILE *f = open_memstream(&text, &size);
        int r = 0;

        if (!f)
                return -ENOMEM;

        screen_size(&width, &height);
        if (top->help)
                (void)fputs(top_help, f);
        else {
                top_print_head(top, f);
                r = top_list_print(&top->list, f, on_screen ? width : output_width(), top->scroll);
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r < 0)
                return r;

        if (on_screen)
                screen_show(text);
        else
                (void)fputs(text, stdout);
        return 0;
}

/* Something was typed for the delay. */
static void top_on_answer(Top *top, int key) {
        size_t n = strlen(top->answer);
        double seconds;

        if (key == '\n' || key == '\r') {
                top->asking = false;
                seconds = strtod(top->answer, NULL);
                if (n > 0 && seconds < (double)(TOP_DELAY_MAX_USEC / USEC_PER_SEC))
                        top->delay_usec = MAX2((uint64_t)(seconds * USEC_PER_SEC), TOP_DELAY_MIN_USEC);
        } else if (key == 127 || key == '\b') {
                if (n > 0)
                        top->answer[n - 1] = '\0';
        } else if (key == '\033' || key == SCREEN_KEY_OTHER) {
                top->asking = false;
        } else if ((isdigit(key) || key == '.') && n + 1 < sizeof(top->answer)) {
                top->answer[n] = (char)key;
                top->answer[n + 1] = '\0';
        }
}

static void top_on_scroll(Top *top, int key) {
        size_t width, height, n = top_list_length(&top->list), page;

        screen_size(&width, &height);
        page = height > 6 ? height - 5 : 1;
        if (key == SCREEN_KEY_UP)
                top->scroll -= top->scroll > 0;
        else if (key == SCREEN_KEY_DOWN)
                top->scroll++;
        else if (key == SCREEN_KEY_PAGE_UP)
                top->scroll -= MIN2(top->scroll, page);
        else if (key == SCREEN_KEY_PAGE_DOWN)
                top->scroll += page;
        else
                top->scroll = key == SCREEN_KEY_HOME ? 0 : n;
        top->scroll = MIN2(top->scroll, n > page ? n - page : 0);
}

/* True: look again at once. */
static bool top_on_key(Top *top, int key) {
        if (top->help) {
                top->help = key == SCREEN_KEY_RESIZED;
                return false;
        }
        if (top->asking && key != SCREEN_KEY_RESIZED) {
                top_on_answer(top, key);
                return false;
        }

        switch (key) {
        case ' ':
        case '\n':
        case '\r':
                return true;
        case 'h':
        case '?':
                top->help = true;
                return false;
        case 'd':
        case 's':
                top->asking = true;
                top->answer[0] = '\0';
                return false;
        case 'i':
                top->list.running_only = !top->list.running_only;
                top->scroll = 0;
                return false;
        case SCREEN_KEY_UP:
        case SCREEN_KEY_DOWN:
        case SCREEN_KEY_PAGE_UP:
        case SCREEN_KEY_PAGE_DOWN:
        case SCREEN_KEY_HOME:
        case SCREEN_KEY_LAST:
                top_on_scroll(top, key);
                return false;
        default:
                top_list_on_key(&top->list, key);
                return false;
        }
}

static int top_run(Top *top) {
        uint64_t next = clock_now_usec() + top->delay_usec;
        int r;

        for (;;) {
                int key;

                r = top_draw(top, /* on_screen= */ true);
                if (r < 0)
                        return r;
                key = screen_read_key(next);
                if (key == SCREEN_KEY_END || (key == 'q' && !top->help && !top->asking))
                        return 0;
                if (key != SCREEN_KEY_NONE && !top_on_key(top, key))
                        continue;
                r = top_list_refresh(&top->list, &top->ctl);
                if (r < 0)
                        return r;
                next = clock_now_usec() + top->delay_usec;
        }
}

int verb_top(const Ctl *ctl, int argc, char **argv) {
        Top top = { .ctl = *ctl, .delay_usec = USEC_PER_SEC, .list = TOP_LIST_NULL };
        int r;

        top.ctl.status_usec = TOP_STATUS_USEC;
        r = top_list_refresh(&top.list, &top.ctl);
        if (r == 0) {
                r = screen_open();
                r = r == -ENOTTY ? top_draw(&top, /* on_screen= */ false) : r < 0 ? r : top_run(&top);
                screen_close();
        }
        top_list_done(&top.list);
        if (r < 0) {
                log_error_errno(r, "Failed to show the pools of '%s/conf.d': %m", ctl->config_dir);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
