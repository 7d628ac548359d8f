/* The name of a pipe on Windows: its descriptor, and who is at the other end. */
#include "win32_door.h"

/* After windows.h, which they need. */
#include <aclapi.h>
#include <sddl.h>
#include <wchar.h>

/* ---- the descriptor ------------------------------------------------------------------- */

static void check_text(HANDLE pipe)
{
    const char          *sid = place->self.subject.sid;
    char                 wide[400], spelled[400], *text = NULL;
    PSECURITY_DESCRIPTOR found = NULL;

    assert_int_equal(GetSecurityInfo(pipe, SE_KERNEL_OBJECT,
                                     OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION |
                                         DACL_SECURITY_INFORMATION,
                                     NULL, NULL, NULL, NULL, &found),
                     ERROR_SUCCESS);
    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorA(
        found, SDDL_REVISION_1,
        OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &text,
        NULL));
    snprintf(wide, sizeof wide, "O:%sG:%sD:P(A;;GA;;;%s)", sid, sid, sid);
    snprintf(spelled, sizeof spelled, "O:%sG:%sD:P(A;;FA;;;%s)", sid, sid, sid);
    if (strcmp(text, wide) != 0)
        assert_string_equal(text, spelled);
    LocalFree(text);
    LocalFree(found);
}

static void every_instance_has_our_descriptor(void **state)
{
    cordon__listener *listener = door_listen(2);
    intptr_t          clients[8], servers[8];

    (void)state;
    for (int i = 0; i < 8; i++) {
        clients[i] = door_knock();
        servers[i] = door_let_in(listener);
        check_text((HANDLE)servers[i]);
        check_text((HANDLE)clients[i]);
        assert_true(cordon__pipe_is_ours((HANDLE)servers[i], &place->self.subject));
        assert_true(cordon__pipe_is_ours((HANDLE)clients[i], &place->self.subject));
    }
    for (int i = 0; i < 8; i++) {
        cordon__handle_close(clients[i]);
        cordon__handle_close(servers[i]);
    }
    door_end(listener);
}

static void default_descriptor_is_not_ours_but_still_of_our_user(void **state)
{
    cordon__listener *listener = NULL;
    intptr_t          client;

    (void)state;
    assert_int_equal(cordon__listen(&listener, place, 0, CORDON_WIN32_DEFAULT_DACL, &fault),
                     CORDON_OK);
    client = door_knock();
    assert_false(cordon__pipe_is_ours((HANDLE)client, &place->self.subject));
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON_OK);
    cordon__handle_close(client);
    door_end(listener);
}

static void look_tells_a_changed_descriptor(void **state)
{
    cordon__listener    *listener = door_listen(0);
    PSECURITY_DESCRIPTOR open_to_all = NULL;
    HANDLE               client;

    (void)state;
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON_OK);
    client = cordon__pipe_open(place->wide[CORDON_ADDRESS], READ_CONTROL | WRITE_DAC | SYNCHRONIZE,
                               SECURITY_ANONYMOUS);
    assert_true(client != INVALID_HANDLE_VALUE);
    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        "D:(A;;GA;;;WD)", SDDL_REVISION_1, &open_to_all, NULL));
    assert_true(SetKernelObjectSecurity(client, DACL_SECURITY_INFORMATION, open_to_all));
    assert_int_equal(cordon__listener_look(listener, &fault), CORDON__REPLACED);
    assert_int_equal(fault.code, CORDON_EUNSAFE);
    LocalFree(open_to_all);
    CloseHandle(client);
    door_end(listener);
}

static void pipe_is_of_bytes_and_has_room(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server = door_let_in(listener);
    DWORD             flags = 0, out = 0, in = 0, most = 0;

    (void)state;
    assert_true(GetNamedPipeInfo((HANDLE)server, &flags, &out, &in, &most));
    assert_int_equal(flags & PIPE_TYPE_MESSAGE, 0);
    assert_true(most >= PIPE_UNLIMITED_INSTANCES);
    assert_true(out >= 65536 && in >= 65536);
    cordon__handle_close(client);
    cordon__handle_close(server);
    door_end(listener);
}

