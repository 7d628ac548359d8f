#include "settings.h"

#include <string.h>

enum kind { SWITCH, NUMBER, TEXT };

/*
 * Every setting stands here, and what may be done to it over the line. `is_forbidden`: a program
 * that runs as our user could otherwise point our updates elsewhere or read our account's key;
 * such settings change in the settings window only.
 */
static const struct row {
    const char *name;
    enum kind   kind;
    int         is_forbidden;
    json_int_t  start, least, most;
    const char *text;
} rows[] = {
    {"notifications", SWITCH, 0, 1, 0, 1, NULL},
    {"volume", NUMBER, 0, 50, 0, 100, NULL},
    {"interval_s", NUMBER, 0, 300, 10, 86400, NULL},
    {"greeting", TEXT, 0, 0, 0, 200, "hello"}, /* most: bytes */
    {"update_url", TEXT, 1, 0, 0, 0, "https://updates.example/tray"},
    {"account_key", TEXT, 1, 0, 0, 0, "not for anybody"},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct row *find_row(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static json_t *start_value(const struct row *row)
{
    if (row->kind == SWITCH)
        return json_boolean(row->start);
    if (row->kind == NUMBER)
        return json_integer(row->start);
    return json_string(row->text);
}

json_t *settings_make(void)
{
    json_t *made = json_object();

    for (size_t i = 0; i < ROW_COUNT; i++)
        json_object_set_new(made, rows[i].name, start_value(&rows[i]));
    return made;
}

json_t *settings_show(const json_t *settings)
{
    json_t *shown = json_object();

    for (size_t i = 0; i < ROW_COUNT; i++)
        if (!rows[i].is_forbidden)
            json_object_set(shown, rows[i].name, json_object_get(settings, rows[i].name));
    return shown;
}

static enum settings_result look_up(const struct row **row, const char *name)
{
    *row = find_row(name);
    if (*row == NULL)
        return SETTINGS_UNKNOWN;
    return (*row)->is_forbidden ? SETTINGS_FORBIDDEN : SETTINGS_DONE;
}

enum settings_result settings_get(json_t *found, const json_t *settings, const char *name)
{
    const struct row    *row;
    enum settings_result result = look_up(&row, name);

    if (result == SETTINGS_DONE)
        json_object_set(found, name, json_object_get(settings, name));
    return result;
}

/* The value as it will stand, a new reference; NULL: not of the setting's kind. */
static json_t *fit(const struct row *row, const json_t *value)
{
    json_int_t number = json_integer_value(value);

    if (row->kind == SWITCH && json_is_boolean(value))
        return json_boolean(json_is_true(value));
    if (row->kind == NUMBER && json_is_integer(value))
        return json_integer(number < row->least  ? row->least
                            : number > row->most ? row->most
                                                 : number);
    if (row->kind == TEXT && json_is_string(value) &&
        json_string_length(value) <= (size_t)row->most)
        return json_string(json_string_value(value));
    return NULL;
}

/* One change, as it will stand, into `fitting`. */
static enum settings_result check(json_t *fitting, const char *name, const json_t *value)
{
    const struct row    *row;
    enum settings_result result = look_up(&row, name);

    if (result != SETTINGS_DONE)
        return result;
    return json_object_set_new(fitting, name, fit(row, value)) == 0 ? SETTINGS_DONE
                                                                    : SETTINGS_WRONG_TYPE;
}

enum settings_result settings_set(json_t *stands, json_t *settings, json_t *changes)
{
    enum settings_result result = json_is_object(changes) ? SETTINGS_DONE : SETTINGS_WRONG_TYPE;

    /* Look at all of them before the first is written. */
    for (void *at = json_object_iter(changes); at != NULL && result == SETTINGS_DONE;
         at = json_object_iter_next(changes, at))
        result = check(stands, json_object_iter_key(at), json_object_iter_value(at));
    if (result == SETTINGS_DONE)
        json_object_update(settings, stands);
    return result;
}
