/*
 * Calls from a program in the guest to plugins outside, at any privilege: a
 * CPUID whose EAX no CPU knows. Plugins look at the registers in their
 * guest_hypercall callback, and may answer in them; when none does, the
 * registers are what the CPU makes of it.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdint.h>

struct hypercall { /* for the call, and after it */
    uintptr_t a, b, c, d;
};

static inline void hypercall(struct hypercall *call)
{
    __asm__ volatile("cpuid"
                     : "+a"(call->a), "+b"(call->b), "+c"(call->c),
                       "+d"(call->d)
                     :
                     : "memory");
}

#endif
