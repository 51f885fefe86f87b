/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/parse.h"

#define POOL_NAME_MAX 27U

int parse_u64(const char *text, size_t size, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (size == 0)
                return -EINVAL;

        for (size_t i = 0; i < size; i++)
                if (text[i] < '0' || text[i] > '9')
                        return -EINVAL;

        for (size_t i = 0; i < size; i++) {
                uint64_t digit = (uint64_t)(text[i] - '0');

                if (value > (max - digit) / 10 || digit > max)
                        return -ERANGE;
                value = value * 10 + digit;
        }

        *ret = value;
        return 0;
}

int parse_size(const char *text, uint64_t *ret) {
        size_t digits = strspn(text, "0123456789");
        unsigned int shift;
        uint64_t value;
        int r;

        switch (text[digits]) {
        case '\0':
                shift = 0;
                break;
        case 'K':
                shift = 10;
                break;
        case 'M':
                shift = 20;
                break;
        case 'G':
                shift = 30;
                break;
        default:
                return -EINVAL;
        }

        if (shift > 0 && text[digits + 1] != '\0')
                return -EINVAL;

        r = parse_u64(text, digits, INT64_MAX >> shift, &value);
        if (r < 0)
                return r;

        *ret = value << shift;
        return 0;
}

static const struct {
        const char *name;
        uint64_t usec;
} span_units[] = {
        /* the first of a size is the one that format_span() writes */
        { "d", 86400 * USEC_PER_SEC },
        { "day", 86400 * USEC_PER_SEC },
        { "days", 86400 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "hr", 3600 * USEC_PER_SEC },
        { "hour", 3600 * USEC_PER_SEC },
        { "hours", 3600 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "minute", 60 * USEC_PER_SEC },
        { "minutes", 60 * USEC_PER_SEC },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "", USEC_PER_SEC },
        { "ms", USEC_PER_MSEC },
        { "msec", USEC_PER_MSEC },
        { "us", 1 },
        { "usec", 1 },
};

static int parse_span_unit(const char *text, size_t size, uint64_t *ret) {
        for (size_t i = 0; i < ELEMENTSOF(span_units); i++)
                if (strlen(span_units[i].name) == size && memcmp(span_units[i].name, text, size) == 0) {
                        *ret = span_units[i].usec;
                        return 0;
                }

        return -EINVAL;
}

int parse_span(const char *text, uint64_t *ret_usec) {
        const char *p = text + strspn(text, " \t");
        uint64_t sum = 0;
        int r;

        if (strcmp(p, "infinity") == 0) {
                *ret_usec = USEC_INFINITY;
                return 0;
        }
        if (*p == '\0')
                return -EINVAL;

        while (*p != '\0') {
                size_t digits = strspn(p, "0123456789"), letters;
                uint64_t value, unit;

                r = parse_u64(p, digits, INT64_MAX, &value);
                if (r < 0)
                        return r;
                p += digits;
                p += strspn(p, " \t");

                letters = strspn(p, "abcdefghijklmnopqrstuvwxyz");
                r = parse_span_unit(p, letters, &unit);
                if (r < 0)
                        return r;
                p += letters;
                p += strspn(p, " \t");

                if (value > (INT64_MAX - sum) / unit)
                        return -ERANGE;
                sum += value * unit;
        }

        *ret_usec = sum;
        return 0;
}

const char *format_span(char *buffer, size_t size, uint64_t usec) {
        size_t n = 0;

        if (usec == USEC_INFINITY) {
                (void)snprintf(buffer, size, "infinity");
                return buffer;
        }
        if (usec == 0) {
                (void)snprintf(buffer, size, "0");
                return buffer;
        }

        for (size_t i = 0; i < ELEMENTSOF(span_units) && usec > 0 && n < size; i++) {
                uint64_t count = usec / span_units[i].usec;

                if (count == 0)
                        continue;
                usec -= count * span_units[i].usec;
                n += (size_t)snprintf(buffer + n,
                                      size - n,
                                      "%s%" PRIu64 "%s",
                                      n > 0 ? " " : "",
                                      count,
                                      span_units[i].name);
        }

        return buffer;
}

int parse_pool_name(const char *name, const char **reterr) {
        const char *reason = NULL;
        size_t size = strlen(name);

        if (size == 0)
                reason = "it is empty";
        else if (size > POOL_NAME_MAX)
                reason =
                        "it is longer than 27 characters (its user would be php-NAME, and user names end at 31)";
        else if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != size)
                reason =
                        "only letters, digits, '_' and '-' may stand in it (no dots: it becomes a user name)";
        else if (name[0] == '-')
                reason = "it starts with '-'";
        else if (strcmp(name, "pool") == 0 || strncmp(name, "pool-", strlen("pool-")) == 0)
                reason = "'pool' and 'pool-...' are reserved (their users would be php-pool's own)";

        if (!reason)
                return 0;

        if (reterr)
                *reterr = reason;
        return -EINVAL;
}

bool parse_is_flags(const char *text) {
        bool operand = false; /* the last word was one */
        unsigned int depth = 0;

        while (*text) {
                size_t digits = strspn(text, "0123456789"),
                       n = strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

                if (n > 0) {
                        if (operand || (n != digits && strncmp(text, "E_", 2) != 0))
                                return false;
                        operand = true;
                        text += n;
                        continue;
                }
                if (strchr("|&^", *text)) {
                        if (!operand)
                                return false;
                        operand = false;
                } else if (strchr("~!(", *text)) {
                        if (operand)
                                return false;
                        depth += *text == '(';
                } else if (*text == ')') {
                        if (!operand || depth == 0)
                                return false;
                        depth--;
                } else if (*text != ' ')
                        return false;
                text++;
        }

        return operand && depth == 0;
}

bool parse_is_switch(const char *text) {
        static const char *const words[] = { "on", "off", "yes", "no", "true", "false", "none", "null" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(text, words[i]) == 0)
                        return true;

        return false;
}

bool parse_is_unquoted(const char *line) {
        static const char samesite[] = "session.cookie_samesite="; /* "None" is what browsers are to read */
        const char *value = strchr(line, '=');

        if (!value++)
                return false;
        return strchr(value, '"') || parse_is_flags(value) ||
               (parse_is_switch(value) && strncmp(line, samesite, sizeof(samesite) - 1) != 0);
}

const char *const parse_lists[] = { "disable_functions", "disable_classes", NULL };

bool parse_is_list(const char *line) {
        size_t size = strcspn(line, " \t=");

        for (const char *const *name = parse_lists; *name; name++)
                if (size == strlen(*name) && memcmp(line, *name, size) == 0)
                        return true;

        return false;
}
