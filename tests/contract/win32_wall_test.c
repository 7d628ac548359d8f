/*
 * What Windows itself keeps from others: the walls that we only put up. Wine keeps the descriptors
 * and lets everybody through, so there each of these says so and is left out.
 */
#include "win32_kit.h"

#include "../../src/win32/pipe.h"

/* ---- a server, and others ----------------------------------------------------------------- */

#define SECRET "0123456789abcdef"

static cordon__listener *serve(kit *it)
{
    cordon__listener *listener = NULL;

    kit_serve(it);
    SUPPORT_CODE(cordon__secret_store(it->place, SECRET, 16, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__listen(&listener, it->place, 0, 0, &it->fault), CORDON_OK, &it->fault);
    return listener;
}

static void stop(cordon__listener *listener)
{
    cordon__unlisten(listener);
    cordon__listener_close(listener, NULL);
}

static HANDLE for_a_thread(HANDLE primary)
{
    HANDLE token;

    assert_true(DuplicateTokenEx(primary, TOKEN_IMPERSONATE | TOKEN_QUERY | TOKEN_ADJUST_DEFAULT,
                                 NULL, SecurityImpersonation, TokenImpersonation, &token));
    CloseHandle(primary);
    return token;
}

static HANDLE own_token(void)
{
    HANDLE own;

    assert_true(OpenProcessToken(GetCurrentProcess(),
                                 TOKEN_DUPLICATE | TOKEN_QUERY | TOKEN_ASSIGN_PRIMARY, &own));
    return own;
}

/* To every list this is somebody else, but for what it forbids our user. */
static HANDLE without_our_user(kit *it)
{
    SID_AND_ATTRIBUTES user = {it->place->self.sid, 0};
    HANDLE             own = own_token(), other;

    assert_true(
        CreateRestrictedToken(own, DISABLE_MAX_PRIVILEGE, 1, &user, 0, NULL, 0, NULL, &other));
    CloseHandle(own);
    return for_a_thread(other);
}

/* Our user in a program that is trusted less. */
static HANDLE of_low_level(void)
{
    BYTE                  sid[SECURITY_MAX_SID_SIZE];
    DWORD                 size = sizeof sid;
    TOKEN_MANDATORY_LABEL label = {{sid, SE_GROUP_INTEGRITY}};
    HANDLE                token = for_a_thread(own_token());

    assert_true(CreateWellKnownSid(WinLowLabelSid, NULL, sid, &size));
    assert_true(
        SetTokenInformation(token, TokenIntegrityLevel, &label, sizeof label + GetLengthSid(sid)));
    return token;
}

/* 0, or GetLastError, of opening it as somebody else. */
static DWORD open_as(HANDLE token, const wchar_t *path, DWORD rights)
{
    DWORD  error = 0;
    HANDLE opened;

    assert_true(SetThreadToken(NULL, token));
    opened = CreateFileW(path, rights, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                         OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (opened == INVALID_HANDLE_VALUE)
        error = GetLastError();
    else
        CloseHandle(opened);
    assert_true(RevertToSelf());
    return error;
}

/* ---- the walls ------------------------------------------------------------------------------ */

static void another_user_opens_neither_pipe_nor_files(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    cordon__lock     *lock = NULL;
    HANDLE            other;

    SUPPORT_NEEDS_WINDOWS("it keeps a pipe's list and does not enforce it");
    listener = serve(it);
    assert_int_equal(cordon__lock_take(&lock, it->place, CORDON_LOCK, &it->fault), CORDON_OK);
    other = without_our_user(it);
    assert_int_equal(open_as(other, it->place->wide[CORDON_ADDRESS], FILE_READ_DATA),
                     ERROR_ACCESS_DENIED);
    assert_int_equal(open_as(other, it->place->wide[CORDON_ADDRESS], FILE_WRITE_DATA),
                     ERROR_ACCESS_DENIED);
    assert_int_equal(open_as(other, it->place->wide[CORDON_TOKEN], FILE_READ_DATA),
                     ERROR_ACCESS_DENIED);
    assert_int_equal(open_as(other, it->place->wide[CORDON_LOCK], FILE_READ_DATA),
                     ERROR_ACCESS_DENIED);
    CloseHandle(other);
    cordon__lock_release(lock);
    stop(listener);
}

static void lower_program_can_neither_read_nor_write_the_pipe(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    HANDLE            low;

    SUPPORT_NEEDS_WINDOWS("it keeps a pipe's label and does not enforce it");
    listener = serve(it);
    if (it->place->self.subject.level <= SECURITY_MANDATORY_LOW_RID)
        SUPPORT_SKIP("this test runs at the lowest level itself");
    low = of_low_level();
    assert_int_equal(open_as(low, it->place->wide[CORDON_ADDRESS], FILE_READ_DATA),
                     ERROR_ACCESS_DENIED);
    assert_int_equal(open_as(low, it->place->wide[CORDON_ADDRESS], FILE_WRITE_DATA),
                     ERROR_ACCESS_DENIED);
    CloseHandle(low);
    stop(listener);
}

static void name_that_we_have_is_nobody_elses_first(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    HANDLE            pipe;

    SUPPORT_NEEDS_WINDOWS("it ignores FILE_FLAG_FIRST_PIPE_INSTANCE");
    listener = serve(it);
    pipe =
        CreateNamedPipeW(it->place->wide[CORDON_ADDRESS],
                         PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                         PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, 512, 512, 0, NULL);
    assert_ptr_equal(pipe, INVALID_HANDLE_VALUE);
    assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
    stop(listener);
}

/* ---- who a client is ----------------------------------------------------------------------- */

/* An end that anybody can come to: ours would not let him in. */
static HANDLE open_door(const wchar_t *name)
{
    SECURITY_ATTRIBUTES attributes;
    HANDLE              pipe;

    kit_descriptor(&attributes, "D:(A;;GA;;;WD)S:(ML;;NW;;;LW)");
    pipe = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 512, 512, 0, &attributes);
    LocalFree(attributes.lpSecurityDescriptor);
    assert_ptr_not_equal(pipe, INVALID_HANDLE_VALUE);
    return pipe;
}

/* The one that asks is not asked about: the client's token, not this process's. */
static void client_of_a_lower_level_is_told_as_such(void **state)
{
    kit             *it = *state;
    cordon__identity peer;
    HANDLE           server, client, low;
    char             byte = 'x';
    DWORD            size;

    SUPPORT_NEEDS_WINDOWS("whom it impersonates is always this process");
    kit_serve(it);
    if (it->place->self.subject.level <= SECURITY_MANDATORY_LOW_RID)
        SUPPORT_SKIP("this test runs at the lowest level itself");
    server = open_door(it->place->wide[CORDON_ADDRESS]);
    low = of_low_level();
    assert_true(SetThreadToken(NULL, low));
    client = CreateFileW(it->place->wide[CORDON_ADDRESS], FILE_READ_DATA | FILE_WRITE_DATA, 0, NULL,
                         OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    assert_true(RevertToSelf());
    assert_ptr_not_equal(client, INVALID_HANDLE_VALUE);
    assert_true(WriteFile(client, &byte, 1, &size, NULL));
    assert_true(ReadFile(server, &byte, 1, &size, NULL));
    SUPPORT_CODE(cordon__peer_of_client(&peer, server, &it->fault), CORDON_OK, &it->fault);
    assert_string_equal(peer.sid, it->place->self.subject.sid);
    assert_int_equal(peer.level, SECURITY_MANDATORY_LOW_RID);
    assert_int_equal(cordon__peer_judge(&peer, cordon__peer_own(), 0, &it->fault),
                     CORDON_EIMPOSTOR);
    CloseHandle(client);
    CloseHandle(server);
    CloseHandle(low);
}

static SECURITY_IMPERSONATION_LEVEL told_level(HANDLE server)
{
    SECURITY_IMPERSONATION_LEVEL level = SecurityDelegation;
    HANDLE                       token;
    DWORD                        size;

    assert_true(ImpersonateNamedPipeClient(server));
    assert_true(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token));
    assert_true(RevertToSelf());
    assert_true(GetTokenInformation(token, TokenImpersonationLevel, &level, sizeof level, &size));
    CloseHandle(token);
    return level;
}

/* Whoever has our server's name could else act as the client. */
static void client_lets_itself_be_identified_and_no_more(void **state)
{
    kit              *it = *state;
    cordon__listener *listener;
    intptr_t          client, server;
    OVERLAPPED        writing = {0}, reading = {0};
    char              byte = 'x';
    DWORD             size;

    SUPPORT_NEEDS_WINDOWS("it ignores how far a client lets itself be impersonated");
    listener = serve(it);
    SUPPORT_CODE(cordon__connect(&client, it->place, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__accept(&server, listener, &it->fault), CORDON_OK, &it->fault);
    (void)WriteFile((HANDLE)client, &byte, 1, NULL, &writing);
    assert_true(GetOverlappedResult((HANDLE)client, &writing, &size, TRUE));
    (void)ReadFile((HANDLE)server, &byte, 1, NULL, &reading);
    assert_true(GetOverlappedResult((HANDLE)server, &reading, &size, TRUE));
    assert_int_equal(told_level((HANDLE)server), SecurityIdentification);
    cordon__handle_close(client);
    cordon__handle_close(server);
    stop(listener);
}

/* One whose token goes with what it writes (not as ours, which is looked at when it opens). */
static void client_that_has_said_nothing_is_a_stranger(void **state)
{
    kit             *it = *state;
    cordon__identity peer;
    HANDLE           server, client;
    char             byte = 'x';
    DWORD            size;

    SUPPORT_NEEDS_WINDOWS("it impersonates who has said nothing too");
    kit_serve(it);
    server = open_door(it->place->wide[CORDON_ADDRESS]);
    client = CreateFileW(
        it->place->wide[CORDON_ADDRESS], FILE_READ_DATA | FILE_WRITE_DATA, 0, NULL, OPEN_EXISTING,
        SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION | SECURITY_CONTEXT_TRACKING, NULL);
    assert_ptr_not_equal(client, INVALID_HANDLE_VALUE);
    assert_int_equal(cordon__peer_of_client(&peer, server, &it->fault), CORDON_EIMPOSTOR);
    assert_true(WriteFile(client, &byte, 1, &size, NULL));
    assert_true(ReadFile(server, &byte, 1, &size, NULL));
    SUPPORT_CODE(cordon__peer_of_client(&peer, server, &it->fault), CORDON_OK, &it->fault);
    CloseHandle(client);
    CloseHandle(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(another_user_opens_neither_pipe_nor_files),
        kit_test(lower_program_can_neither_read_nor_write_the_pipe),
        kit_test(name_that_we_have_is_nobody_elses_first),
        kit_test(client_of_a_lower_level_is_told_as_such),
        kit_test(client_lets_itself_be_identified_and_no_more),
        kit_test(client_that_has_said_nothing_is_a_stranger),
    };

    return cmocka_run_group_tests_name("contract_win32_wall", tests, NULL, NULL);
}
