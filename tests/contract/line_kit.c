#include "line_kit.h"

static int open_as(void **state, int is_other)
{
    static const cordon_fault none = CORDON_FAULT_INIT;
    pair                     *it = test_calloc(1, sizeof *it);
    intptr_t                  ends[2];

    it->fault = none;
    SUPPORT_CODE(cordon__pair(&ends[0], &ends[1], &it->fault), CORDON_OK, &it->fault);
    it->line.handle = ends[is_other];
    it->peer = support_raw_of(ends[!is_other]);
    *state = it;
    return 0;
}

int pair_open(void **state)
{
    return open_as(state, 0);
}

int pair_open_other(void **state)
{
    return open_as(state, 1);
}

int pair_close(void **state)
{
    pair *it = *state;

    cordon__line_close(&it->line);
    pair_hang_up(it);
    test_free(it);
    return 0;
}

void pair_say(pair *it, const char *text)
{
    support_raw_send(it->peer, text, strlen(text));
}

void pair_hang_up(pair *it)
{
    if (it->peer != SUPPORT_NO_RAW)
        support_raw_close(it->peer);
    it->peer = SUPPORT_NO_RAW;
}

int pair_read(pair *it, char *data, size_t size, size_t *got, int ms)
{
    return cordon__line_read(&it->line, data, size, got, cordon__now() + (uint64_t)ms, &it->fault);
}

int pair_read_byte(pair *it, int ms)
{
    char   byte;
    size_t got;

    return pair_read(it, &byte, 1, &got, ms);
}

int pair_write(pair *it, const char *text, int ms)
{
    const cordon_bytes piece = {text, strlen(text)};
    size_t             sent;

    return cordon__line_write(&it->line, &piece, 1, &sent, cordon__now() + (uint64_t)ms,
                              &it->fault);
}

void pair_use_once(pair *it)
{
    pair_say(it, "x");
    SUPPORT_CODE(pair_read_byte(it, SUPPORT_SOON), CORDON_OK, &it->fault);
}
