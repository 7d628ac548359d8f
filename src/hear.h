/*
 * Floor 3. The incoming half of a session: what was read is understood and
 * carried out; what is incomplete is kept, under its ceilings.
 */
#ifndef CORDON__HEAR_H
#define CORDON__HEAR_H

#include "dialect.h"

#include "session.h"

extern const cordon__stream_events cordon__hear_events;

/* Give the memory of an empty `in` back, and keep the host's sums. */
void cordon__hear_count(cordon__session *session);

#endif
