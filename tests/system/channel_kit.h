/*
 * What the tests of channels share: children that are this very program with a part to play, both
 * ends of a pair in one process, and a raw end for which frames are made by hand.
 */
#ifndef CHANNEL_KIT_H
#define CHANNEL_KIT_H

#include "support.h"

#define KIT_WAIT_MS 20000
#ifdef _WIN32
#    define KIT_KILLED 1 /* exit status of a child that uv_kill has ended */
#else
#    define KIT_KILLED 137
#endif
#define KIT_BODY(text) ((cordon_bytes){(text), strlen(text)})

/* ---- children ---------------------------------------------------------------------- */

/* A part gets its channel, inherited; what it returns is the child's exit status. */
typedef struct kit_part { /* a table of these ends with a NULL name */
    const char *name;
    int (*play)(cordon_channel *channel, const char *argument);
} kit_part;

/* First of all in main: plays the part and returns its status, or -1 in the test program. */
int kit_play(int count, char **arguments, const kit_part *parts);
/* A part: what comes goes back, until the end. Its status is KIT_ECHOED. */
int kit_echo(cordon_channel *channel, const char *argument);
#define KIT_ECHOED 5
/* A part: its status is its argument. */
int kit_exit(cordon_channel *channel, const char *argument);
/* What only this system plays (channel_..._posix.c, else nothing); -1: not that. */
int kit_own_play(int count, char **arguments);
int kit_play_part(int count, char **arguments, const kit_part *parts); /* for it: -1: no such one */
/* Start this program with a part. options may be NULL. */
cordon_channel *kit_start(const char *part, const char *argument,
                          const cordon_child_options *options);
/* The command line of it, until the next call. */
const char *const *kit_command(const char *part, const char *argument);

/* ---- messages: each of these must succeed --------------------------------------------- */

void                  kit_send(cordon_channel *channel, uint32_t tag, const char *text);
void                  kit_send_handles(cordon_channel *channel, uint32_t tag, const char *text,
                                       const cordon_handle *handles, size_t count);
const cordon_message *kit_receive(cordon_channel *channel); /* whatever comes */
const cordon_message *kit_expect(cordon_channel *channel, uint32_t tag, const char *text);
/* It comes to nothing, with this code. */
void kit_expect_code(cordon_channel *channel, int code);
/* It exits with this status. */
void kit_expect_exit(cordon_channel *channel, int status);

/* ---- a pair in this process -------------------------------------------------------------- */

void kit_pair(cordon_channel **parent, cordon_channel **child);

#endif
