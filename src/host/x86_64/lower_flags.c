/*
 * Flags ops have no code of their own: each use makes the host's flags anew
 * from the operands, by the host instruction of the same name and width.
 */
#include "host/x86_64/lower.h"

#include "guest/guest.h"

bool lower_is_flags(const struct lowering *l, ir_ref ref)
{
    return ref != IR_NONE && !ir_is_const(ref) &&
           l->unit->ins[ref].op >= IR_fl_add &&
           l->unit->ins[ref].op <= IR_fl_logic;
}

/* A two-operand instruction at a width. */
static void alu(struct lowering *l, enum host_alu op, unsigned to,
                unsigned from, unsigned width)
{
    if (width == 8) {
        emit_rr(&l->e, 0, op << 3, from, to, false, true);
    } else {
        emit_rr(&l->e, width == 16 ? 0x66 : 0, op << 3 | 1, from, to,
                width == 64, false);
    }
}

/* The same with a constant as the second operand. */
static void alu_imm(struct lowering *l, enum host_alu op, unsigned to,
                    int32_t value, unsigned width)
{
    if (width == 8) {
        emit_rr(&l->e, 0, 0x80, op, to, false, true);
        emit_byte(&l->e, (uint8_t)value);
    } else if (width == 16) {
        emit_rr(&l->e, 0x66, 0x81, op, to, false, false);
        emit_byte(&l->e, (uint8_t)value);
        emit_byte(&l->e, (uint8_t)(value >> 8));
    } else {
        emit_alu_imm(&l->e, op, to, value, width == 64);
    }
}

static void flags_of_two(struct lowering *l, const struct places *places,
                         const struct ir_ins *ins, enum host_alu op, unsigned a)
{
    int32_t value;

    if (lower_imm(l, ins->b, &value)) {
        alu_imm(l, op, a, value, ins->imm);
    } else {
        alu(l, op, a, lower_use_at(l, places, ins->b, RCX), ins->imm);
    }
}

void lower_host_flags(struct lowering *l, const struct places *places,
                      ir_ref ref)
{
    static const enum host_alu ops[] = {ALU_ADD, ALU_CMP, ALU_ADC, ALU_SBB};
    const struct ir_ins *ins = &l->unit->ins[ref];
    unsigned width = ins->imm, a;

    if (ins->op == IR_fl_logic) {
        a = lower_use_at(l, places, ins->a, RAX);
        emit_rr(&l->e, width == 16 ? 0x66 : 0, width == 8 ? 0x84 : 0x85, a, a,
                width == 64, width == 8);
        return;
    }
    if (ins->op == IR_fl_sub) { /* changes neither */
        a = lower_use_at(l, places, ins->a, RAX);
        flags_of_two(l, places, ins, ALU_CMP, a);
        return;
    }
    lower_into_at(l, places, RAX, ins->a);
    if (ins->op == IR_fl_adc || ins->op == IR_fl_sbb) {
        lower_into_at(l, places, RDX, ins->c);
        lower_into_at(l, places, RCX, ins->b); /* flags are not touched */
        emit_rr(&l->e, 0, 0x0fba, 4, RDX, false, false); /* bt edx, 0 */
        emit_byte(&l->e, 0);
        alu(l, ops[ins->op - IR_fl_add], RAX, RCX, width);
        return;
    }
    flags_of_two(l, places, ins, ALU_ADD, RAX);
}

void lower_flags_value(struct lowering *l, const struct places *places,
                       ir_ref ref)
{
    lower_host_flags(l, places, ref);
    emit_byte(&l->e, 0x9f);                            /* lahf */
    emit_rr(&l->e, 0, 0x0f90, 0, RAX, false, true);    /* seto al */
    emit_rr(&l->e, 0, 0x0fb7, RAX, RAX, false, false); /* movzx eax, ax */
    if (l->unit->ins[ref].op == IR_fl_logic) {
        /* AF after TEST is undefined on the host, 0 in the IR. */
        emit_alu_imm(&l->e, ALU_AND, RAX, (int32_t)~FL_AF, false);
    }
}

