/* UTF-8 outside, UTF-16 inside. */
#include "../dialect.h"

#include "place.h"

wchar_t *cordon__to_wide(const cordon__memory *memory, const char *text)
{
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t  *made;

    if (size <= 0)
        return NULL; /* ERROR_NO_UNICODE_TRANSLATION */
    made = cordon__allocate(memory, (size_t)size * sizeof *made);
    if (made)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, made, size);
    else
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return made;
}

char *cordon__to_utf8(const cordon__memory *memory, const wchar_t *text)
{
    const int size =
        WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, -1, NULL, 0, NULL, NULL);
    char *made;

    if (size <= 0)
        return NULL; /* ERROR_NO_UNICODE_TRANSLATION: half a surrogate pair */
    made = cordon__allocate(memory, (size_t)size);
    if (made)
        WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, -1, made, size, NULL, NULL);
    else
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return made;
}
