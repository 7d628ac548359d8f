/*
 * The settings of the tray, in memory: which there are, who may write them, and
 * within what bounds.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <jansson.h>

/* Why a setting was not read or written. */
enum settings_result {
    SETTINGS_DONE,
    SETTINGS_UNKNOWN,   /* there is no such setting */
    SETTINGS_FORBIDDEN, /* not over the line, whoever asks */
    SETTINGS_WRONG_TYPE
};

/* All of them at their defaults; json_decref them. */
json_t *settings_make(void);

/* What may be shown: the forbidden ones stay out. A new reference. */
json_t *settings_show(const json_t *settings);

/* Put the one of that name into `found`. */
enum settings_result settings_get(json_t *found, const json_t *settings, const char *name);

/*
 * Write all of `changes`, an object, or none of them. Numbers out of range are clamped; what
 * was written is put into `stands`.
 */
enum settings_result settings_set(json_t *stands, json_t *settings, json_t *changes);

#endif
