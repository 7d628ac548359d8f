#include "secret_kit.h"

int secret_load(kit *it)
{
    char data[SIZE + 1] = "";
    int  code = cordon__secret_load(it->place, data, SIZE, &it->fault);

    if (code == CORDON_OK)
        SUPPORT_CHECK(strcmp(data, SECRET) == 0);
    return code;
}

int secret_store(kit *it)
{
    return cordon__secret_store(it->place, SECRET, SIZE, &it->fault);
}

const char *secret_path(const kit *it)
{
    return kit_path(it, CORDON_TOKEN);
}

const char *secret_half(const kit *it)
{
    static char half[SUPPORT_PATH];

    snprintf(half, sizeof half, "%s.new", secret_path(it));
    return half;
}

void secret_put(kit *it, const char *data, size_t size, unsigned mode)
{
    support_remove(secret_path(it));
    support_write(secret_path(it), data, size, mode);
}

void secret_check_unsafe(kit *it)
{
    SUPPORT_CODE(secret_load(it), CORDON_EUNSAFE, &it->fault);
    assert_string_equal(it->fault.path, secret_path(it));
    assert_string_equal(it->fault.during, "read token");
    assert_true(it->fault.text[0] != '\0');
}
