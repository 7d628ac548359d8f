#include "../dialect.h"

#include "verdict.h"

#include <string.h>

static int is_system(const cordon__subject *who)
{
    return strcmp(who->sid, "S-1-5-18") == 0 && !who->is_app_container;
}

/* What is not known counts against the other side, also what we do not know of ourselves. */
enum cordon__verdict cordon__judge(const cordon__subject *other, const cordon__subject *own,
                                   int trusts_system)
{
    if (other->sid[0] == '\0' || own->sid[0] == '\0')
        return CORDON__UNKNOWN;
    if (trusts_system && is_system(other))
        return CORDON__WELCOME;
    if (strcmp(other->sid, own->sid) != 0)
        return CORDON__OTHER_USER;
    if (other->is_app_container)
        return CORDON__APP_CONTAINER;
    if (!other->has_level || !own->has_level || other->level < own->level)
        return CORDON__LOWER;
    return CORDON__WELCOME;
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
