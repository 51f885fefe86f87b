/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "ctl/checks.h"
#include "ctl/text.h"

#define CHECKS_SERVICE                                                                                                      \
        "ActiveState,SubState,LoadState,Result,NRestarts,StatusText,ExecMainCode,ExecMainStatus,UnitFileState,MainPID,"     \
        "DynamicUser,User,Group,SupplementaryGroups,Type,NotifyAccess,Restart,KillMode,OOMPolicy,StartLimitIntervalUSec,"   \
        "TimeoutStopUSec,LimitNPROC,LimitNOFILE,TasksMax,MemoryDenyWriteExecute,NoNewPrivileges,SystemCallFilter,"          \
        "SystemCallErrorNumber,TemporaryFileSystem,ReadWritePaths,NoExecPaths,RuntimeDirectory,StateDirectory,Environment," \
        "RestrictAddressFamilies,PrivateNetwork,IPAddressDeny,ProtectHome,PrivateTmp,CanReload,"                            \
        "InactiveExitTimestampMonotonic"

#define CHECKS_SOCKET \
        "ActiveState,SubState,LoadState,Result,AssertResult,UnitFileState,Listen,Backlog,SocketUser,SocketGroup,SocketMode"

static int checks_load_file(Checks *checks) {
        ConfigError error = {};
        char where[1024];
        int r;

        r = pool_config_load(&checks->config, checks->ctl->config_dir, checks->name, &error);
        if (r == 0)
                r = config_file_load(&checks->file, checks->config->path, &error);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                checks->config = pool_config_free(checks->config);
                findings_add(&checks->findings,
                             FINDING_ERROR,
                             FINDING_UNIT,
                             finding_where(where, sizeof(where), error.file, error.line),
                             "%s",
                             error.message);
        }

        return 0;
}

/* The files of PHP are those that the unit's environment names. */
static int checks_load_php(Checks *checks) {
        static const char variable[] = "PHP_INI_SCAN_DIR=";
        const char *environment = checks_service(checks, "Environment"), *found = environment;
        _cleanup_(freep) char *scan = NULL;

        while ((found = strstr(found, variable)) && found != environment && found[-1] != ' ')
                found++;
        if (found) {
                found += strlen(variable);
                scan = strndup(found, strcspn(found, " "));
                if (!scan)
                        return -ENOMEM;
        }

        return php_load(&checks->php, checks->ctl, checks->config, scan);
}

/* systemd may be too busy to say, or the units not installed: then what is not known is not complained about. */
static void checks_load_units(Checks *checks) {
        _cleanup_(freep) char *unknown = NULL;
        char unit[UNIT_NAME_MAX];

        (void)unit_name(unit, sizeof(unit), checks->name, "service");
        if (units_load(&checks->service, unit, CHECKS_SERVICE) < 0)
                checks->service = (Units){};
        if (unit_file_load(&checks->service_file, unit, &unknown) < 0)
                checks->service_file = (UnitFile){};
        (void)unit_name(unit, sizeof(unit), checks->name, "socket");
        if (units_load(&checks->socket, unit, CHECKS_SOCKET) < 0)
                checks->socket = (Units){};
        free(unknown);
        unknown = NULL;
        if (unit_file_load(&checks->socket_file, unit, &unknown) < 0)
                checks->socket_file = (UnitFile){};
}

int checks_load(Checks *ret, const Ctl *ctl, const char *name) {
        Checks checks = { .ctl = ctl, .name = name };
        int r;

        r = checks_load_file(&checks);
        if (r < 0) {
                checks_done(&checks);
                return r;
        }
        if (ctl->systemd)
                checks_load_units(&checks);
        if (checks.config)
                r = checks_load_php(&checks);
        if (r < 0) {
                checks_done(&checks);
                return r;
        }

        *ret = checks;
        return 0;
}

void checks_done(Checks *checks) {
        unit_file_done(&checks->socket_file);
        unit_file_done(&checks->service_file);
        units_done(&checks->socket);
        units_done(&checks->service);
        php_done(&checks->php);
        config_file_free(checks->file);
        pool_config_free(checks->config);
        findings_done(&checks->findings);
        *checks = (Checks){};
}

const char *checks_service(const Checks *checks, const char *property) {
        return units_get(&checks->service, 0, property);
}

const char *checks_socket(const Checks *checks, const char *property) {
        return units_get(&checks->socket, 0, property);
}

const char *checks_where(const Checks *checks, const char *key, char *buffer, size_t size) {
        return finding_where(buffer, size, checks->config->path, config_file_line(checks->file, key));
}
