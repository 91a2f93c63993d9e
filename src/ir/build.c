/*
 * Building with folds as it goes. Whoever translates may emit the general
 * form of everything; what is constant, known or already computed costs no
 * record. In this order, ir_emit() tries:
 *
 *   1. constants: a pure op of constants is a constant (ir_eval)
 *   2. identities: x + 0, x & -1, select of equal values, ... (fold.c)
 *   3. an equal pure record of this unit (a small hash, newest wins)
 *
 * A get of a slot whose value is known in this unit is that value; a call
 * that may write state forgets all of them, a floating-point op that of MXCSR.
 */
#include "ir/build.h"
#include "ir/fold.h"
#include "ir/ir.h"

#include "base/error.h"
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

#define CSE_SIZE 256u

void ir_begin(struct ir_builder *b, struct ir_unit *unit)
{
    b->unit = unit;
    b->fold = true;
    b->slot_value = calloc(unit->guest->n_slots + 1ul, sizeof(ir_ref));
    b->cse_table = calloc(CSE_SIZE, sizeof(ir_ref));
    if (!b->slot_value || !b->cse_table) {
        panda_bug("out of memory");
    }
}

void ir_end(struct ir_builder *b)
{
    free(b->slot_value);
    free(b->cse_table);
    b->slot_value = NULL;
    b->cse_table = NULL;
}

/* -- Constants ------------------------------------------------------------- */

ir_ref ir_const_i32(struct ir_builder *b, uint32_t value)
{
    union ir_value v = {.v64 = {value, 0}};

    return ir_unit_const(b->unit, IR_I32, &v);
}

ir_ref ir_const_i64(struct ir_builder *b, uint64_t value)
{
    union ir_value v = {.v64 = {value, 0}};

    return ir_unit_const(b->unit, IR_I64, &v);
}

ir_ref ir_const_v128(struct ir_builder *b, uint64_t lo, uint64_t hi)
{
    union ir_value v = {.v64 = {lo, hi}};

    return ir_unit_const(b->unit, IR_V128, &v);
}

/* -- Folding --------------------------------------------------------------- */

static const union ir_value *const_at(const struct ir_unit *unit, ir_ref ref)
{
    static const union ir_value zero;

    return ref == IR_NONE ? &zero : &unit->consts[ref & ~IR_CONST_BIT].value;
}

static bool is_fixed(ir_ref ref)
{
    return ref == IR_NONE || ir_is_const(ref);
}

static ir_ref fold_constants(struct ir_builder *b, const struct ir_ins *ins)
{
    struct ir_unit *unit = b->unit;
    union ir_value value;

    if (!is_fixed(ins->a) || !is_fixed(ins->b) || !is_fixed(ins->c)) {
        return IR_NONE;
    }
    ir_eval(ins, const_at(unit, ins->a), const_at(unit, ins->b),
            const_at(unit, ins->c), &value);
    return ir_unit_const(unit, ir_result_type(ins), &value);
}

static ir_ref *cse_place(struct ir_builder *b, const struct ir_ins *ins)
{
    uint64_t words[2];

    memcpy(words, ins, sizeof(words));
    words[0] = (words[0] ^ words[1] << 7) * 0x9e3779b97f4a7c15ull;
    return &b->cse_table[words[0] >> 56];
}

static ir_ref emit_pure(struct ir_builder *b, struct ir_ins *ins)
{
    ir_ref ref = fold_constants(b, ins), *place;

    if (ref == IR_NONE) {
        ref = ir_fold_identity(b, ins);
    }
    if (ref != IR_NONE) {
        return ref;
    }
    place = cse_place(b, ins);
    if (*place && !memcmp(&b->unit->ins[*place], ins, sizeof(*ins))) {
        return *place;
    }
    return *place = ir_unit_append(b->unit, ins);
}

ir_ref ir_emit(struct ir_builder *b, enum ir_op op, enum ir_type type, ir_ref a,
               ir_ref x, ir_ref c, ir_ref d, uint32_t imm)
{
    struct ir_ins ins = {.op = (uint16_t)op,
                         .type = (uint8_t)type,
                         .a = a,
                         .b = x,
                         .c = c,
                         .d = d,
                         .imm = imm};

    if (b->fold && ir_op_rows[op].effect == IR_PURE) {
        return emit_pure(b, &ins);
    }
    if (ir_op_rows[op].effect == IR_FLOAT_EFFECT) {
        b->slot_value[b->unit->guest->mxcsr_slot] = IR_NONE;
    }
    return ir_unit_append(b->unit, &ins);
}

/* -- State, memory, calls -------------------------------------------------- */

