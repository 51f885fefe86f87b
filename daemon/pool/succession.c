/* SPDX-License-Identifier: MIT */
/*
 * Which generation serves
 *
 * `next` is on its way, `current` serves, all others drain. A reload, and the
 * death of the current template, start a next one; when it is ready it becomes
 * current, and when its first worker is there the others are told to finish. If
 * it cannot get ready it is forgotten, and the current one serves on. So there
 * is always somebody who serves, unless the first generation does not start:
 * then the service fails and says why.
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

static void manager_reload_failed(Manager *manager) {
        control_reload_finished(manager->control, false, manager->last_error);
        manager_say_ready(manager);
}

int manager_reload(Manager *manager) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(freep) char *path = NULL;
        ConfigError error = {};
        char text[512];
        int r;

        if (manager->state != MANAGER_RUNNING)
                return -EBUSY;
        if (manager->next) {
                log_notice("A reload is on its way already");
                return 0;
        }

        manager_notify_reloading();
        control_reload_started(manager->control);

        r = pool_config_load(&config, manager->options->config_dir, manager->options->name, &error);
        if (r < 0)
                manager_complain(manager,
                                 "Reload refused, the old configuration stays: %s:%u: %s",
                                 error.file,
                                 error.line,
                                 error.message);
        if (r >= 0) {
                r = limits_check(config, text, sizeof(text));
                if (r < 0)
                        manager_complain(manager, "Reload refused, the old configuration stays: %s", text);
        }
        if (r >= 0) {
                r = generation_find_worker(manager, config, &path);
                if (r < 0)
                        manager_complain(
                                manager,
                                "Reload refused, the old configuration stays: no executable for PHP %s: %s",
                                config->php_version ? config->php_version : "(any)",
                                strerror(-r));
        }
        if (r >= 0) {
                r = generation_start(manager, TAKE_PTR(config), path);
                if (r < 0)
                        manager_complain(manager,
                                         "Reload failed, the old generation serves on: %s",
                                         strerror(-r));
        }

        if (r < 0)
                manager_reload_failed(manager);
        return 0;
}

/* The new generation is ready: it serves from now on. */
static void manager_swap(Manager *manager) {
        Generation *old = manager->current;
        WorkerCount count = {};
        uint64_t n;

        if (old)
                manager_count_workers(manager, clock_now_usec(), &count);

        manager->current = TAKE_PTR(manager->next);
        manager->parking.config = manager->current->config;
        manager->scaler = (Scaler){};

        /* as many as were at work, so that the change is not felt */
        n = MAX2(MAX2(manager->current->config->workers_min, manager->current->config->workers_spare),
                 count.n_busy);
        n = MIN2(n, manager->current->config->workers_max);
        for (; n > 0; n--)
                if (generation_fork(manager->current) < 0)
                        break;
}

static bool manager_has_ready_worker(const Manager *manager, const Generation *generation) {
        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                if (worker->generation == generation && worker->pid > 0)
                        return true;
        }

        return generation->config->workers_min + generation->config->workers_spare == 0;
}

static void manager_drain_old(Manager *manager) {
        LIST_FOREACH_SAFE (l, &manager->generations) {
                Generation *generation = list_entry(l, Generation, link);

                if (generation == manager->current || generation == manager->next)
                        continue;
                generation_drain(generation);
        }
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
                        generation->channel_source =
                                sd_event_source_disable_unref(generation->channel_source);
                        generation->channel = fd_close(generation->channel);
                }
        }
}

/* The current template has died: another one takes over, the workers that are left serve until then. */
static void manager_replace_template(Manager *manager) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(freep) char *path = NULL;
        ConfigError error = {};
        int r;

        r = pool_config_load(&config, manager->options->config_dir, manager->options->name, &error);
        if (r < 0)
                manager_complain(manager, "%s:%u: %s", error.file, error.line, error.message);
        if (r >= 0)
                r = generation_find_worker(manager, config, &path);
        if (r >= 0)
                r = generation_start(manager, TAKE_PTR(config), path);
        if (r < 0) {
                manager_complain(manager, "Failed to replace the template: %s", strerror(-r));
                (void)sd_event_exit(manager->event, EXIT_FAILURE); /* the service manager starts us anew */
        }
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
                manager_reload_failed(manager);
        } else if (next->state == GENERATION_READY)
                manager_swap(manager);
}

void manager_advance(Manager *manager) {
        manager_check_next(manager);

        if (manager->state != MANAGER_STOPPING && manager->current &&
            manager->current->state == GENERATION_DEAD && !manager->next)
                manager_replace_template(manager);

        if (manager->current && manager->current->state == GENERATION_READY &&
            manager_has_ready_worker(manager, manager->current)) {
                if (manager->state == MANAGER_STARTING)
                        manager->state = MANAGER_RUNNING;
                if (manager->current->number > 1)
                        manager_drain_old(manager);
                if (!manager->ready_said || manager->announced != manager->current->number) {
                        manager->announced = manager->current->number;
                        log_info("Generation %u serves, PHP %s",
                                 manager->current->number,
                                 manager->current->php);
                        manager_say_ready(manager);
                        control_reload_finished(manager->control, true, "The new generation serves");
                }
                watch_look(manager);
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
