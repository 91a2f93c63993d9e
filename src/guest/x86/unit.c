/* A unit: instructions in a row, decoded and translated. */
#include "guest/x86/translate.h"

#include "guest/x86/helpers.h"

void x86_exit(struct x86_translator *t, ir_ref pc, enum ir_exit_kind kind)
{
    if (t->mode_word & X86_MODE_SHADOW) {
        ir_set(t->b, X86_SLOT_shadow, ir_const_i32(t->b, 0));
        kind = IR_EXIT_POLL;
    }
    ir_exit(t->b, pc, kind);
}

void x86_exit_if(struct x86_translator *t, ir_ref condition, uint64_t pc)
{
    if (t->mode_word & X86_MODE_SHADOW) {
        ir_set(t->b, X86_SLOT_shadow, ir_const_i32(t->b, 0));
    }
    ir_exit_if(t->b, condition, pc);
}

static void raise(struct x86_translator *t, enum x86_vector vector)
{
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, vector), IR_NONE,
            IR_NONE, IR_NONE);
    /* Never reached: a unit ends in an exit. */
    ir_exit(t->b, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
}

/* Translates one instruction. Bytes used; 0: there are too few, or it is not
 * for this unit. */
static size_t one(struct x86_translator *t, const uint8_t *bytes, size_t size,
                  bool *ended)
{
    enum x86_decoded decoded = x86_decode(t->mode, bytes, size, &t->insn);

    if (decoded == X86_NEEDS_MORE ||
        (decoded == X86_DECODED && t->b->unit->n_insns &&
         (t->insn.row->attributes & X86_ALONE))) {
        return 0;
    }
    t->next_pc = x86_pc(t, t->pc + t->insn.length);
    t->address = IR_NONE;
    ir_insn(t->b, t->pc);
    if (decoded != X86_DECODED) {
        raise(t, decoded == X86_UNDEFINED ? X86_UD : X86_GP);
        *ended = true;
        return t->insn.length ? t->insn.length : 1;
    }
    *ended = t->insn.row->translate(t);
    return t->insn.length;
}

size_t x86_translate(struct ir_builder *b, uint64_t mode, uint64_t pc,
                     const uint8_t *bytes, size_t size, unsigned max_insns)
{
    struct x86_translator t = {
        .b = b, .mode_word = mode, .pc = pc,
        .mode = (enum x86_mode)(mode & X86_MODE_CODE_MASK),
        .mmu = mode & X86_MODE_USER ? X86_MMU_USER : X86_MMU_KERNEL};
    size_t at = 0, used;
    bool ended = false;

    if (mode & X86_MODE_SHADOW) {
        max_insns = 1;
    }
    for (unsigned n = 0; n < max_insns && !ended && at < size; n++) {
        used = one(&t, bytes + at, size - at, &ended);
        if (!used) {
            break;
        }
        at += used;
        t.pc = x86_pc(&t, pc + at);
    }
    if (at && !ended) {
        x86_exit(&t, ir_const_i64(b, t.pc), IR_EXIT_LINK);
    }
    return at;
}
