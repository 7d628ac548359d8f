#include "../../src/dialect.h"

#include "actors.h"
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES  1024
#define BODY_MAX 200000

ledger_weather weather;

static entry    book[ENTRIES];
static unsigned used;

int is_fair(void)
{
    static const ledger_weather none;

    return memcmp(&weather, &none, sizeof none) == 0;
}

void ledger_open(void)
{
    memset(book, 0, sizeof(entry) * (used + 1));
    used = 0;
}

entry *ledger_add(unsigned *number)
{
    if (used + 1 >= ENTRIES)
        return NULL;
    *number = ++used;
    return &book[used];
}

entry *ledger_find(unsigned number)
{
    return number > 0 && number <= used ? &book[number] : NULL;
}

unsigned ledger_number(const entry *it)
{
    return (unsigned)(it - book);
}

unsigned ledger_size(void)
{
    return used;
}

void ledger_settle(entry *it, int code, int app_code, int is_sent)
{
    const unsigned number = (unsigned)(it - book);

    if (it->is_done || it->is_dropped)
        sim_complain("request %u has a second outcome: %s after %s", number,
                     cordon_error_name(code), it->is_done ? cordon_error_name(it->code) : "cancel");
    it->is_done = 1;
    it->code = code;
    it->app_code = app_code;
    it->is_sent = is_sent;
    if (code == CORDON_OK && it->executed == 0)
        sim_complain("request %u was answered, and no handler has seen it", number);
}

/* ---- the rules ----------------------------------------------------------------------- */

/* May an asker hear this in such weather? */
static int is_expected(const entry *it)
{
    const int is_broken = weather.has_faults || weather.has_hunger;

    switch (it->code) {
    case CORDON_OK:
        return 1;
    case CORDON_EAPP: /* 0: INTERNAL */
        return it->app_code == 300 || is_broken;
    case CORDON_EBUSY:
        return it->promised > 0 || is_broken || weather.has_enemies;
    case CORDON_EMSGSIZE:
        return it->is_large;
    case CORDON_ENOTRUNNING:
        if (weather.is_mixed && sim.is_uncertain) /* a full backlog for longer than is doubted */
            return 1;
        /* fall through */
    case CORDON_ECLOSED:
        return weather.has_kills || weather.has_restarts || is_broken || weather.has_losses ||
               it->is_large || weather.is_mixed; /* a slow one is cut */
    case CORDON_ETIMEDOUT:
        return !is_fair();
    case CORDON_ECANCELED: /* a server that stopped let go of it */
        return weather.has_restarts || is_broken;
    case CORDON_EUNAUTHORIZED:
        return weather.has_losses || is_broken;
    case CORDON_EUNSAFE:
        return weather.has_losses || is_broken;
    case CORDON_ESYSTEM:
    case CORDON_EDENIED:
        return weather.has_faults;
    case CORDON_ENOMEM:
        return weather.has_hunger || weather.has_faults;
    default:
        return 0;
    }
}

static void check(const entry *it, unsigned number)
{
    const char *name = it->is_done ? cordon_error_name(it->code) : "no outcome";

    if (it->executed > 1 && !it->is_repeatable)
        sim_complain("request %u was executed %u times", number, it->executed);
    if (!it->is_done && !it->is_dropped)
        sim_complain("request %u is lost: nobody was told anything", number);
    if (!it->is_done)
        return;
    if (!is_expected(it))
        sim_complain("request %u ended as %s %d, which nothing explains", number, name,
                     it->app_code);
    if (it->code != CORDON_OK && !it->is_sent && it->executed > 0)
        sim_complain("request %u was executed, but its asker was told (%s) that it was not sent",
                     number, name);
    if (it->code == CORDON_EAPP && it->app_code == 300 && it->executed == 0)
        sim_complain("request %u failed in a handler that never saw it", number);
}

void ledger_check(void)
{
    for (unsigned i = 1; i <= used; i++)
        check(&book[i], i);
}

/* ---- bodies ----------------------------------------------------------------------------- */

/* Others answer while it is being sent: each reply has memory of its own. */
cordon_bytes body_reply(unsigned number, size_t size)
{
    if (size > BODY_MAX - 64)
        size = BODY_MAX - 64;
    return body_make(actors_make(size + 64), 'a', number, 0, size);
}

cordon_bytes body_make(char *text, char letter, unsigned number, size_t other, size_t size)
{
    cordon_bytes body = {text, 0};
    int          head;

    head = snprintf(text, 64, "\"%c%u,%zu:", letter, number, other);
    body.size = (size_t)head;
    for (size_t i = 0; i < size; i++)
        text[body.size++] = (char)('a' + (number + i) % 26);
    text[body.size++] = '"';
    return body;
}

/* One of them at `at`: its number, and how many bytes it takes; 0: not as it was made. */
static unsigned check_one(char letter, const char *at, size_t left, size_t *other, size_t *size)
{
    char     copy[64];
    char    *end;
    size_t   head;
    unsigned number;

    snprintf(copy, sizeof copy, "%.*s", left < 60 ? (int)left : 60, at);
    if (copy[0] != '"' || copy[1] != letter)
        return 0;
    number = (unsigned)strtoul(copy + 2, &end, 10);
    if (*end != ',')
        return 0;
    *other = (size_t)strtoul(end + 1, &end, 10);
    head = (size_t)(end - copy) + 1;
    if (*end != ':')
        return 0;
    for (size_t i = head; i < left; i++) {
        if (at[i] == '"') {
            *size = i + 1;
            return number;
        }
        if (at[i] != (char)('a' + (number + i - head) % 26))
            return 0;
    }
    return 0;
}

unsigned body_check(char letter, cordon_bytes body, size_t *other)
{
    const char *at = body.data;
    unsigned    first = 0;
    size_t      done = 0, size = 0;

    do {
        const unsigned number = check_one(letter, at + done, body.size - done, other, &size);

        if (number == 0 || (first > 0 && number != first))
            return 0;
        first = number;
        done += size;
        if (done + 1 < body.size && at[done] == '\n') /* between the parts of a JSON reply */
            done++;
    } while (done < body.size);
    return first;
}
