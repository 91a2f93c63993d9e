/* Integer ops: arithmetic, shifts, widths, comparisons, select. */
#include "host/x86_64/lower.h"

/* to = a copy of operand a, in the register of the value being defined. */
static unsigned copy_of_a(struct lowering *l, const struct ir_ins *ins)
{
    unsigned from = NO_REGISTER, to;

    /* The source's register is asked for before it is taken over. */
    if (!ir_is_const(ins->a)) {
        from = l->reg[ins->a];
    }
    if (from == NO_REGISTER) {
        to = lower_define(l, IR_NONE);
        lower_into(l, to, ins->a);
        return to;
    }
    to = lower_define(l,
                      ins->a == ins->b || ins->a == ins->c ? IR_NONE : ins->a);
    emit_mov(&l->e, to, from, true);
    return to;
}

static bool wide_op(const struct ir_ins *ins)
{
    return ins->type == IR_I64;
}

/* a + b into a third register by one LEA, when all is in registers and a is
 * needed further. */
static bool add_to_third(struct lowering *l, const struct ir_ins *ins)
{
    unsigned a, b, to;
    int32_t imm;

    if (ir_is_const(ins->a) || l->reg[ins->a] == NO_REGISTER ||
        l->last_use[ins->a] == l->at) {
        return false;
    }
    a = l->reg[ins->a];
    if (lower_imm(l, ins->b, &imm)) {
        to = lower_define(l, IR_NONE);
        emit_rm(&l->e, 0, 0x8d, to, a, imm, wide_op(ins), false);
        return true;
    }
    if (ir_is_const(ins->b) || l->reg[ins->b] == NO_REGISTER) {
        return false;
    }
    b = l->reg[ins->b];
    to = lower_define(l, IR_NONE);
    emit_rx(&l->e, 0, 0x8d, to, a, b, 0, wide_op(ins), false);
    return true;
}

static void two(struct lowering *l, const struct ir_ins *ins, enum host_alu op)
{
    int32_t imm;
    bool is_imm = lower_imm(l, ins->b, &imm);
    unsigned b = is_imm ? NO_REGISTER : lower_use(l, ins->b, RCX);
    unsigned to = copy_of_a(l, ins);

    if (is_imm) {
        emit_alu_imm(&l->e, op, to, imm, wide_op(ins));
    } else {
        emit_alu(&l->e, op, to, b, wide_op(ins));
    }
}

static void multiply(struct lowering *l, const struct ir_ins *ins)
{
    unsigned b = lower_use(l, ins->b, RCX);
    unsigned to = copy_of_a(l, ins);

    emit_rr(&l->e, 0, 0x0faf, to, b, wide_op(ins), false);
}

/* The upper half comes in rdx. */
static void multiply_high(struct lowering *l, const struct ir_ins *ins)
{
    unsigned b = lower_use(l, ins->b, RCX), to;

    lower_into(l, RAX, ins->a);
    emit_rr(&l->e, 0, 0xf7, ins->op == IR_mulhu ? 4 : 5, b, wide_op(ins),
            false);
    to = lower_define(l, IR_NONE);
    emit_mov(&l->e, to, RDX, wide_op(ins));
}

static void shift(struct lowering *l, const struct ir_ins *ins)
{
    static const enum host_shift ops[] = {SHIFT_SHL, SHIFT_SHR, SHIFT_SAR,
                                          SHIFT_ROL, SHIFT_ROR};
    enum host_shift op = ops[ins->op - IR_shl];
    unsigned mask = wide_op(ins) ? 63 : 31, to;
    uint64_t count;

    if (ir_const_value(l->unit, ins->b, &count)) {
        to = copy_of_a(l, ins);
        if (count & mask) {
            emit_shift_imm(&l->e, op, to, count & mask, wide_op(ins));
        }
        return;
    }
    if (l->jit->has_bmi2 && ins->op <= IR_sar) {
        unsigned a = lower_use(l, ins->a, RAX), by = lower_use(l, ins->b, RCX);

        to = lower_define(l, ins->a);
        emit_shift_by(&l->e, op, to, a, by, wide_op(ins));
        return;
    }
    lower_into(l, RCX, ins->b);
    to = copy_of_a(l, ins);
    emit_shift_cl(&l->e, op, to, wide_op(ins));
}

static void one(struct lowering *l, const struct ir_ins *ins, unsigned digit)
{
    unsigned to = copy_of_a(l, ins);

    emit_rr(&l->e, 0, 0xf7, digit, to, wide_op(ins), false);
}

static void swap_bytes(struct lowering *l, const struct ir_ins *ins)
{
    unsigned to = copy_of_a(l, ins);

    emit_byte(&l->e, (uint8_t)(0x40 | wide_op(ins) << 3 | to >> 3));
    emit_byte(&l->e, 0x0f);
    emit_byte(&l->e, (uint8_t)(0xc8 | (to & 7)));
}