void lower_pending(struct lowering *l, const struct places *places,
                   ir_ref pending)
{
    if (pending != IR_NONE) {
        lower_flags_value(l, places, pending);
        emit_store(&l->e, RAX, RBX, lower_slot(l, l->jit->flags_slot), false);
    }
}

/* O, NO, L, GE, LE, G. */
static bool asks_for_overflow(unsigned condition)
{
    return condition < 2 || condition >= 12;
}

/* Host flags from a flags value in a register: AH holds five of them, and
 * adding 0x7f to the byte of OF overflows when it is 1. */
static void flags_from_value(struct lowering *l, ir_ref ref, unsigned condition)
{
    lower_into(l, RAX, ref);
    if (asks_for_overflow(condition)) {
        emit_byte(&l->e, 0x24); /* and al, 1 */
        emit_byte(&l->e, 0x01);
        emit_byte(&l->e, 0x04); /* add al, 0x7f */
        emit_byte(&l->e, 0x7f);
    }
    emit_byte(&l->e, 0x9e); /* sahf */
}

static bool is_condition(unsigned op)
{
    return op == IR_fl_cc || (op >= IR_eq && op <= IR_sle);
}

bool lower_takes_condition(const struct ir_ins *ins)
{
    return ins->op == IR_exit_if || ins->op == IR_fault_if ||
           ins->op == IR_select;
}

bool lower_made_at_use(const struct lowering *l, ir_ref ref)
{
    const struct ir_unit *unit = l->unit;
    const struct ir_ins *user;

    if (ref == IR_NONE || ir_is_const(ref) || l->uses[ref] != 1 ||
        !is_condition(unit->ins[ref].op) || l->last_use[ref] >= unit->n_ins) {
        return false;
    }
    user = &unit->ins[l->last_use[ref]];
    return lower_takes_condition(user) && user->a == ref;
}

static unsigned compare(struct lowering *l, const struct ir_ins *ins)
{
    static const unsigned conditions[] = {4, 5, 2, 6, 12, 14};
    bool wide = ins->type == IR_I64;
    unsigned a = lower_use(l, ins->a, RAX);
    int32_t value;

    if (lower_imm(l, ins->b, &value)) {
        emit_alu_imm(&l->e, ALU_CMP, a, value, wide);
    } else {
        emit_alu(&l->e, ALU_CMP, a, lower_use(l, ins->b, RCX), wide);
    }
    return conditions[ins->op - IR_eq];
}

/* Host flags for one of is_condition(), and what to ask them. */
static unsigned flags_for(struct lowering *l, const struct ir_ins *ins)
{
    if (ins->op != IR_fl_cc) {
        return compare(l, ins);
    }
    if (lower_is_flags(l, ins->a)) {
        lower_host_flags(l, &l->places, ins->a);
    } else {
        flags_from_value(l, ins->a, ins->imm & 15);
    }
    return ins->imm & 15;
}

void lower_condition_value(struct lowering *l, const struct ir_ins *ins)
{
    unsigned condition, to;

    if (lower_made_at_use(l, (ir_ref)l->at)) {
        return;
    }
    condition = flags_for(l, ins);
    emit_rr(&l->e, 0, 0x0f90 + condition, 0, RAX, false, true); /* setcc al */
    to = lower_define(l, IR_NONE);
    emit_rr(&l->e, 0, 0x0fb6, to, RAX, false, true); /* movzx to, al */
}

unsigned lower_condition(struct lowering *l, ir_ref ref)
{
    unsigned reg;

    if (lower_made_at_use(l, ref)) {
        return flags_for(l, &l->unit->ins[ref]);
    }
    reg = lower_use(l, ref, RAX);
    emit_rr(&l->e, 0, 0x85, reg, reg, false, false);
    return 5; /* not zero */
}
