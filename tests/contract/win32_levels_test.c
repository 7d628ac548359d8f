/*
 * An elevated program and a normal one of the same user, each with a server in the same directory.
 * Case 57. The levels are made up: all that a process makes is named and guarded by its place, so
 * a place of another level is a program of another level, but for what the system forbids it.
 */
#include "win32_kit.h"

#include "../../src/win32/naming.h"
#include "../../src/win32/pipe.h"

#include <ctype.h>

#define HEX 16

/* ---- a program of a level ------------------------------------------------------------- */

typedef struct program {
    cordon__place    *place;
    cordon__lock     *lock;
    cordon__listener *listener;
    char              secret[HEX + 1];
} program;

static void find_tag(char tag[CORDON__TAG + 1], const cordon__place *place)
{
    const char *address = cordon__place_path(place, CORDON_ADDRESS);

    memcpy(tag, address + strlen(address) - CORDON__TAG, CORDON__TAG + 1);
}

/* Each name of it carries the tag once. */
static void retag(cordon__place *place, const char *from, const char *to)
{
    for (int which = CORDON_ADDRESS; which <= CORDON_START_LOCK; which++) {
        char    *at = strstr(place->paths[which], from);
        wchar_t  wide[CORDON__TAG + 1];
        wchar_t *wide_at;

        assert_non_null(at);
        memcpy(at, to, CORDON__TAG);
        assert_int_equal(MultiByteToWideChar(CP_UTF8, 0, from, -1, wide, CORDON__TAG + 1),
                         CORDON__TAG + 1);
        wide_at = wcsstr(place->wide[which], wide);
        assert_non_null(wide_at);
        for (int i = 0; i < CORDON__TAG; i++)
            wide_at[i] = (wchar_t)to[i];
    }
}

