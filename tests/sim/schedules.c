/*
 * Random schedules: servers, clients, enemies and bad luck, drawn from a seed.
 *
 *     sim_schedules [--talk] FIRST [COUNT]
 *
 * Runs COUNT seeds (1) from FIRST on. A seed that breaks a rule is named and
 * ends the run with 1; the same seed alone does the same again, --talk tells
 * of every turn. 2: arguments.
 */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"

const char *actors_directory;

static uint64_t seed_now;

/* ---- memory of a play ------------------------------------------------------------- */

static struct made {
    struct made *next;
    uint64_t     data[1];
} * all_made;

void *actors_make(size_t size)
{
    struct made *it = calloc(1, sizeof *it + size);

    if (!it)
        abort();
    it->next = all_made;
    all_made = it;
    return it->data;
}

static void forget_all(void)
{
    while (all_made) {
        struct made *next = all_made->next;

        free(all_made);
        all_made = next;
    }
}

/* ---- a play ------------------------------------------------------------------------- */

static void draw_weather(void)
{
    memset(&weather, 0, sizeof weather);
    if (sim_chance(25))
        return;
    weather.has_restarts = sim_chance(40);
    weather.has_kills = sim_chance(40);
    weather.has_enemies = sim_chance(40);
    weather.has_faults = sim_chance(20);
    weather.has_hunger = sim_chance(20);
    weather.has_losses = sim_chance(15);
    weather.is_mixed = sim_chance(40);
    weather.is_late = weather.is_mixed || sim_chance(20);
}

static void draw_rules(void)
{
    static const size_t   pipes[] = {100, 1000, 10000, 100000};
    static const unsigned chops[] = {0, 10, 50};

    sim.pipe = pipes[sim_below(4)];
    sim.chop = chops[sim_below(3)];
    sim.full = chops[sim_below(2)];
    sim.stray = chops[sim_below(2)];
    sim.late = weather.is_late && !weather.is_mixed ? 5 : 0;
    sim.fail = weather.has_faults && sim_chance(70) ? 1 + sim_below(20) : 0;
    sim.starve = weather.has_hunger && sim_chance(70) ? 1 + sim_below(20) : 0;
    sim.is_uncertain = sim_chance(25);
    sim.is_peer_later = sim_chance(25);
    sim.depth = 1 + sim_below(3);
}

static void restart(void *ignored)
{
    (void)ignored;
    host_start(sim_now());
}

/* Something about the server happens at this time. */
static void draw_turn(uint64_t due)
{
    const unsigned dice = sim_below(3);

    if (weather.has_kills && dice == 0)
        sim_task(NULL, due, 0, host_kill, NULL);
    if (weather.has_restarts && dice == 1)
        sim_task(NULL, due, 0, host_stop, NULL);
    if (weather.has_kills || weather.has_restarts)
        sim_task(NULL, due + sim_below(20), 0, restart, NULL);
}

static void draw_cast(void)
{
    const uint64_t now = sim_now();
    const unsigned span = sim_chance(20) ? 60 : 400; /* dense: who comes meets who goes */
    unsigned       count;

    host_start(now);
    sim_pass(1);
    sim.aside = weather.is_mixed ? 1 + sim_below(100) : 0;
    for (count = 1 + sim_below(4); count > 0; count--)
        guest_start(now + sim_below(50));
    for (count = sim_below(span < 100 ? 16 : 5); count > 0; count--)
        draw_turn(now + sim_below(span));
    for (count = weather.has_enemies ? 1 + sim_below(3) : 0; count > 0; count--)
        enemy_start(now + sim_below(100));
    for (count = weather.has_losses ? 1 + sim_below(3) : 0; count > 0; count--)
        loss_start(now + sim_below(500));
}

/* Nothing that this play has left behind may keep the next server from its work. */
static void check_repair(void)
{
    if (weather.has_losses)
        return;
    sim.fail = sim.starve = sim.aside = 0;
    memset(&weather, 0, sizeof weather);
    host_start(sim_now());
    sim_pass(1);
    if (hosts_serving() != 1)
        sim_complain("what was left keeps a server from starting");
    else
        guest_last();
    hosts_end();
    sim_pass(1000);
    if (host_address()[0] && sim_exists(host_address()))
        sim_complain("a clean stop has left its address");
}

static void stuck(const char *why)
{
    fprintf(stderr, "sim_schedules: seed %llu: %s\n", (unsigned long long)seed_now, why);
    exit(1);
}

static int play(uint64_t seed)
{
    seed_now = seed;
    sim_open(seed);
    draw_weather();
    draw_rules();
    actors_directory = sim_chance(20) ? "/home/1000/a/directory/whose/name/is/so/long/that/an/"
                                        "address/in/it/would/not/fit/into/a/hundred/bytes"
                                      : NULL;
    ledger_open();
    hosts_open();
    draw_cast();
    sim_pass(70000); /* longer than the longest wait */
    hosts_end();
    sim_pass(5000);
    if (sim_complaints() == 0) {
        const ledger_weather was = weather;

        check_repair();
        weather = was;
    }
    hosts_check();
    ledger_check();
    if (sim_complaints() > 0)
        fprintf(
            stderr,
            "  in: restarts %d, kills %d, enemies %d, faults %d, hunger %d, losses %d, late %d; "
            "pipe %zu, chop %u\n",
            weather.has_restarts, weather.has_kills, weather.has_enemies, weather.has_faults,
            weather.has_hunger, weather.has_losses, weather.is_late, sim.pipe, sim.chop);
    (void)sim_close();
    forget_all();
    return sim_complaints() == 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim_schedules [--talk] FIRST [COUNT]\n");
    return 2;
}

static int read_number(uint64_t *value, const char *text)
{
    char *end;

    if (*text < '0' || *text > '9')
        return 0;
    *value = strtoull(text, &end, 10);
    return *end == '\0';
}

int main(int argc, char **argv)
{
    uint64_t first, count = 1, requests = 0;

    if (argc > 1 && strcmp(argv[1], "--talk") == 0) {
        sim_talk(1);
        argv++;
        argc--;
    }
    if (argc < 2 || argc > 3 || !read_number(&first, argv[1]) ||
        (argc == 3 && !read_number(&count, argv[2])))
        return usage();
    sim_on_stuck(stuck);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!play(seed)) {
            fprintf(stderr, "sim_schedules: seed %llu breaks a rule; again: sim_schedules %llu\n",
                    (unsigned long long)seed, (unsigned long long)seed);
            return 1;
        }
        requests += ledger_size();
    }
    printf("%llu schedules, %llu requests: every rule was kept\n", (unsigned long long)count,
           (unsigned long long)requests);
    return 0;
}
