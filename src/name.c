#include "dialect.h"

#include "name.h"

/* Spelled out, not isalnum: the locale must not decide what a name is. */
static int is_name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

int cordon__name_is_valid(const char *name)
{
    size_t size = 0;

    if (!name || name[0] == '\0' || name[0] == '.')
        return 0;
    for (; name[size] != '\0'; size++)
        if (size == CORDON__NAME_MAX || !is_name_character(name[size]))
            return 0;
    return 1;
}

#define FNV_START UINT64_C(0xCBF29CE484222325)
#define FNV_PRIME UINT64_C(0x00000100000001B3)

static uint64_t hash_byte(uint64_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * FNV_PRIME;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = hash_byte(hash, *text);
    return hash;
}

void cordon__name_digits(char digits[CORDON__DIGITS + 1], const char *app, const char *directory,
                         const char *name)
{
    uint64_t hash = hash_text(FNV_START, app);

    hash = hash_byte(hash, '\0');
    hash = hash_text(hash, directory);
    hash = hash_byte(hash, '/');
    hash = hash_text(hash, name);
    hash = hash_text(hash, ".sock");
    for (int i = 0; i < CORDON__DIGITS; i++)
        digits[i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 0xF];
    digits[CORDON__DIGITS] = '\0';
}
