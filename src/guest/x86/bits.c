/*
 * BSF, BSR, XADD, CMPXCHG. After BSF and BSR of 0 the destination keeps its
 * value; the flags besides ZF, which the manual leaves undefined, are those
 * of the source.
 */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"

bool x86_tr_bitscan(struct x86_translator *t)
{
    unsigned bits = x86_bits(t, 1);
    ir_ref x = x86_zero_extend(t, x86_read(t, 1), bits);
    ir_ref old = x86_read(t, 0), value, some;

    if (t->insn.row->argument) { /* BSR: from the top */
        value = ir_bin(t->b, IR_sub,
                       x86_constant(t, t->insn.size, bits == 64 ? 63 : 31),
                       ir_un(t->b, IR_clz, x));
    } else {
        value = ir_un(t->b, IR_ctz, x);
    }
    some = ir_bin(t->b, IR_ne, x, x86_constant(t, t->insn.size, 0));
    /* Of 0, four bytes are not written either: the whole register stays. */
    if (bits == 32) {
        value = ir_select(
            t->b, some, x86_to_i64(t, value),
            ir_get(t->b, X86_SLOT_rax + t->insn.operand[0].number));
        ir_set(t->b, X86_SLOT_rax + t->insn.operand[0].number, value);
    } else {
        x86_write(t, 0, ir_select(t->b, some, value, old));
    }
    x86_set_flags(t, ir_flags(t->b, IR_fl_logic, bits, x, IR_NONE, IR_NONE));
    return false;
}

bool x86_tr_xadd(struct x86_translator *t)
{
    ir_ref x = x86_read_to_write(t, 0), y = x86_read(t, 1);
    ir_ref sum = ir_bin(t->b, IR_add, x, y);
    bool memory = t->insn.operand[0].kind == X86_OPERAND_MEMORY;

    /* With one register twice, the sum is what stays. */
    if (memory) {
        x86_write(t, 0, sum);
        x86_write(t, 1, x);
    } else {
        x86_write(t, 1, x);
        x86_write(t, 0, sum);
    }
    x86_set_flags(t, ir_flags(t->b, IR_fl_add, x86_bits(t, 0), x, y, IR_NONE));
    return false;
}

/* A register stays whole when it is not written, its upper half too. */
static void write_if(struct x86_translator *t, ir_ref condition, ir_ref value)
{
    const struct x86_operand *operand = &t->insn.operand[0];
    uint32_t slot = X86_SLOT_rax + operand->number;
    ir_ref old = ir_get(t->b, slot);

    x86_write(t, 0, value);
    ir_set(t->b, slot, ir_select(t->b, condition, ir_get(t->b, slot), old));
}

/* Memory is always written: with what it held, if not equal. */
bool x86_tr_cmpxchg(struct x86_translator *t)
{
    unsigned bits = x86_bits(t, 0), size = bits / 8;
    ir_ref x = x86_read_to_write(t, 0), y = x86_read(t, 1);
    ir_ref a = x86_get_gpr(t, 0, size);
    ir_ref flags = ir_flags(t->b, IR_fl_sub, bits, a, x, IR_NONE);
    ir_ref equal = ir_cc(t->b, flags, 4);
    ir_ref whole = ir_get(t->b, X86_SLOT_rax), loaded;

    /* The accumulator is written only when it differs. */
    loaded = size == 8   ? x
             : size == 4 ? x86_to_i64(t, x)
                         : ir_bin(t->b, size == 1 ? IR_dep8 : IR_dep16, whole,
                                  x86_to_i64(t, x));
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        x86_write(t, 0, ir_select(t->b, equal, y, x));
        ir_set(t->b, X86_SLOT_rax, ir_select(t->b, equal, whole, loaded));
    } else {
        ir_set(t->b, X86_SLOT_rax, ir_select(t->b, equal, whole, loaded));
        write_if(t, equal, y);
    }
    x86_set_flags(t, flags);
    return false;
}

/* -- Bits by number -------------------------------------------------------- */

/* A register as bit number reaches beyond the operand in memory. */
static void move_address(struct x86_translator *t, unsigned bits)
{
    ir_ref number = x86_read(t, 1), by;

    number = x86_sign_extend(t, number, bits);
    if (bits < 64) {
        number = ir_un(t->b, IR_sext32, number);
    }
    by = ir_bin(t->b, IR_sar, number,
                ir_const_i32(t->b, (unsigned)__builtin_ctz(bits)));
    by = ir_bin(t->b, IR_shl, by,
                ir_const_i32(t->b, (unsigned)__builtin_ctz(bits / 8)));
    by = ir_bin(t->b, IR_add, x86_effective_address(t), by);
    t->address = x86_segment_address(t, t->insn.segment,
                                     x86_cut_address(t, by));
}

