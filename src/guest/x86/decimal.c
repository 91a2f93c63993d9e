/*
 * Arithmetic of decimal digits, outside 64-bit mode. Undefined flags have
 * these values here:
 *
 *   AAA, AAS   SF ZF PF as of AL; OF 0
 *   DAA, DAS   OF 0
 *   AAM, AAD   CF AF OF 0
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

static ir_ref i32(struct x86_translator *t, uint32_t value)
{
    return ir_const_i32(t->b, value);
}

static ir_ref low_byte(struct x86_translator *t, ir_ref value)
{
    return ir_un(t->b, IR_zext8, value);
}

static ir_ref flag(struct x86_translator *t, uint32_t which)
{
    ir_ref bit = ir_const_i32(t->b, (uint32_t)__builtin_ctz(which));

    return ir_bin(t->b, IR_and, ir_bin(t->b, IR_shr, x86_get_flags(t), bit),
                  i32(t, 1));
}

/* SF ZF PF of a byte, with CF and AF from values of 0 or 1. */
static void set_flags(struct x86_translator *t, ir_ref al, ir_ref cf, ir_ref af)
{
    ir_ref flags = ir_flags(t->b, IR_fl_logic, 8, al, IR_NONE, IR_NONE);

    flags = x86_flags_with(t, flags, cf, i32(t, 0));
    x86_set_flags(
        t, ir_bin(t->b, IR_or, flags, ir_bin(t->b, IR_shl, af, i32(t, 12))));
}

/* The lower digit of AL is above 9, or AF says that it was. */
static ir_ref adjust_low(struct x86_translator *t, ir_ref al)
{
    ir_ref digit = ir_bin(t->b, IR_and, al, i32(t, 15));

    return ir_bin(t->b, IR_or, flag(t, FL_AF),
                  ir_bin(t->b, IR_ult, i32(t, 9), digit));
}

/* AAA and AAS: AL and AH are adjusted together. */
bool x86_tr_ascii_adjust(struct x86_translator *t)
{
    uint32_t by = t->insn.row->argument ? (uint32_t)-0x106 : 0x106;
    ir_ref ax = x86_get_gpr(t, 0, 2), adjust, value;

    adjust = adjust_low(t, low_byte(t, ax));
    value = ir_bin(t->b, IR_add, ax,
                   ir_select(t->b, adjust, i32(t, by), i32(t, 0)));
    value = ir_bin(t->b, IR_and, value, i32(t, 0xff0f));
    x86_set_gpr(t, 0, 2, value);
    set_flags(t, value, adjust, adjust);
    return false;
}

/* DAA and DAS: each digit of AL by itself. */
bool x86_tr_decimal_adjust(struct x86_translator *t)
{
    bool subtract = t->insn.row->argument;
    enum ir_op op = subtract ? IR_sub : IR_add;
    ir_ref al = low_byte(t, x86_get_gpr(t, 0, 4)), low, high, value, cf;

    low = adjust_low(t, al);
    high = ir_bin(t->b, IR_or, flag(t, FL_CF),
                  ir_bin(t->b, IR_ult, i32(t, 0x99), al));
    value = ir_bin(t->b, op, al, ir_select(t->b, low, i32(t, 6), i32(t, 0)));
    value = ir_bin(t->b, op, value,
                   ir_select(t->b, high, i32(t, 0x60), i32(t, 0)));
    cf = high;
    if (subtract) { /* the lower digit may borrow, too */
        cf = ir_bin(
            t->b, IR_or, cf,
            ir_bin(t->b, IR_and, low, ir_bin(t->b, IR_ult, al, i32(t, 6))));
    }
    x86_set_gpr(t, 0, 1, value);
    set_flags(t, value, cf, low);
    return false;
}

/*
 * AAM: AL by the immediate, the quotient into AH. For a byte x and n in
 * 1..255, x / n is x * (65536 / n + 1) >> 16: the product is too large by
 * at most 255 * 255, which is less than 65536.
 */
bool x86_tr_aam(struct x86_translator *t)
{
    uint32_t n = (uint8_t)t->insn.operand[0].value;
    ir_ref al = low_byte(t, x86_get_gpr(t, 0, 4)), quotient, rest;

    if (n == 0) {
        ir_call(t->b, X86_HELPER_exception, i32(t, X86_DE), IR_NONE, IR_NONE,
                IR_NONE);
        x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
        return true;
    }
    quotient = ir_bin(t->b, IR_shr,
                      ir_bin(t->b, IR_mul, al, i32(t, 65536 / n + 1)),
                      i32(t, 16));
    rest = ir_bin(t->b, IR_sub, al, ir_bin(t->b, IR_mul, quotient, i32(t, n)));
    x86_set_gpr(t, 0, 2, ir_bin(t->b, IR_dep8h, rest, quotient));
    set_flags(t, rest, i32(t, 0), i32(t, 0));
    return false;
}

bool x86_tr_aad(struct x86_translator *t)
{
    uint32_t n = (uint8_t)t->insn.operand[0].value;
    ir_ref ax = x86_get_gpr(t, 0, 4), ah, value;

    ah = low_byte(t, ir_bin(t->b, IR_shr, ax, i32(t, 8)));
    value = ir_bin(t->b, IR_add, ax, ir_bin(t->b, IR_mul, ah, i32(t, n)));
    value = low_byte(t, value);
    x86_set_gpr(t, 0, 2, value);
    set_flags(t, value, i32(t, 0), i32(t, 0));
    return false;
}

/* SALC, which no manual has: AL is CF, eight times. */
bool x86_tr_salc(struct x86_translator *t)
{
    x86_set_gpr(t, 0, 1, ir_un(t->b, IR_neg, flag(t, FL_CF)));
    return false;
}
