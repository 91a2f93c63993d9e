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
        value = ir_select(t->b, some, x86_to_i64(t, value),
                          ir_get(t->b, X86_SLOT_rax +
                                           t->insn.operand[0].number));
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
    x86_set_flags(t, ir_flags(t->b, IR_fl_add, x86_bits(t, 0), x, y,
                              IR_NONE));
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
                         : ir_bin(t->b, size == 1 ? IR_dep8 : IR_dep16,
                                  whole, x86_to_i64(t, x));
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
