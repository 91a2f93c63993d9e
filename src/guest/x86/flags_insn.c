/* EFLAGS as a whole, the direction flag and the interrupt flag. */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

#define I32(value) ir_const_i32(t->b, (uint32_t)(value))

bool x86_tr_pushf(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref flags = x86_get_flags(t), value;
    ir_ref pointer = x86_stack_moved(t, -(int64_t)size);

    value = ir_bin(t->b, IR_and, ir_bin(t->b, IR_shr, flags, I32(8)),
                   I32(0xd7));
    value = ir_bin(
        t->b, IR_or, value,
        ir_bin(t->b, IR_shl, ir_bin(t->b, IR_and, flags, I32(FL_OF)), I32(11)));
    value = ir_bin(t->b, IR_or, value,
                   ir_bin(t->b, IR_and, ir_get(t->b, X86_SLOT_eflags),
                          I32(~(X86_EFLAGS_RF | X86_EFLAGS_VM))));
    x86_store(t, x86_stack_address(t, pointer), size,
              size == 8 ? x86_to_i64(t, value) : value);
    x86_set_stack(t, pointer);
    return false;
}

bool x86_tr_popf(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref value = x86_load(t, x86_stack_address(t, x86_stack_moved(t, 0)),
                            size);

    ir_call(t->b, X86_HELPER_popf, x86_to_i64(t, value), I32(size), IR_NONE,
            IR_NONE);
    x86_set_stack(t, x86_stack_moved(t, size));
    x86_exit(t, ir_const_i64(t->b, t->next_pc), IR_EXIT_POLL);
    return true;
}

/* The flag is part of the mode: most often it is as wanted. */
bool x86_tr_direction(struct x86_translator *t)
{
    bool is = t->mode_word & X86_MODE_DF;
    ir_ref flags;

    if (is == t->insn.row->argument) {
        return false;
    }
    flags = ir_bin(t->b, IR_and, ir_get(t->b, X86_SLOT_eflags),
                   I32(~X86_EFLAGS_DF));
    if (t->insn.row->argument) {
        flags = ir_bin(t->b, IR_or, flags, I32(X86_EFLAGS_DF));
    }
    ir_set(t->b, X86_SLOT_eflags, flags);
    x86_exit(t, ir_const_i64(t->b, t->next_pc), IR_EXIT_LOOKUP);
    return true;
}

static void check_iopl(struct x86_translator *t)
{
    if (!(t->mode_word & X86_MODE_CPL0)) {
        ir_call(t->b, X86_HELPER_need_iopl, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    }
}

bool x86_tr_cli(struct x86_translator *t)
{
    check_iopl(t);
    ir_set(t->b, X86_SLOT_eflags,
           ir_bin(t->b, IR_and, ir_get(t->b, X86_SLOT_eflags),
                  I32(~X86_EFLAGS_IF)));
    return false;
}

/* If interrupts were off, a shadow begins: the unit goes on with it. */
bool x86_tr_sti(struct x86_translator *t)
{
    ir_ref next = ir_const_i64(t->b, t->next_pc), old, were_on;

    check_iopl(t);
    old = ir_get(t->b, X86_SLOT_eflags);
    were_on = ir_bin(t->b, IR_and, old, I32(X86_EFLAGS_IF));
    ir_set(t->b, X86_SLOT_eflags, ir_bin(t->b, IR_or, old, I32(X86_EFLAGS_IF)));
    ir_set(t->b, X86_SLOT_shadow, ir_bin(t->b, IR_eq, were_on, I32(0)));
    if (t->mode_word & X86_MODE_ONE) {
        if (t->mode_word & X86_MODE_TF) {
            ir_set(t->b, X86_SLOT_trap, I32(X86_TRAP_STEP));
        }
        x86_end_breakpoints(t, next);
        ir_exit(t->b, next, IR_EXIT_POLL); /* not x86_exit(), which ends it */
        return true;
    }
    ir_emit(t->b, IR_exit_if, IR_VOID, were_on, next, 0, 0, IR_EXIT_POLL);
    t->shadow_next = true;
    return false;
}
