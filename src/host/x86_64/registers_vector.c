/*
 * Uses of vectors, and their way around C calls, which none survives: xmm0 and
 * xmm1 are scratch, registers.c hands out the others.
 */
#include "host/x86_64/lower.h"

#include "guest/guest.h"

#define FIRST 2u

static int32_t saved_at(unsigned xmm)
{
    return FRAME_SAVED_VECTORS + 16 * (int32_t)(xmm - FIRST);
}

/* -- Uses ------------------------------------------------------------------ */

/* A constant, by way of rax. */
static void constant(struct lowering *l, unsigned xmm, ir_ref ref)
{
    const uint64_t *half = l->unit->consts[ref & ~IR_CONST_BIT].value.v64;

    if (!half[0] && !half[1]) {
        emit_rr(&l->e, 0x66, 0x0fef, xmm, xmm, false, false); /* pxor */
        return;
    }
    emit_mov_imm(&l->e, RAX, half[0]);
    emit_rr(&l->e, 0x66, 0x0f6e, xmm, RAX, true, false); /* movq */
    emit_mov_imm(&l->e, RAX, half[1]);
    emit_rr(&l->e, 0x66, 0x0f3a22, xmm, RAX, true, false); /* pinsrq 1 */
    emit_byte(&l->e, 1);
}

unsigned lower_use_vector(struct lowering *l, ir_ref ref, unsigned scratch)
{
    if (ir_is_const(ref)) {
        constant(l, scratch, ref);
    } else if (l->reg[ref] != NO_REGISTER) {
        return l->reg[ref];
    } else {
        emit_vector_load(&l->e, scratch, RSP, l->slot[ref]);
    }
    return scratch;
}

unsigned lower_copy_of_vector(struct lowering *l, const struct ir_ins *ins)
{
    unsigned from = lower_use_vector(l, ins->a, 0);
    unsigned to = lower_define_vector(l, ins->a == ins->b ? IR_NONE : ins->a);

    if (to != from) {
        emit_rr(&l->e, 0x66, 0x0f6f, to, from, false, false); /* movdqa */
    }
    return to;
}

int32_t lower_vector_in_frame(struct lowering *l, ir_ref ref)
{
    int32_t slot;

    if (!ir_is_const(ref) && l->slot[ref]) {
        return l->slot[ref];
    }
    slot = lower_new_slot(l, 16);
    emit_vector_store(&l->e, lower_use_vector(l, ref, 1), RSP, slot);
    if (!ir_is_const(ref)) {
        l->slot[ref] = slot;
    }
    return slot;
}

void lower_vector_to_frame_at(struct lowering *l, const struct places *places,
                              ir_ref ref, int32_t at)
{
    unsigned xmm = 1;

    for (unsigned i = FIRST; i < N_REGISTERS; i++) {
        if (!ir_is_const(ref) && places->vector[i] == ref) {
            xmm = i;
        }
    }
    if (ir_is_const(ref)) {
        constant(l, xmm, ref);
    } else if (xmm == 1) {
        emit_vector_load(&l->e, xmm, RSP, l->slot[ref]);
    }
    emit_vector_store(&l->e, xmm, RSP, at);
}

/* -- Around C calls -------------------------------------------------------- */

void lower_save_vectors(struct lowering *l, const struct places *places)
{
    for (unsigned xmm = FIRST; xmm < N_REGISTERS; xmm++) {
        if (places->vector[xmm] != IR_NONE) {
            emit_vector_store(&l->e, xmm, RSP, saved_at(xmm));
        }
    }
}

void lower_restore_vectors(struct lowering *l, const struct places *places)
{
    for (unsigned xmm = FIRST; xmm < N_REGISTERS; xmm++) {
        if (places->vector[xmm] != IR_NONE) {
            emit_vector_load(&l->e, xmm, RSP, saved_at(xmm));
        }
    }
}
