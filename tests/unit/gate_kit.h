/*
 * Conversations with the gate: what is said is written as words, what is done as a log of acts.
 *
 *     magic                  C0 43 52 44
 *     hello:MIN-MAX:TOKEN    TOKEN is right, wrong, none or half
 *     TYPE:ID:BODY           a frame; BODY may be xN, N bytes of 'x'
 *     hex:DIGITS             bytes as they are
 */
#ifndef CORDON_GATE_KIT_H
#define CORDON_GATE_KIT_H

#include "unit.h"

#include "../../src/fault.h"
#include "../../src/gate.h"

#define LIMIT 8192 /* of requests */
#define ROOM  (1 << 18)

#define TOKEN   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define WELCOME "magic hello:1-1:right "
#define CONTROL "magic hello:0-0:right "

typedef struct script {
    uint8_t bytes[ROOM];
    size_t  size;
} script;

/* A line of JSON with the right token. */
#define LINE(rest) "{\"token\":\"$T\"," rest "}\n"

void add(script *to, const void *data, size_t size);
void write_script(script *to, const char *words);
void write_lines(script *to, const char *text); /* JSON; $T stands for the token */

/* A server that says yes to whom the gate would admit, and keeps what is not used. */
typedef struct hearing {
    cordon__gate  gate;
    cordon__rules rules;
    uint8_t       kept[ROOM];
    size_t        size;
    char          log[8192];
    char          text[96]; /* of the last failure or break */
} hearing;

extern hearing at;   /* the one at work */
extern script  said; /* to it */

void start(unsigned flags); /* anew; of the rules */
void hear(const void *bytes, size_t size);
void expect_log(const char *words, const char *expected);

/* `said` at once, one byte at a time, and (if short) cut at every byte. */
void say_each_way(unsigned flags, const char *words, const char *expected);

typedef struct talk {
    const char *words;
    const char *log;
} talk;

void hold_talks(const talk *talks, size_t count);
void hold_lines(const talk *talks, size_t count);

#endif
