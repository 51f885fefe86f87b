/* SPDX-License-Identifier: MIT */
/*
 * What stdout is
 *
 * As systemctl does it: $SYSTEMD_PAGER, $PAGER or less, and none for "" and "cat"; colours on
 * a terminal that is not dumb, unless NO_COLOR (no-color.org) or SYSTEMD_COLORS=0 is set. The
 * pager runs with root's rights and shows text that others wrote, so less gets
 * LESSSECURE: it starts no shell and writes no file (less(1)).
 *
 * Once the pager runs, stdout is a pipe: what the terminal was like is found out before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "ctl/child.h"
#include "ctl/output.h"
#include "util/cleanup.h"
#include "util/fd.h"

static struct {
        bool is_terminal;
        bool has_colours;
        pid_t pager; /* 0: none */
} output;

static bool output_wants_colours(void) {
        const char *colours = getenv("SYSTEMD_COLORS"), *term = getenv("TERM"), *no = getenv("NO_COLOR");

        if (colours && *colours)
                return strcmp(colours, "0") != 0 && strcmp(colours, "no") != 0 &&
                       strcmp(colours, "false") != 0;
        return !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void output_init(void) {
        output.is_terminal = isatty(STDOUT_FILENO);
        output.has_colours = output.is_terminal && output_wants_colours();
}

/* stderr and stdin are the same terminal, as a rule, and stay it while the pager runs. */
static bool output_size(struct winsize *ret) {
        static const int fds[] = { STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO };

        for (size_t i = 0; output.is_terminal && i < ELEMENTSOF(fds); i++)
                if (ioctl(fds[i], TIOCGWINSZ, ret) == 0 && ret->ws_col > 0)
                        return true;

        return false;
}

size_t output_width(void) {
        struct winsize size;

        return output_size(&size) ? size.ws_col : 0;
}

size_t output_height(void) {
        struct winsize size;

        return output_size(&size) ? size.ws_row : 0;
}

const char *output_style(OutputStyle style) {
        static const char *const sequences[_OUTPUT_STYLE_MAX] = {
                [OUTPUT_PLAIN] = "\033[0m",  [OUTPUT_GOOD] = "\033[32m", [OUTPUT_WARN] = "\033[33m",
                [OUTPUT_BAD] = "\033[1;31m", [OUTPUT_BOLD] = "\033[1m",  [OUTPUT_DIM] = "\033[2m",
        };

        return output.has_colours ? sequences[style] : "";
}

static _Noreturn void output_become_pager(const char *pager, int in, int out) {
        const char *const named[] = { "sh", "-c", pager, NULL }, *const less[] = { "less", NULL },
                          *const more[] = { "more", NULL };
        const char *secure = getenv("SYSTEMD_PAGERSECURE"), *options = getenv("SYSTEMD_LESS");
        char bytes[4096];
        ssize_t n;

        if (dup2(in, STDIN_FILENO) < 0)
                _exit(EXIT_FAILURE);
        (void)setenv("LESS", options ?: "FRSXMK", /* overwrite= */ 1);
        if (!secure || strcmp(secure, "0") != 0)
                (void)setenv("LESSSECURE", "1", /* overwrite= */ 1);

        if (pager)
                (void)child_become(named);
        else {
                (void)child_become(less);
                (void)child_become(more);
        }
        /* better plain than not at all */
        while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0 &&
               fd_write_all(out, bytes, (size_t)n) == 0)
                ;
        _exit(EXIT_SUCCESS);
}

void output_open_pager(void) {
        const char *pager = getenv("SYSTEMD_PAGER") ?: getenv("PAGER");
        int pipe_fds[2];

        if (!output.is_terminal || output.pager > 0)
                return;
        if (pager && (*pager == '\0' || strcmp(pager, "cat") == 0))
                return;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return;

        (void)fflush(stdout);
        output.pager = fork();
        if (output.pager == 0)
                output_become_pager(pager, pipe_fds[0], STDOUT_FILENO);
        if (output.pager > 0 && dup2(pipe_fds[1], STDOUT_FILENO) >= 0) {
                /* ^C is for the pager, which would be left behind with the terminal as it has set it */
                (void)signal(SIGINT, SIG_IGN);
                (void)signal(SIGPIPE, SIG_IGN);
        }
        fd_close(pipe_fds[0]);
        fd_close(pipe_fds[1]);
}

int output_close(void) {
        int r = fflush(stdout) != 0 ? -errno : 0;

        if (output.pager <= 0)
                return r;

        /* the pager sees the end when the last writer has closed */
        (void)fclose(stdout);
        (void)child_wait(output.pager);
        output.pager = 0;
        return 0; /* who quits early has seen enough */
}
