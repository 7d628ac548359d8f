/*
 * Floor 2. The secret that a client must have read from our directory.
 */
#ifndef CORDON__TOKEN_H
#define CORDON__TOKEN_H

#include "dialect.h"

#include "cordon.h"

#define CORDON__TOKEN_SIZE 32
#define CORDON__TOKEN_HEX  64 /* digits, lower case, nothing behind them */

typedef struct cordon__token {
    uint8_t bytes[CORDON__TOKEN_SIZE];
} cordon__token;

void cordon__token_to_hex(char hex[CORDON__TOKEN_HEX + 1], const cordon__token *token);
/* 1: exactly 64 lower-case hex digits. */
int cordon__token_from_hex(cordon__token *token, cordon_bytes hex);
/* Time does not depend on where they differ. `given` of another size than 32 is never equal. */
int cordon__token_is_equal(const cordon__token *token, cordon_bytes given);

#endif
