/* A name that somebody else has: another user, another program of ours, a client of the dead. */
#include "win32_door.h"

/* After windows.h, which they need. */
#include <sddl.h>

/* ---- a name that another has ------------------------------------------------------------- */

/* NULL: the system does not let us. */
static HANDLE squat_as(const char *descriptor, DWORD access, DWORD type, DWORD instances)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, FALSE};
    HANDLE              pipe;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        descriptor, SDDL_REVISION_1, &attributes.lpSecurityDescriptor, NULL));
    pipe = CreateNamedPipeW(place->wide[CORDON_ADDRESS], access | FILE_FLAG_OVERLAPPED, type,
                            instances, 512, 512, 0, &attributes);
    LocalFree(attributes.lpSecurityDescriptor);
    return pipe != INVALID_HANDLE_VALUE ? pipe : NULL;
}

static HANDLE squat(const char *descriptor, DWORD type)
{
    return squat_as(descriptor, PIPE_ACCESS_DUPLEX, type, PIPE_UNLIMITED_INSTANCES);
}

/* The descriptor that a server of ours would have given it. */
static const char *own_descriptor(void)
{
    static char text[640];

    snprintf(text, sizeof text, "O:%sG:%sD:P(A;;GA;;;%s)S:(ML;;NRNW;;;S-1-16-%lu)",
             place->self.subject.sid, place->self.subject.sid, place->self.subject.sid,
             (unsigned long)place->self.subject.level);
    return text;
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
        SUPPORT_SKIP("only an administrator may make a pipe of another user here");
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

/* One end is all that there may be, and somebody has it: nobody can be asked whose it is. */
static void name_whose_only_end_is_taken_is_busy(void **state)
{
    cordon__listener *listener = NULL;
    HANDLE            pipe = squat_as(own_descriptor(), PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1);
    HANDLE            client;

    (void)state;
    assert_non_null(pipe);
    client =
        cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
    assert_true(client != INVALID_HANDLE_VALUE);
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_EBUSY);
    assert_null(listener);
    assert_non_null(strstr(fault.text, "cannot be named"));
    CloseHandle(client);
    CloseHandle(pipe);
    door_end(door_listen(0)); /* nothing of it stays */
}

typedef struct squatter {
    HANDLE pipe, client;
} squatter;

static void leave_soon(void *context)
{
    const squatter *self = context;

    support_pause(100);
    CloseHandle(self->client);
    CloseHandle(self->pipe);
}

/* Not at once: it may be a process that is just being ended. */
static void name_that_becomes_free_in_time_is_had(void **state)
{
    cordon__listener *listener = NULL;
    squatter          self;
    uv_thread_t       thread;

    (void)state;
    self.pipe = squat_as(own_descriptor(), PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1);
    assert_non_null(self.pipe);
    self.client =
        cordon__pipe_open(place->wide[CORDON_ADDRESS], CORDON__PIPE_RIGHTS, SECURITY_ANONYMOUS);
    assert_true(self.client != INVALID_HANDLE_VALUE);
    assert_int_equal(uv_thread_create(&thread, leave_soon, &self), 0);
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_OK);
    assert_int_equal(uv_thread_join(&thread), 0);
    door_end(listener);
}

/* The rights of its owner are told apart too: not even he may ask for them. */
static void name_whose_owner_cannot_be_read_is_busy(void **state)
{
    cordon__listener *listener = NULL;
    char              text[400];
    HANDLE            pipe;

    (void)state;
    SUPPORT_NEEDS_WINDOWS("it keeps a pipe's list and does not enforce it");
    snprintf(text, sizeof text, "O:%sD:P(A;;0x100003;;;OW)S:(ML;;NRNW;;;S-1-16-%lu)",
             place->self.subject.sid, (unsigned long)place->self.subject.level);
    pipe = squat(text, PIPE_TYPE_BYTE);
    assert_non_null(pipe);
    assert_int_equal(cordon__listen(&listener, place, 0, 0, &fault), CORDON_EBUSY);
    assert_null(listener);
    assert_non_null(strstr(fault.text, "cannot be named"));
    assert_int_equal(door_knock_code(), CORDON_EDENIED);
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
    HANDLE pipe = squat(own_descriptor(), PIPE_TYPE_MESSAGE);

    (void)state;
    assert_non_null(pipe);
    assert_int_equal(door_knock_code(), CORDON_EUNSAFE);
    CloseHandle(pipe);
}

/* It could be written to or read from alone: no client takes half of what it asks for. */
static void pipe_of_one_direction_is_not_connected_to(void **state)
{
    static const DWORD directions[] = {PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND};

    (void)state;
    SUPPORT_NEEDS_WINDOWS("it lets clients ask for both directions of any pipe");
    for (int i = 0; i < 2; i++) {
        HANDLE pipe = squat_as(own_descriptor(), directions[i], PIPE_TYPE_BYTE, 2);

        assert_non_null(pipe);
        assert_int_equal(door_knock_code(), CORDON_EDENIED);
        CloseHandle(pipe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR(name_of_another_user_is_an_impostor),
        DOOR(name_of_a_lower_program_is_an_impostor),
        DOOR(name_that_a_program_of_ours_serves_is_left_alone),
        DOOR(name_with_another_descriptor_stays_busy),
        DOOR(name_whose_only_end_is_taken_is_busy),
        DOOR(name_that_becomes_free_in_time_is_had),
        DOOR(name_whose_owner_cannot_be_read_is_busy),
        DOOR(lingering_end_of_a_predecessor_stops_nobody),
        DOOR(pipe_of_messages_is_not_ours),
        DOOR(pipe_of_one_direction_is_not_connected_to),
    };

    return cmocka_run_group_tests_name("contract_win32_taken", tests, NULL, NULL);
}
