/* ADD to CMP, TEST, NOT, NEG, INC, DEC, and the carry. */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"

enum { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP }; /* as encoded */

static ir_ref carry(struct x86_translator *t)
{
    return ir_cc(t->b, x86_get_flags(t), 2);
}

/* Value and flags of an operation on x and y. */
static ir_ref alu(struct x86_translator *t, int op, unsigned bits, ir_ref x,
                  ir_ref y, ir_ref *flags)
{
    static const enum ir_op logic[] = {
        [OR] = IR_or, [AND] = IR_and, [XOR] = IR_xor};
    bool add = op == ADD || op == ADC;
    ir_ref c = IR_NONE, value;

    if (op == OR || op == AND || op == XOR) {
        value = ir_bin(t->b, logic[op], x, y);
        *flags = ir_flags(t->b, IR_fl_logic, bits, value, IR_NONE, IR_NONE);
        return value;
    }
    value = ir_bin(t->b, add ? IR_add : IR_sub, x, y);
    if (op == ADC || op == SBB) {
        c = carry(t);
        value = ir_bin(t->b, add ? IR_add : IR_sub, value,
                       bits == 64 ? x86_to_i64(t, c) : c);
        *flags = ir_flags(t->b, add ? IR_fl_adc : IR_fl_sbb, bits, x, y, c);
    } else {
        *flags = ir_flags(t->b, add ? IR_fl_add : IR_fl_sub, bits, x, y,
                          IR_NONE);
    }
    return value;
}

bool x86_tr_alu(struct x86_translator *t)
{
    int op = t->insn.row->argument;
    ir_ref x = op == CMP ? x86_read(t, 0) : x86_read_to_write(t, 0);
    ir_ref y = x86_read(t, 1), flags;
    ir_ref value = alu(t, op, x86_bits(t, 0), x, y, &flags);

    if (op != CMP) {
        x86_write(t, 0, value);
    }
    x86_set_flags(t, flags);
    return false;
}

bool x86_tr_test(struct x86_translator *t)
{
    ir_ref value = ir_bin(t->b, IR_and, x86_read(t, 0), x86_read(t, 1));

    x86_set_flags(t, ir_flags(t->b, IR_fl_logic, x86_bits(t, 0), value, IR_NONE,
                              IR_NONE));
    return false;
}

bool x86_tr_not(struct x86_translator *t)
{
    x86_write(t, 0, ir_un(t->b, IR_not, x86_read_to_write(t, 0)));
    return false;
}

bool x86_tr_neg(struct x86_translator *t)
{
    ir_ref x = x86_read_to_write(t, 0), flags;
    ir_ref zero = x86_constant(t, t->insn.operand[0].size, 0);
    ir_ref value = alu(t, SUB, x86_bits(t, 0), zero, x, &flags);

    x86_write(t, 0, value);
    x86_set_flags(t, flags);
    return false;
}

/* As ADD or SUB of 1, but CF stays. */
bool x86_tr_incdec(struct x86_translator *t)
{
    ir_ref one = x86_constant(t, t->insn.operand[0].size, 1);
    ir_ref x = x86_read_to_write(t, 0), flags, value, old;

    value = alu(t, t->insn.row->argument > 0 ? ADD : SUB, x86_bits(t, 0), x,
                one, &flags);
    x86_write(t, 0, value);
    old = ir_bin(t->b, IR_and, x86_get_flags(t), ir_const_i32(t->b, FL_CF));
    flags = ir_bin(t->b, IR_and, flags, ir_const_i32(t->b, ~FL_CF));
    x86_set_flags(t, ir_bin(t->b, IR_or, flags, old));
    return false;
}

/* -- The flags themselves -------------------------------------------------- */

bool x86_tr_carry(struct x86_translator *t)
{
    ir_ref flags = x86_get_flags(t), cf = ir_const_i32(t->b, FL_CF);

    switch (t->insn.row->argument) {
    case 0:
        flags = ir_bin(t->b, IR_and, flags, ir_const_i32(t->b, ~FL_CF));
        break;
    case 1:
        flags = ir_bin(t->b, IR_or, flags, cf);
        break;
    default:
        flags = ir_bin(t->b, IR_xor, flags, cf);
    }
    x86_set_flags(t, flags);
    return false;
}

/* Bits 15:8 of a flags value are what LAHF puts into AH. */
bool x86_tr_lahf(struct x86_translator *t)
{
    const struct x86_operand ah = {X86_OPERAND_REGISTER, 1, 0, true, 0};

    x86_set_register(
        t, &ah, ir_bin(t->b, IR_shr, x86_get_flags(t), ir_const_i32(t->b, 8)));
    return false;
}

bool x86_tr_sahf(struct x86_translator *t)
{
    ir_ref from_ah = ir_bin(t->b, IR_and, x86_get_gpr(t, 0, 4),
                            ir_const_i32(t->b, FL_ALL & ~FL_OF));
    ir_ref kept = ir_bin(t->b, IR_and, x86_get_flags(t),
                         ir_const_i32(t->b, FL_OF | FL_ONE));

    x86_set_flags(t, ir_bin(t->b, IR_or, from_ah, kept));
    return false;
}
