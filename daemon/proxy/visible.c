/* SPDX-License-Identifier: MIT */
/*
 * Which paths a client may see
 *
 * It is decided by the path that was asked for, by the script or index file that
 * answers it, and by where a symbolic link leads from there. A front controller
 * finds what it does in PATH_INFO, or in REQUEST_URI as the client wrote it:
 * "/app/index.php/admin" and "/app/admin/x/../../y" can both be its "/app/admin".
 * The former is looked at like that, the latter is not accepted.
 */

#include <stdio.h>
#include <string.h>
#include "http/uri.h"
#include "proxy/exchange.h"
#include "proxy/visible.h"

static bool visible_path(const Exchange *exchange, const char *path) {
        const SiteConfig *site = exchange->site->config;

        for (size_t i = 0; i < site->n_access; i++)
                if (http_path_match(site->access[i].path, path))
                        return address_in_words(&exchange->client, site->access[i].from);
        return true;
}

/* What a front controller beside @script makes of PATH_INFO. */
static bool visible_path_info(const Exchange *exchange, const char *script, const char *path_info) {
        const char *slash = strrchr(script, '/');
        char path[2 * ROUTE_PATH_MAX];

        (void)snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - script) : 0, script, path_info);
        return visible_path(exchange, path);
}

bool visible_is_clear(const Exchange *exchange) {
        return exchange->site->config->n_access == 0 || !http_path_has_dots(exchange->request.path);
}

bool visible_to_client(const Exchange *exchange) {
        const Target *target = exchange->target;

        if (!visible_path(exchange, target->path))
                return false;
        if (target->kind <= ROUTE_SCRIPT &&
            (!visible_path(exchange, target->script) || !visible_path(exchange, target->resolved)))
                return false;
        return target->kind != ROUTE_SCRIPT || target->path_info[0] == '\0' ||
               visible_path_info(exchange, target->script, target->path_info);
}
