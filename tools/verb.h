/*
 * The verbs: one file each. They return the exit status (cordon --help lists them).
 */
#ifndef VERB_H
#define VERB_H

#include "options.h"

int verb_path(const struct options *options);
int verb_serve(const struct options *options);
int verb_call(const struct options *options);
int verb_cat(const struct options *options);
int verb_ensure(const struct options *options);
int verb_status(const struct options *options);
int verb_stop(const struct options *options);
int verb_run(const struct options *options);
int verb_token(const struct options *options);
int verb_doctor(const struct options *options);

#endif
