/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl kill-request: end one request, and nothing else
 *
 * By its id, and not by the number of its worker or process: these may have gone on to
 * another request by the time that the pool reads them.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "ctl/field.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/log.h"
#include "util/request-id.h"

static int kill_request_call(const Ctl *ctl, const char *name, const char *id, VarlinkReply *reply) {
        struct json_object *parameters = json_object_new_object(), *value = json_object_new_string(id);
        int r = -ENOMEM;

        if (parameters && value && json_object_object_add(parameters, "id", json_object_get(value)) == 0)
                r = view_call(ctl, name, CTL_INTERFACE ".KillRequest", parameters, CTL_STATUS_USEC, reply);

        json_object_put(value);
        json_object_put(parameters);
        return r;
}

int verb_kill_request(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        _cleanup_(freep) char *error = NULL;
        const char *name = argv[0], *id = argv[1];
        int r;

        if (!ctl_check_name(name))
                return EX_USAGE;
        if (!request_id_is_good(id, strlen(id))) {
                error = text_clean(id, 64);
                log_error("'%s' is not the id of a request; `php-poolctl requests %s` shows them.",
                          error ?: "",
                          name);
                return EX_USAGE;
        }

        r = kill_request_call(ctl, name, id, &reply);
        if (r < 0) {
                view_complain_call(ctl, name, "end a request of", r);
                return EXIT_FAILURE;
        }
        if (!reply.error) {
                printf("Request %s is interrupted; if that does not end it, its worker is killed after timeouts.kill.\n",
                       id);
                return EXIT_SUCCESS;
        }

        if (strcmp(reply.error, CTL_INTERFACE ".PermissionDenied") == 0)
                log_error("Only root may end a request of '%s'.", name);
        else if (strcmp(reply.error, CTL_INTERFACE ".NoSuchRequest") == 0)
                log_error("'%s' runs no request %s; it may have ended just now.", name, id);
        else {
                error = text_clean(reply.error, 200);
                log_error("Failed to end request %s of '%s': %s", id, name, error ?: "");
        }
        return EXIT_FAILURE;
}
