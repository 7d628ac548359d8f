/* Everything that a guest in a process may do: one server and its clients, in both framings. */
#ifndef LIFE_USE_H
#define LIFE_USE_H

#include "life_kit.h"

void life_use_session(cordon_endpoint *endpoint, unsigned flags);
void life_use_everything(const char *root);

#endif
