#include "../dialect.h"

#include "verdict.h"

#include <string.h>

/* What is not known counts against the other side, also what we do not know of ourselves. */
static enum cordon__verdict judge(const cordon__subject *other, const cordon__subject *own)
{
    if (other->sid[0] == '\0' || own->sid[0] == '\0')
        return CORDON__UNKNOWN;
    if (strcmp(other->sid, own->sid) != 0)
        return CORDON__OTHER_USER;
    if (other->is_app_container)
        return CORDON__APP_CONTAINER;
    if (!other->has_level || !own->has_level || other->level < own->level)
        return CORDON__LOWER;
    return CORDON__WELCOME;
}

enum cordon__verdict cordon__judge_client(const cordon__subject *client, const cordon__subject *own)
{
    return judge(client, own);
}

enum cordon__verdict cordon__judge_server(const cordon__subject *owner, const cordon__subject *own)
{
    return judge(owner, own);
}

const char *cordon__verdict_text(enum cordon__verdict verdict)
{
    switch (verdict) {
    case CORDON__WELCOME:
        return "welcome";
    case CORDON__UNKNOWN:
        return "the system cannot tell who it is";
    case CORDON__OTHER_USER:
        return "another user";
    case CORDON__LOWER:
        return "its integrity level is below ours";
    case CORDON__APP_CONTAINER:
        return "it runs in an app container";
    }
    return "";
}
