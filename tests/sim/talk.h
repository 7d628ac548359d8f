/*
 * Conversations: who sends what bytes, what is answered, when it ends. Raw
 * clients against the real server, on the simulated platform.
 *
 * A conversation is a list of lines. A digit in front names the client (1 if
 * none); the first thing that it does connects it.
 *
 *     > words          it says these frames (below)
 *     >{...            it says this line of JSON; $T is the token
 *     >>text           it says these bytes
 *     < words          all it has heard since: exactly these; a * ends what may follow
 *     <{...            the same for JSON: lines with a space between
 *     <                nothing was heard
 *     = open|ended     has the server closed?
 *     |                it says no more; x  it hangs up; o  it connects and says nothing
 *     ~ N              it says N bytes of no sense, as many as go
 *     @ words          what the server's callbacks heard since (below)
 *     ! reply TEXT     the server answers the oldest request that it holds; `fail N TEXT`,
 *                      `part TEXT`; `last TEXT`: the newest; `thread TEXT`: from another thread;
 *                      `push TEXT`; `stop`; `gone`: its process is killed
 *     +N               N milliseconds pass
 *
 * Words that are said:
 *     magic  hello  hello:MIN:MAX  hello:MIN:MAX:FEATURES:LIMIT  wrong (a bit of the token)
 *     bare (no token)  short (5 bytes of one)  twice:N (a HELLO with N bytes behind)
 *     request:ID:BODY  big:ID:SIZE  cancel:ID  ping:TEXT  pong:TEXT  finish  stop:ID  status:ID
 *     upgrade:ID:BODY  frame:TYPE:FLAGS:HANDLES:ID:BODY  head:LENGTH:TYPE:FLAGS:ID
 *     bytes:HEX
 * Words that are heard:
 *     welcome:VERSION  refused:CODE  reply:ID:BODY  part:ID:BODY  failure:ID:CODE  event:BODY
 *     pong:TEXT  ping:TEXT  finish; a body over 40 bytes is its size: reply:1:#4096
 * The handler does what a body begins with (of a JSON string too):
 *     hold  keeps it; busy  CORDON_EBUSY; fail  300; big N  N bytes; else echo
 * Callbacks are heard as: here  left:CODE  request:BODY  canceled  gone  late  trouble:CODE  closed
 */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"

typedef struct conversation {
    const char        *name;
    const char *const *lines; /* NULL at the end */
    void (*options)(cordon_server_options *options);
    void (*rules)(void); /* of the world; may be NULL */
    int is_whole;        /* not to be cut: about timing or amounts */
} conversation;

#define LINES (const char *const[])

/* Run it whole, byte by byte, cut at every place, and chopped by chance: it must be the same. */
void talk_run(const conversation *it);
/* All of them as cmocka tests; returns the number of failures. */
int talk_main(const conversation *all, size_t count, const char *name);

#endif
