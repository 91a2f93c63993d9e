/* Calls of watchers that are made only for some values (exec/byte_filter.h).
 * The call itself is cold code. */
#include "host/x86_64/lower.h"

#include "exec/byte_filter.h"

#define OF(member) ((int32_t)offsetof(struct byte_filter, member))

/* PSHUFB of two of the first eight xmm registers. */
static void emit_pshufb(struct emit *e, unsigned to, unsigned by)
{
    static const uint8_t opcode[] = {0x66, 0x0f, 0x38, 0x00};

    for (unsigned i = 0; i < sizeof(opcode); i++) {
        emit_byte(e, opcode[i]);
    }
    emit_byte(e, (uint8_t)(0xc0 | to << 3 | by));
}

/* Between a general and an xmm register. */
static void emit_to_vector(struct emit *e, unsigned xmm, unsigned from)
{
    emit_rr(e, 0x66, 0x0f6e, xmm, from, true, false);
}

static void emit_from_vector(struct emit *e, unsigned to, unsigned xmm)
{
    emit_rr(e, 0x66, 0x0f7e, xmm, to, true, false);
}

/* Looks up halves of bytes, in `reg`, and leaves what was found there. */
static void look_up(struct lowering *l, unsigned reg, int32_t table)
{
    emit_rm(&l->e, 0, 0x23, reg, RAX, OF(halves), true, false);
    emit_to_vector(&l->e, 1, reg);
    emit_vector_load(&l->e, 0, RAX, table);
    emit_pshufb(&l->e, 0, 1);
    emit_from_vector(&l->e, reg, 0);
}

void lower_call_if_byte(struct lowering *l, const struct ir_ins *ins)
{
    int32_t marked = OF(marked) +
                     (int32_t)(l->pc % BYTE_FILTER_PLACES * sizeof(uint16_t));
    uint64_t filter = 0, how = 0;
    struct cold *cold;
    uint8_t *place;

    ir_const_value(l->unit, ins->c, &how);
    ir_const_value(l->unit, ins->d, &filter);
    lower_into(l, RCX, ins->b);
    emit_mov_imm(&l->e, RAX, filter);
    emit_rm(&l->e, 0x66, 0x83, ALU_CMP, RAX, marked, false, false);
    emit_byte(&l->e, 0);
    place = emit_jcc(&l->e, 5);
    if (MO_SIZE(how) == 1) {
        emit_rr(&l->e, 0, 0x0fb6, RCX, RCX, false, true);
        emit_rx(&l->e, 0, 0x80, ALU_CMP, RAX, RCX, OF(wanted), false, false);
        emit_byte(&l->e, 0);
    } else {
        emit_mov(&l->e, RDX, RCX, true);
        emit_shift_imm(&l->e, SHIFT_SHR, RDX, 4, true);
        look_up(l, RCX, OF(low));
        look_up(l, RDX, OF(high));
        emit_rr(&l->e, 0, 0x85, RCX, RDX, true, false); /* test */
    }
    cold = lower_new_cold(l, COLD_CALL);
    cold->from[0] = place;
    cold->from[1] = emit_jcc(&l->e, 5);
    cold->back = l->e.at;
}
