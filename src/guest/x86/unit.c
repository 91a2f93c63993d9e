/* A unit: instructions in a row, decoded and translated. */
#include "guest/x86/translate.h"

#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"

/*
 * Single steps. An instruction that begins with TF leaves x86_cpu.trap behind
 * when it is over; that is part of the mode word, and the unit of such a mode
 * is #DB alone. So the trap is a step of its own, and nothing comes between.
 */
_Noreturn void x86_helper_single_step(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);

    x86->dr[6] |= x86->trap >> X86_TRAP_HITS;
    x86->dr[6] |= x86->trap & X86_TRAP_STEP ? X86_DR6_BS : 0;
    x86->trap = 0;
    x86_note(cpu, X86_DB);
    cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
}

/* The same as end_of_insn() when the condition holds, at run time. */
void x86_helper_end_if(struct cpu *cpu, uint32_t condition)
{
    if (condition) {
        x86_of(cpu)->shadow = false;
        x86_trap_step(x86_of(cpu));
        x86_of(cpu)->eflags &= ~X86_EFLAGS_RF;
    }
}

static bool leaves_mode(const struct x86_translator *t)
{
    return t->mode_word & X86_MODE_ONE;
}

/* The state in which an instruction ends that leaves_mode(). */
static void end_of_insn(struct x86_translator *t, ir_ref pc)
{
    if (t->mode_word & X86_MODE_SHADOW) {
        ir_set(t->b, X86_SLOT_shadow, ir_const_i32(t->b, 0));
    }
    if ((t->mode_word & X86_MODE_TF) && !t->no_trap) {
        ir_set(t->b, X86_SLOT_trap, ir_const_i32(t->b, X86_TRAP_STEP));
    }
    x86_end_breakpoints(t, pc);
}

void x86_end_breakpoints(struct x86_translator *t, ir_ref pc)
{
    const struct x86_row *row = t->insn.row;

    if (t->mode_word & X86_MODE_BREAK) { /* so this is the only one */
        bool repeats = (row->attributes & X86_REP) && t->insn.rep;

        ir_call(t->b, X86_HELPER_end_breakpoints, pc,
                ir_const_i64(t->b, repeats ? t->pc : ~0ull),
                ir_const_i32(t->b, row->translate == x86_tr_iret), IR_NONE);
    }
}

/* Interrupts are let in that wait. */
static void look_for_interrupts(struct x86_translator *t, ir_ref pc)
{
    ir_emit(t->b, IR_exit_if, IR_VOID, ir_get(t->b, X86_SLOT_attention), pc, 0,
            0, IR_EXIT_POLL);
}

void x86_exit(struct x86_translator *t, ir_ref pc, enum ir_exit_kind kind)
{
    end_of_insn(t, pc);
    if (t->in_shadow && kind == IR_EXIT_LINK && ir_is_const(pc)) {
        look_for_interrupts(t, pc);
        ir_exit(t->b, pc, kind);
        return;
    }
    ir_exit(t->b, pc, leaves_mode(t) ? IR_EXIT_POLL : kind);
}

bool x86_exit_if(struct x86_translator *t, ir_ref condition, uint64_t pc,
                 uint64_t otherwise)
{
    if (leaves_mode(t)) {
        x86_exit(t,
                 ir_select(t->b, condition, ir_const_i64(t->b, pc),
                           ir_const_i64(t->b, otherwise)),
                 IR_EXIT_POLL);
        return true;
    }
    ir_exit_if(t->b, condition, pc);
    return false;
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
    t->no_trap = false;
    ir_insn(t->b, t->pc);
    if (t->mode_word & X86_MODE_BREAK) {
        ir_call(t->b, X86_HELPER_begin_breakpoints, ir_const_i64(t->b, t->pc),
                IR_NONE, IR_NONE, IR_NONE);
    }
    if (decoded != X86_DECODED) {
        raise(t, decoded == X86_UNDEFINED ? X86_UD : X86_GP);
        *ended = true;
        return t->insn.length ? t->insn.length : 1;
    }
    if (t->mode_word & X86_MODE_LIMITS) {
        ir_call(t->b, X86_HELPER_check_code, ir_const_i32(t->b, t->insn.length),
                ir_const_i64(t->b, t->pc), IR_NONE, IR_NONE);
    }
    *ended = t->insn.row->translate(t);
    return t->insn.length;
}

/* Behind an instruction after which the unit goes on: a shadow begins or ends
 * with it. The unit began without one, without TF and breakpoints. */
static void shadow(struct x86_translator *t)
{
    if (t->in_shadow) {
        ir_ref pc = ir_const_i64(t->b, t->pc);

        end_of_insn(t, pc);
        look_for_interrupts(t, pc);
        t->mode_word &= ~(uint64_t)X86_MODE_SHADOW;
    }
    t->in_shadow = t->shadow_next;
    t->shadow_next = false;
    if (t->in_shadow) {
        t->mode_word |= X86_MODE_SHADOW;
        if (!t->b->unit->n_in_mode) {
            t->b->unit->n_in_mode = t->b->unit->n_insns;
        }
    }
}

static size_t several(struct x86_translator *t, const uint8_t *bytes,
                      size_t size, unsigned max_insns)
{
    uint64_t pc = t->pc;
    size_t at = 0, used;
    bool ended = false;

    for (unsigned n = 0; n < max_insns && !ended && at < size; n++) {
        used = one(t, bytes + at, size - at, &ended);
        if (!used) {
            break;
        }
        at += used;
        t->pc = x86_pc(t, pc + at);
        if (!ended) {
            shadow(t);
        }
    }
    if (at && !ended && t->in_shadow) { /* it is the next unit's mode */
        ir_exit(t->b, ir_const_i64(t->b, t->pc), IR_EXIT_POLL);
    } else if (at && !ended) {
        x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LINK);
    }
    return at;
}

size_t x86_translate(struct ir_builder *b, uint64_t mode, uint64_t pc,
                     const uint8_t *bytes, size_t size, unsigned max_insns)
{
    struct x86_translator t = {
        .b = b,
        .mode_word = mode,
        .pc = pc,
        .mode = (enum x86_mode)(mode & X86_MODE_CODE_MASK),
        .mmu = mode & X86_MODE_USER ? X86_MMU_USER : X86_MMU_KERNEL};

    if (mode & X86_MODE_TRAP) {
        ir_insn(b, pc);
        ir_call(b, X86_HELPER_single_step, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        ir_exit(b, ir_const_i64(b, pc), IR_EXIT_LOOKUP);
        return 1;
    }
    return several(&t, bytes, size, leaves_mode(&t) ? 1 : max_insns);
}
