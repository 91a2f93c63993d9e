/*
 * MUL and IMUL. CF and OF tell whether the upper half says anything; SF, ZF,
 * PF and AF, which the manual leaves undefined, are those of the lower half.
 */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"

struct product {
    ir_ref low, high; /* each of the operands' size */
};

static ir_ref extend(struct x86_translator *t, ir_ref value, unsigned bits,
                     bool sign)
{
    return sign ? x86_sign_extend(t, value, bits)
                : x86_zero_extend(t, value, bits);
}

static struct product multiply(struct x86_translator *t, ir_ref x, ir_ref y,
                               unsigned bits, bool sign)
{
    struct product p;

    x = extend(t, x, bits, sign);
    y = extend(t, y, bits, sign);
    p.low = ir_bin(t->b, IR_mul, x, y);
    if (bits < 32) {
        p.high = ir_bin(t->b, IR_shr, p.low, ir_const_i32(t->b, bits));
    } else {
        p.high = ir_bin(t->b, sign ? IR_mulhs : IR_mulhu, x, y);
    }
    return p;
}

static void set_flags(struct x86_translator *t, struct product p, unsigned bits,
                      bool sign)
{
    ir_ref high = extend(t, p.high, bits, sign), none, over, flags;

    none = bits == 64 ? ir_const_i64(t->b, 0) : ir_const_i32(t->b, 0);
    if (sign) {
        none = ir_bin(t->b, IR_sar, extend(t, p.low, bits, true),
                      ir_const_i32(t->b, bits == 64 ? 63 : 31));
    }
    over = ir_bin(t->b, IR_ne, high, none);
    flags = ir_flags(t->b, IR_fl_logic, bits, p.low, IR_NONE, IR_NONE);
    x86_set_flags(t, x86_flags_with(t, flags, over, over));
}

/* The accumulator times the operand, into both halves. */
bool x86_tr_mul(struct x86_translator *t)
{
    bool sign = t->insn.row->argument;
    unsigned bits = x86_bits(t, 0), size = bits / 8;
    ir_ref y = x86_read(t, 0);
    struct product p = multiply(t, x86_get_gpr(t, 0, size), y, bits, sign);

    if (bits == 8) {
        x86_set_gpr(t, 0, 2, p.low);
    } else {
        x86_set_gpr(t, 0, size, p.low);
        x86_set_gpr(t, 2, size, p.high);
    }
    set_flags(t, p, bits, sign);
    return false;
}

/* Two or three operands: only the lower half is kept. */
bool x86_tr_imul(struct x86_translator *t)
{
    unsigned bits = x86_bits(t, 0);
    bool three = t->insn.operand[2].kind != X86_OPERAND_NONE;
    ir_ref x = x86_read(t, three ? 2 : 0), y = x86_read(t, 1);
    struct product p = multiply(t, x, y, bits, true);

    x86_write(t, 0, p.low);
    set_flags(t, p, bits, true);
    return false;
}
