/* Vector ops: operands and results lie in the frame. */
#include "host/x86_64/lower.h"

/* movdqu xmm, [frame] and back */
static void load(struct lowering *l, unsigned xmm, int32_t slot)
{
    emit_rm(&l->e, 0xf3, 0x0f6f, xmm, RSP, slot, false, false);
}

static void store(struct lowering *l, unsigned xmm, int32_t slot)
{
    emit_rm(&l->e, 0xf3, 0x0f7f, xmm, RSP, slot, false, false);
}

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
    int32_t a = lower_vector(l, ins->a), b = lower_vector(l, ins->b);

    load(l, 0, a);
    load(l, 1, b);
    emit_rr(&l->e, 0x66, opcode_of(ins->op), 0, 1, false, false);
    store(l, 0, lower_define_vector(l));
}

static void shuffle(struct lowering *l, const struct ir_ins *ins)
{
    static const struct {
        uint8_t prefix;
        unsigned opcode;
    } rows[] = {{0x66, 0x0f70}, {0xf2, 0x0f70}, {0xf3, 0x0f70},
                {0, 0x0fc6},    {0x66, 0x0fc6}};
    unsigned row = ins->op - IR_vshufd;
    int32_t a = lower_vector(l, ins->a);
    int32_t b = ins->b ? lower_vector(l, ins->b) : 0;

    load(l, 0, a);
    if (b) {
        load(l, 1, b);
    }
    emit_rr(&l->e, rows[row].prefix, rows[row].opcode, 0, b ? 1 : 0, false,
            false);
    emit_byte(&l->e, (uint8_t)ins->imm);
    store(l, 0, lower_define_vector(l));
}

static void bytes(struct lowering *l, const struct ir_ins *ins)
{
    load(l, 0, lower_vector(l, ins->a));
    emit_rr(&l->e, 0x66, 0x0f73, ins->op == IR_vbslli ? 7 : 3, 0, false,
            false);
    emit_byte(&l->e, (uint8_t)(ins->imm < 16 ? ins->imm : 16));
    store(l, 0, lower_define_vector(l));
}

static void mask(struct lowering *l, const struct ir_ins *ins)
{
    unsigned to;

    load(l, 0, lower_vector(l, ins->a));
    to = lower_define(l, IR_NONE);
    if (ins->op == IR_vmovmskb) {
        emit_rr(&l->e, 0x66, 0x0fd7, to, 0, false, false);
    } else {
        emit_rr(&l->e, ins->op == IR_vmovmskpd ? 0x66 : 0, 0x0f50, to, 0,
                false, false);
    }
}

/* -- Lanes: plain loads and stores in the frame ---------------------------- */

static void zero_extend(struct lowering *l, const struct ir_ins *ins)
{
    int32_t slot;

    lower_into(l, RAX, ins->a);
    slot = lower_define_vector(l);
    emit_mov(&l->e, RAX, RAX, ins->type == IR_I64);
    emit_store(&l->e, RAX, RSP, slot, true);
    emit_mov_imm(&l->e, RAX, 0);
    emit_store(&l->e, RAX, RSP, slot + 8, true);
}

static void take_lane(struct lowering *l, const struct ir_ins *ins)
{
    bool wide = ins->op == IR_vlane64;
    int32_t slot = lower_vector(l, ins->a);
    int32_t at = wide ? 8 * (ins->imm & 1) : 4 * (ins->imm & 3);

    emit_load(&l->e, lower_define(l, IR_NONE), RSP, slot + at, wide);
}

static void insert_lane(struct lowering *l, const struct ir_ins *ins)
{
    int32_t from = lower_vector(l, ins->a), slot, at;

    lower_into(l, RAX, ins->b);
    load(l, 0, from);
    slot = lower_define_vector(l);
    store(l, 0, slot);
    if (ins->op == IR_vins16) {
        at = 2 * (ins->imm & 7);
        emit_rm(&l->e, 0x66, 0x89, RAX, RSP, slot + at, false, false);
    } else {
        at = ins->op == IR_vins64 ? 8 * (ins->imm & 1) : 4 * (ins->imm & 3);
        emit_store(&l->e, RAX, RSP, slot + at, ins->op == IR_vins64);
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
    case IR_vshufd ... IR_vshufpd:
        shuffle(l, ins);
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
