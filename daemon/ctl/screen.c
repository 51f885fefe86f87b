/* SPDX-License-Identifier: MIT */
/*
 * The terminal as a screen
 *
 * The alternate screen is used, as top(1) does, so that what stood there before
 * comes back. A picture is written over the last one in one write(2), each line
 * cut to the width and cleared behind its end: nothing flickers, nothing wraps.
 *
 * Signals are blocked but while we wait for a key, so none is missed between a
 * look at its flag and the waiting (ppoll(2)). At SIGTSTP the terminal is given
 * back before we stop, and taken again when we go on.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "ctl/output.h"
#include "ctl/screen.h"
#include "ctl/text.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/fd.h"

static struct {
        bool open;
        struct termios saved;
        sigset_t unblocked;
        volatile sig_atomic_t resized, ended, stopped;
        char typed[64]; /* read, and not asked for yet */
        size_t n_typed;
} screen;

static void screen_on_signal(int signo) {
        if (signo == SIGWINCH)
                screen.resized = 1;
        else if (signo == SIGTSTP)
                screen.stopped = 1;
        else
                screen.ended = 1;
}

static void screen_write(const char *text) {
        (void)fd_write_all(STDOUT_FILENO,
                           text,
                           strlen(text)); /* a terminal that is gone ends us by its signal */
}

static int screen_enter(void) {
        struct termios raw = screen.saved;

        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* ^C and ^Z stay signals */
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
                return -errno;

        screen_write("\033[?1049h\033[?25l"); /* alternate screen, no cursor (xterm's control sequences) */
        return 0;
}

static void screen_leave(void) {
        screen_write("\033[?25h\033[?1049l");
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen.saved);
}

int screen_open(void) {
        static const int signals[] = { SIGWINCH, SIGTSTP, SIGTERM, SIGINT, SIGHUP };
        struct sigaction action = { .sa_handler = screen_on_signal };
        sigset_t blocked;
        int r;

        if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &screen.saved) < 0)
                return -ENOTTY;

        (void)sigemptyset(&blocked);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                (void)sigaction(signals[i], &action, NULL);
                (void)sigaddset(&blocked, signals[i]);
        }
        if (sigprocmask(SIG_BLOCK, &blocked, &screen.unblocked) < 0)
                return -errno;

        r = screen_enter();
        screen.open = r == 0;
        return r;
}

void screen_close(void) {
        if (screen.open)
                screen_leave();
        screen.open = false;
}

void screen_size(size_t *ret_width, size_t *ret_height) {
        *ret_width = output_width() ?: 80;
        *ret_height = output_height() ?: 24;
}

void screen_show(const char *text) {
        _cleanup_(freep) char *picture = NULL;
        size_t size, width, height;
        FILE *f = open_memstream(&picture, &size);

        if (!f)
                return;

        screen_size(&width, &height);
        (void)fputs("\033[H", f);
        for (size_t i = 0; i < height && *text; i++) {
                size_t n = strcspn(text, "\n");
                _cleanup_(freep) char *line = strndup(text, n);

                if (line)
                        line[text_fit(line, width)] = '\0';
                (void)fprintf(f,
                              "%s%s\033[K%s",
                              i > 0 ? "\r\n" : "",
                              line ?: "",
                              output_style(OUTPUT_PLAIN));
                text += n + (text[n] == '\n');
        }
        (void)fputs("\033[J", f);
        if (fclose(f) == 0)
                screen_write(picture);
}

/* What terminals send for a key without a character: ESC, "[" or "O", and all up to a letter or "~". */
static size_t screen_key_size(const char *bytes, size_t size) {
        size_t n = 2;

        if (bytes[0] != '\033' || size < 3 || (bytes[1] != '[' && bytes[1] != 'O'))
                return 1;
        while (n < size && (bytes[n] < '@' || bytes[n] > '~'))
                n++;
        return MIN2(n + 1, size);
}

static int screen_decode(const char *bytes, size_t size) {
        static const struct {
                const char *sequence;
                int key;
        } keys[] = {
                { "\033[A", SCREEN_KEY_UP },       { "\033[B", SCREEN_KEY_DOWN },
                { "\033OA", SCREEN_KEY_UP },       { "\033OB", SCREEN_KEY_DOWN },
                { "\033[H", SCREEN_KEY_HOME },     { "\033OH", SCREEN_KEY_HOME },
                { "\033[1~", SCREEN_KEY_HOME },    { "\033[F", SCREEN_KEY_LAST },
                { "\033OF", SCREEN_KEY_LAST },     { "\033[4~", SCREEN_KEY_LAST },
                { "\033[5~", SCREEN_KEY_PAGE_UP }, { "\033[6~", SCREEN_KEY_PAGE_DOWN },
        };

        if (bytes[0] != '\033')
                return (unsigned char)bytes[0] < 128 ? bytes[0] : SCREEN_KEY_OTHER;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (size == strlen(keys[i].sequence) && memcmp(bytes, keys[i].sequence, size) == 0)
                        return keys[i].key;

        return SCREEN_KEY_OTHER;
}

/* Keys may come faster than they are asked for, several in one read(2). */
static int screen_next_key(void) {
        size_t n = screen_key_size(screen.typed, screen.n_typed);
        int key = screen_decode(screen.typed, n);

        screen.n_typed -= n;
        memmove(screen.typed, screen.typed + n, screen.n_typed);
        return key;
}

static int screen_check_signals(void) {
        if (screen.ended)
                return SCREEN_KEY_END;
        if (screen.stopped) {
                screen.stopped = 0;
                screen_leave();
                (void)raise(SIGSTOP);
                return screen_enter() < 0 ? SCREEN_KEY_END : SCREEN_KEY_RESIZED;
        }
        if (screen.resized) {
                screen.resized = 0;
                return SCREEN_KEY_RESIZED;
        }
        return SCREEN_KEY_NONE;
}

int screen_read_key(uint64_t deadline_usec) {
        for (;;) {
                struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
                uint64_t now = clock_now_usec(), wait = deadline_usec > now ? deadline_usec - now : 0;
                struct timespec ts = { .tv_sec = (time_t)(wait / USEC_PER_SEC),
                                       .tv_nsec = (long)(wait % USEC_PER_SEC * 1000) };
                ssize_t n;
                int r;

                if (screen.n_typed > 0)
                        return screen_next_key();
                r = ppoll(&p, 1, &ts, &screen.unblocked);
                if (r < 0 && errno == EINTR) {
                        r = screen_check_signals();
                        if (r != SCREEN_KEY_NONE)
                                return r;
                        continue;
                }
                if (r <= 0)
                        return r < 0 ? SCREEN_KEY_END : SCREEN_KEY_NONE;
                n = read(STDIN_FILENO, screen.typed, sizeof(screen.typed));
                if (n <= 0)
                        return SCREEN_KEY_END;
                screen.n_typed = (size_t)n;
        }
}
