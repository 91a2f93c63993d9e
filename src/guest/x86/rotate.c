/*
 * RCL and RCR, in C since they are rare, and SHLD and SHRD. Undefined flags:
 * OF after a count other than 1 is as after 1; AF after SHLD and SHRD is 0;
 * SHLD and SHRD of 16 bits by more than 16 go on with the destination's bits,
 * as the processors do.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

uint64_t x86_helper_rotate_carry(struct cpu *cpu, uint64_t value,
                                 uint32_t count, uint32_t flags, uint32_t how)
{
    unsigned width = how >> 8, top = width - 1;
    bool right = how & 1, carry = flags & FL_CF, out;
    uint64_t mask = ~0ull >> (64 - width);

    (void)cpu;
    value &= mask;
    for (uint32_t n = count % (width + 1); n; n--) {
        if (right) {
            out = value & 1;
            value = value >> 1 | (uint64_t)carry << top;
        } else {
            out = value >> top & 1;
            value = (value << 1 | carry) & mask;
        }
        carry = out;
    }
    if (!(how & 2)) {
        return value;
    }
    if (!count) {
        return flags;
    }
    out = value >> top & 1;
    out ^= right ? value >> (top - 1) & 1 : carry;
    return (flags & ~(FL_CF | FL_OF)) | (carry ? FL_CF : 0) | (out ? FL_OF : 0);
}

bool x86_tr_rotate_carry(struct x86_translator *t)
{
    unsigned bits = x86_bits(t, 0);
    uint32_t how = (uint32_t)t->insn.row->argument | bits << 8;
    ir_ref x = x86_read_to_write(t, 0);
    ir_ref n = x86_to_i32(t, x86_read(t, 1)), value, flags;

    n = ir_bin(t->b, IR_and, n, ir_const_i32(t->b, bits == 64 ? 63 : 31));
    value = ir_call(t->b, X86_HELPER_rotate_carry, x86_to_i64(t, x), n,
                    x86_get_flags(t), ir_const_i32(t->b, how));
    flags = ir_call(t->b, X86_HELPER_rotate_carry, x86_to_i64(t, x), n,
                    x86_get_flags(t), ir_const_i32(t->b, how | 2));
    x86_write(t, 0, bits == 64 ? value : x86_to_i32(t, value));
    x86_set_flags(t, x86_to_i32(t, flags));
    return false;
}

/* -- SHLD and SHRD --------------------------------------------------------- */

struct double_shift {
    struct x86_translator *t;
    unsigned bits;
    bool right;
    ir_ref x, y, n;
};

/* x and y side by side, shifted by n: the destination's half. */
static ir_ref shifted(const struct double_shift *s, ir_ref n)
{
    struct ir_builder *b = s->t->b;
    enum ir_op near = s->right ? IR_shr : IR_shl;
    enum ir_op far = s->right ? IR_shl : IR_shr;
    ir_ref width = ir_const_i32(b, s->bits), rest, result;

    /* y moves in by width - n: in two steps, as n may be 0. */
    rest = ir_bin(b, IR_sub, ir_bin(b, IR_sub, width, ir_const_i32(b, 1)), n);
    result = ir_bin(b, far, ir_bin(b, far, s->y, rest), ir_const_i32(b, 1));
    return ir_bin(b, IR_or, ir_bin(b, near, s->x, n), result);
}

/* 16 bits: x:y:x as 48 bits of an i64, so that counts above 16 go on. */
static ir_ref shifted_16(const struct double_shift *s, ir_ref n)
{
    struct ir_builder *b = s->t->b;
    ir_ref x = x86_to_i64(s->t, s->x), y = x86_to_i64(s->t, s->y), all;

    all = ir_bin(b, IR_or, x, ir_bin(b, IR_shl, x, ir_const_i32(b, 32)));
    all = ir_bin(b, IR_or, all, ir_bin(b, IR_shl, y, ir_const_i32(b, 16)));
    if (!s->right) {
        all = ir_bin(b, IR_shl, all, n);
        return x86_to_i32(s->t, ir_bin(b, IR_shr, all, ir_const_i32(b, 32)));
    }
    return x86_to_i32(s->t, ir_bin(b, IR_shr, all, n));
}

static ir_ref value_at(const struct double_shift *s, ir_ref n)
{
    return s->bits == 16 ? shifted_16(s, n) : shifted(s, n);
}

bool x86_tr_double_shift(struct x86_translator *t)
{
    struct double_shift s = {
        .t = t, .bits = x86_bits(t, 0), .right = t->insn.row->argument};
    ir_ref one = ir_const_i32(t->b, 1), value, before, cf, of, flags, top;

    s.x = x86_zero_extend(t, x86_read_to_write(t, 0), s.bits);
    s.y = x86_zero_extend(t, x86_read(t, 1), s.bits);
    s.n = ir_bin(t->b, IR_and, x86_to_i32(t, x86_read(t, 2)),
                 ir_const_i32(t->b, s.bits == 64 ? 63 : 31));
    value = value_at(&s, s.n);
    /* CF: the bit that the last step moves out. */
    before = value_at(&s, ir_bin(t->b, IR_and, ir_bin(t->b, IR_sub, s.n, one),
                                 ir_const_i32(t->b, s.bits == 64 ? 63 : 31)));
    top = ir_const_i32(t->b, s.bits - 1);
    cf = s.right ? before : ir_bin(t->b, IR_shr, before, top);
    of = ir_bin(t->b, IR_shr, ir_bin(t->b, IR_xor, value, s.x), top);
    flags = ir_flags(t->b, IR_fl_logic, s.bits, value, IR_NONE, IR_NONE);
    flags = x86_flags_with(t, flags, cf, of);
    x86_write(t, 0, ir_select(t->b, s.n, value, s.x));
    x86_set_flags(t, ir_select(t->b, s.n, flags, x86_get_flags(t)));
    return false;
}
