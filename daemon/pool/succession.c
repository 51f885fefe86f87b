/* SPDX-License-Identifier: MIT */
/*
 * Which generation serves
 *
 * `next` is on its way, `current` serves, all others drain. A reload, and the
 * death of the current template, start a next one; when it is ready it becomes
 * current, and when its first worker is there the others hand over to it, worker
 * by worker (handover.h). Only then it is announced: what comes later is all its
 * own. If it cannot get ready it is forgotten, and the current one serves on. So
 * there is always somebody who serves, unless the first generation does not
 * start: then the service fails and says why.
 *
 * A template that starts may have been given the configuration from before a
 * reload: that follows it. Who waits for one is told what came of the last.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "pool/limits.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/message-ids.h"

#define SHORT_LIFE_USEC       USEC_PER_SEC
#define SHORT_LIVES_MAX       5U /* in a row, before the next one has to wait */
#define REPLACE_WAIT_USEC     (10 * USEC_PER_SEC)
#define RENEWAL_PATIENCE_USEC (2 * USEC_PER_SEC)
#define RENEWAL_INTERVAL_USEC (30 * USEC_PER_SEC)
#define MARGIN_USEC           (10 * USEC_PER_SEC) /* between our limits and the service manager's, which says less */

void manager_ask_for_time(uint64_t usec) {
        (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, usec + MARGIN_USEC); /* or nobody listens */
}

static void manager_notify_reloading(void) {
        (void)sd_notifyf(0,
                         "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         clock_now_usec()); /* or nobody listens */
}

static void manager_say_ready(Manager *manager) {
        (void)sd_notify(0, "READY=1"); /* or nobody listens */
        status_notify(manager);
        manager->ready_said = true;
}

/* Who waits for a reload is told what came of the last one. */
static void manager_end_reload(Manager *manager, bool ok, const char *message) {
        if (!manager->reload_open || manager->reload_again)
                return;

        manager->reload_open = false;
        manager_say_ready(manager);
        control_reload_finished(manager->control, ok, message);
}

static void manager_reload_failed(Manager *manager) {
        manager->n_reloads_failed++;
        manager->reload_failed = true;
        manager_end_reload(manager, false, manager->last_error);
}

static void manager_give_up_next(Manager *manager) {
        generation_drain(TAKE_PTR(manager->next));
}

/* Whether a generation could start with it; says what is in the way. Gives the executable. */
static int manager_check_config(Manager *manager, const PoolConfig *config, char **ret_path) {
        const char *id = MESSAGE_ID_LIMITS_TOO_LOW;
        char text[512];
        int r;

        r = limits_check(config, text, sizeof(text));
        if (r >= 0) {
                id = MESSAGE_ID_CONFIG_REFUSED;
                r = limits_check_files(config, text, sizeof(text));
        }
        if (r < 0) {
                manager_complain_as(manager, id, "Reload refused, the old configuration stays: %s", text);
                return r;
        }

        r = generation_find_worker(manager, config, ret_path);
        if (r < 0)
                manager_complain_as(
                        manager,
                        MESSAGE_ID_CONFIG_REFUSED,
                        "Reload refused, the old configuration stays: no executable for PHP %s: %s",
                        config->php_version ? config->php_version : "(any)",
                        strerror(-r));
        return r;
}

static void manager_reload_now(Manager *manager) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(freep) char *path = NULL;
        ConfigError error = {};
        int r;

        manager->n_reloads++;
        manager->reload_failed = false;

        r = pool_config_load(&config, manager->options->config_dir, manager->options->name, &error);
        if (r < 0)
                manager_complain_as(manager,
                                    MESSAGE_ID_CONFIG_REFUSED,
                                    "Reload refused, the old configuration stays: %s:%u: %s",
                                    error.file,
                                    error.line,
                                    error.message);
        if (r >= 0)
                r = manager_check_config(manager, config, &path);
        if (r >= 0) {
                if (manager->next) {
                        log_notice("Another reload: the generation that was booting is given up");
                        manager_give_up_next(manager);
                }
                r = generation_start(manager, TAKE_PTR(config), path);
                if (r >= 0)
                        manager->reload_number = manager->next->number;
                if (r < 0)
                        manager_complain(manager,
                                         "Reload failed, the old generation serves on: %s",
                                         strerror(-r));
        }

        if (r < 0)
                manager_reload_failed(manager);
}

