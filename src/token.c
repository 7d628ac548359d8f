#include "dialect.h"

#include "token.h"

#include <string.h>

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

void cordon__token_to_hex(char hex[CORDON__TOKEN_HEX + 1], const cordon__token *token)
{
    for (size_t i = 0; i < CORDON__TOKEN_SIZE; i++) {
        hex[2 * i] = "0123456789abcdef"[token->bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[token->bytes[i] & 0xF];
    }
    hex[CORDON__TOKEN_HEX] = '\0';
}

int cordon__token_from_hex(cordon__token *token, cordon_bytes hex)
{
    const char *digits = (const char *)hex.data;

    if (hex.size != CORDON__TOKEN_HEX)
        return 0;
    for (size_t i = 0; i < CORDON__TOKEN_HEX; i++)
        if (digit_of(digits[i]) < 0)
            return 0;
    for (size_t i = 0; i < CORDON__TOKEN_SIZE; i++)
        token->bytes[i] = (uint8_t)(digit_of(digits[2 * i]) << 4 | digit_of(digits[2 * i + 1]));
    return 1;
}

int cordon__token_is_equal(const cordon__token *token, cordon_bytes given)
{
    /* Volatile: no compiler may see that the verdict is settled and leave early. */
    volatile uint64_t difference = 0;
    const uint8_t    *theirs = (const uint8_t *)given.data;
    uint64_t          one, other;

    if (given.size != CORDON__TOKEN_SIZE)
        return 0;
    for (size_t i = 0; i < CORDON__TOKEN_SIZE; i += sizeof one) {
        memcpy(&one, token->bytes + i, sizeof one);
        memcpy(&other, theirs + i, sizeof other);
        difference = difference | (one ^ other);
    }
    return difference == 0;
}
