/*
 * Handles of the application, between a parent and its child. Their values are among the bytes, and
 * it is the parent alone that moves them: it holds the child's process, and the child not ours.
 *
 * A child is believed nothing: a value is looked up in its own table of handles, never in ours;
 * what comes of it is a file, a pipe or a memory object, or closed. Nothing else is asked of it
 * before it is handed on: some questions wait for who uses the same file.
 */
#include "../dialect.h"

#include "child.h"
#include "pipe.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define QUOTA (128 * 1024) /* bytes a direction, as a server's */

static const char pair_step[] = "pair";
static const char adopt_step[] = "adopt";
static const char send_step[] = "send";
static const char receive_step[] = "receive";

/* ---- what the system tells of a handle ------------------------------------------------------- */

/* Structures of ntdll that are not in every compiler's headers. */
typedef struct io_status {
    void     *status;
    ULONG_PTR size;
} io_status;

typedef struct type_name {
    USHORT   size, room; /* bytes */
    wchar_t *text;
} type_name;

typedef union type_info {
    type_name name; /* the first member of OBJECT_TYPE_INFORMATION */
    BYTE      room[1024];
} type_info;

#define TYPE_INFO  2  /* ObjectTypeInformation */
#define MODE_INFO  16 /* FileModeInformation */
#define MODE_WAITS 0x30

typedef LONG(WINAPI *query_fn)(HANDLE handle, int what, void *info, ULONG size, ULONG *used);
typedef LONG(WINAPI *query_file_fn)(HANDLE file, io_status *status, void *info, ULONG size,
                                    int what);

static void (*find(const char *name))(void)
{
    const HMODULE module = GetModuleHandleW(L"ntdll.dll");
    const FARPROC found = module ? GetProcAddress(module, name) : NULL;

    return (void (*)(void))found;
}

static int is_named(const type_info *info, const wchar_t *name)
{
    const size_t size = wcslen(name) * sizeof *name;

    return info->name.size == size && memcmp(info->name.text, name, size) == 0;
}

/* Of the kinds that travel. It never waits, whatever others do with the same file. */
static int is_file_or_section(HANDLE handle, int *is_file)
{
    const query_fn query = (query_fn)find("NtQueryObject");
    type_info      info;
    ULONG          used = 0;

    memset(&info, 0, sizeof info);
    if (!query || query(handle, TYPE_INFO, &info, sizeof info, &used) != 0 || !info.name.text)
        return 0;
    *is_file = is_named(&info, L"File");
    return *is_file || is_named(&info, L"Section");
}

/* One of the application's own, which it wants to send. A socket looks like a pipe, but is none. */
static int may_travel(HANDLE handle)
{
    int is_file = 0;

    if (!is_file_or_section(handle, &is_file))
        return 0;
    if (!is_file || GetFileType(handle) == FILE_TYPE_DISK)
        return 1;
    return GetFileType(handle) == FILE_TYPE_PIPE &&
           GetNamedPipeInfo(handle, NULL, NULL, NULL, NULL);
}

/* ---- the pair ----------------------------------------------------------------------------------
 */

#define NAME_ROOM 64

static int make_name(wchar_t name[NAME_ROOM], cordon_fault *fault)
{
    static const wchar_t digits[] = L"0123456789abcdef";
    uint8_t              bytes[16];
    int                  code = cordon__random(bytes, sizeof bytes, fault);
    size_t               used;

    if (code != CORDON_OK)
        return code;
    wcscpy(name, L"\\\\.\\pipe\\cordon-");
    used = wcslen(name);
    for (size_t n = 0; n < sizeof bytes; n++) {
        name[used++] = digits[bytes[n] >> 4];
        name[used++] = digits[bytes[n] & 15];
    }
    name[used] = L'\0';
    return CORDON_OK;
}

/* One end, of a name that there was not before. 0, or GetLastError. */
static DWORD create_end(HANDLE *end, const wchar_t *name, cordon_fault *fault, int *code)
{
    cordon__self  self;
    cordon__guard guard;
    DWORD         error;

    *code = cordon__self_ask(&self, fault);
    if (*code == CORDON_OK)
        *code = cordon__guard_open(&guard, &self, CORDON__GUARD_PIPE, fault);
    if (*code != CORDON_OK)
        return 0;
    *end = CreateNamedPipeW(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, QUOTA,
        QUOTA, 0, &guard.attributes);
    error = *end != INVALID_HANDLE_VALUE ? 0 : GetLastError();
    cordon__guard_close(&guard);
    return error;
}

