/* -debug-flip WHAT@COUNT[:BIT]: a fault, injected to see it noticed. */
#ifndef CMD_FLIP_H
#define CMD_FLIP_H

#include "exec/machine.h"

struct flip {
    enum flip_what { FLIP_REGISTER, FLIP_RAM, FLIP_VALUE } what;
    uint64_t count;
    uint64_t bit; /* taken modulo how many there are */
};

/* Exit statuses of a replay that ended well in spite of it. What was flipped,
 * and where, is a warning on stderr. */
#define FLIP_WITHOUT_EFFECT 3
#define FLIP_NOT_DONE 4

/* Ends the program with a sentence when the text is none. */
void flip_parse(const char *text, struct flip *flip);
/* A register's or memory's bit; the machine stands at the count. Nobody is
 * told of it, as of a real fault. */
void flip_apply(const struct flip *flip, struct machine *machine);

#endif
