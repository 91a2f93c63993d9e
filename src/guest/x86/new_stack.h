/*
 * The stack that a transfer into the kernel pushes on, before it is the
 * CPU's: nothing is changed but memory until x86_take_stack().
 */
#ifndef GUEST_X86_NEW_STACK_H
#define GUEST_X86_NEW_STACK_H

#include "guest/x86/segment.h"

struct x86_new_stack {
    struct cpu *cpu;
    unsigned cpl;  /* of the stack */
    bool external; /* bit 0 of error codes */
    bool wide;     /* 64 bits of stack pointer */
    uint64_t sp;
    struct x86_segment_register ss;
    struct x86_descriptor ss_descriptor; /* address 0: none was read */
};

/* The stack that the CPU has. */
struct x86_new_stack x86_own_stack(struct cpu *cpu, bool external);
/* The one that the TSS names for a more privileged level, or, in long mode,
 * for an entry of the interrupt stack table (ist is not 0: any level). */
void x86_find_stack(struct x86_new_stack *stack, unsigned cpl, unsigned ist);
void x86_push_on(struct x86_new_stack *stack, unsigned size, uint64_t value);
/* SS and the stack pointer; only a mark in the descriptor may fault, which
 * comes first. */
void x86_take_stack(struct x86_new_stack *stack);

#endif
