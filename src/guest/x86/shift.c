/*
 * Shifts and rotates. A count of 0 (after masking) changes no flag. What the
 * manual leaves undefined has these values here:
 *
 *   AF after a shift                 0
 *   OF after a shift by more than 1  SHL: as by 1 from the last step;
 *                                    SHR, SAR: 0
 *   CF of SHL, SHR by more than the width: 0
 *   OF after a rotate by more than 1 as after 1, from the result
 */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"

enum { ROL, ROR, SHL = 4, SHR, SAR = 7 }; /* as encoded */

struct shift {
    struct x86_translator *t;
    unsigned bits;
    ir_ref x, n; /* n: i32, masked */
    ir_ref value, cf, of;
};

static ir_ref bit(struct shift *s, ir_ref value, unsigned number)
{
    return x86_to_i32(
        s->t, ir_bin(s->t->b, IR_shr, value, ir_const_i32(s->t->b, number)));
}

static ir_ref less_one(struct shift *s)
{
    return ir_bin(s->t->b, IR_sub, s->n, ir_const_i32(s->t->b, 1));
}

/* All but the last step, then the last: its lost bit is CF. */
static void shift(struct shift *s, int op)
{
    struct ir_builder *b = s->t->b;
    enum ir_op with = op == SHL ? IR_shl : op == SHR ? IR_shr : IR_sar;
    ir_ref one = ir_const_i32(b, 1), x, before;

    x = op == SAR ? x86_sign_extend(s->t, s->x, s->bits)
                  : x86_zero_extend(s->t, s->x, s->bits);
    before = ir_bin(b, with, x, less_one(s));
    s->value = ir_bin(b, with, before, one);
    if (op == SHL) {
        s->cf = bit(s, before, s->bits - 1);
        s->of = ir_bin(b, IR_xor, s->cf, bit(s, s->value, s->bits - 1));
    } else {
        s->cf = x86_to_i32(s->t, before);
        s->of = op == SHR ? bit(s, before, s->bits - 1) : ir_const_i32(b, 0);
    }
}

/* A narrow value, repeated to 32 bits, rotates like a wide one. */
static void rotate(struct shift *s, int op)
{
    struct ir_builder *b = s->t->b;
    ir_ref x = x86_zero_extend(s->t, s->x, s->bits);

    if (s->bits < 32) {
        x = ir_bin(b, IR_mul, x,
                   ir_const_i32(b, s->bits == 8 ? 0x01010101 : 0x10001));
    }
    s->value = ir_bin(b, op == ROL ? IR_rotl : IR_rotr, x, s->n);
    if (op == ROL) {
        s->cf = x86_to_i32(s->t, s->value);
        s->of = ir_bin(b, IR_xor, s->cf, bit(s, s->value, s->bits - 1));
    } else {
        s->cf = bit(s, s->value, s->bits - 1);
        s->of = ir_bin(b, IR_xor, s->cf, bit(s, s->value, s->bits - 2));
    }
}

static ir_ref flags_of(struct shift *s, int op)
{
    struct ir_builder *b = s->t->b;
    ir_ref old = x86_get_flags(s->t), flags = old;

    if (op >= SHL) {
        flags = ir_flags(b, IR_fl_logic, s->bits, s->value, IR_NONE, IR_NONE);
    }
    flags = x86_flags_with(s->t, flags, s->cf, s->of);
    return ir_select(b, s->n, flags, old);
}

bool x86_tr_shift(struct x86_translator *t)
{
    int op = t->insn.row->argument;
    struct shift s = {.t = t, .bits = x86_bits(t, 0)};
    ir_ref count;

    s.x = x86_read_to_write(t, 0);
    count = x86_to_i32(t, x86_read(t, 1));
    s.n = ir_bin(t->b, IR_and, count,
                 ir_const_i32(t->b, s.bits == 64 ? 63 : 31));
    if (op >= SHL) {
        shift(&s, op);
        /* By 0, the two steps above would not give x. */
        s.value = ir_select(t->b, s.n, s.value, s.x);
    } else {
        rotate(&s, op);
    }
    x86_write(t, 0, s.value);
    x86_set_flags(t, flags_of(&s, op));
    return false;
}
