/* Moves, extensions, exchanges. */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"

bool x86_tr_mov(struct x86_translator *t)
{
    x86_write(t, 0, x86_read(t, 1));
    return false;
}

static bool extend(struct x86_translator *t, bool sign)
{
    unsigned from = (unsigned)t->insn.row->argument;
    ir_ref value = x86_to_i32(t, x86_read(t, 1));

    value = sign ? x86_sign_extend(t, value, from)
                 : x86_zero_extend(t, value, from);
    if (t->insn.size == 8) {
        value = ir_un(t->b, sign ? IR_sext32 : IR_zext32, value);
    }
    x86_write(t, 0, value);
    return false;
}

bool x86_tr_movzx(struct x86_translator *t)
{
    return extend(t, false);
}

bool x86_tr_movsx(struct x86_translator *t)
{
    return extend(t, true);
}

bool x86_tr_lea(struct x86_translator *t)
{
    ir_ref address = x86_effective_address(t);

    x86_write(t, 0, t->insn.size == 8 ? address : x86_to_i32(t, address));
    return false;
}

bool x86_tr_nop(struct x86_translator *t)
{
    (void)t;
    return false;
}

bool x86_tr_xchg(struct x86_translator *t)
{
    ir_ref x = x86_read_to_write(t, 0), y = x86_read(t, 1);

    x86_write(t, 0, y); /* the memory operand, if any, is the first */
    x86_write(t, 1, x);
    return false;
}

/* Of two bytes, which the manual leaves undefined, it makes 0. */
bool x86_tr_bswap(struct x86_translator *t)
{
    if (t->insn.size == 2) {
        x86_set_gpr(t, t->insn.operand[0].number, 2, ir_const_i32(t->b, 0));
        return false;
    }
    x86_write(t, 0, ir_un(t->b, IR_bswap, x86_read(t, 0)));
    return false;
}

/* CBW, CWDE, CDQE: the accumulator's lower half, extended. */
bool x86_tr_cbw(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref half = x86_get_gpr(t, 0, 4);

    half = size == 8 ? ir_un(t->b, IR_sext32, half)
                     : x86_sign_extend(t, half, size * 4);
    x86_set_gpr(t, 0, size, half);
    return false;
}

/* CWD, CDQ, CQO: the accumulator's sign, all over the data register. */
bool x86_tr_cwd(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref a = x86_sign_extend(t, x86_get_gpr(t, 0, size), size * 8);
    unsigned top = size == 8 ? 63 : 31;

    x86_set_gpr(t, 2, size, ir_bin(t->b, IR_sar, a, ir_const_i32(t->b, top)));
    return false;
}

bool x86_tr_xlat(struct x86_translator *t)
{
    ir_ref offset = ir_bin(t->b, IR_add, ir_get(t->b, X86_SLOT_rbx),
                           ir_un(t->b, IR_zext8, ir_get(t->b, X86_SLOT_rax)));

    if (t->insn.address_size == 4) {
        offset = x86_to_i64(t, x86_to_i32(t, offset));
    } else if (t->insn.address_size == 2) {
        offset = ir_un(t->b, IR_zext16, offset);
    }
    x86_set_gpr(
        t, 0, 1,
        x86_load(t, x86_segment_address(t, t->insn.segment, offset), 1));
    return false;
}
