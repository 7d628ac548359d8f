#include "win32_ferry.h"

void side_open(side *at, intptr_t handle, const cordon__child *child, int is_parent)
{
    memset(at, 0, sizeof *at);
    cordon__fault_clear(&at->fault);
    at->line.handle = handle;
    at->ferry.line = &at->line;
    at->ferry.child = child;
    at->ferry.is_parent = is_parent;
}

void tell_side(side *at, const void *data, size_t size)
{
    const cordon_bytes piece = {data, size};
    size_t             sent;

    SUPPORT_CODE(cordon__handles_send(&at->ferry, &piece, 1, NULL, 0, &sent,
                                      cordon__now() + SUPPORT_SOON, &at->fault),
                 CORDON_OK, &at->fault);
}

void hear(side *at, void *data, size_t size)
{
    size_t got;

    for (size_t have = 0; have < size; have += got)
        SUPPORT_CODE(cordon__handles_receive(&at->ferry, (char *)data + have, size - have, &got,
                                             cordon__now() + SUPPORT_SOON, &at->fault),
                     CORDON_OK, &at->fault);
}

char hear_byte(side *at)
{
    char byte;

    hear(at, &byte, 1);
    return byte;
}

void tell_handles(side *at, const intptr_t *handles, size_t count)
{
    uint8_t values[CORDON__HANDLES_MAX * CORDON__VALUE_SIZE];

    SUPPORT_CODE(cordon__handles_pack(values, &at->ferry, handles, count, &at->fault), CORDON_OK,
                 &at->fault);
    tell_side(at, values, cordon__handles_size(count));
}

int hear_handles(side *at, intptr_t *handles, size_t count)
{
    uint8_t values[CORDON__HANDLES_MAX * CORDON__VALUE_SIZE];

    hear(at, values, cordon__handles_size(count));
    return cordon__handles_unpack(handles, &at->ferry, values, count, &at->fault);
}

HANDLE make_file(const char *path)
{
    const HANDLE file = CreateFileW(support_wide(path), GENERIC_READ | GENERIC_WRITE | DELETE,
                                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                    CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);

    SUPPORT_CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

void put(HANDLE to, const char *text)
{
    DWORD size;

    SUPPORT_CHECK(WriteFile(to, text, (DWORD)strlen(text), &size, NULL));
}

int holds(HANDLE from, const char *text)
{
    char  there[100];
    DWORD size = 0;

    return ReadFile(from, there, sizeof there, &size, NULL) && size == strlen(text) &&
           memcmp(there, text, size) == 0;
}

int is_open(HANDLE handle)
{
    DWORD flags;

    return GetHandleInformation(handle, &flags) != 0;
}

int is_inherited(intptr_t handle)
{
    DWORD flags = HANDLE_FLAG_INHERIT;

    SUPPORT_CHECK(GetHandleInformation((HANDLE)handle, &flags));
    return (flags & HANDLE_FLAG_INHERIT) != 0;
}