/* The way that a client on another machine would come, ending here. */
static HANDLE from_afar(void)
{
    wchar_t machine[MAX_COMPUTERNAME_LENGTH + 1], path[400];
    DWORD   size = MAX_COMPUTERNAME_LENGTH + 1;

    assert_true(GetComputerNameW(machine, &size));
    swprintf(path, 400, L"\\\\%ls\\%ls", machine, place->wide[CORDON_ADDRESS] + 4);
    return cordon__pipe_open(path, CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
}

static void pipe_refuses_other_machines(void **state)
{
    cordon__listener *listener;

    (void)state;
    SUPPORT_NEEDS_WINDOWS("it has no way to a pipe from another machine");
    listener = door_listen(0);
    assert_true(from_afar() == INVALID_HANDLE_VALUE);
    door_end(listener);
}

/* ---- what a client asks for ----------------------------------------------------------------- */

/* What winternl.h calls PUBLIC_OBJECT_BASIC_INFORMATION. */
typedef struct handle_facts {
    ULONG       attributes;
    ACCESS_MASK granted;
    ULONG       counts[2], reserved[10];
} handle_facts;

static ACCESS_MASK granted(intptr_t handle)
{
    union {
        FARPROC plain;
        LONG(NTAPI *typed)(HANDLE, int what, void *facts, ULONG size, ULONG *used);
    } ask;
    handle_facts facts = {0};
    ULONG        used = 0;

    ask.plain = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryObject");
    assert_non_null(ask.plain);
    assert_int_equal(ask.typed((HANDLE)handle, 0, &facts, sizeof facts, &used), 0);
    return facts.granted;
}

/* With more it could make an instance of the server's name, or change who is let in. */
static void client_has_the_rights_it_needs_and_no_other(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock();

    (void)state;
    assert_int_equal(granted(client) & (FILE_CREATE_PIPE_INSTANCE | DELETE | WRITE_DAC |
                                        WRITE_OWNER | ACCESS_SYSTEM_SECURITY | FILE_EXECUTE),
                     0);
    assert_int_equal(granted(client), CORDON__PIPE_RIGHTS);
    cordon__handle_close(client);
    door_end(listener);
}

/* ---- who it is ------------------------------------------------------------------------------ */

static void check_me(const cordon__identity *peer)
{
    assert_int_equal(peer->known, CORDON_PEER_SID | CORDON_PEER_PID);
    assert_string_equal(peer->sid, place->self.subject.sid);
    assert_int_equal(peer->pid, cordon__pid());
    assert_true(peer->has_level);
    assert_int_equal(peer->level, place->self.subject.level);
    assert_int_equal(cordon__peer_judge(peer, cordon__peer_own(), 0, &fault), CORDON_OK);
}

static void sid_level_and_process_are_told_on_both_sides(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server = door_let_in(listener);
    cordon__identity  peer;
    HANDLE            token;

    (void)state;
    assert_int_equal(cordon__peer_ask(&peer, client, 1, &fault), CORDON_OK);
    check_me(&peer);
    assert_int_equal(cordon__peer_ask(&peer, server, 0, &fault), CORDON__LATER);
    door_say(client, "word");
    door_hear(server, "word");
    assert_int_equal(cordon__peer_of_client(&peer, (HANDLE)server, &fault), CORDON_OK);
    check_me(&peer);
    assert_false(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token));
    assert_int_equal(GetLastError(), ERROR_NO_TOKEN);
    cordon__handle_close(client);
    cordon__handle_close(server);
    door_end(listener);
}

static void whom_the_host_impersonates_stays(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server = door_let_in(listener);
    cordon__identity  peer;
    HANDLE            token = NULL;

    (void)state;
    door_say(client, "word");
    door_hear(server, "word");
    assert_true(ImpersonateSelf(SecurityImpersonation));
    assert_int_equal(cordon__peer_of_client(&peer, (HANDLE)server, &fault), CORDON_OK);
    assert_true(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token));
    CloseHandle(token);
    assert_true(RevertToSelf());
    cordon__handle_close(client);
    cordon__handle_close(server);
    door_end(listener);
}

static void client_that_hides_is_a_stranger(void **state)
{
    cordon__listener *listener;
    cordon__identity  peer;
    intptr_t          server;
    HANDLE            client;

    (void)state;
    SUPPORT_NEEDS_WINDOWS("it ignores how far a client lets itself be impersonated");
    listener = door_listen(0);
    client =
        cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
    assert_true(client != INVALID_HANDLE_VALUE);
    server = door_let_in(listener);
    door_say((intptr_t)client, "word");
    door_hear(server, "word");
    assert_int_equal(cordon__peer_of_client(&peer, (HANDLE)server, &fault), CORDON_EIMPOSTOR);
    CloseHandle(client);
    cordon__handle_close(server);
    door_end(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR(every_instance_has_our_descriptor),
        DOOR(default_descriptor_is_not_ours_but_still_of_our_user),
        DOOR(look_tells_a_changed_descriptor),
        DOOR(pipe_is_of_bytes_and_has_room),
        DOOR(pipe_refuses_other_machines),
        DOOR(client_has_the_rights_it_needs_and_no_other),
        DOOR(sid_level_and_process_are_told_on_both_sides),
        DOOR(whom_the_host_impersonates_stays),
        DOOR(client_that_hides_is_a_stranger),
    };

    return cmocka_run_group_tests_name("contract_win32_name", tests, NULL, NULL);
}
