/*
 * Identities. Requirement: a fold yields a value of the record's result type
 * that is equal for every value of the operands.
 */
#include "ir/fold.h"
#include "ir/ir.h"

static bool commutes(unsigned op)
{
    switch (op) {
    case IR_add:
    case IR_mul:
    case IR_mulhu:
    case IR_mulhs:
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_eq:
    case IR_ne:
    case IR_fl_add:
    case IR_fl_adc:
        return true;
    default:
        return false;
    }
}

static bool is_value(const struct ir_unit *unit, ir_ref ref, uint64_t value)
{
    uint64_t is;

    return ir_const_value(unit, ref, &is) && is == value;
}

static uint64_t ones(const struct ir_ins *ins)
{
    return ins->type == IR_I64 ? ~0ull : 0xffffffffu;
}

static ir_ref zero(struct ir_builder *b, const struct ir_ins *ins)
{
    return ins->type == IR_I64 ? ir_const_i64(b, 0) : ir_const_i32(b, 0);
}

static ir_ref fold_same(struct ir_builder *b, const struct ir_ins *ins)
{
    switch (ins->op) {
    case IR_and:
    case IR_or:
        return ins->a;
    case IR_xor:
    case IR_sub:
        return zero(b, ins);
    case IR_eq:
    case IR_ule:
    case IR_sle:
        return ir_const_i32(b, 1);
    case IR_ne:
    case IR_ult:
    case IR_slt:
        return ir_const_i32(b, 0);
    default:
        return IR_NONE;
    }
}

static ir_ref fold_neutral(struct ir_builder *b, const struct ir_ins *ins)
{
    bool none = is_value(b->unit, ins->b, 0);
    bool all = is_value(b->unit, ins->b, ones(ins));

    switch (ins->op) {
    case IR_add:
    case IR_sub:
    case IR_xor:
    case IR_shl ... IR_rotr:
        return none ? ins->a : IR_NONE;
    case IR_or:
        return none ? ins->a : all ? ins->b : IR_NONE;
    case IR_and:
        return none ? ins->b : all ? ins->a : IR_NONE;
    case IR_mul:
        return none ? ins->b : is_value(b->unit, ins->b, 1) ? ins->a : IR_NONE;
    default:
        return IR_NONE;
    }
}

/* A load of no more than so many bytes, without sign. */
static bool is_zero_extended(const struct ir_ins *ins, unsigned bytes)
{
    return ins->op == IR_ld && !(ins->imm & MO_SIGN) &&
           MO_SIZE(ins->imm) <= bytes;
}

/* trunc of zext32 or sext32 is what was extended. */
static ir_ref fold_unary(const struct ir_unit *unit, const struct ir_ins *ins)
{
    const struct ir_ins *inner;

    if (ir_is_const(ins->a) || ins->a == IR_NONE) {
        return IR_NONE;
    }
    inner = &unit->ins[ins->a];
    switch (ins->op) {
    case IR_trunc:
        return inner->op == IR_zext32 || inner->op == IR_sext32 ? inner->a
                                                                : IR_NONE;
    case IR_neg:
    case IR_not:
    case IR_bswap:
        return inner->op == ins->op ? inner->a : IR_NONE;
    case IR_zext8:
    case IR_zext16:
        return inner->op == ins->op ||
                       is_zero_extended(inner, ins->op == IR_zext8 ? 1 : 2)
                   ? ins->a
                   : IR_NONE;
    case IR_sext8:
    case IR_sext16:
        return inner->op == ins->op ? ins->a : IR_NONE;
    default:
        return IR_NONE;
    }
}

ir_ref ir_fold_identity(struct ir_builder *b, struct ir_ins *ins)
{
    ir_ref ref = IR_NONE, swap;

    if (commutes(ins->op) && (ir_is_const(ins->a) || ins->a > ins->b) &&
        !ir_is_const(ins->b)) {
        swap = ins->a;
        ins->a = ins->b;
        ins->b = swap;
    }
    if (ins->op == IR_select) {
        if (ins->b == ins->c) {
            return ins->b;
        }
        return !ir_is_const(ins->a)           ? IR_NONE
               : is_value(b->unit, ins->a, 0) ? ins->c
                                              : ins->b;
    }
    if (ins->b == IR_NONE) {
        return fold_unary(b->unit, ins);
    }
    if (ins->a == ins->b) {
        ref = fold_same(b, ins);
    }
    return ref != IR_NONE ? ref : fold_neutral(b, ins);
}
