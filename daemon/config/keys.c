/* SPDX-License-Identifier: MIT */
/*
 * Tables of configuration keys
 *
 * First every key takes its default, then the file's settings are walked and
 * each looked up in the tables; what is in no table is an error. So a value is
 * never missing, and an object holds for each key either the default or what
 * the file says, checked against its type, range and check function.
 *
 * Checks that concern several keys are the caller's: config_file_line() gives
 * it the line of a key.
 */

#include <errno.h>
#include <inttypes.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include "config/keys.h"
#include "config/texts.h"
#include "config/value.h"
#include "util/clock.h"
#include "util/parse.h"

static int value_read_texts(Value value, const config_setting_t *setting) {
        _cleanup_(texts_freep) char **texts = NULL;
        int r;

        if (!config_setting_is_array(setting) && !config_setting_is_list(setting))
                return value_error(&value, "has to be a list of strings: [ \"a\", \"b\" ]");

        texts = calloc(1, sizeof(*texts));
        if (!texts)
                return -ENOMEM;

        for (int i = 0; i < config_setting_length(setting); i++) {
                const config_setting_t *element = config_setting_get_elem(setting, (unsigned int)i);

                value.line = config_setting_source_line(element);
                if (config_setting_type(element) != CONFIG_TYPE_STRING)
                        return value_error(&value, "has to be a list of strings: [ \"a\", \"b\" ]");
                r = value_add_text(&value, &texts, config_setting_get_string(element));
                if (r < 0)
                        return r;
        }

        texts_free(*(char ***)value_target(&value));
        *(char ***)value_target(&value) = TAKE_PTR(texts);
        return 0;
}

static int value_read_number(const Value *value, const config_setting_t *setting) {
        int type = config_setting_type(setting);
        bool strings = value->key->type != CONFIG_KEY_COUNT;
        long long number;
        char text[32];

        if (type == CONFIG_TYPE_STRING && strings)
                return value_set_parsed(value, config_setting_get_string(setting));
        if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
                return value_error(value,
                                   !strings ? "has to be an integer"
                                   : value->key->type == CONFIG_KEY_BYTES
                                           ? "has to be a size: \"64M\" or an integer"
                                           : "has to be a time: \"30s\" or an integer of seconds");

        number = config_setting_get_int64(setting);
        if (number < 0)
                return value_error(value, "must not be negative");
        (void)snprintf(text, sizeof(text), "%lld", number);
        return value_set_parsed(value, text);
}

