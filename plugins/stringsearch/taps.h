/*
 * Tap points: the bytes that one instruction, called from one place, reads or
 * writes on one stack are one text. Kept are those in the midst of a string.
 */
#ifndef STRINGSEARCH_TAPS_H
#define STRINGSEARCH_TAPS_H

#include "callstack_instr/prog_point.h"

#define TAPS_PLACES 65536u

struct tap {
    prog_point point;
    target_ulong marked; /* in that address space, for the engine's filter */
    bool is_write, is_listed;
    uint32_t state;
    struct tap *next;
};

extern uint32_t taps_by_pc[TAPS_PLACES];
extern size_t taps_left; /* that are not in the midst of a string any more */

/* False: no tap point is there. */
static inline bool taps_maybe(target_ulong pc)
{
    return taps_by_pc[pc % TAPS_PLACES];
}

/* Of an access: NULL when it is not in the midst of a string. */
struct tap *taps_find(const prog_point *point, bool is_write);
/* One that begins a string. Marks its pc for the engine's filter. */
void taps_add(void *plugin, CPUState *cpu, const prog_point *point,
              bool is_write, uint32_t state);
/* Goes on with one; state 0 is the end of it, some time later. */
void taps_set(struct tap *tap, uint32_t state);
/* Removes those that are left, and their marks: not at the same count. */
void taps_settle(void *plugin);
void taps_forget_all(void *plugin);
void taps_free(void);

#endif
