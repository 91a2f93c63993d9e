/*
 * The same for vectors: xmm0 and xmm1 are scratch, the others hold values.
 * None survives a C call.
 */
#include "host/x86_64/lower.h"

#include "guest/guest.h"

#define FIRST 2u

static int32_t saved_at(unsigned xmm)
{
    return FRAME_SAVED_VECTORS + 16 * (int32_t)(xmm - FIRST);
}

void emit_vector_load(struct emit *e, unsigned xmm, unsigned base, int32_t at)
{
    emit_rm(e, 0xf3, 0x0f6f, xmm, base, at, false, false);
}

void emit_vector_store(struct emit *e, unsigned xmm, unsigned base, int32_t at)
{
    emit_rm(e, 0xf3, 0x0f7f, xmm, base, at, false, false);
}

static void free_vector(struct lowering *l, unsigned xmm)
{
    l->reg[l->places.vector[xmm]] = NO_REGISTER;
    l->places.vector[xmm] = IR_NONE;
}

/* A register moves to the frame; operands of this record stay. */
static unsigned evict(struct lowering *l)
{
    const struct ir_ins *ins = &l->unit->ins[l->at];
    unsigned best = NO_REGISTER;
    ir_ref value;

    for (unsigned xmm = FIRST; xmm < N_REGISTERS; xmm++) {
        value = l->places.vector[xmm];
        if (value == ins->a || value == ins->b || value == ins->c ||
            value == ins->d) {
            continue;
        }
        if (best == NO_REGISTER ||
            l->last_use[value] > l->last_use[l->places.vector[best]]) {
            best = xmm;
        }
    }
    lower_vector_in_frame(l, l->places.vector[best]);
    free_vector(l, best);
    return best;
}

unsigned lower_define_vector(struct lowering *l, ir_ref dying)
{
    unsigned xmm = NO_REGISTER;

    if (dying != IR_NONE && !ir_is_const(dying) &&
        l->reg[dying] != NO_REGISTER && l->last_use[dying] == l->at) {
        xmm = l->reg[dying];
        free_vector(l, xmm);
    }
    for (unsigned i = FIRST; i < N_REGISTERS && xmm == NO_REGISTER; i++) {
        if (l->places.vector[i] == IR_NONE) {
            xmm = i;
        }
    }
    if (xmm == NO_REGISTER) {
        xmm = evict(l);
    }
    l->places.vector[xmm] = (ir_ref)l->at;
    l->reg[l->at] = (uint8_t)xmm;
    return xmm;
}

void lower_release_vectors(struct lowering *l)
{
    for (unsigned xmm = FIRST; xmm < N_REGISTERS; xmm++) {
        ir_ref value = l->places.vector[xmm];

        if (value != IR_NONE && l->last_use[value] <= l->at) {
            free_vector(l, xmm);
        }
    }
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
