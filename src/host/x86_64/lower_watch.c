/* Calls of watchers that are made only for some values (exec/byte_filter.h).
 * The call itself is cold code. */
#include "host/x86_64/lower.h"

#include "exec/byte_filter.h"

#define OF(member) ((int32_t)offsetof(struct byte_filter, member))

/* Bytes of the filter are put together in edx: what is not 0 passes. */
static void look_up(struct lowering *l, int32_t table, bool more)
{
    if (more) {
        emit_rx(&l->e, 0, 0x0a, RDX, RAX, RCX, table, false, true); /* or */
    } else {
        emit_rx(&l->e, 0, 0x0fb6, RDX, RAX, RCX, table, false, false);
    }
}

/* What rcx has in its lowest 16 bits, if that is not all. */
static void two_bytes(struct lowering *l, unsigned to)
{
    emit_rr(&l->e, 0, 0x0fb7, to, RCX, false, false); /* movzx */
}

static void shift(struct lowering *l, unsigned bits)
{
    if (bits) {
        emit_shift_imm(&l->e, SHIFT_SHR, RCX, bits, true);
    }
}

void lower_call_if_byte(struct lowering *l, const struct ir_ins *ins)
{
    uint64_t place = l->pc % BYTE_FILTER_PLACES, filter = 0, how = 0;
    struct cold *cold;
    unsigned size;

    ir_const_value(l->unit, ins->c, &how);
    ir_const_value(l->unit, ins->d, &filter);
    size = MO_SIZE(how);
    lower_into(l, RCX, ins->b);
    emit_mov_imm(&l->e, RAX, filter);
    if (size == 1) {
        emit_rr(&l->e, 0, 0x0fb6, RCX, RCX, false, true);
        look_up(l, OF(one), false);
    } else if (size < 8) {
        shift(l, 8 * size - 16);
        two_bytes(l, RCX);
        look_up(l, OF(last), false);
    } else {
        shift(l, BYTE_FILTER_WITHIN);
        two_bytes(l, RDX);
        emit_rx(&l->e, 0, 0x0fb6, RDX, RAX, RDX, OF(within), false, false);
        shift(l, 48 - BYTE_FILTER_WITHIN);
        look_up(l, OF(last), true);
    }
    emit_rm(&l->e, 0x66, 0x0b, RDX, RAX, OF(marks) + 2 * (int32_t)place, false,
            false); /* or, of 16 bits */
    cold = lower_new_cold(l, COLD_CALL);
    cold->from[0] = emit_jcc(&l->e, 5);
    cold->back = l->e.at;
}
