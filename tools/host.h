/*
 * What `serve` asks of the system beyond C and libuv. One file a system.
 */
#ifndef HOST_H
#define HOST_H

/* Let 0, 1 and 2 be open, so that no socket is ever taken for one of them. */
void host_fill_standard(void);

/* Let no program that we start inherit more than what it is given: whatever came to us from
 * our own parent is closed in it. */
void host_keep_descriptors(void);

/* A vanished reader is an error of the write, never our death; and the signals that end us
 * reach us, whatever our parent had blocked. */
void host_take_signals(void);

/* End a started program and all that it has started, unless they left its group. */
void host_kill_group(int pid);

#endif
