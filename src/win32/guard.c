/* The security descriptor of all that we make: for our user alone. */
#include "../dialect.h"

#include "place.h"

#include <sddl.h>
#include <stdio.h>
#include <string.h>

static const char step[] = "make security descriptor";

/* What is made in a directory without a descriptor of its own is our user's alone, too. */
static const char *access_of(enum cordon__guarded what)
{
    switch (what) {
    case CORDON__GUARD_PIPE:
        return ";GA";
    case CORDON__GUARD_FILE:
        return ";FA";
    case CORDON__GUARD_DIRECTORY:
        return "OICI;FA";
    }
    return NULL;
}

void cordon__guard_text(char text[CORDON__GUARD_TEXT], const cordon__self *self,
                        enum cordon__guarded what)
{
    const char *sid = self->subject.sid;
    int         used = snprintf(text, CORDON__GUARD_TEXT, "O:%sG:%sD:P(A;%s;;;%s)", sid, sid,
                                access_of(what), sid);

    if (what == CORDON__GUARD_PIPE)
        snprintf(text + used, CORDON__GUARD_TEXT - (size_t)used, "S:(ML;;NRNW;;;S-1-16-%lu)",
                 (unsigned long)self->subject.level);
}

int cordon__guard_open(cordon__guard *guard, const cordon__self *self, enum cordon__guarded what,
                       cordon_fault *fault)
{
    char text[CORDON__GUARD_TEXT];

    memset(guard, 0, sizeof *guard);
    guard->attributes.nLength = sizeof guard->attributes;
    guard->attributes.bInheritHandle = FALSE;
    cordon__guard_text(text, self, what);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1,
                                                              &guard->descriptor, NULL))
        return cordon__win32_fault(fault, step, GetLastError(), NULL);
    guard->attributes.lpSecurityDescriptor = guard->descriptor;
    return CORDON_OK;
}

void cordon__guard_close(cordon__guard *guard)
{
    if (guard->descriptor)
        LocalFree(guard->descriptor);
    memset(guard, 0, sizeof *guard);
}
