/*
 * A foreign client for Windows: CreateFileW, WriteFile and ReadFile alone, nothing of cordon.
 *
 *     raw_pipe json ADDRESS TOKENFILE BODY     one request as a JSON line
 *     raw_pipe binary ADDRESS TOKENFILE BODY   one request in frames
 *
 * BODY is JSON text. The reply's body goes to standard output; it is 0 when it is BODY again, 1
 * when the server refused or said something else, 2 when it could not be asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum { ROOM = 65536, HELLO = 1, WELCOME = 2, REQUEST = 4, REPLY = 5, FINISH = 11 };

static void give_up(const char *what)
{
    fprintf(stderr, "raw_pipe: %s: error %lu\n", what, (unsigned long)GetLastError());
    exit(2);
}

static void to_wide(wchar_t wide[1024], const char *text)
{
    if (MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, 1024) == 0)
        give_up("a path");
}

static void read_token(char token[65], const char *path)
{
    wchar_t wide[1024];
    HANDLE  file;
    DWORD   got = 0;

    to_wide(wide, path);
    file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE || !ReadFile(file, token, 64, &got, NULL) || got != 64)
        give_up("the token");
    token[64] = 0;
    CloseHandle(file);
}

static HANDLE open_pipe(const char *address)
{
    wchar_t wide[1024];
    HANDLE  pipe;

    to_wide(wide, address);
    for (;;) {
        pipe = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                           SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
        if (pipe != INVALID_HANDLE_VALUE)
            return pipe;
        if (GetLastError() != ERROR_PIPE_BUSY || !WaitNamedPipeW(wide, 20000))
            give_up("the pipe");
    }
}

static void send_all(HANDLE pipe, const void *data, size_t size)
{
    DWORD done;

    if (!WriteFile(pipe, data, (DWORD)size, &done, NULL) || done != size)
        give_up("write");
}

/* 0 at the end. */
static int receive_all(HANDLE pipe, void *data, size_t size)
{
    char *at = data;
    DWORD got;

    while (size > 0) {
        if (!ReadFile(pipe, at, (DWORD)size, &got, NULL) || got == 0)
            return 0;
        at += got;
        size -= got;
    }
    return 1;
}

static int tell(const char *reply, size_t size, const char *body)
{
    printf("%.*s\n", (int)size, reply);
    return size == strlen(body) && memcmp(reply, body, size) == 0 ? 0 : 1;
}

/* ---- JSON lines ---- */

static int ask_in_json(HANDLE pipe, const char *token, const char *body)
{
    static const char good[] = "{\"ok\":true,\"data\":";
    static char       line[ROOM];
    size_t            size = 0;

    snprintf(line, sizeof line, "{\"token\":\"%s\",\"request\":%s}\n", token, body);
    send_all(pipe, line, strlen(line));
    while (size < sizeof line && receive_all(pipe, line + size, 1) && line[size] != '\n')
        size++;
    if (size < sizeof good || strncmp(line, good, sizeof good - 1) != 0 || line[size - 1] != '}') {
        printf("%.*s\n", (int)size, line);
        return 1;
    }
    return tell(line + sizeof good - 1, size - sizeof good, body);
}

/* ---- frames ---- */

static void put32(unsigned char *out, unsigned long value)
{
    for (int n = 0; n < 4; n++)
        out[n] = (unsigned char)(value >> (8 * n));
}

static size_t put_frame(unsigned char *out, int type, unsigned long id, const void *body,
                        size_t size)
{
    put32(out, (unsigned long)size);
    out[4] = (unsigned char)type;
    out[5] = out[6] = out[7] = 0;
    put32(out + 8, id);
    memcpy(out + 12, body, size);
    return 12 + size;
}

static size_t put_hello(unsigned char *out, const char *token)
{
    unsigned char body[64] = {1, 0, 1, 0}; /* version 1 to 1, no features */

    put32(body + 8, ROOM);
    body[12] = 32;
    for (int n = 0; n < 32; n++) {
        const char digits[3] = {token[2 * n], token[2 * n + 1], 0};

        body[13 + n] = (unsigned char)strtoul(digits, NULL, 16);
    }
    body[45] = 0; /* no name */
    memcpy(out, "\xC0\x43\x52\x44", 4);
    return 4 + put_frame(out + 4, HELLO, 0, body, 46);
}

/* Its type, 0 at the end; the body is at `body`. */
static int next_frame(HANDLE pipe, unsigned char body[ROOM], size_t *size)
{
    unsigned char head[12];

    if (!receive_all(pipe, head, sizeof head))
        return 0;
    *size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (*size > ROOM || !receive_all(pipe, body, *size))
        return 0;
    return head[4];
}

static int ask_in_frames(HANDLE pipe, const char *token, const char *body)
{
    static unsigned char bytes[2 * ROOM];
    size_t               size = put_hello(bytes, token);
    int                  type;

    size += put_frame(bytes + size, REQUEST, 1, body, strlen(body));
    size += put_frame(bytes + size, FINISH, 0, "", 0);
    send_all(pipe, bytes, size);
    type = next_frame(pipe, bytes, &size);
    if (type == WELCOME)
        type = next_frame(pipe, bytes, &size);
    if (type == REPLY)
        return tell((const char *)bytes, size, body);
    printf("frame of type %d\n", type);
    return 1;
}

int main(int count, char **arguments)
{
    char   token[65];
    HANDLE pipe;
    int    status;

    if (count != 5 || strlen(arguments[4]) > ROOM / 2)
        return 2;
    read_token(token, arguments[3]);
    pipe = open_pipe(arguments[2]);
    status = strcmp(arguments[1], "json") == 0 ? ask_in_json(pipe, token, arguments[4])
                                               : ask_in_frames(pipe, token, arguments[4]);
    CloseHandle(pipe);
    return status;
}