/* A template that starts may have been given the configuration from before. */
static bool manager_may_reload(const Manager *manager) {
        return manager->state == MANAGER_RUNNING &&
               (!manager->next ||
                (manager->next->state == GENERATION_READY && manager->current->state != GENERATION_DEAD));
}

int manager_reload(Manager *manager) {
        if (manager->state == MANAGER_STOPPING)
                return -EBUSY;

        manager->reload_open = true;
        control_reload_started(manager->control);
        if (manager->state == MANAGER_RUNNING)
                manager_notify_reloading();

        if (manager_may_reload(manager))
                manager_reload_now(manager);
        else if (!manager->reload_again) {
                log_notice("A generation is starting, the reload follows");
                manager->reload_again = true;
        }
        return 0;
}

uint64_t manager_count_wanted(Manager *manager, const PoolConfig *config) {
        WorkerCount count = {};

        if (manager->current)
                manager_count_workers(manager, clock_now_usec(), &count);
        return MIN2(MAX2(MAX2(config->workers_min, config->workers_spare), count.n_busy),
                    config->workers_max);
}

/* The new generation is ready: it serves from now on. */
static void manager_swap(Manager *manager) {
        uint64_t n = manager_count_wanted(manager, manager->next->config);

        manager->current = TAKE_PTR(manager->next);
        manager->parking.config = manager->current->config;
        manager->scaler = (Scaler){};

        while (manager->current->n_workers < n)
                if (generation_fork(manager->current) < 0)
                        break;
}

static bool manager_has_ready_worker(const Manager *manager, const Generation *generation) {
        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                if (worker->generation == generation && pool_worker_serves(worker))
                        return true;
        }

        return generation->config->workers_min + generation->config->workers_spare == 0;
}

/* Templates without workers that nobody needs any more. */
static void manager_free_drained(Manager *manager) {
        LIST_FOREACH_SAFE (l, &manager->generations) {
                Generation *generation = list_entry(l, Generation, link);

                if (generation == manager->current || generation == manager->next ||
                    generation->n_workers > 0)
                        continue;
                if (generation->state == GENERATION_DEAD)
                        generation_free(generation);
                else if (generation->channel >= 0) {
                        /* the template ends at this; SIGCHLD brings us back here */
                        generation->state = GENERATION_DRAINING;
                        generation->channel_source =
                                sd_event_source_disable_unref(generation->channel_source);
                        generation->channel = fd_close(generation->channel);
                }
        }
}

/* A next generation with the configuration in force. */
static int manager_begin_anew(Manager *manager) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(freep) char *path = NULL;
        int r;

        r = generation_copy_config(manager->current->config, &config);
        if (r < 0)
                return r;
        r = generation_find_worker(manager, config, &path);
        if (r < 0)
                return r;
        return generation_start(manager, TAKE_PTR(config), path);
}

void manager_note_template_death(Manager *manager, const Generation *generation) {
        uint64_t now = clock_now_usec(), wait;

        if (generation != manager->current)
                return;
        if (now - generation->ready_usec >= SHORT_LIFE_USEC) {
                manager->n_short_lives = 0;
                manager->replace_usec = 0;
                return;
        }
        if (++manager->n_short_lives <= SHORT_LIVES_MAX)
                return;

        wait = USEC_PER_SEC << MIN2(manager->n_short_lives - SHORT_LIVES_MAX - 1, 4U);
        manager->replace_usec = now + MIN2(wait, REPLACE_WAIT_USEC);
        log_notice("%u templates in a row died within a second: the next one starts in %" PRIu64 " s",
                   manager->n_short_lives,
                   MIN2(wait, REPLACE_WAIT_USEC) / USEC_PER_SEC);
}

/* The current template has died: another one takes over, the workers that are left serve until then. */
static void manager_replace_template(Manager *manager) {
        int r = manager_begin_anew(manager);

        if (r < 0) {
                manager_complain(manager, "Failed to replace the template: %s", strerror(-r));
                (void)sd_event_exit(manager->event, EXIT_FAILURE); /* the service manager starts us anew */
        }
}

