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

/* The opcode of a two-operand instruction at a width, with its prefix. */
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

void lower_host_flags(struct lowering *l, const struct places *places,
                      ir_ref ref)
{
    static const enum host_alu ops[] = {ALU_ADD, ALU_CMP, ALU_ADC, ALU_SBB};
    const struct ir_ins *ins = &l->unit->ins[ref];
    unsigned width = ins->imm;

    lower_into_at(l, places, RAX, ins->a);
    if (ins->op == IR_fl_logic) {
        if (width == 8) {
            emit_rr(&l->e, 0, 0x84, RAX, RAX, false, true);
        } else {
            emit_rr(&l->e, width == 16 ? 0x66 : 0, 0x85, RAX, RAX,
                    width == 64, false);
        }
        return;
    }
    lower_into_at(l, places, RCX, ins->b);
    if (ins->op == IR_fl_adc || ins->op == IR_fl_sbb) {
        lower_into_at(l, places, RDX, ins->c);
        emit_rr(&l->e, 0, 0x0fba, 4, RDX, false, false); /* bt edx, 0 */
        emit_byte(&l->e, 0);
    }
    alu(l, ops[ins->op - IR_fl_add], RAX, RCX, width);
}

void lower_flags_value(struct lowering *l, const struct places *places,
                       ir_ref ref)
{
    lower_host_flags(l, places, ref);
    emit_byte(&l->e, 0x9f); /* lahf */
    emit_rr(&l->e, 0, 0x0f90, 0, RAX, false, true); /* seto al */
    emit_rr(&l->e, 0, 0x0fb7, RAX, RAX, false, false); /* movzx eax, ax */
    if (l->unit->ins[ref].op == IR_fl_logic) {
        /* AF after TEST is undefined on the host, 0 in the IR. */
        emit_alu_imm(&l->e, ALU_AND, RAX, (int32_t)~FL_AF, false);
    }
}

void lower_pending(struct lowering *l, const struct places *places,
                   ir_ref pending)
{
    const struct guest_slot *slot;

    if (pending == IR_NONE) {
        return;
    }
    slot = &l->jit->guest->slots[l->jit->flags_slot];
    lower_flags_value(l, places, pending);
    emit_store(&l->e, RAX, RBX, (int32_t)slot->offset, false);
}

/* Host flags from a flags value in a register: AH holds five of them, and
 * adding 0x7f to the byte of OF overflows when it is 1. */
static void flags_from_value(struct lowering *l, ir_ref ref)
{
    lower_into(l, RAX, ref);
    emit_byte(&l->e, 0x24); /* and al, 1 */
    emit_byte(&l->e, 0x01);
    emit_byte(&l->e, 0x04); /* add al, 0x7f */
    emit_byte(&l->e, 0x7f);
    emit_byte(&l->e, 0x9e); /* sahf */
}

static void condition_flags(struct lowering *l, ir_ref flags)
{
    if (lower_is_flags(l, flags)) {
        lower_host_flags(l, &l->places, flags);
    } else {
        flags_from_value(l, flags);
    }
}

static bool made_at_exit(const struct lowering *l, uint32_t at)
{
    const struct ir_unit *unit = l->unit;

    if (l->uses[at] != 1) {
        return false;
    }
    return l->last_use[at] < unit->n_ins &&
           unit->ins[l->last_use[at]].op == IR_exit_if &&
           unit->ins[l->last_use[at]].a == at;
}

void lower_fl_cc(struct lowering *l, const struct ir_ins *ins)
{
    unsigned to;

    if (made_at_exit(l, l->at)) {
        return;
    }
    condition_flags(l, ins->a);
    emit_rr(&l->e, 0, 0x0f90 + (ins->imm & 15), 0, RAX, false, true);
    to = lower_define(l, IR_NONE);
    emit_rr(&l->e, 0, 0x0fb6, to, RAX, false, true); /* movzx to, al */
}

unsigned lower_condition(struct lowering *l, ir_ref ref)
{
    unsigned reg;

    if (!ir_is_const(ref) && l->unit->ins[ref].op == IR_fl_cc &&
        made_at_exit(l, ref)) {
        condition_flags(l, l->unit->ins[ref].a);
        return l->unit->ins[ref].imm & 15;
    }
    reg = lower_use(l, ref, RAX);
    emit_rr(&l->e, 0, 0x85, reg, reg, false, false);
    return 5; /* not zero */
}
