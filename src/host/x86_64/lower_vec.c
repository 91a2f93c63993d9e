/* Vector ops: integers and lanes, in xmm registers. */
#include "host/x86_64/lower.h"

static unsigned opcode_of(unsigned op)
{
    switch (op) {
#define IR_VEC(name, prefix, opcode) \
    case IR_##name: \
        return 0x0f00 | opcode;
#include "ir/vec.def"
#undef IR_VEC
    default:
        return 0;
    }
}

static void two(struct lowering *l, const struct ir_ins *ins)
{
    unsigned b = lower_use_vector(l, ins->b, 1);
    unsigned to = lower_copy_of_vector(l, ins);

    emit_rr(&l->e, 0x66, opcode_of(ins->op), to, b, false, false);
}

static void shuffle(struct lowering *l, const struct ir_ins *ins)
{
    static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3};
    unsigned a = lower_use_vector(l, ins->a, 0);
    unsigned to = lower_define_vector(l, ins->a);

    emit_rr(&l->e, prefixes[ins->op - IR_vshufd], 0x0f70, to, a, false, false);
    emit_byte(&l->e, (uint8_t)ins->imm);
}

static void shuffle_two(struct lowering *l, const struct ir_ins *ins)
{
    unsigned b = lower_use_vector(l, ins->b, 1);
    unsigned to = lower_copy_of_vector(l, ins);

    emit_rr(&l->e, ins->op == IR_vshufpd ? 0x66 : 0, 0x0fc6, to, b, false,
            false);
    emit_byte(&l->e, (uint8_t)ins->imm);
}

static void bytes(struct lowering *l, const struct ir_ins *ins)
{
    unsigned to = lower_copy_of_vector(l, ins);

    emit_rr(&l->e, 0x66, 0x0f73, ins->op == IR_vbslli ? 7 : 3, to, false,
            false);
    emit_byte(&l->e, (uint8_t)(ins->imm < 16 ? ins->imm : 16));
}

static void mask(struct lowering *l, const struct ir_ins *ins)
{
    unsigned a = lower_use_vector(l, ins->a, 0);
    unsigned to = lower_define(l, IR_NONE);

    if (ins->op == IR_vmovmskb) {
        emit_rr(&l->e, 0x66, 0x0fd7, to, a, false, false);
    } else {
        emit_rr(&l->e, ins->op == IR_vmovmskpd ? 0x66 : 0, 0x0f50, to, a, false,
                false);
    }
}

/* -- Lanes ----------------------------------------------------------------- */

static void zero_extend(struct lowering *l, const struct ir_ins *ins)
{
    unsigned from = lower_use(l, ins->a, RAX);
    unsigned to = lower_define_vector(l, IR_NONE);

    emit_rr(&l->e, 0x66, 0x0f6e, to, from, ins->type == IR_I64, false);
}

/* The lane is brought to the bottom. */
static void take_lane(struct lowering *l, const struct ir_ins *ins)
{
    bool wide = ins->op == IR_vlane64;
    unsigned lane = ins->imm & (wide ? 1 : 3);
    unsigned a = lower_use_vector(l, ins->a, 0), to;

    if (lane) {
        emit_rr(&l->e, 0x66, 0x0f70, 0, a, false, false); /* pshufd */
        emit_byte(&l->e, wide ? 0xee : (uint8_t)lane);
        a = 0;
    }
    to = lower_define(l, IR_NONE);
    emit_rr(&l->e, 0x66, 0x0f7e, a, to, wide, false);
}

static void insert_lane(struct lowering *l, const struct ir_ins *ins)
{
    unsigned value = lower_use(l, ins->b, RCX);
    unsigned to = lower_copy_of_vector(l, ins);

    switch (ins->op) {
    case IR_vins16:
        emit_rr(&l->e, 0x66, 0x0fc4, to, value, false, false); /* pinsrw */
        emit_byte(&l->e, ins->imm & 7);
        break;
    case IR_vins32: /* pinsrd */
        emit_rr(&l->e, 0x66, 0x0f3a22, to, value, false, false);
        emit_byte(&l->e, ins->imm & 3);
        break;
    default: /* vins64: pinsrq */
        emit_rr(&l->e, 0x66, 0x0f3a22, to, value, true, false);
        emit_byte(&l->e, ins->imm & 1);
        break;
    }
}

bool lower_vec(struct lowering *l, const struct ir_ins *ins)
{
    if (opcode_of(ins->op)) {
        two(l, ins);
        return true;
    }
    switch (ins->op) {
    case IR_vzext:
        zero_extend(l, ins);
        return true;
    case IR_vlane32:
    case IR_vlane64:
        take_lane(l, ins);
        return true;
    case IR_vins16 ... IR_vins64:
        insert_lane(l, ins);
        return true;
    case IR_vshufd ... IR_vshufhw:
        shuffle(l, ins);
        return true;
    case IR_vshufps:
    case IR_vshufpd:
        shuffle_two(l, ins);
        return true;
    case IR_vbslli:
    case IR_vbsrli:
        bytes(l, ins);
        return true;
    case IR_vmovmskb ... IR_vmovmskpd:
        mask(l, ins);
        return true;
    default:
        return false;
    }
}