/* The other end is open already, so there is nothing to wait for. */
static DWORD settle(HANDLE end)
{
    OVERLAPPED state;
    DWORD      error = 0, count;

    memset(&state, 0, sizeof state);
    state.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!state.hEvent)
        return GetLastError();
    if (!ConnectNamedPipe(end, &state))
        error = GetLastError();
    if (error == ERROR_IO_PENDING) {
        CancelIoEx(end, &state);
        error = GetOverlappedResult(end, &state, &count, TRUE) ? 0 : GetLastError();
    }
    CloseHandle(state.hEvent);
    return error == ERROR_PIPE_CONNECTED ? 0 : error;
}

int cordon__pair(intptr_t *ours, intptr_t *theirs, cordon_fault *fault)
{
    wchar_t name[NAME_ROOM];
    HANDLE  end = INVALID_HANDLE_VALUE, other = INVALID_HANDLE_VALUE;
    DWORD   error = 0;
    int     code = make_name(name, fault);

    if (code == CORDON_OK)
        error = create_end(&end, name, fault, &code);
    if (code != CORDON_OK)
        return code;
    if (error == 0) {
        other = cordon__pipe_open(name, CORDON__PIPE_RIGHTS, SECURITY_IDENTIFICATION);
        error = other != INVALID_HANDLE_VALUE ? settle(end) : GetLastError();
    }
    if (error == 0) {
        *ours = (intptr_t)end;
        *theirs = (intptr_t)other;
        return CORDON_OK;
    }
    if (other != INVALID_HANDLE_VALUE)
        CloseHandle(other);
    if (end != INVALID_HANDLE_VALUE)
        CloseHandle(end);
    return cordon__win32_fault(fault, pair_step, error, NULL);
}

/* A read on one that was opened to wait would not end at its deadline. */
static int never_waits(HANDLE pipe)
{
    const query_file_fn query = (query_file_fn)find("NtQueryInformationFile");
    io_status           status = {NULL, 0};
    ULONG               mode = MODE_WAITS;

    return query && query(pipe, &status, &mode, sizeof mode, MODE_INFO) == 0 &&
           (mode & MODE_WAITS) == 0;
}

int cordon__pair_adopt(intptr_t handle, cordon_fault *fault)
{
    const HANDLE pipe = (HANDLE)handle;
    DWORD        flags = PIPE_TYPE_MESSAGE;

    if (handle <= 0 || GetFileType(pipe) != FILE_TYPE_PIPE || !never_waits(pipe) ||
        !GetNamedPipeInfo(pipe, &flags, NULL, NULL, NULL) || (flags & PIPE_TYPE_MESSAGE))
        return cordon__fault_found(fault, CORDON_EUNSAFE, adopt_step, NULL, 0, 0,
                                   "it is no end of a pipe of bytes for overlapped calls");
    if (!SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0))
        return cordon__win32_fault(fault, adopt_step, GetLastError(), NULL);
    return CORDON_OK;
}

/* ---- values
 * -------------------------------------------------------------------------------------- */

size_t cordon__handles_size(size_t count)
{
    return count * CORDON__VALUE_SIZE;
}

/* One that may name a handle: the others name the caller itself, or nothing. The system passes over
 * the lowest two bits, so that several would be the same. NULL: none. */
static HANDLE value_at(const uint8_t *values, size_t index)
{
    const uint64_t value = cordon__load64(values + index * CORDON__VALUE_SIZE);

    return value > 0 && value <= INT32_MAX && value % 4 == 0 ? (HANDLE)(uintptr_t)value : NULL;
}

static int is_twice(const uint8_t *values, size_t index)
{
    for (size_t before = 0; before < index; before++)
        if (value_at(values, before) == value_at(values, index))
            return 1;
    return 0;
}

/* ---- out
 * ------------------------------------------------------------------------------------------- */

static int has_ended(const cordon__ferry *ferry)
{
    return ferry->child && WaitForSingleObject(ferry->child->process, 0) == WAIT_OBJECT_0;
}

static int refuse_to_pack(const cordon__ferry *ferry, DWORD error, cordon_fault *fault)
{
    if (has_ended(ferry))
        return cordon__fault_os(fault, CORDON_ECLOSED, send_step, error, NULL);
    if (error == ERROR_INVALID_HANDLE)
        return cordon__fault_os(fault, CORDON_EINVAL, send_step, error, NULL);
    return cordon__win32_fault(fault, send_step, error, NULL);
}

/* Into the child, or a copy in ourselves that our parent takes out. */
static int pack_one(uint8_t *value, const cordon__ferry *ferry, HANDLE handle, cordon_fault *fault)
{
    const HANDLE self = GetCurrentProcess();
    HANDLE       copy = NULL;

    if ((intptr_t)handle <= 0 || !may_travel(handle))
        return cordon__fault_found(fault, CORDON_EINVAL, send_step, NULL, 0, (uintptr_t)handle,
                                   "only files, pipes and memory objects travel");
    if (!DuplicateHandle(self, handle, ferry->is_parent ? ferry->child->process : self, &copy, 0,
                         FALSE, DUPLICATE_SAME_ACCESS))
        return refuse_to_pack(ferry, GetLastError(), fault);
    cordon__store64(value, (uint64_t)(uintptr_t)copy);
    return CORDON_OK;
}