/* BSR and BSF, with the value for 0 chosen by a conditional move. */
static void count_zeros(struct lowering *l, const struct ir_ins *ins)
{
    bool wide = wide_op(ins), leading = ins->op == IR_clz;
    unsigned bits = wide ? 64 : 32, to;
    unsigned a = lower_use(l, ins->a, RAX);

    /* For clz: 63 - index; of 0, index -1 makes it 64. */
    emit_mov_imm(&l->e, RCX, leading ? UINT64_MAX : bits);
    emit_rr(&l->e, 0, leading ? 0x0fbd : 0x0fbc, RDX, a, wide, false);
    emit_rr(&l->e, 0, 0x0f44, RDX, RCX, wide, false); /* cmovz */
    to = lower_define(l, IR_NONE);
    if (leading) {
        emit_mov_imm(&l->e, to, bits - 1);
        emit_alu(&l->e, ALU_SUB, to, RDX, wide);
    } else {
        emit_mov(&l->e, to, RDX, wide);
    }
}

static void extend(struct lowering *l, const struct ir_ins *ins)
{
    static const struct {
        unsigned opcode;
        bool wide, bytes;
    } rows[] = {
        [IR_zext32 - IR_zext32] = {0x8b, false, false},
        [IR_sext32 - IR_zext32] = {0x63, true, false},
        [IR_trunc - IR_zext32] = {0x8b, false, false},
        [IR_zext8 - IR_zext32] = {0x0fb6, false, true},
        [IR_zext16 - IR_zext32] = {0x0fb7, false, false},
        [IR_sext8 - IR_zext32] = {0x0fbe, true, true},
        [IR_sext16 - IR_zext32] = {0x0fbf, true, false},
    };
    unsigned row = ins->op - IR_zext32;
    unsigned a = lower_use(l, ins->a, RAX);
    unsigned to = lower_define(l, ins->a);
    bool wide = rows[row].wide && (ins->op == IR_sext32 || wide_op(ins));

    if (ins->op == IR_zext32 && to == a) {
        return; /* an i32 has a clear upper half in its register */
    }
    emit_rr(&l->e, 0, rows[row].opcode, to, a, wide, rows[row].bytes);
}

/* Some bits of a from b: in rax, where every byte has a name. */
static void deposit(struct lowering *l, const struct ir_ins *ins)
{
    unsigned to;

    lower_into(l, RCX, ins->b);
    lower_into(l, RAX, ins->a);
    if (ins->op == IR_dep8) {
        emit_byte(&l->e, 0x88); /* mov al, cl */
        emit_byte(&l->e, 0xc8);
    } else if (ins->op == IR_dep8h) {
        emit_byte(&l->e, 0x88); /* mov ah, cl */
        emit_byte(&l->e, 0xcc);
    } else {
        emit_rr(&l->e, 0x66, 0x89, RCX, RAX, false, false);
    }
    to = lower_define(l, ins->a);
    emit_mov(&l->e, to, RAX, wide_op(ins));
}

/* Moves leave the host's flags alone. */
static void select(struct lowering *l, const struct ir_ins *ins)
{
    unsigned condition = lower_condition(l, ins->a), yes, to;

    yes = lower_use(l, ins->b, RCX);
    lower_into(l, RAX, ins->c);
    emit_rr(&l->e, 0, 0x0f40 + condition, RAX, yes, wide_op(ins), false);
    to = lower_define(l, IR_NONE);
    emit_mov(&l->e, to, RAX, wide_op(ins));
}

static void popcount(struct lowering *l, const struct ir_ins *ins)
{
    unsigned a = lower_use(l, ins->a, RAX);
    unsigned to = lower_define(l, IR_NONE);

    emit_rr(&l->e, 0xf3, 0x0fb8, to, a, wide_op(ins), false);
}

bool lower_int(struct lowering *l, const struct ir_ins *ins)
{
    switch (ins->op) {
    case IR_add:
        if (!add_to_third(l, ins)) {
            two(l, ins, ALU_ADD);
        }
        return true;
    case IR_sub:
        two(l, ins, ALU_SUB);
        return true;
    case IR_and:
        two(l, ins, ALU_AND);
        return true;
    case IR_or:
        two(l, ins, ALU_OR);
        return true;
    case IR_xor:
        two(l, ins, ALU_XOR);
        return true;
    case IR_mul:
        multiply(l, ins);
        return true;
    case IR_mulhu:
    case IR_mulhs:
        multiply_high(l, ins);
        return true;
    case IR_shl ... IR_rotr:
        shift(l, ins);
        return true;
    case IR_neg:
        one(l, ins, 3);
        return true;
    case IR_not:
        one(l, ins, 2);
        return true;
    case IR_bswap:
        swap_bytes(l, ins);
        return true;
    case IR_clz:
    case IR_ctz:
        count_zeros(l, ins);
        return true;
    case IR_popcnt:
        popcount(l, ins);
        return true;
    case IR_zext32 ... IR_sext16:
        extend(l, ins);
        return true;
    case IR_dep8 ... IR_dep16:
        deposit(l, ins);
        return true;
    case IR_select:
        select(l, ins);
        return true;
    case IR_eq ... IR_sle:
    case IR_fl_cc:
        lower_condition_value(l, ins);
        return true;
    case IR_fl_add ... IR_fl_logic:
        return true; /* made anew at each use: see lower_value() */
    default:
        return false;
    }
}
