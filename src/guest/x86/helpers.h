/* The functions that helpers.def names. */
#ifndef GUEST_X86_HELPERS_H
#define GUEST_X86_HELPERS_H

#include "guest/x86/state.h"

_Noreturn void x86_helper_exception(struct cpu *cpu, uint32_t vector);
/* Divides the accumulator pair by an operand of `size` bytes. */
void x86_helper_divide(struct cpu *cpu, uint64_t by, uint32_t size,
                       uint32_t sign);

#endif
