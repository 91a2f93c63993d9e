/*
 * Tap points: the bytes that one instruction, called from one place, reads or
 * writes on one stack are one text. Kept are those in the midst of a string.
 */
#ifndef STRINGSEARCH_TAPS_H
#define STRINGSEARCH_TAPS_H

#include "callstack_instr/prog_point.h"

/* All that are in the midst of a string at one pc. */
struct place {
    target_ulong pc;
    struct tap *taps;
    bool listed; /* to be looked at by taps_settle() */
    struct place *next;
};

struct tap {
    prog_point point;
    bool is_write;
    uint32_t state;
    struct tap *next;
};

/* Of an access at a pc: NULL when no tap point is there. */
struct place *taps_at(target_ulong pc);
/* The state of one; 0 unless it is there. */
uint32_t taps_state(const struct place *place, const prog_point *point,
                    bool is_write);
/* Sets it. Marks the pc for the engine's filter, and has it unmarked later. */
void taps_set(void *plugin, const prog_point *point, bool is_write,
              uint32_t state);
/* Unmarks what has no tap points, some time after it lost the last: not at the
 * same count. */
void taps_settle(void *plugin, uint64_t count);
void taps_forget_all(void *plugin);

#endif
