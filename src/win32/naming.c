#include "../dialect.h"

#include "naming.h"

#include <assert.h>
#include <string.h>

#define ROOT "\\\\.\\pipe\\"

/* ---- digits: FNV-1a 64, folded ------------------------------------------------------ */

#define FNV_START UINT64_C(0xCBF29CE484222325)
#define FNV_PRIME UINT64_C(0x00000100000001B3)

/* With its NUL: so that no text runs into the next. */
static uint64_t add_text(uint64_t hash, const char *text)
{
    const size_t size = strlen(text) + 1;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)text[i]) * FNV_PRIME;
    return hash;
}

static uint64_t add_number(uint64_t hash, uint32_t number)
{
    for (int shift = 0; shift < 32; shift += 8)
        hash = (hash ^ (uint8_t)(number >> shift)) * FNV_PRIME;
    return hash;
}

static void put_digits(char digits[CORDON__TAG + 1], uint64_t hash)
{
    const uint32_t folded = (uint32_t)(hash >> 32) ^ (uint32_t)hash;

    for (int i = 0; i < CORDON__TAG; i++)
        digits[i] = "0123456789abcdef"[folded >> (28 - 4 * i) & 0xF];
    digits[CORDON__TAG] = '\0';
}

void cordon__naming_tag(char tag[CORDON__TAG + 1], const cordon__naming *naming)
{
    uint64_t hash = add_text(FNV_START, naming->sid);

    hash = add_number(hash, naming->level);
    hash = add_text(hash, naming->directory);
    hash = add_text(hash, naming->name);
    put_digits(tag, hash);
}

/* ---- the pipe --------------------------------------------------------------------------- */

static int is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* An underscore for each other character, of however many bytes. Two accounts may become
 * the same text: the tag, which knows their SIDs, tells them apart. */
static size_t put_user(char *out, size_t room, const char *account)
{
    size_t used = 0;

    for (; *account != '\0' && used < room; account++)
        if (((uint8_t)*account & 0xC0) != 0x80)
            out[used++] = is_plain(*account) ? *account : '_';
    return used;
}

static size_t user_size(const char *account)
{
    size_t size = 0;

    for (; *account != '\0'; account++)
        size += ((uint8_t)*account & 0xC0) != 0x80;
    return size;
}

static size_t put_text(char *out, const char *text)
{
    const size_t size = strlen(text);

    memcpy(out, text, size + 1);
    return size;
}

void cordon__naming_pipe(char pipe[CORDON__PIPE_MAX + 1], const cordon__naming *naming)
{
    const size_t fixed = strlen(ROOT) + strlen(naming->app) + 2 + CORDON__TAG;
    const size_t room = CORDON__PIPE_MAX - fixed;
    size_t       used = put_text(pipe, ROOT);

    assert(fixed + 1 + CORDON__TAG < CORDON__PIPE_MAX); /* an app has 64 characters at most */
    used += put_text(pipe + used, naming->app);
    pipe[used++] = '-';
    if (user_size(naming->account) <= room) {
        used += put_user(pipe + used, room, naming->account);
    } else {
        used += put_user(pipe + used, room - 1 - CORDON__TAG, naming->account);
        pipe[used++] = '-';
        put_digits(pipe + used, add_text(FNV_START, naming->account));
        used += CORDON__TAG;
    }
    pipe[used++] = '-';
    cordon__naming_tag(pipe + used, naming);
}
