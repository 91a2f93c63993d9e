/*
 * `-accel lockstep`: the same guest in generated code and in the interpreter.
 * The machine runs as always; a clone of it, interpreted, is then put through
 * what crossed the first one's boundary, and both states are compared, every
 * `step` steps. On a difference the stretch is run again to find the
 * instruction (lockstep_find.c), and the run ends.
 */
#ifndef EXEC_LOCKSTEP_H
#define EXEC_LOCKSTEP_H

#include "exec/chaos.h"
#include "exec/crossing.h"
#include "exec/state.h"

struct lockstep {
    struct machine *code, *interpreter;
    struct crossings crossings; /* since the checkpoint */
    struct playback second;     /* the interpreter's boundary */
    struct checkpoint *agreed;  /* the last state that both had */
    struct chaos chaos_then;    /* the code's then, if it has any */
    unsigned unit_insns;        /* and this */
    uint64_t step;
    char *report; /* of the difference; NULL: none so far */
};

/* The machine is about to run; it has a boundary and generated code. */
struct lockstep *lockstep_new(struct machine *machine, uint64_t step);
void lockstep_free(struct lockstep *lockstep); /* the machine stays */

/* As machine_run(); RUN_STOP with a report after a difference. */
enum run_end lockstep_run(struct lockstep *lockstep, uint64_t limit);

/* -- lockstep_find.c ------------------------------------------------------- */
/* The interpreter catches up. False: they differ. */
bool lockstep_follow(struct lockstep *lockstep);
/* After a difference: the report. Neither machine can be used afterwards. */
char *lockstep_find(struct lockstep *lockstep);

#endif
