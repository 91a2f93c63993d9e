/*
 * What the translate functions share. A function is called for one decoded
 * instruction and emits its meaning; by R1 of ir/types.h every set comes
 * after every op that may fault.
 *
 * Values: operands of 1, 2 and 4 bytes are i32, of 8 bytes i64. Above an
 * operand's own width the bits are anything: whoever cares extends.
 */
#ifndef GUEST_X86_TRANSLATE_H
#define GUEST_X86_TRANSLATE_H

#include "guest/x86/decode.h"
#include "guest/x86/state.h"
#include "ir/build.h"

struct x86_translator {
    struct ir_builder *b;
    uint64_t mode_word;
    enum x86_mode mode;
    unsigned mmu;
    uint64_t pc, next_pc;
    struct x86_insn insn;
    unsigned segment; /* of the address formed last */
    bool no_trap;     /* this instruction is not followed by a single step */
    bool shadow_next; /* the next one is in an interrupt shadow */
    bool in_shadow;   /* this one is, and the unit began without */
    ir_ref address;   /* of the memory operand, once asked for */
};

/* -- Registers, whole or in part ------------------------------------------- */
ir_ref x86_get_register(struct x86_translator *t,
                        const struct x86_operand *operand);
void x86_set_register(struct x86_translator *t,
                      const struct x86_operand *operand, ir_ref value);
ir_ref x86_get_gpr(struct x86_translator *t, unsigned number, unsigned size);
void x86_set_gpr(struct x86_translator *t, unsigned number, unsigned size,
                 ir_ref value);

/* -- Operands by place in the row ------------------------------------------ */
ir_ref x86_read(struct x86_translator *t, unsigned place);
/* The same of memory that x86_write() follows: faults like a write. */
ir_ref x86_read_to_write(struct x86_translator *t, unsigned place);
void x86_write(struct x86_translator *t, unsigned place, ir_ref value);
unsigned x86_bits(const struct x86_translator *t, unsigned place);

/* The linear address of the memory operand; and without its segment. */
ir_ref x86_address(struct x86_translator *t);
ir_ref x86_effective_address(struct x86_translator *t);
/* An offset, which wraps around at the instruction's address size. */
ir_ref x86_cut_address(struct x86_translator *t, ir_ref offset);
/* The linear address of an offset in a segment. */
ir_ref x86_segment_address(struct x86_translator *t, unsigned segment,
                           ir_ref offset);

/* What comes before an access to the address formed last, or near it, that
 * is not made by x86_load() or x86_store(): checks of segment and alignment,
 * and the memory operation. */
void x86_guard(struct x86_translator *t, ir_ref address, unsigned size,
               bool write);
uint32_t x86_memop(const struct x86_translator *t, unsigned size);

ir_ref x86_load(struct x86_translator *t, ir_ref address, unsigned size);
void x86_store(struct x86_translator *t, ir_ref address, unsigned size,
               ir_ref value);

/* -- Stack ----------------------------------------------------------------- */
/* The stack pointer moved by some bytes, and the linear address it names. */
ir_ref x86_stack_moved(struct x86_translator *t, int64_t by);
ir_ref x86_stack_address(struct x86_translator *t, ir_ref pointer);
void x86_set_stack(struct x86_translator *t, ir_ref pointer);

/* -- Values ---------------------------------------------------------------- */
ir_ref x86_constant(struct x86_translator *t, unsigned size, uint64_t value);
/* Zero- or sign-extended from `bits` to the value's whole type. */
ir_ref x86_zero_extend(struct x86_translator *t, ir_ref value, unsigned bits);
ir_ref x86_sign_extend(struct x86_translator *t, ir_ref value, unsigned bits);
/* Between i32 and i64. */
ir_ref x86_to_i64(struct x86_translator *t, ir_ref value);
ir_ref x86_to_i32(struct x86_translator *t, ir_ref value);

static inline void x86_set_flags(struct x86_translator *t, ir_ref flags)
{
    ir_set(t->b, X86_SLOT_flags, flags);
}

static inline ir_ref x86_get_flags(struct x86_translator *t)
{
    return ir_get(t->b, X86_SLOT_flags);
}

/* The old flags with CF and OF from two values whose bit 0 counts. */
ir_ref x86_flags_with(struct x86_translator *t, ir_ref flags, ir_ref cf,
                      ir_ref of);

/* Every unit ends through one of these: an interrupt shadow ends with the
 * instruction, and then interrupts are looked at. */
void x86_exit(struct x86_translator *t, ir_ref pc, enum ir_exit_kind kind);
/* For an exit that is not made by x86_exit(). */
void x86_end_breakpoints(struct x86_translator *t, ir_ref pc);
/* Where the mode changes with the instruction, there is no leaving halfway
 * (an exit_if stays in the mode). True: then the unit ends, and goes to
 * `otherwise` if not to the pc. */
bool x86_exit_if(struct x86_translator *t, ir_ref condition, uint64_t pc,
                 uint64_t otherwise);

/* A pc as a constant, cut to the mode's width. */
uint64_t x86_pc(const struct x86_translator *t, uint64_t pc);

#endif
