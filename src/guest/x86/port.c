/* IN and OUT. The strings of them are in string.c, the right to a port is
 * looked at in system.c. */
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

static ir_ref port(struct x86_translator *t, unsigned place)
{
    const struct x86_operand *operand = &t->insn.operand[place];

    return operand->kind == X86_OPERAND_IMMEDIATE
               ? ir_const_i32(t->b, operand->value & 0xff)
               : x86_zero_extend(t, x86_get_gpr(t, 2, 2), 16);
}

static unsigned port_size(const struct x86_translator *t)
{
    return !(t->insn.row->opcode & 1) ? 1 : t->insn.size == 2 ? 2 : 4;
}

/* A device may have done anything meanwhile. */
static bool end(struct x86_translator *t)
{
    x86_exit(t, ir_const_i64(t->b, t->next_pc), IR_EXIT_POLL);
    return true;
}

bool x86_tr_in(struct x86_translator *t)
{
    unsigned size = port_size(t);

    x86_set_gpr(t, 0, size,
                ir_call(t->b, X86_HELPER_in, port(t, 1),
                        ir_const_i32(t->b, size), IR_NONE, IR_NONE));
    return end(t);
}

bool x86_tr_out(struct x86_translator *t)
{
    unsigned size = port_size(t);

    ir_call(t->b, X86_HELPER_out, port(t, 0), ir_const_i32(t->b, size),
            x86_get_gpr(t, 0, 4), IR_NONE);
    return end(t);
}