void manager_check_opcache(Manager *manager, uint64_t now_usec) {
        const ScoreboardOpcache *opcache = manager_newest_opcache(manager);
        bool pending = opcache && atomic_load(&opcache->restart_pending) != 0;
        int r;

        if (!pending || manager->state != MANAGER_RUNNING || manager->next) {
                manager->restart_since_usec = 0;
                return;
        }
        if (manager->restart_since_usec == 0)
                manager->restart_since_usec = now_usec;

        /* most restarts find their moment by themselves; a worker that lies about it gets little for it */
        if (now_usec - manager->restart_since_usec < RENEWAL_PATIENCE_USEC ||
            (manager->renewal_usec > 0 && now_usec - manager->renewal_usec < RENEWAL_INTERVAL_USEC))
                return;

        manager->renewal_usec = now_usec;
        manager->restart_since_usec = 0;
        manager->n_renewals++;
        log_notice("opcache waits for a moment without requests to restart: a new generation takes over");
        r = manager_begin_anew(manager);
        if (r < 0)
                manager_complain(manager, "Failed to start a new generation: %s", strerror(-r));
}

/* It will never serve. What was no reload, but opcache's renewal or a template's replacement, fails as none. */
static void manager_next_failed(Manager *manager, unsigned int number) {
        if (number == manager->reload_number)
                manager_reload_failed(manager);
}

static void manager_check_next(Manager *manager) {
        Generation *next = manager->next;

        if (!next || manager->state == MANAGER_STOPPING)
                return;

        if (next->state == GENERATION_DEAD) {
                manager->next = NULL;
                if (!manager->current || manager->current->state == GENERATION_DEAD) {
                        (void)sd_event_exit(manager->event,
                                            EXIT_FAILURE); /* nothing is left that could serve */
                        return;
                }
                manager_next_failed(manager, next->number);
                return;
        }
        if (next->state != GENERATION_READY)
                return;

        switch (boot_next(manager)) {
        case BOOT_PENDING:
                break;
        case BOOT_DONE:
                manager_swap(manager);
                break;
        case BOOT_FAILED:
                manager_complain(
                        manager,
                        "Reload failed, the old generation serves on: the resident script '%s' does not "
                        "get as far as PhpPool\\handle_request(); what PHP said is above",
                        next->config->resident);
                manager_give_up_next(manager);
                manager_next_failed(manager, next->number);
                break;
        }
}

/* Nothing of the first generation works, and it is no use to let clients wait for the service manager's tries. */
static void manager_start_failing(Manager *manager) {
        manager->state = MANAGER_RUNNING;
        log_error(
                "No worker starts. Requests get 503 after timeouts.queue, until one does; what is wrong is above");
        manager_say_ready(manager);
}

void manager_advance(Manager *manager) {
        manager_check_next(manager);

        if (manager->state != MANAGER_STOPPING && manager->current &&
            manager->current->state == GENERATION_DEAD && !manager->next &&
            clock_now_usec() >= manager->replace_usec)
                manager_replace_template(manager);

        if (manager->current && manager->current->state == GENERATION_READY &&
            manager_has_ready_worker(manager, manager->current)) {
                if (manager->state == MANAGER_STARTING)
                        manager->state = MANAGER_RUNNING;
                if (manager_hand_over(manager) &&
                    (!manager->ready_said || manager->announced != manager->current->number)) {
                        manager->announced = manager->current->number;
                        log_info("Generation %u serves, PHP %s",
                                 manager->current->number,
                                 manager->current->php);
                        /* another reload may have begun meanwhile: then who waits, waits for that */
                        if (manager->current->number >= manager->reload_number)
                                manager_end_reload(manager, true, "The new generation serves");
                        if (!manager->ready_said)
                                manager_say_ready(manager);
                }
                watch_look(manager);
        }

        if (manager->state == MANAGER_STARTING && manager->current && manager_is_failing(manager))
                manager_start_failing(manager);

        if (manager->reload_again && manager_may_reload(manager)) {
                manager->reload_again = false;
                manager_reload_now(manager);
        }

        /* the last request is answered: the templates may go, and then so do we */
        if (manager->state == MANAGER_STOPPING && list_is_empty(&manager->workers) &&
            manager->parking.n_partial == 0 && queue_length(&manager->queue) == 0) {
                manager->current = NULL;
                manager->next = NULL;
        }

        manager_free_drained(manager);

        if (manager->state == MANAGER_STOPPING && list_is_empty(&manager->generations))
                (void)sd_event_exit(manager->event, EXIT_SUCCESS); /* cannot fail while the loop runs */
}
