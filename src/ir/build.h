/*
 * Building a unit. Every emitter folds as it goes (constants, identities,
 * a get after a set or get of the same slot, equal pure values), so it may
 * return a reference to something older than the record just asked for.
 */
#ifndef IR_BUILD_H
#define IR_BUILD_H

#include "ir/types.h"

struct ir_builder {
    struct ir_unit *unit;
    bool fold;          /* false: emit everything as asked, for tests */
    ir_ref *slot_value; /* what each slot is known to hold, or IR_NONE */
    ir_ref *cse_table;  /* hash of pure records of this unit */
};

struct ir_unit *ir_unit_new(const struct guest *guest);
void ir_unit_free(struct ir_unit *unit); /* NULL is allowed */
void ir_unit_clear(struct ir_unit *unit);
/* As it is: for the parser and for passes. */
ir_ref ir_unit_append(struct ir_unit *unit, const struct ir_ins *ins);
ir_ref ir_unit_const(struct ir_unit *unit, enum ir_type type,
                     const union ir_value *value);

void ir_begin(struct ir_builder *b, struct ir_unit *unit);
void ir_end(struct ir_builder *b); /* frees what ir_begin() allocated */

ir_ref ir_const_i32(struct ir_builder *b, uint32_t value);
ir_ref ir_const_i64(struct ir_builder *b, uint64_t value);
ir_ref ir_const_v128(struct ir_builder *b, uint64_t lo, uint64_t hi);

/* A record of any op; the wrappers below are shorter to read. */
ir_ref ir_emit(struct ir_builder *b, enum ir_op op, enum ir_type type, ir_ref a,
               ir_ref x, ir_ref c, ir_ref d, uint32_t imm);

void ir_insn(struct ir_builder *b, uint64_t pc); /* opens an instruction */
ir_ref ir_get(struct ir_builder *b, uint32_t slot);
void ir_set(struct ir_builder *b, uint32_t slot, ir_ref value);
ir_ref ir_load(struct ir_builder *b, enum ir_type type, ir_ref address,
               uint32_t memop);
void ir_store(struct ir_builder *b, ir_ref address, ir_ref value,
              uint32_t memop);
/* Calls helper `id`; unused arguments are IR_NONE. */
ir_ref ir_call(struct ir_builder *b, uint32_t id, ir_ref a0, ir_ref a1,
               ir_ref a2, ir_ref a3);
/* Nothing when the condition is known not to hold. */
void ir_fault_if(struct ir_builder *b, ir_ref condition, uint32_t helper,
                 uint32_t argument);
void ir_exit_if(struct ir_builder *b, ir_ref condition, uint64_t pc);
void ir_exit(struct ir_builder *b, ir_ref pc, enum ir_exit_kind kind);

/* Pure ops: the result's type is that of the first W operand. */
ir_ref ir_un(struct ir_builder *b, enum ir_op op, ir_ref x);
ir_ref ir_bin(struct ir_builder *b, enum ir_op op, ir_ref x, ir_ref y);
ir_ref ir_select(struct ir_builder *b, ir_ref cond, ir_ref yes, ir_ref no);
/* fl_add fl_sub fl_adc fl_sbb fl_logic; y and carry may be IR_NONE. */
ir_ref ir_flags(struct ir_builder *b, enum ir_op op, unsigned width, ir_ref x,
                ir_ref y, ir_ref carry);
ir_ref ir_cc(struct ir_builder *b, ir_ref flags, unsigned condition);

enum ir_type ir_result_type(const struct ir_ins *ins);
enum ir_type ir_type_of(const struct ir_unit *unit, ir_ref ref);
bool ir_const_value(const struct ir_unit *unit, ir_ref ref, uint64_t *value);

#endif
