/* Calls of watchers that are made only for some values (exec/byte_filter.h).
 * The call itself is cold code. */
#include "host/x86_64/lower.h"

#include "exec/byte_filter.h"

#define OF(member) ((int32_t)offsetof(struct byte_filter, member))

/* A branch if two bytes of the value, from a bit on, have their place in a
 * table. Takes rcx. */
static uint8_t *look_at_two(struct lowering *l, ir_ref value, unsigned bit,
                            int32_t table)
{
    lower_into(l, RCX, value);
    if (bit) {
        emit_shift_imm(&l->e, SHIFT_SHR, RCX, bit, true);
    }
    if (bit < 48) {
        emit_rr(&l->e, 0, 0x0fb7, RCX, RCX, false, false); /* movzx */
    }
    emit_rx(&l->e, 0, 0x80, ALU_CMP, RAX, RCX, table, false, false);
    emit_byte(&l->e, 0);
    return emit_jcc(&l->e, 5);
}

void lower_call_if_byte(struct lowering *l, const struct ir_ins *ins)
{
    uint64_t place = l->pc % BYTE_FILTER_PLACES, filter = 0, how = 0;
    uint8_t *marked, *within = NULL, *wanted;
    struct cold *cold;
    unsigned size;

    ir_const_value(l->unit, ins->c, &how);
    ir_const_value(l->unit, ins->d, &filter);
    size = MO_SIZE(how);
    emit_mov_imm(&l->e, RAX, filter);
    emit_rm(&l->e, 0, 0xf6, 0, RAX, OF(marked) + (int32_t)(place / 8), false,
            false); /* test */
    emit_byte(&l->e, (uint8_t)(1u << place % 8));
    marked = emit_jcc(&l->e, 5);
    if (size == 1) {
        lower_into(l, RCX, ins->b);
        emit_rr(&l->e, 0, 0x0fb6, RCX, RCX, false, true);
        emit_rx(&l->e, 0, 0x80, ALU_CMP, RAX, RCX, OF(one), false, false);
        emit_byte(&l->e, 0);
        wanted = emit_jcc(&l->e, 5);
    } else {
        if (size == 8) {
            within = look_at_two(l, ins->b, BYTE_FILTER_WITHIN, OF(within));
        }
        wanted = look_at_two(l, ins->b, 8 * size - 16, OF(last));
    }
    cold = lower_new_cold(l, COLD_CALL);
    cold->from[0] = marked;
    cold->from[1] = wanted;
    cold->from[2] = within;
    cold->back = l->e.at;
}

/* What the call in cold code is given, after lower_save(). */
void lower_call_arguments(struct lowering *l, const struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];

    lower_into_saved(l, &cold->places, RSI, ins->a);
    if (ins->op == IR_call_if_byte) {
        lower_into_saved(l, &cold->places, RDX, ins->b);
        lower_into_saved(l, &cold->places, RCX, ins->c);
    }
}
