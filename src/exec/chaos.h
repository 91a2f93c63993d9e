/*
 * `-jit chaos=SEED`: makes the engine's invisible choices at random, so that
 * what should not be seen by a guest is shown not to be. Two runs with equal
 * seeds make equal choices.
 */
#ifndef EXEC_CHAOS_H
#define EXEC_CHAOS_H

#include "base/draw.h"
#include "exec/machine.h"

struct chaos {
    struct draw draw;    /* between units */
    struct draw code;    /* in the code generator */
    unsigned lengths[4]; /* of units: which ones there are */
    uint64_t longest;    /* slice */
};

struct chaos *chaos_new(uint64_t seed);

size_t chaos_code_size(struct chaos *chaos); /* of the code memory */
/* Between units: changes this and that. */
void chaos_act(struct machine *machine);
/* The same, and how long the next slice is. */
uint64_t chaos_slice(struct machine *machine);
/* Whether control may be led from one unit to another, this time. */
bool chaos_connects(struct chaos *chaos);

/* From now on generated code is wrong, to see whether that is noticed: in the
 * uses of an op from `first` to `last` that are compiled. False: no such op. */
bool chaos_break(struct machine *machine, const char *op, uint64_t first,
                 uint64_t last);

#endif