/* BT, BTS, BTR, BTC: CF is the bit, the other flags stay. */
bool x86_tr_bit_test(struct x86_translator *t)
{
    enum { BT, BTS, BTR, BTC } kind = (unsigned)t->insn.row->argument;
    unsigned bits = x86_bits(t, 0);
    ir_ref x, n, mask, cf, flags;

    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY &&
        t->insn.operand[1].kind == X86_OPERAND_REGISTER) {
        move_address(t, bits);
    }
    x = kind == BT ? x86_read(t, 0) : x86_read_to_write(t, 0);
    n = ir_bin(t->b, IR_and, x86_to_i32(t, x86_read(t, 1)),
               ir_const_i32(t->b, bits - 1));
    mask = ir_bin(t->b, IR_shl, x86_constant(t, bits / 8, 1), n);
    cf = ir_bin(t->b, IR_and, x86_to_i32(t, ir_bin(t->b, IR_shr, x, n)),
                ir_const_i32(t->b, 1));
    if (kind == BTS) {
        x86_write(t, 0, ir_bin(t->b, IR_or, x, mask));
    } else if (kind == BTR) {
        x86_write(t, 0, ir_bin(t->b, IR_and, x, ir_un(t->b, IR_not, mask)));
    } else if (kind == BTC) {
        x86_write(t, 0, ir_bin(t->b, IR_xor, x, mask));
    }
    flags = ir_bin(t->b, IR_and, x86_get_flags(t), ir_const_i32(t->b, ~FL_CF));
    x86_set_flags(t, ir_bin(t->b, IR_or, flags,
                            ir_bin(t->b, IR_shl, cf, ir_const_i32(t->b, 8))));
    return false;
}

/* -- CMPXCHG8B and CMPXCHG16B: only ZF changes ----------------------------- */

static void set_pair(struct x86_translator *t, ir_ref equal, ir_ref low,
                     ir_ref high, unsigned size)
{
    ir_ref a = ir_get(t->b, X86_SLOT_rax), d = ir_get(t->b, X86_SLOT_rdx);

    if (size == 4) {
        low = x86_to_i64(t, x86_to_i32(t, low));
        high = x86_to_i64(t, x86_to_i32(t, high));
    }
    ir_set(t->b, X86_SLOT_rax, ir_select(t->b, equal, a, low));
    ir_set(t->b, X86_SLOT_rdx, ir_select(t->b, equal, d, high));
}

bool x86_tr_cmpxchg_pair(struct x86_translator *t)
{
    unsigned size = t->insn.size == 8 ? 8 : 4;
    uint32_t extra = size == 8 ? MO_ALIGN16 : 0;
    ir_ref at = x86_address(t), low, high, at_high, both, equal, flags;

    at_high = ir_bin(t->b, IR_add, at, ir_const_i64(t->b, size));
    x86_guard(t, at, 2 * size, true);
    low = ir_load(t->b, size == 8 ? IR_I64 : IR_I32, at,
                  x86_memop(t, size) | MO_RMW | extra);
    high = ir_load(t->b, size == 8 ? IR_I64 : IR_I32, at_high,
                   x86_memop(t, size) | MO_RMW);
    both = ir_bin(t->b, IR_or,
                  ir_bin(t->b, IR_xor, low, x86_get_gpr(t, 0, size)),
                  ir_bin(t->b, IR_xor, high, x86_get_gpr(t, 2, size)));
    equal = ir_bin(t->b, IR_eq, both, x86_constant(t, size, 0));
    x86_store(t, at, size,
              ir_select(t->b, equal, x86_get_gpr(t, 3, size), low));
    x86_store(t, at_high, size,
              ir_select(t->b, equal, x86_get_gpr(t, 1, size), high));
    set_pair(t, equal, x86_to_i64(t, low), x86_to_i64(t, high), size);
    flags = ir_bin(t->b, IR_and, x86_get_flags(t), ir_const_i32(t->b, ~FL_ZF));
    x86_set_flags(t,
                  ir_bin(t->b, IR_or, flags,
                         ir_bin(t->b, IR_shl, equal, ir_const_i32(t->b, 14))));
    return false;
}
