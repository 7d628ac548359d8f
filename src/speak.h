/*
 * Floor 3. The outgoing half of a session: what is said leaves at once, or
 * waits in its queue, under its ceilings.
 */
#ifndef CORDON__SPEAK_H
#define CORDON__SPEAK_H

#include "dialect.h"

#include "session.h"

/* Write what waits. 1: all gone; 0: the peer takes no more now, or the session has ended. */
int cordon__speak_flush(cordon__session *session);
/* What was appended to out goes now or when the desk is left; watches the ceilings. */
void cordon__speak_sent(cordon__session *session);
/* Give out's memory back when it is empty, and keep the host's sums. */
void cordon__speak_count(cordon__session *session);

#endif
