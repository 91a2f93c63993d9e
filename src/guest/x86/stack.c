/* PUSH, POP, LEAVE. */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"

bool x86_tr_push(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref value = x86_read(t, 0);
    ir_ref pointer = x86_stack_moved(t, -(int64_t)size);

    x86_store(t, x86_stack_address(t, pointer), size, value);
    x86_set_stack(t, pointer);
    return false;
}

/*
 * To memory: the address is formed with the stack pointer already moved. To
 * the stack pointer itself: what is popped wins.
 */
bool x86_tr_pop(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref value = x86_load(t, x86_stack_address(t, x86_stack_moved(t, 0)),
                            size);
    ir_ref pointer = x86_stack_moved(t, size);

    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        if (t->insn.base == 4) {
            t->insn.displacement += size;
        }
        x86_write(t, 0, value);
        x86_set_stack(t, pointer);
    } else {
        x86_set_stack(t, pointer);
        x86_write(t, 0, value);
    }
    return false;
}

bool x86_tr_leave(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref frame = ir_get(t->b, X86_SLOT_rbp);
    ir_ref value = x86_load(t, x86_stack_address(t, frame), size);

    x86_set_stack(t, ir_bin(t->b, IR_add, frame, ir_const_i64(t->b, size)));
    x86_set_gpr(t, 5, size, value);
    return false;
}
