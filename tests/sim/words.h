/* Frames as the words of talk.h; written from docs/wire.md, not from src/frame.c. */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of a line of words; ends the program at one that it does not know. */
size_t words_say(char *to, size_t room, const char *line, const uint8_t token[32]);
/* The frames in these bytes, as words. */
void words_hear(char *out, size_t room, const char *data, size_t size);

#endif