static cordon__place *place_of_level(kit *it, uint32_t level)
{
    cordon__place *place = kit_resolve(it, "test", it->home);
    char           upper[SUPPORT_PATH], old[CORDON__TAG + 1], tag[CORDON__TAG + 1];
    cordon__naming naming = {"test", "ipc", "", place->self.subject.sid, level, upper};

    snprintf(upper, sizeof upper, "%s", cordon__place_path(place, CORDON_DIRECTORY));
    for (char *at = upper; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    find_tag(old, place);
    naming.level = place->self.subject.level;
    cordon__naming_tag(tag, &naming);
    assert_string_equal(tag, old); /* so the made-up one is what the library would make */
    naming.level = level;
    cordon__naming_tag(tag, &naming);
    retag(place, old, tag);
    place->self.subject.level = level;
    SUPPORT_CODE(cordon__private_open(place, 1, &it->fault), CORDON_OK, &it->fault);
    return place;
}

static void serve(kit *it, program *who, uint32_t level, const char *secret)
{
    memset(who, 0, sizeof *who);
    who->place = place_of_level(it, level);
    snprintf(who->secret, sizeof who->secret, "%s", secret);
    SUPPORT_CODE(cordon__lock_take(&who->lock, who->place, CORDON_LOCK, &it->fault), CORDON_OK,
                 &it->fault);
    SUPPORT_CODE(cordon__secret_store(who->place, secret, HEX, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__listen(&who->listener, who->place, 0, 0, &it->fault), CORDON_OK,
                 &it->fault);
}

static void stop(kit *it, program *who)
{
    cordon__unlisten(who->listener);
    cordon__listener_close(who->listener, NULL);
    SUPPORT_CODE(cordon__secret_remove(who->place, who->secret, HEX, &it->fault), CORDON_OK,
                 &it->fault);
    cordon__lock_release(who->lock);
    cordon__place_close(who->place);
}

/* A client of the level of `who` comes: to whom? */
static void check_reaches_its_own(kit *it, program *who, program *other)
{
    intptr_t        client, server;
    cordon__subject owner;
    char            secret[HEX];

    SUPPORT_CODE(cordon__secret_load(who->place, secret, HEX, &it->fault), CORDON_OK, &it->fault);
    assert_memory_equal(secret, who->secret, HEX);
    SUPPORT_CODE(cordon__connect(&client, who->place, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(cordon__pipe_owner(&owner, (HANDLE)client), 0);
    assert_int_equal(owner.level, who->place->self.subject.level);
    assert_int_equal(cordon__judge(&owner, &who->place->self.subject, 0), CORDON__WELCOME);
    SUPPORT_CODE(cordon__accept(&server, other->listener, &it->fault), CORDON__NOBODY, &it->fault);
    SUPPORT_CODE(cordon__accept(&server, who->listener, &it->fault), CORDON_OK, &it->fault);
    cordon__handle_close(client);
    cordon__handle_close(server);
}

static uint32_t lower_than(uint32_t level)
{
    return level >= 0x1000 ? level - 0x1000 : 0;
}

static uint32_t own_level(kit *it)
{
    cordon__self self;

    assert_int_equal(cordon__self_ask(&self, &it->fault), CORDON_OK);
    return self.subject.level;
}

/* ---- the tests ---------------------------------------------------------------------------- */

static void elevated_and_normal_serve_side_by_side(void **state)
{
    kit     *it = *state;
    program  elevated, normal;
    uint32_t level = own_level(it);

    serve(it, &elevated, level, "aaaaaaaaaaaaaaaa");
    serve(it, &normal, lower_than(level), "bbbbbbbbbbbbbbbb");
    for (int round = 0; round < 3; round++) {
        check_reaches_its_own(it, &elevated, &normal);
        check_reaches_its_own(it, &normal, &elevated);
    }
    assert_int_equal(cordon__listener_look(elevated.listener, &it->fault), CORDON_OK);
    assert_int_equal(cordon__listener_look(normal.listener, &it->fault), CORDON_OK);
    stop(it, &normal);
    stop(it, &elevated);
}

static void end_of_one_leaves_the_other_and_its_token(void **state)
{
    kit     *it = *state;
    program  elevated, normal, again;
    uint32_t level = own_level(it);
    char     secret[HEX];
    intptr_t client;

    serve(it, &elevated, level, "aaaaaaaaaaaaaaaa");
    serve(it, &normal, lower_than(level), "bbbbbbbbbbbbbbbb");
    stop(it, &elevated);
    again.place = place_of_level(it, level);
    assert_int_equal(cordon__connect(&client, again.place, &it->fault), CORDON_ENOTRUNNING);
    assert_int_equal(cordon__secret_load(again.place, secret, HEX, &it->fault), CORDON__ABSENT);
    cordon__place_close(again.place);
    SUPPORT_CODE(cordon__secret_load(normal.place, secret, HEX, &it->fault), CORDON_OK, &it->fault);
    assert_memory_equal(secret, normal.secret, HEX);
    serve(it, &again, level, "cccccccccccccccc");
    check_reaches_its_own(it, &normal, &again);
    check_reaches_its_own(it, &again, &normal);
    stop(it, &again);
    stop(it, &normal);
}

/* What a lower program makes under the elevated one's name is nobody's for it. */
static void normal_one_cannot_pass_for_the_elevated(void **state)
{
    kit              *it = *state;
    uint32_t          level = own_level(it);
    cordon__place    *elevated = place_of_level(it, level), *normal;
    cordon__listener *squatter = NULL, *mine = NULL;
    cordon__subject   owner;
    intptr_t          client;

    normal = place_of_level(it, level);
    normal->self.subject.level = lower_than(level); /* its label, at the elevated one's name */
    SUPPORT_CODE(cordon__listen(&squatter, normal, 0, 0, &it->fault), CORDON_OK, &it->fault);
    assert_int_equal(cordon__connect(&client, elevated, &it->fault), CORDON_OK);
    assert_int_equal(cordon__pipe_owner(&owner, (HANDLE)client), 0);
    assert_int_equal(cordon__judge(&owner, &elevated->self.subject, 0), CORDON__LOWER);
    cordon__handle_close(client);
    assert_int_equal(cordon__listen(&mine, elevated, 0, 0, &it->fault), CORDON_EIMPOSTOR);
    assert_null(mine);
    cordon__unlisten(squatter);
    cordon__listener_close(squatter, NULL);
    cordon__place_close(normal);
    cordon__place_close(elevated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(elevated_and_normal_serve_side_by_side),
        kit_test(end_of_one_leaves_the_other_and_its_token),
        kit_test(normal_one_cannot_pass_for_the_elevated),
    };

    return cmocka_run_group_tests_name("contract_win32_levels", tests, NULL, NULL);
}
