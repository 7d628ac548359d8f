#include "lock_kit.h"

int lock_try(kit *it, cordon__lock **lock)
{
    *lock = NULL;
    return cordon__lock_take(lock, it->place, CORDON_LOCK, &it->fault);
}

const char *lock_path(kit *it)
{
    return cordon__place_path(it->place, CORDON_LOCK);
}

uint64_t lock_pid(kit *it)
{
    char text[1024];

    text[support_read(lock_path(it), text, sizeof text - 1)] = '\0';
    return strtoull(text, NULL, 10);
}

void lock_put(kit *it, unsigned mode)
{
    support_remove(lock_path(it));
    support_write(lock_path(it), "", 0, mode);
}

void lock_check_free(kit *it)
{
    cordon__lock *lock;

    SUPPORT_CODE(lock_try(it, &lock), CORDON_OK, &it->fault);
    cordon__lock_release(lock);
}

void lock_check_held(kit *it)
{
    cordon__lock *lock;

    assert_int_equal(lock_try(it, &lock), CORDON__HELD);
    assert_null(lock);
}

void lock_check_unsafe(kit *it)
{
    cordon__lock *lock;

    SUPPORT_CODE(lock_try(it, &lock), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, lock_path(it));
    assert_string_equal(it->fault.during, "take lock");
    assert_true(it->fault.text[0] != '\0');
}
