/*
 * Call gates: a far CALL or JMP whose selector names one goes where the gate
 * says, a CALL also to a more privileged level, on the stack that the TSS has
 * for it. In long mode a gate has 16 bytes and leads to 64-bit code.
 */
#include "guest/x86/call_gate.h"

#include "guest/x86/new_stack.h"

#define COUNT_MAX 31u /* parameters that are copied, outside long mode */

struct passage {
    struct cpu *cpu;
    uint16_t selector; /* of the code */
    uint64_t rip;
    unsigned size; /* of what is pushed: 2, 4, 8 bytes */
    unsigned count, cpl;
    bool call;
    struct x86_descriptor code;
};

/* -- The gate -------------------------------------------------------------- */

static void take_gate(struct passage *p, const struct x86_descriptor *gate,
                      uint16_t selector)
{
    const struct x86_cpu *x86 = x86_of(p->cpu);
    unsigned type = gate->high >> 8 & 0x1f, dpl = gate->high >> 13 & 3;
    bool wide = x86_long_mode(x86);
    uint32_t error = selector & 0xfffcu;

    if (type != 12 && (type != 4 || wide)) {
        x86_fault_error(p->cpu, X86_GP, error);
    }
    if (dpl < x86->cpl || dpl < (selector & 3u)) {
        x86_fault_error(p->cpu, X86_GP, error);
    }
    p->size = wide ? 8 : type == 12 ? 4 : 2;
    p->selector = (uint16_t)(gate->low >> 16);
    p->count = gate->high & COUNT_MAX;
    p->rip = (gate->low & 0xffff) | (type == 4 ? 0 : gate->high & 0xffff0000u);
    if (wide) {
        /* The second half has to lie in the table, too. */
        struct x86_descriptor second = x86_read_descriptor(
            p->cpu, (uint16_t)(selector + 8), X86_GP);

        if (second.high >> 8 & 0x1f) {
            x86_fault_error(p->cpu, X86_GP, error);
        }
        p->rip |= (uint64_t)second.low << 32;
        p->count = 0;
    }
    if (!(gate->high & 0x8000)) {
        x86_fault_error(p->cpu, X86_NP, error);
    }
}

static void take_code(struct passage *p)
{
    const struct x86_cpu *x86 = x86_of(p->cpu);
    uint32_t error = p->selector & 0xfffcu;
    unsigned access, dpl;
    bool conforming;

    if (!error) {
        x86_fault_error(p->cpu, X86_GP, 0);
    }
    p->code = x86_read_descriptor(p->cpu, p->selector, X86_GP);
    access = p->code.high >> 8;
    dpl = X86_ACCESS_DPL(access);
    conforming = access & X86_ACCESS_CONFORMING;
    if ((access & (X86_ACCESS_S | X86_ACCESS_CODE)) !=
            (X86_ACCESS_S | X86_ACCESS_CODE) ||
        dpl > x86->cpl || (!p->call && !conforming && dpl != x86->cpl) ||
        (x86_long_mode(x86) &&
         (access & (X86_ACCESS_L | X86_ACCESS_DB)) != X86_ACCESS_L)) {
        x86_fault_error(p->cpu, X86_GP, error);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(p->cpu, X86_NP, error);
    }
    p->cpl = conforming ? x86->cpl : dpl;
    if (x86_long_mode(x86) ? !x86_canonical(p->rip)
                           : p->rip > x86_segment_of(&p->code, 0).limit) {
        x86_fault_error(p->cpu, X86_GP, 0);
    }
}

/* -- The stack ------------------------------------------------------------- */

/* The old stack's parameters, the last one first. */
static void copy_parameters(const struct passage *p,
                            struct x86_new_stack *stack)
{
    const struct x86_cpu *x86 = x86_of(p->cpu);
    const struct x86_segment_register *ss = &x86->segment[X86_SS];
    uint32_t mask = ss->access & X86_ACCESS_DB ? 0xffffffffu : 0xffff;

    for (unsigned i = p->count; i-- > 0;) {
        uint32_t at = ((uint32_t)x86->gpr[4] + i * p->size) & mask;

        if (!x86_segment_permits(ss, at, p->size, false)) {
            x86_fault_error(p->cpu, X86_SS_FAULT, 0);
        }
        x86_push_on(stack, p->size,
                    x86_read_implied(p->cpu, (uint32_t)(ss->base + at), p->size,
                                     x86->cpl));
    }
}

static void push_return(const struct passage *p, uint64_t next)
{
    struct x86_cpu *x86 = x86_of(p->cpu);
    struct x86_new_stack stack = x86_own_stack(p->cpu, false);

    if (p->cpl < x86->cpl) {
        x86_find_stack(&stack, p->cpl, 0);
        x86_push_on(&stack, p->size, x86->segment[X86_SS].selector);
        x86_push_on(&stack, p->size, x86->gpr[4]);
        copy_parameters(p, &stack);
    }
    x86_push_on(&stack, p->size, x86->segment[X86_CS].selector);
    x86_push_on(&stack, p->size, next);
    x86_take_stack(&stack);
}

void x86_go_through_gate(struct cpu *cpu, const struct x86_descriptor *gate,
                         uint16_t selector, bool call, uint64_t next)
{
    struct passage p = {.cpu = cpu, .call = call};

    take_gate(&p, gate, selector);
    take_code(&p);
    x86_mark_accessed(cpu, &p.code);
    if (call) {
        push_return(&p, next);
    }
    x86_set_cs(cpu, x86_segment_of(&p.code, p.selector), p.cpl);
    x86_of(cpu)->rip = p.rip;
}
