/*
 * Iterations run at once (copy_ahead, fill_ahead): a call of C in cold code,
 * when there are enough of them to pay for it. Each is a step, so the budget
 * is how many there may be. Whoever counts the unit's steps has counted its
 * last instruction already: only there may these ops stand.
 */
#include "host/x86_64/lower.h"

#include "base/error.h"
#include "mem/mem.h"

#define WORTH_A_CALL 6

void lower_ahead(struct lowering *l, const struct ir_ins *ins)
{
    struct cold *cold = lower_new_cold(l, COLD_AHEAD);
    unsigned to = lower_define(l, IR_NONE);
    unsigned most = lower_use(l, ins->c, RCX);

    panda_assert(l->insn + 1 == l->unit->n_insns);
    cold->places = l->places;
    cold->places.in[to] = IR_NONE;
    cold->result = to;
    emit_mov_imm(&l->e, to, 0);
    emit_alu_imm(&l->e, ALU_CMP, most, l->jit->chaos ? 1 : WORTH_A_CALL, true);
    cold->from[0] = emit_jcc(&l->e, 3); /* not below */
    cold->back = l->e.at;
}

void lower_cold_ahead(struct lowering *l, struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];
    const void *function = ins->op == IR_copy_ahead
                               ? (const void *)mem_copy_ahead
                               : (const void *)mem_fill_ahead;

    emit_here(&l->e, cold->from[0]);
    lower_save(l, &cold->places);
    lower_into_saved(l, &cold->places, RSI, ins->a);
    lower_into_saved(l, &cold->places, RDX, ins->b);
    lower_into_saved(l, &cold->places, RCX, ins->c);
    emit_mov_imm(&l->e, R8, ins->imm);
    emit_mov(&l->e, R9, R13, true);
    lower_call_c(l, function);
    emit_alu(&l->e, ALU_SUB, R13, RAX, true);
    emit_store(&l->e, RAX, RSP, FRAME_VALUE, true);
    if (cold->floats) {
        emit_call_to(&l->e, l->jit->floats_in);
    }
    lower_restore(l, &cold->places);
    emit_load(&l->e, cold->result, RSP, FRAME_VALUE, true);
    emit_jmp_to(&l->e, cold->back);
}