void ir_insn(struct ir_builder *b, uint64_t pc)
{
    ir_emit(b, IR_insn, IR_VOID, ir_const_i64(b, pc), 0, 0, 0,
            b->unit->n_insns);
}

ir_ref ir_get(struct ir_builder *b, uint32_t slot)
{
    enum ir_type type = (enum ir_type)b->unit->guest->slots[slot].type;

    if (!b->fold) {
        return ir_emit(b, IR_get, type, 0, 0, 0, 0, slot);
    }
    if (b->slot_value[slot] == IR_NONE) {
        b->slot_value[slot] = ir_emit(b, IR_get, type, 0, 0, 0, 0, slot);
    }
    return b->slot_value[slot];
}

/* What a get will find: a slot narrower than its type loses upper bits. */
static bool slot_keeps_all(const struct guest_slot *slot)
{
    return slot->size == (slot->type == IR_V128  ? 16
                          : slot->type == IR_I64 ? 8
                                                 : 4);
}

void ir_set(struct ir_builder *b, uint32_t slot, ir_ref value)
{
    bool keeps = slot_keeps_all(&b->unit->guest->slots[slot]);

    if (b->fold && keeps && b->slot_value[slot] == value) {
        return;
    }
    ir_emit(b, IR_set, IR_VOID, value, 0, 0, 0, slot);
    b->slot_value[slot] = keeps ? value : IR_NONE;
}

ir_ref ir_load(struct ir_builder *b, enum ir_type type, ir_ref address,
               uint32_t memop)
{
    return ir_emit(b, IR_ld, type, address, 0, 0, 0, memop);
}

void ir_store(struct ir_builder *b, ir_ref address, ir_ref value,
              uint32_t memop)
{
    ir_emit(b, IR_st, ir_type_of(b->unit, value), address, value, 0, 0, memop);
}

ir_ref ir_call(struct ir_builder *b, uint32_t id, ir_ref a0, ir_ref a1,
               ir_ref a2, ir_ref a3)
{
    const struct guest_helper *helper = &b->unit->guest->helpers[id];
    ir_ref ref = ir_emit(b, IR_call, (enum ir_type)helper->result, a0, a1, a2,
                         a3, id);

    if (helper->effects & HELPER_WRITES) {
        memset(b->slot_value, 0,
               b->unit->guest->n_slots * sizeof(*b->slot_value));
    }
    return ref;
}

void ir_fault_if(struct ir_builder *b, ir_ref condition, uint32_t helper,
                 uint32_t argument)
{
    uint64_t value;

    if (!b->fold || !ir_const_value(b->unit, condition, &value) ||
        (uint32_t)value) {
        ir_emit(b, IR_fault_if, IR_VOID, condition, ir_const_i32(b, argument),
                0, 0, helper);
    }
}

void ir_exit_if(struct ir_builder *b, ir_ref condition, uint64_t pc)
{
    ir_emit(b, IR_exit_if, IR_VOID, condition, ir_const_i64(b, pc), 0, 0,
            IR_EXIT_LINK);
}

void ir_exit(struct ir_builder *b, ir_ref pc, enum ir_exit_kind kind)
{
    ir_emit(b, IR_exit, IR_VOID, pc, 0, 0, 0, kind);
}

/* -- Pure ops -------------------------------------------------------------- */

ir_ref ir_un(struct ir_builder *b, enum ir_op op, ir_ref x)
{
    const struct ir_op_row *row = &ir_op_rows[op];
    enum ir_type type = ir_type_of(b->unit, x);

    if (row->arg[0] != 'W') { /* the result's type, then */
        type = row->result == 'I'   ? IR_I32
               : row->result == 'L' ? IR_I64
                                    : IR_V128;
    }
    return ir_emit(b, op, type, x, 0, 0, 0, 0);
}

ir_ref ir_bin(struct ir_builder *b, enum ir_op op, ir_ref x, ir_ref y)
{
    return ir_emit(b, op, ir_type_of(b->unit, x), x, y, 0, 0, 0);
}

ir_ref ir_select(struct ir_builder *b, ir_ref cond, ir_ref yes, ir_ref no)
{
    return ir_emit(b, IR_select, ir_type_of(b->unit, yes), cond, yes, no, 0, 0);
}

ir_ref ir_flags(struct ir_builder *b, enum ir_op op, unsigned width, ir_ref x,
                ir_ref y, ir_ref carry)
{
    return ir_emit(b, op, ir_type_of(b->unit, x), x, y, carry, 0, width);
}

ir_ref ir_cc(struct ir_builder *b, ir_ref flags, unsigned condition)
{
    return ir_emit(b, IR_fl_cc, IR_I32, flags, 0, 0, 0, condition);
}
