/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl profile: where PHP spends its time
 *
 * The pool's template reads the stacks of its busy workers, from outside, so and
 * so often in a second, and gives them back folded (Profile). Nothing is loaded
 * into PHP, nobody is stopped. What comes back becomes one SVG image (flame.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "ctl/field.h"
#include "ctl/file.h"
#include "ctl/flame.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/log.h"

/* The pool gets so much more to count and to answer. */
#define PROFILE_GRACE_USEC (10 * USEC_PER_SEC)

static int profile_call(const Ctl *ctl, const char *name, VarlinkReply *reply) {
        struct json_object *parameters = json_object_new_object();
        int r = -ENOMEM;

        if (parameters &&
            json_object_object_add(parameters, "hz", json_object_new_int64((int64_t)ctl->hz)) == 0 &&
            json_object_object_add(parameters,
                                   "msec",
                                   json_object_new_int64((int64_t)ctl->seconds * 1000)) == 0)
                r = view_call(ctl,
                              name,
                              CTL_INTERFACE ".Profile",
                              parameters,
                              ctl->seconds * USEC_PER_SEC + PROFILE_GRACE_USEC,
                              reply);
        json_object_put(parameters);
        return r;
}

/* 0, or it has said what went wrong. */
static int profile_check(const Ctl *ctl, const char *name, int r, const VarlinkReply *reply) {
        static const struct {
                const char *error, *text;
        } errors[] = {
                { CTL_INTERFACE ".PermissionDenied", "only root may" },
                { CTL_INTERFACE ".Busy", "another profile of it is being made" },
                { CTL_INTERFACE ".Unavailable",
                  "the stacks of PHP cannot be read; `php-poolctl doctor` says why" },
                { "org.varlink.service.MethodNotFound", "it is of a version that cannot" },
        };
        _cleanup_(freep) char *clean = NULL;
        const char *text = NULL;

        if (r == 0 && !reply->error && field_string(reply->parameters, "folded"))
                return 0;

        if (r < 0) {
                view_complain_call(ctl, name, "profile", r);
                return r;
        }
        if (!reply->error)
                text = view_strerror(-EBADMSG);
        for (size_t i = 0; !text && i < ELEMENTSOF(errors); i++)
                if (strcmp(errors[i].error, reply->error) == 0)
                        text = errors[i].text;
        if (!text)
                text = clean = text_clean(reply->error, 200);
        log_error("Failed to profile '%s': %s", name, text ?: "");
        return -EIO;
}

/* Folded lines are for other tools: what could control a terminal is made harmless, the rest stays. */
static int profile_fold(const char *folded, FILE *f) {
        while (*folded) {
                size_t n = strcspn(folded, "\n");
                _cleanup_(freep) char *line = strndup(folded, n),
                                      *clean = line ? text_clean(line, SIZE_MAX) : NULL;

                if (!clean)
                        return -ENOMEM;
                (void)fprintf(f, "%s\n", clean);
                folded += n + (folded[n] == '\n');
        }
        return 0;
}

static int profile_render(const Ctl *ctl, const char *name, const char *folded, FILE *f) {
        _cleanup_(flame_freep) Flame *flame = NULL;
        _cleanup_(freep) char *copy = strdup(folded);
        char title[256], when[64];
        int r;

        if (ctl->folded)
                return profile_fold(folded, f);

        r = copy ? flame_new(&flame) : -ENOMEM;
        if (r == 0)
                r = flame_add_folded(flame, copy);
        if (r < 0)
                return r;
        (void)snprintf(title,
                       sizeof(title),
                       "PHP pool %s, %s: %" PRIu64 " samples in %" PRIu64 " s at %" PRIu64 " Hz",
                       name,
                       text_time(when, sizeof(when), clock_wall_usec()),
                       flame_count(flame),
                       ctl->seconds,
                       ctl->hz);
        return flame_draw(flame, title, f);
}

/* "php-pool-NAME-20260302-140511.svg", where we are. */
static void profile_name(const Ctl *ctl, const char *name, char *buffer, size_t size) {
        char when[32] = "";
        time_t now = time(NULL);
        struct tm tm;

        if (localtime_r(&now, &tm))
                (void)strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
        (void)snprintf(buffer, size, "php-pool-%s-%s.%s", name, when, ctl->folded ? "folded" : "svg");
}

static int profile_write(const Ctl *ctl, const char *name, const char *folded) {
        _cleanup_(freep) char *text = NULL;
        char own_name[256];
        size_t size;
        FILE *f = open_memstream(&text, &size);
        int r;

        if (!f)
                return log_error_errno(-ENOMEM, "Failed to draw: %m");
        r = profile_render(ctl, name, folded, f);
        if (fclose(f) != 0 && r == 0)
                r = -ENOMEM;
        if (r < 0)
                return log_error_errno(r, "Failed to draw: %m");

        if (ctl->output && strcmp(ctl->output, "-") == 0) {
                (void)fputs(text, stdout);
                return 0;
        }
        profile_name(ctl, name, own_name, sizeof(own_name));
        r = file_write(ctl->output ?: own_name, text, /* replace= */ ctl->output != NULL);
        if (r < 0)
                return log_error_errno(r, "Failed to write '%s': %m", ctl->output ?: own_name);
        printf("Wrote %s\n", ctl->output ?: own_name);
        return 0;
}

int verb_profile(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        const char *folded;
        int r;

        if (!ctl_check_name(argv[0]))
                return EX_USAGE;

        r = profile_call(ctl, argv[0], &reply);
        if (profile_check(ctl, argv[0], r, &reply) < 0)
                return EXIT_FAILURE;

        folded = field_string(reply.parameters, "folded");
        if (*folded == '\0') {
                log_error("No request of '%s' was running in these %" PRIu64 " seconds.",
                          argv[0],
                          ctl->seconds);
                return EXIT_FAILURE;
        }
        return profile_write(ctl, argv[0], folded) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
