/*
 * src/win32/access.c and secret.c on a system that calls plain files links. They are compiled here
 * once more, and the linker takes these: the lock asks them too.
 */
#include "win32_marked.h"

int marked_files;

static DWORD mark(DWORD attributes)
{
    if (!marked_files || (attributes & FILE_ATTRIBUTE_DIRECTORY))
        return attributes;
    return attributes | FILE_ATTRIBUTE_REPARSE_POINT;
}

static BOOL tell_of_file(HANDLE file, BY_HANDLE_FILE_INFORMATION *info)
{
    if (!GetFileInformationByHandle(file, info))
        return FALSE;
    info->dwFileAttributes = mark(info->dwFileAttributes);
    return TRUE;
}

static DWORD tell_attributes(const wchar_t *path)
{
    return mark(GetFileAttributesW(path)); /* INVALID_FILE_ATTRIBUTES has every bit already */
}

#define GetFileInformationByHandle tell_of_file
#define GetFileAttributesW         tell_attributes
#include "../../src/win32/access.c"
#include "../../src/win32/secret.c"
