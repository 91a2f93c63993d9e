/*
 * What can be done with a finished unit: check it, print it, parse it,
 * optimise it, run it.
 */
#ifndef IR_IR_H
#define IR_IR_H

#include "guest/guest.h"
#include "ir/types.h"
#include <stdio.h>

struct cpu;

/* -- Rows of the vocabulary (ops.c) --------------------------------------- */
enum ir_effect {
    IR_PURE,
    IR_STATE,
    IR_FLOAT_EFFECT,
    IR_FAULT,
    IR_EXIT_EFFECT,
    IR_MARK,
};

struct ir_op_row {
    const char *name;
    char result, arg[4]; /* the letters of ops.def */
    uint8_t effect;      /* enum ir_effect */
};
extern const struct ir_op_row ir_op_rows[IR_OP_COUNT];

/* The row of a call's imm. */
static inline const struct guest_helper *ir_helper(const struct ir_unit *unit,
                                                   uint32_t id)
{
    return id < unit->guest->n_helpers
               ? &unit->guest->helpers[id]
               : &unit->more_helpers[id - unit->guest->n_helpers];
}

/* -- Text form (print.c, parse.c): what prints, parses to an equal unit ---- */
void ir_print(const struct ir_unit *unit, FILE *out);
/* False: *message (to be freed) says line and fault. */
bool ir_parse(struct ir_unit *unit, const char *text, char **message);

/* -- Verifier (verify.c): R1..R4 and the types. Message as above ----------- */
bool ir_verify(const struct ir_unit *unit, char **message);

/* -- The value of a pure op: used by folds, interpreter and tests (eval.c) - */
void ir_eval(const struct ir_ins *ins, const union ir_value *a,
             const union ir_value *b, const union ir_value *c,
             union ir_value *result);

/* -- Passes (dce.c) -------------------------------------------------------- */
/* Removes pure values nobody uses, gets nobody reads, and sets overwritten
 * before any record through which the state could be seen. */
void ir_pass_dead(struct ir_unit *unit);

/* -- Interpreter (interp.c) ------------------------------------------------ */
/*
 * Runs the unit on the CPU. Adds each retired instruction to cpu->count,
 * stores the next pc through guest->set_pc and returns the kind of the exit.
 * A fault leaves through cpu_leave() with pc and count at the start of the
 * instruction concerned.
 */
enum ir_exit_kind ir_interpret(struct cpu *cpu, const struct ir_unit *unit);

#endif