int cordon__handles_pack(uint8_t *values, cordon__ferry *ferry, const intptr_t *handles,
                         size_t count, cordon_fault *fault)
{
    int code = CORDON_OK;

    if (count > 0 && ferry->is_parent && !ferry->child)
        return cordon__fault_found(fault, CORDON_EUNSUPPORTED, send_step, NULL, 0, 0,
                                   "handles go only to a child that we have started");
    for (size_t n = 0; n < count && code == CORDON_OK; n++) {
        code = pack_one(values + n * CORDON__VALUE_SIZE, ferry, (HANDLE)handles[n], fault);
        if (code != CORDON_OK)
            cordon__handles_undo(ferry, values, n);
    }
    return code;
}

/* Out of the child, where it is gone then. NULL: there was none. */
static HANDLE take_out(const cordon__ferry *ferry, HANDLE value)
{
    HANDLE taken = NULL;

    return DuplicateHandle(ferry->child->process, value, GetCurrentProcess(), &taken, 0, FALSE,
                           DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE)
               ? taken
               : NULL;
}

void cordon__handles_undo(cordon__ferry *ferry, const uint8_t *values, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        const HANDLE value = value_at(values, n);
        const HANDLE copy = ferry->is_parent ? take_out(ferry, value) : value;

        if (copy)
            CloseHandle(copy);
    }
}

int cordon__handles_send(cordon__ferry *ferry, const cordon_bytes *pieces, size_t count,
                         const intptr_t *handles, size_t handle_count, size_t *sent,
                         uint64_t deadline, cordon_fault *fault)
{
    (void)handles; /* their values are among the pieces */
    (void)handle_count;
    return cordon__line_write(ferry->line, pieces, count, sent, deadline, fault);
}

/* ---- in
 * --------------------------------------------------------------------------------------------- */

int cordon__handles_receive(cordon__ferry *ferry, void *data, size_t size, size_t *got,
                            uint64_t deadline, cordon_fault *fault)
{
    return cordon__line_read(ferry->line, data, size, got, deadline, fault);
}

/* Whether we keep it or not, it is not the child's any more. NULL: refused. */
static HANDLE accept_from_child(const cordon__ferry *ferry, HANDLE value)
{
    const HANDLE taken = take_out(ferry, value);
    int          is_file;

    if (!taken || is_file_or_section(taken, &is_file))
        return taken;
    CloseHandle(taken);
    return NULL;
}

/* Our parent has put it here. One that it cannot have put is not closed: it may be our own. */
static HANDLE accept_own(const cordon__ferry *ferry, HANDLE value)
{
    int is_file;

    return (intptr_t)value != ferry->line->handle && is_file_or_section(value, &is_file) &&
                   SetHandleInformation(value, HANDLE_FLAG_INHERIT, 0)
               ? value
               : NULL;
}

/* Every one of them is looked at, also behind one that is refused: how many are good. */
static size_t take_all(intptr_t *handles, cordon__ferry *ferry, const uint8_t *values, size_t count)
{
    size_t good = 0;

    for (size_t n = 0; n < count; n++) {
        const HANDLE value = value_at(values, n);
        HANDLE       mine = NULL;

        if (value && !is_twice(values, n))
            mine = ferry->is_parent ? accept_from_child(ferry, value) : accept_own(ferry, value);
        if (mine)
            handles[good++] = (intptr_t)mine;
    }
    return good;
}

int cordon__handles_unpack(intptr_t *handles, cordon__ferry *ferry, const uint8_t *values,
                           size_t count, cordon_fault *fault)
{
    size_t good;

    if (count == 0)
        return CORDON_OK;
    if (ferry->is_parent && !ferry->child)
        return cordon__fault_found(fault, CORDON_EUNSUPPORTED, receive_step, NULL, 0, count,
                                   "handles come only from a child that we have started");
    good = take_all(handles, ferry, values, count);
    if (good == count)
        return CORDON_OK;
    for (size_t n = 0; n < good && ferry->is_parent; n++)
        CloseHandle((HANDLE)handles[n]);
    if (has_ended(ferry))
        return cordon__fault_found(fault, CORDON_ECLOSED, receive_step, NULL, count, good,
                                   "the child ended before its handles were taken");
    return cordon__fault_found(fault, CORDON_EPROTOCOL, receive_step, NULL, count, good,
                               "a value that is no handle of a file, a pipe or a memory object");
}

/* Nothing arrives beside the bytes. */
void cordon__handles_drop(cordon__ferry *ferry)
{
    ferry->count = 0;
}
