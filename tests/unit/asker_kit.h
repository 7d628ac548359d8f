/* Scenery for the tests of the asker: one, and what its server says. */
#ifndef ASKER_KIT_H
#define ASKER_KIT_H

#include "support.h"

#include "../../src/asker.h"
#include "../../src/fault.h"

#define MAX_REPLY  65536u
#define SECRET_HEX "ab0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1ecd"

extern const cordon__token secret;

typedef struct said {
    uint8_t bytes[8192];
    size_t  size;
} said;

cordon_bytes        text(const char *words);
void                assert_bytes(cordon_bytes bytes, const char *expected);
cordon__asker_setup plain(void);
void say(said *server, unsigned type, unsigned flags, uint32_t id, const void *body, size_t size);
void say_text(said *server, unsigned type, unsigned flags, uint32_t id, const char *body);
void say_failure(said *server, uint32_t id, unsigned wire, const char *why);
void say_welcome(said *server, uint16_t version, uint32_t limit);
void say_refused(said *server, unsigned wire, uint16_t min, uint16_t max, const char *why);
int  hear(cordon__asker *asker, cordon__heard *heard, said *server);
void hear_kind(cordon__asker *asker, cordon__heard *heard, said *server,
               enum cordon__heard_kind kind);
void let_in(cordon__asker *asker, const cordon__asker_setup *setup);
uint32_t ask(cordon__asker *asker);

#endif
