/* Raw clients that say anything, and files that go. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "words.h"

typedef struct enemy {
    sim_process *process;
    intptr_t     handle;
    unsigned     steps;
} enemy;

static void hex_token(uint8_t out[32])
{
    const char *hex = host_token();

    memset(out, 0, 32);
    for (size_t i = 0; i < 32 && hex[0]; i++) {
        const char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

static const char *some_words(void)
{
    static const char *const lines[] = {
        "magic hello", "magic hello request:1:x request:2:y",
        "magic wrong", "magic hello:0:0 status:1",
        "magic",       "bytes:C0",
        "request:3:x", "head:60000:4:0:9 bytes:00112233",
        "cancel:1",    "ping:abc",
        "pong:abc",    "finish",
        "status:5",    "head:99:99:0:0",
        "magic bare",  "magic hello:2:9",
        "upgrade:6:x", "frame:4:0:1:7:x",
        "hello",       "request:1:x cancel:1 request:1:x",
    };

    return lines[sim_below(sizeof lines / sizeof lines[0])];
}

static size_t some_bytes(char *to, size_t room)
{
    uint8_t token[32];
    size_t  size;

    hex_token(token);
    if (sim_chance(30))
        return (size_t)snprintf(to, room, "{\"token\":\"%s\",\"id\":%u,\"request\":%s",
                                host_token(), sim_below(4), sim_chance(80) ? "1}\n" : "}");
    size = words_say(to, room, some_words(), token);
    if (sim_chance(15))
        to[sim_below((unsigned)size)] ^= (char)(1u << sim_below(8));
    return sim_chance(15) ? sim_below((unsigned)size + 1) : size;
}

static void act(void *context)
{
    enemy *me = context;
    char   bytes[8192];

    if (me->handle == CORDON__NO_HANDLE) {
        me->handle = sim_dial(host_address());
        return;
    }
    switch (sim_below(10)) {
    case 0:
        sim_hang_up(me->handle);
        me->handle = CORDON__NO_HANDLE;
        break;
    case 1:
        sim_half_close(me->handle);
        break;
    case 2:
    case 3:
        (void)sim_read(me->handle, bytes, sizeof bytes);
        break;
    default:
        (void)sim_write(me->handle, bytes, some_bytes(bytes, sizeof bytes));
    }
}

static void leave(void *context)
{
    enemy *me = context;

    if (me->handle != CORDON__NO_HANDLE)
        sim_hang_up(me->handle);
    me->handle = CORDON__NO_HANDLE;
}

static void enemy_step(void *context)
{
    enemy *me = context;

    if (!sim_is_alive(me->process))
        return;
    if (me->steps-- == 0) {
        (void)sim_as(me->process, leave, me);
        sim_exit(me->process);
        return;
    }
    (void)sim_as(me->process, act, me);
    sim_task(NULL, sim_now() + (sim_chance(70) ? 0 : sim_below(200)), 0, enemy_step, me);
}

void enemy_start(uint64_t due)
{
    enemy *me = actors_make(sizeof *me);

    me->process = sim_process_open("enemy", SIM_UID);
    me->handle = CORDON__NO_HANDLE;
    me->steps = 2 + sim_below(20);
    sim_task(NULL, due, 0, enemy_step, me);
}

/* ---- losses ---------------------------------------------------------------------------- */

static void lose(void *ignored)
{
    static const char *const tails[] = {".sock", "-token", ".lock", ".sock.new", "-token.new"};
    const char *directory = actors_directory ? actors_directory : "/home/1000/.local/share/play";
    char        path[600];

    (void)ignored;
    snprintf(path, sizeof path, "%s/ipc%s", directory, tails[sim_below(5)]);
    if (sim_chance(30) && host_address()[0])
        snprintf(path, sizeof path, "%s", host_address());
    switch (sim_below(8)) {
    case 0:
        sim_remove(directory);
        break;
    case 1:
        sim_put(path, SIM_FILE, 0600, SIM_UID, "something else");
        break;
    case 2:
        sim_put(path, SIM_LINK, 0777, SIM_UID, "/tmp/elsewhere");
        break;
    case 3:
        if (sim_exists(path))
            sim_chmod(path, 0644);
        break;
    case 4:
        sim_put(path, (enum sim_kind_of_file)sim_below(5), 0600, sim_chance(50) ? SIM_UID : 1001,
                "");
        break;
    default:
        sim_remove(path);
    }
}

void loss_start(uint64_t due)
{
    sim_task(NULL, due, 0, lose, NULL);
}
