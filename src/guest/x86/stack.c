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

/* Level 0, and the nested ones that no compiler emits. */
bool x86_tr_enter(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    unsigned level = t->insn.operand[1].value & 31;
    uint64_t room = t->insn.operand[0].value & 0xffff;
    ir_ref frame = ir_get(t->b, X86_SLOT_rbp), at, outer;
    ir_ref pointer = x86_stack_moved(t, -(int64_t)size);
    ir_ref new_frame = pointer;

    x86_store(t, x86_stack_address(t, pointer), size, x86_get_gpr(t, 5, size));
    for (unsigned i = 1; i <= level; i++) {
        at = x86_stack_moved(t, -(int64_t)(size * (i + 1)));
        outer = x86_get_gpr(t, 5, size);
        if (i < level) {
            ir_ref from = ir_bin(t->b, IR_sub, frame,
                                 ir_const_i64(t->b, size * i));

            outer = x86_load(t, x86_stack_address(t, from), size);
        } else {
            outer = size == 8 ? new_frame : x86_to_i32(t, new_frame);
        }
        x86_store(t, x86_stack_address(t, at), size, outer);
    }
    /* Where the stack will end must be writable, too. */
    at = x86_stack_moved(t, -(int64_t)(size * (level + 1)) - (int64_t)room);
    ir_load(t->b, size == 8 ? IR_I64 : IR_I32, x86_stack_address(t, at),
            (uint32_t)__builtin_ctz(size) | MO_RMW | MO_PROBE |
                t->mmu << MO_MMU_SHIFT);
    x86_set_stack(t, at);
    x86_set_gpr(t, 5, size, size == 8 ? new_frame : x86_to_i32(t, new_frame));
    return false;
}

bool x86_tr_pusha(struct x86_translator *t)
{
    unsigned size = t->insn.size;

    for (unsigned i = 0; i < 8; i++) {
        ir_ref at = x86_stack_moved(t, -(int64_t)(size * (i + 1)));

        x86_store(t, x86_stack_address(t, at), size, x86_get_gpr(t, i, size));
    }
    x86_set_stack(t, x86_stack_moved(t, -(int64_t)(size * 8)));
    return false;
}

/* The stack pointer's own value is skipped. */
bool x86_tr_popa(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref value[8];

    for (unsigned i = 0; i < 8; i++) {
        ir_ref at = x86_stack_moved(t, size * i);

        value[7 - i] = x86_load(t, x86_stack_address(t, at), size);
    }
    x86_set_stack(t, x86_stack_moved(t, size * 8));
    for (unsigned i = 0; i < 8; i++) {
        if (i != 4) {
            x86_set_gpr(t, i, size, value[i]);
        }
    }
    return false;
}
