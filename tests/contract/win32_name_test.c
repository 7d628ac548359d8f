/* The name of a pipe on Windows: its descriptor, who else has it, who is at the other end. */
#include "win32_door.h"

/* After windows.h, which they need. */
#include <aclapi.h>
#include <sddl.h>
#include <wchar.h>

static int is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

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

/* The way that a client on another machine would come, ending here. */
static HANDLE from_afar(void)
{
    wchar_t machine[MAX_COMPUTERNAME_LENGTH + 1], path[400];
    DWORD   size = MAX_COMPUTERNAME_LENGTH + 1;

    assert_true(GetComputerNameW(machine, &size));
    swprintf(path, 400, L"\\\\%ls\\%ls", machine, place->wide[CORDON_ADDRESS] + 4);
    return cordon__pipe_open(path, CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
}

static void pipe_is_of_bytes_and_refuses_other_machines(void **state)
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
    assert_true(from_afar() == INVALID_HANDLE_VALUE);
    door_end(listener);
    if (is_wine())
        SKIP("Wine has no way to a pipe from another machine");
}

/* ---- a name that another has ------------------------------------------------------------- */

/* NULL: the system does not let us. */
static HANDLE squat(const char *descriptor, DWORD type)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, FALSE};
    HANDLE              pipe;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        descriptor, SDDL_REVISION_1, &attributes.lpSecurityDescriptor, NULL));
    pipe = CreateNamedPipeW(place->wide[CORDON_ADDRESS], PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                            type, PIPE_UNLIMITED_INSTANCES, 512, 512, 0, &attributes);
    LocalFree(attributes.lpSecurityDescriptor);
    return pipe != INVALID_HANDLE_VALUE ? pipe : NULL;
}

static void name_of_another_user_is_an_impostor(void **state)
{
    cordon__listener *listener = NULL;
    cordon__identity  peer;
    intptr_t          client;
    DWORD             size = 0;
    HANDLE            pipe = squat("O:SYG:SYD:(A;;GA;;;WD)", PIPE_TYPE_BYTE);
    HANDLE            more = squat("O:SYG:SYD:(A;;GA;;;WD)", PIPE_TYPE_BYTE);

    (void)state;
    if (!pipe || !more)
        SKIP("only an administrator may make a pipe of another user here");
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_EIMPOSTOR);
    assert_null(listener);
    assert_non_null(strstr(fault.text, "S-1-5-18"));
    client = door_knock();
    assert_int_equal(cordon__peer_ask(&peer, client, 1, &fault), CORDON_OK);
    assert_int_equal(cordon__peer_judge(&peer, cordon__peer_own(), 0, &fault), CORDON_EIMPOSTOR);
    assert_int_equal(cordon__peer_judge(&peer, cordon__peer_own(), CORDON_TRUST_ROOT, &fault),
                     CORDON_OK);
    if (PeekNamedPipe(more, NULL, 0, NULL, &size, NULL))
        assert_int_equal(size, 0);
    cordon__handle_close(client);
    CloseHandle(pipe);
    CloseHandle(more);
}

/* A label says more than the owner: a sandboxed program of our own user may have made it. */
static void name_of_a_lower_program_is_an_impostor(void **state)
{
    cordon__listener *listener = NULL;
    char              text[400];
    HANDLE            pipe;

    (void)state;
    snprintf(text, sizeof text, "O:%sD:(A;;GA;;;WD)S:(ML;;NW;;;LW)", place->self.subject.sid);
    pipe = squat(text, PIPE_TYPE_BYTE);
    assert_non_null(pipe);
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_EIMPOSTOR);
    assert_null(listener);
    CloseHandle(pipe);
}

static void name_that_a_program_of_ours_serves_is_left_alone(void **state)
{
    cordon__listener *listener = NULL, *first = door_listen(8);
    intptr_t          client;

    (void)state;
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_EUNSAFE);
    assert_null(listener);
    client = door_knock();
    cordon__handle_close(client);
    door_end(first);
}

static void name_with_another_descriptor_stays_busy(void **state)
{
    cordon__listener *listener = NULL;
    char              text[400];
    HANDLE            pipe, client;

    (void)state;
    snprintf(text, sizeof text, "O:%sD:(A;;GA;;;WD)S:(ML;;NRNW;;;S-1-16-%lu)",
             place->self.subject.sid, (unsigned long)place->self.subject.level);
    pipe = squat(text, PIPE_TYPE_BYTE);
    assert_non_null(pipe);
    client = cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_LOOK, SECURITY_ANONYMOUS);
    assert_true(client != INVALID_HANDLE_VALUE);
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_EBUSY);
    assert_null(listener);
    CloseHandle(client);
    CloseHandle(pipe);
}

static void lingering_end_of_a_predecessor_stops_nobody(void **state)
{
    cordon__listener *listener = door_listen(0);
    intptr_t          client = door_knock(), server = door_let_in(listener), other;

    (void)state;
    door_end(listener);
    cordon__handle_close(server); /* its client does not close */
    listener = door_listen(0);
    other = door_knock();
    server = door_let_in(listener);
    door_say(other, "word");
    door_hear(server, "word");
    cordon__handle_close(other);
    cordon__handle_close(server);
    cordon__handle_close(client);
    door_end(listener);
    assert_int_equal(door_knock_code(), CORDON_ENOTRUNNING);
}

static void pipe_of_messages_is_not_ours(void **state)
{
    char   text[400];
    HANDLE pipe;

    (void)state;
    snprintf(text, sizeof text, "O:%sD:(A;;GA;;;%s)S:(ML;;NRNW;;;S-1-16-%lu)",
             place->self.subject.sid, place->self.subject.sid,
             (unsigned long)place->self.subject.level);
    pipe = squat(text, PIPE_TYPE_MESSAGE);
    assert_non_null(pipe);
    assert_int_equal(door_knock_code(), CORDON_EUNSAFE);
    CloseHandle(pipe);
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
    cordon__listener *listener = door_listen(0);
    cordon__identity  peer;
    intptr_t          server;
    HANDLE            client;

    (void)state;
    client =
        cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
    assert_true(client != INVALID_HANDLE_VALUE);
    server = door_let_in(listener);
    door_say((intptr_t)client, "word");
    door_hear(server, "word");
    if (!is_wine())
        assert_int_equal(cordon__peer_of_client(&peer, (HANDLE)server, &fault), CORDON_EIMPOSTOR);
    CloseHandle(client);
    cordon__handle_close(server);
    door_end(listener);
    if (is_wine())
        SKIP("Wine ignores how far a client lets itself be impersonated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR(every_instance_has_our_descriptor),
        DOOR(default_descriptor_is_not_ours_but_still_of_our_user),
        DOOR(look_tells_a_changed_descriptor),
        DOOR(pipe_is_of_bytes_and_refuses_other_machines),
        DOOR(name_of_another_user_is_an_impostor),
        DOOR(name_of_a_lower_program_is_an_impostor),
        DOOR(name_that_a_program_of_ours_serves_is_left_alone),
        DOOR(name_with_another_descriptor_stays_busy),
        DOOR(lingering_end_of_a_predecessor_stops_nobody),
        DOOR(pipe_of_messages_is_not_ours),
        DOOR(sid_level_and_process_are_told_on_both_sides),
        DOOR(whom_the_host_impersonates_stays),
        DOOR(client_that_hides_is_a_stranger),
    };

    return cmocka_run_group_tests_name("contract_win32_name", tests, NULL, NULL);
}