static bool same_group(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

static const ConfigKey *
keys_find(const ConfigKey *keys, size_t n_keys, const char *group, const char *name) {
        for (size_t i = 0; i < n_keys; i++)
                if (same_group(keys[i].group, group) && strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

static bool is_group(const ConfigTable *tables, size_t n_tables, const char *name) {
        for (size_t t = 0; t < n_tables; t++)
                for (size_t i = 0; i < tables[t].n_keys; i++)
                        if (tables[t].keys[i].group && strcmp(tables[t].keys[i].group, name) == 0)
                                return true;
        return false;
}

/* One object of a list of groups: texts, of which those without fallback may be absent. */
static int value_read_group(const Value *value, const config_setting_t *group, void *object) {
        const ConfigKey *keys = value->key->keys;
        Value member = *value;
        int r;

        if (!config_setting_is_group(group))
                return value_error(value, "has to be a list of groups: ( { ... }, { ... } )");

        member.object = object;
        for (int i = 0; i < config_setting_length(group); i++) {
                const config_setting_t *setting = config_setting_get_elem(group, (unsigned int)i);

                member.line = config_setting_source_line(setting);
                member.key =
                        keys_find(keys, value->key->n_keys, keys[0].group, config_setting_name(setting));
                if (!member.key)
                        return config_error(value->reterr,
                                            value->path,
                                            member.line,
                                            "unknown key %s.%s",
                                            keys[0].group,
                                            config_setting_name(setting));
                if (config_setting_type(setting) != CONFIG_TYPE_STRING)
                        return value_error(&member, "has to be a string");
                r = value_set_text(&member, config_setting_get_string(setting));
                if (r < 0)
                        return r;
        }

        member.line = config_setting_source_line(group);
        for (size_t i = 0; i < value->key->n_keys; i++) {
                member.key = &keys[i];
                if (keys[i].required && !*(char **)value_target(&member))
                        return value_error(&member, "is missing");
        }
        return 0;
}

static int value_read_groups(Value value, const config_setting_t *setting) {
        size_t n, *count = (size_t *)(void *)((char *)value.object + value.key->count_offset);
        char **target = value_target(&value);
        int r;

        if (!config_setting_is_list(setting))
                return value_error(&value, "has to be a list of groups: ( { ... }, { ... } )");

        n = (size_t)config_setting_length(setting);
        *target = calloc(n + 1, value.key->size);
        if (!*target)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                const config_setting_t *group = config_setting_get_elem(setting, (unsigned int)i);

                value.line = config_setting_source_line(group);
                *count = i + 1; /* a half-read one is freed with the object */
                r = value_read_group(&value, group, *target + i * value.key->size);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int value_read(const Value *value, const config_setting_t *setting) {
        int type = config_setting_type(setting);

        switch (value->key->type) {
        case CONFIG_KEY_TEXT:
        case CONFIG_KEY_CHOICE:
                if (type != CONFIG_TYPE_STRING)
                        return value_error(value, "has to be a string");
                return value->key->type == CONFIG_KEY_TEXT
                               ? value_set_text(value, config_setting_get_string(setting))
                               : value_set_choice(value, config_setting_get_string(setting));
        case CONFIG_KEY_TEXTS:
                return value_read_texts(*value, setting);
        case CONFIG_KEY_FLAG:
                if (type != CONFIG_TYPE_BOOL)
                        return value_error(value, "has to be true or false");
                *(bool *)value_target(value) = config_setting_get_bool(setting);
                return 0;
        case CONFIG_KEY_GROUPS:
                return value_read_groups(*value, setting);
        case CONFIG_KEY_COUNT:
        case CONFIG_KEY_BYTES:
        case CONFIG_KEY_TIME:
        case CONFIG_KEY_LIMIT:
        default:
                return value_read_number(value, setting);
        }
}

static int tables_read_setting(const ConfigTable *tables,
                               size_t n_tables,
                               const char *group,
                               const config_setting_t *setting,
                               const ConfigFile *file,
                               ConfigError *reterr) {
        const char *name = config_setting_name(setting);
        Value value = {
                .path = config_file_path(file),
                .line = config_setting_source_line(setting),
                .reterr = reterr,
        };

        for (size_t t = 0; t < n_tables; t++) {
                value.key = keys_find(tables[t].keys, tables[t].n_keys, group, name);
                value.object = tables[t].object;
                if (value.key)
                        return value_read(&value, setting);
        }

        return config_error(reterr,
                            value.path,
                            value.line,
                            "unknown key %s%s%s",
                            group ? group : "",
                            group ? "." : "",
                            name);
}

static int
tables_read_file(const ConfigTable *tables, size_t n_tables, const ConfigFile *file, ConfigError *reterr) {
        const config_setting_t *root = config_file_root(file);
        int r;

        for (int i = 0; i < config_setting_length(root); i++) {
                const config_setting_t *setting = config_setting_get_elem(root, (unsigned int)i);
                const char *name = config_setting_name(setting);

                if (!is_group(tables, n_tables, name)) {
                        r = tables_read_setting(tables, n_tables, NULL, setting, file, reterr);
                        if (r < 0)
                                return r;
                        continue;
                }

                if (!config_setting_is_group(setting))
                        return config_error(reterr,
                                            config_file_path(file),
                                            config_setting_source_line(setting),
                                            "%s has to be a group: %s: { ... };",
                                            name,
                                            name);
                for (int j = 0; j < config_setting_length(setting); j++) {
                        const config_setting_t *member = config_setting_get_elem(setting, (unsigned int)j);

                        r = tables_read_setting(tables, n_tables, name, member, file, reterr);
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

int config_tables_load(const ConfigTable *tables,
                       size_t n_tables,
                       const ConfigFile *file,
                       ConfigError *reterr) {
        int r;

        for (size_t t = 0; t < n_tables; t++)
                for (size_t i = 0; i < tables[t].n_keys; i++) {
                        Value value = {
                                .key = &tables[t].keys[i],
                                .object = tables[t].object,
                                .path = "default",
                                .reterr = reterr,
                        };

                        r = value_set_fallback(&value);
                        if (r < 0)
                                return r;
                }

        return file ? tables_read_file(tables, n_tables, file, reterr) : 0;
}
