/* What the files of the x87 share. */
#ifndef GUEST_X86_X87_H
#define GUEST_X86_X87_H

#include "guest/x86/segment.h"

/* Status word. */
#define X87_IE 1u
#define X87_SF 0x40u
#define X87_ES 0x80u
#define X87_C0 0x100u
#define X87_C1 0x200u
#define X87_C2 0x400u
#define X87_C3 0x4000u
#define X87_FLAGS 0x3fu

static inline uint16_t x87_status_word(const struct x86_cpu *x86)
{
    return (uint16_t)((x86->x87_status & ~0x3800u) | x86->x87_top << 11);
}

void x87_set_status_word(struct x86_cpu *x86, uint16_t status);
void x87_initialise(struct x86_cpu *x86);
/* The tag word with two bits a register, and back. */
uint16_t x87_tag_word(const struct x86_cpu *x86);
void x87_set_tag_word(struct x86_cpu *x86, uint16_t tags);
/* FNSTENV, FNSAVE and back; size 2 or 4 is the operand size. */
void x87_store_environment(struct cpu *cpu, uint64_t address, bool all);
void x87_load_environment(struct cpu *cpu, uint64_t address, bool all);
/* Flags that were raised; sets ES when one of them is not masked. */
void x87_raise(struct x86_cpu *x86, unsigned flags);

/* -- x87.c ----------------------------------------------------------------- */
enum x87_arithmetic { /* as encoded */
    X87_FADD, X87_FMUL, X87_FCOM, X87_FCOMP,
    X87_FSUB, X87_FSUBR, X87_FDIV, X87_FDIVR,
};
/* The host's x87 under the guest's control word, and the flags it raised;
 * `conditions`: which of C0 C2 C3 are taken, too. */
void x87_host_enter(const struct x86_cpu *x86);
void x87_host_leave(struct x86_cpu *x86, unsigned conditions);
/* ST(i). */
long double x87_get(struct x86_cpu *x86, unsigned i);
void x87_put(struct x86_cpu *x86, unsigned i, long double value);
void x87_push(struct x86_cpu *x86, long double value);
void x87_pop(struct x86_cpu *x86);
long double x87_arithmetic(struct x86_cpu *x86, unsigned op, long double x,
                           long double y);
void x87_compare(struct x86_cpu *x86, long double x, long double y,
                 bool quiet);
void x87_compare_flags(struct x86_cpu *x86, unsigned i, bool quiet);
/* One of enum x87_arithmetic, of ST(0) and y, into ST(0). */
void x87_operate(struct x86_cpu *x86, unsigned op, long double y);
/* #MF when an unmasked exception is pending. */
void x87_check_pending(struct cpu *cpu);

#endif
