/* Far calls and jumps to system descriptors. */
#ifndef GUEST_X86_CALL_GATE_H
#define GUEST_X86_CALL_GATE_H

#include "guest/x86/segment.h"

/* Goes through the call gate that the selector names (its descriptor says S
 * is 0), from an instruction with `next` behind it; RIP is set. Task gates,
 * tasks and what is no gate are #GP. */
void x86_go_through_gate(struct cpu *cpu, const struct x86_descriptor *gate,
                         uint16_t selector, bool call, uint64_t next);

#endif
