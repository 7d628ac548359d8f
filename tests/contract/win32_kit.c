#include "win32_kit.h"

#include <aclapi.h>

#include <sddl.h>
#include <winioctl.h>

int kit_setup(void **state)
{
    static kit it;

    memset(&it, 0, sizeof it);
    cordon__fault_clear(&it.fault);
    support_directory(it.root);
    support_join(it.home, it.root, "d");
    *state = &it;
    return 0;
}

int kit_teardown(void **state)
{
    kit *it = *state;

    cordon__place_close(it->place);
    support_directory_remove(it->root);
    return 0;
}

static void on_step(const cordon_fault *step, void *user)
{
    kit *it = user;

    snprintf(it->told, sizeof it->told, "%s", step->text);
}

cordon__place *kit_resolve(kit *it, const char *app, const char *directory)
{
    const cordon__trace trace = {on_step, it};
    cordon__place      *place = NULL;

    SUPPORT_CODE(
        cordon__place_open(&place, app, "ipc", directory, &cordon__libc, &trace, &it->fault),
        CORDON_OK, &it->fault);
    return place;
}

cordon__place *kit_serve(kit *it)
{
    it->place = kit_resolve(it, "test", it->home);
    SUPPORT_CODE(cordon__private_open(it->place, 1, &it->fault), CORDON_OK, &it->fault);
    return it->place;
}

void kit_descriptor(SECURITY_ATTRIBUTES *attributes, const char *list)
{
    char   own[192], text[1024];
    size_t used = 0;

    support_own_sid(own, sizeof own);
    for (; *list != '\0'; list++) {
        const int is_own = list[0] == '%' && list[1] == 's';

        used += (size_t)snprintf(text + used, sizeof text - used, is_own ? "%s" : "%.1s",
                                 is_own ? own : list);
        SUPPORT_CHECK(used < sizeof text);
        list += is_own;
    }
    attributes->nLength = sizeof *attributes;
    attributes->bInheritHandle = FALSE;
    SUPPORT_CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        text, SDDL_REVISION_1, &attributes->lpSecurityDescriptor, NULL));
}

void kit_guard_of(char *text, size_t room, const wchar_t *path)
{
    const SECURITY_INFORMATION what =
        OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    char                *words = NULL;

    assert_int_equal(GetNamedSecurityInfoW((wchar_t *)(uintptr_t)path, SE_FILE_OBJECT, what, NULL,
                                           NULL, NULL, NULL, &descriptor),
                     0);
    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1,
                                                                     what, &words, NULL));
    snprintf(text, room, "%s", words);
    LocalFree(words);
    LocalFree(descriptor);
}

void kit_check_ours(kit *it, const wchar_t *path)
{
    const HANDLE open =
        CreateFileW(path, READ_CONTROL | FILE_READ_ATTRIBUTES,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    enum cordon__access found = CORDON__ACCESS_FOREIGN;

    assert_ptr_not_equal(open, INVALID_HANDLE_VALUE);
    assert_int_equal(cordon__access_of(&found, open, &it->place->self, ~(DWORD)0, 1), 0);
    assert_int_equal(found, CORDON__ACCESS_OURS);
    CloseHandle(open);
}

void kit_check_letters(kit *it, const wchar_t *path, enum cordon__guarded what)
{
    char wanted[CORDON__GUARD_TEXT], text[1024];

    cordon__guard_text(wanted, &it->place->self, what);
    kit_guard_of(text, sizeof text, path);
    assert_string_equal(text, wanted);
}

/* A link needs a privilege, these two do not. */
static void put_tag(const char *path, void *data, size_t size)
{
    DWORD        used;
    const HANDLE open =
        CreateFileW(support_wide(path), GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);

    assert_ptr_not_equal(open, INVALID_HANDLE_VALUE);
    assert_true(
        DeviceIoControl(open, FSCTL_SET_REPARSE_POINT, data, (DWORD)size, NULL, 0, &used, NULL));
    CloseHandle(open);
}

typedef struct junction {
    DWORD   tag;
    WORD    size, reserved;
    WORD    target_at, target_size, shown_at, shown_size;
    wchar_t text[SUPPORT_PATH];
} junction;

void kit_junction(const char *path, const char *target)
{
    junction data;

    support_directory_make(path);
    memset(&data, 0, sizeof data);
    data.tag = IO_REPARSE_TAG_MOUNT_POINT;
    swprintf(data.text, SUPPORT_PATH, L"\\??\\%ls", support_wide(target));
    data.target_size = (WORD)(wcslen(data.text) * sizeof(wchar_t));
    data.shown_at = (WORD)(data.target_size + sizeof(wchar_t));
    data.size = (WORD)(8 + data.target_size + 2 * sizeof(wchar_t));
    put_tag(path, &data, FIELD_OFFSET(junction, text) + data.target_size + 2 * sizeof(wchar_t));
}

void kit_tagged_file(const char *path, const void *data, size_t size)
{
    struct {
        DWORD tag;
        WORD  size, reserved;
        GUID  of; /* whose tag it is */
    } head = {0x00000cd0, 0, 0, {0x6f1c2d3e, 0x4b5a, 0x4978, {1, 2, 3, 4, 5, 6, 7, 8}}};

    support_write(path, data, size, 0600);
    put_tag(path, &head, sizeof head);
}

int kit_is_link(const char *path)
{
    const DWORD attributes = GetFileAttributesW(support_wide(path));

    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_REPARSE_POINT);
}
