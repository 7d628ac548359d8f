/* Where an endpoint is: resolving, of which everybody must make the same. */
#include "kit.h"

#include <uv.h>

static const cordon__trace silent = {NULL, NULL};

static int resolve(cordon__place **place, const char *directory, cordon_fault *fault)
{
    *place = NULL;
    return cordon__place_open(place, "test", "ipc", directory, &cordon__libc, &silent, fault);
}

static void check_same(const cordon__place *one, const cordon__place *other)
{
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        assert_string_equal(cordon__place_path(one, i), cordon__place_path(other, i));
}

/* ---- one directory, one endpoint ---- */

static void resolving_twice_gives_the_same(void **state)
{
    kit        *it = *state;
    const char *directories[] = {it->home, it->deep};

    for (int i = 0; i < 2; i++) {
        cordon__place *one = kit_resolve(it, directories[i]);
        cordon__place *other = kit_resolve(it, directories[i]);

        check_same(one, other);
        cordon__place_close(one);
        cordon__place_close(other);
    }
}

static void check_apart(const cordon__place *one, const cordon__place *other)
{
    for (int i = CORDON_ADDRESS; i <= CORDON_START_LOCK; i++)
        assert_string_not_equal(cordon__place_path(one, i), cordon__place_path(other, i));
}

static cordon__place *resolve_named(kit *it, const char *app, const char *name,
                                    const char *directory)
{
    cordon__place *place = NULL;

    SUPPORT_CODE(
        cordon__place_open(&place, app, name, directory, &cordon__libc, &silent, &it->fault),
        CORDON_OK, &it->fault);
    return place;
}

static void every_part_has_a_path_of_its_own(void **state)
{
    kit *it = *state;

    it->place = kit_resolve(it, it->home);
    for (int i = CORDON_DIRECTORY; i <= CORDON_START_LOCK; i++)
        for (int k = i + 1; k <= CORDON_START_LOCK; k++)
            assert_string_not_equal(cordon__place_path(it->place, i),
                                    cordon__place_path(it->place, k));
    assert_null(cordon__place_path(it->place, (enum cordon_place)5));
}

static void names_and_directories_are_apart(void **state)
{
    kit           *it = *state;
    cordon__place *other;

    it->place = kit_resolve(it, it->home);
    other = resolve_named(it, "test", "two", it->home);
    check_apart(it->place, other);
    cordon__place_close(other);
    other = resolve_named(it, "test", "ipc", it->deep);
    check_apart(it->place, other);
    cordon__place_close(other);
}

static void resolving_changes_nothing(void **state)
{
    kit *it = *state;
    char names[64];

    it->place = kit_resolve(it, it->deep);
    support_names(names, sizeof names, it->root);
    assert_string_equal(names, "t");
    support_names(names, sizeof names, it->tmp);
    assert_string_equal(names, "");
}

static void check_spelled(kit *it, const char *format)
{
    char           text[2 * SUPPORT_PATH];
    cordon__place *other;

    snprintf(text, sizeof text, format, it->root);
    other = kit_resolve(it, text);
    check_same(it->place, other);
    cordon__place_close(other);
}

/* Not there yet, and then there. */
static void spellings_of_one_directory_are_one_endpoint(void **state)
{
    kit *it = *state;

    it->place = kit_resolve(it, it->home);
    for (int is_there = 0; is_there <= 1; is_there++) {
        check_spelled(it, "%s/d");
        check_spelled(it, "%s/d/");
        check_spelled(it, "%s//./d");
        check_spelled(it, "%s/t/../d/.");
        SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    }
}

static void relative_directory_is_resolved_once(void **state)
{
    kit   *it = *state;
    char   here[SUPPORT_PATH];
    size_t size = sizeof here;

    assert_int_equal(uv_cwd(here, &size), 0);
    assert_int_equal(uv_chdir(it->root), 0);
    it->place = kit_resolve(it, "d");
    check_spelled(it, "./t/../d");
    assert_int_equal(uv_chdir(here), 0);
    check_spelled(it, "%s/d");
    SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    assert_true(support_exists(it->home));
}

static void no_directory_at_all_is_einval(void **state)
{
    kit           *it = *state;
    cordon__place *place;

    SUPPORT_CODE(resolve(&place, "", &it->fault), CORDON_EINVAL, &it->fault);
    assert_null(place);
}

/* ---- memory ---- */

static void check_no_memory(const char *directory)
{
    cordon_fault         fault = CORDON_FAULT_INIT;
    support_memory       counted = {0};
    const cordon__memory memory = {support_allocate, &counted};
    cordon__place       *place;
    int                  code = CORDON_ENOMEM;
    size_t               failed = 0;

    for (size_t n = 1; code != CORDON_OK; n++) {
        atomic_store(&counted.calls, 0);
        atomic_store(&counted.fail_from, n);
        place = NULL;
        code = cordon__place_open(&place, "test", "ipc", directory, &memory, &silent, &fault);
        if (code != CORDON_OK) {
            assert_int_equal(code, CORDON_ENOMEM);
            assert_int_equal(atomic_load(&counted.blocks), 0);
            failed++;
        }
    }
    assert_true(failed > 1);
    cordon__place_close(place);
    assert_int_equal(atomic_load(&counted.blocks), 0);
}

static void no_memory_at_any_point_leaves_nothing(void **state)
{
    kit *it = *state;

    check_no_memory(it->home);
    check_no_memory(it->deep);
    check_no_memory(NULL); /* and the next best directory is not taken instead */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(every_part_has_a_path_of_its_own),
        kit_test(names_and_directories_are_apart),
        kit_test(resolving_changes_nothing),
        kit_test(resolving_twice_gives_the_same),
        kit_test(spellings_of_one_directory_are_one_endpoint),
        kit_test(relative_directory_is_resolved_once),
        kit_test(no_directory_at_all_is_einval),
        kit_test(no_memory_at_any_point_leaves_nothing),
    };

    return SUPPORT_RUN("contract_address", tests);
}
