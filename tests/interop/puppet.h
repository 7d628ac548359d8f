/*
 * What a puppet asks of the system. One file a system.
 */
#ifndef PUPPET_H
#define PUPPET_H

void puppet_pause(unsigned ms);

/* Has who started us gone? 0 where we would have been ended with it. */
int puppet_is_orphan(void);

/* Start a puppet with these words and our standard streams. 0, or 98. */
int puppet_start(char **words);

/* Be there under a name, until the process ends; ask for one. */
void puppet_be_there(const char *key, int member);
int  puppet_is_there(const char *key, int member);

/* What their verbs do; their exit status is CMD's, or 98 when something is wrong here. */
int puppet_leak(char **words);
int puppet_has_leaked(void);
int puppet_unread(char **words);
int puppet_break(char **words);

/* The same on all systems (puppet_channel.c). */
int puppet_echo(char **words);
int puppet_files(char **words);

#endif
