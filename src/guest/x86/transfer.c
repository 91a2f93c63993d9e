/*
 * Control transfers between segments and privileges: far JMP, CALL and RET,
 * IRET, INT. Call gates are in call_gate.c, fast system calls in fast_call.c;
 * task gates and tasks are refused with #GP.
 */
#include "exec/machine.h"
#include "guest/x86/call_gate.h"
#include "guest/x86/helpers.h"
#include "guest/x86/new_stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool in_64(const struct x86_cpu *x86)
{
    return x86_long_mode(x86) && (x86->segment[X86_CS].access & X86_ACCESS_L);
}

static uint64_t stack_mask(const struct x86_cpu *x86)
{
    return in_64(x86)                                    ? ~0ull
           : x86->segment[X86_SS].access & X86_ACCESS_DB ? 0xffffffffu
                                                         : 0xffff;
}

/* Where bytes of the stack lie, which are about to be read. */
static uint64_t stack_at(struct x86_cpu *x86, uint64_t sp, unsigned size)
{
    const struct x86_segment_register *ss = &x86->segment[X86_SS];
    bool good;

    sp &= stack_mask(x86);
    if (in_64(x86)) {
        good = x86_canonical(sp);
    } else if (x86_real_mode(x86)) {
        good = sp + size - 1 <= ss->limit;
    } else {
        good = x86_segment_permits(ss, (uint32_t)sp, size, false);
    }
    if (!good) {
        x86_fault_error(&x86->cpu, X86_SS_FAULT, 0);
    }
    return in_64(x86) ? sp : (uint32_t)(ss->base + sp);
}

static void set_sp(struct x86_cpu *x86, uint64_t sp)
{
    uint64_t mask = stack_mask(x86);

    x86->gpr[4] = mask == 0xffff ? (x86->gpr[4] & ~mask) | (sp & mask)
                                 : sp & mask;
}

/* L and D together mean nothing. */
static bool bad_size(const struct x86_cpu *x86, unsigned access)
{
    const unsigned both = X86_ACCESS_L | X86_ACCESS_DB;

    return x86_long_mode(x86) && (access & both) == both;
}

/* Where a transfer leads to must be an address, or lie within the limit. */
static void check_target(struct cpu *cpu, const struct x86_descriptor *code,
                         uint64_t rip)
{
    bool wide = x86_long_mode(x86_of(cpu)) && code->high >> 8 & X86_ACCESS_L;

    if (wide ? !x86_canonical(rip)
             : (uint32_t)rip > x86_segment_of(code, 0).limit) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

/* Checks a code segment for a direct transfer that keeps the privilege. */
static void check_direct(struct cpu *cpu, const struct x86_descriptor *code,
                         uint16_t selector)
{
    unsigned cpl = x86_of(cpu)->cpl;
    unsigned access = code->high >> 8, dpl = X86_ACCESS_DPL(access);

    if (!(access & X86_ACCESS_CODE) || bad_size(x86_of(cpu), access) ||
        (access & X86_ACCESS_CONFORMING
             ? dpl > cpl
             : dpl != cpl || (selector & 3u) > cpl)) {
        x86_fault_error(cpu, X86_GP, selector & 0xfffcu);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(cpu, X86_NP, selector & 0xfffcu);
    }
}

static void far_real(struct cpu *cpu, uint16_t selector, uint64_t rip,
                     uint64_t next, unsigned size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x86_new_stack stack = x86_own_stack(cpu, false);

    if (rip > x86->segment[X86_CS].limit) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    if (size) {
        x86_push_on(&stack, size, x86->segment[X86_CS].selector);
        x86_push_on(&stack, size, next);
        x86_take_stack(&stack);
    }
    x86->segment[X86_CS].selector = selector;
    x86->segment[X86_CS].base = (uint64_t)selector << 4;
    x86->rip = rip;
}

/* A call when size is not 0. */
static void far(struct cpu *cpu, uint16_t selector, uint64_t rip, uint64_t next,
                unsigned size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x86_new_stack stack = x86_own_stack(cpu, false);
    struct x86_descriptor code;
    bool to_64;

    if (x86_real_mode(x86)) {
        far_real(cpu, selector, rip, next, size);
        return;
    }
    if (!(selector & 0xfffcu)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    code = x86_read_descriptor(cpu, selector, X86_GP);
    if (!(code.high >> 8 & X86_ACCESS_S)) {
        x86_go_through_gate(cpu, &code, selector, size, next);
        return;
    }
    check_direct(cpu, &code, selector);
    /* To 64-bit code processors push first, and then look where to; the stack
     * is one of the mode that they go to. */
    to_64 = x86_long_mode(x86) && code.high >> 8 & X86_ACCESS_L;
    if (!to_64) {
        check_target(cpu, &code, rip);
    }
    x86_mark_accessed(cpu, &code);
    if (size) {
        stack.wide = to_64;
        x86_push_on(&stack, size, x86->segment[X86_CS].selector);
        x86_push_on(&stack, size, next);
    }
    if (to_64) {
        check_target(cpu, &code, rip);
    }
    if (size) {
        x86_take_stack(&stack);
    }
    x86_set_cs(cpu, x86_segment_of(&code, selector), x86->cpl);
    x86->rip = in_64(x86) ? rip : (uint32_t)rip;
}

void x86_helper_far_jump(struct cpu *cpu, uint32_t selector, uint64_t rip)
{
    far(cpu, (uint16_t)selector, rip, 0, 0);
}

void x86_helper_far_call(struct cpu *cpu, uint32_t selector, uint64_t rip,
                         uint64_t next, uint32_t size)
{
    far(cpu, (uint16_t)selector, rip, next, size);
}

/* -- Returns --------------------------------------------------------------- */

struct back {
    struct cpu *cpu;
    struct x86_cpu *x86;
    unsigned size, cpl;
    uint64_t sp, rip, new_sp;
    uint16_t cs, ss;
    struct x86_descriptor cs_descriptor, ss_descriptor;
    bool outer; /* a stack is popped, too */
};

static uint64_t pop(struct back *b)
{
    uint64_t value = x86_read_implied(b->cpu, stack_at(b->x86, b->sp, b->size),
                                      b->size, b->x86->cpl);

    b->sp += b->size;
    return value;
}

static void check_code(struct back *b)
{
    unsigned access, dpl;

    if (!(b->cs & 0xfffcu)) {
        x86_fault_error(b->cpu, X86_GP, 0);
    }
    b->cs_descriptor = x86_read_descriptor(b->cpu, b->cs, X86_GP);
    access = b->cs_descriptor.high >> 8;
    dpl = X86_ACCESS_DPL(access);
    b->cpl = b->cs & 3;
    if ((access & (X86_ACCESS_S | X86_ACCESS_CODE)) !=
            (X86_ACCESS_S | X86_ACCESS_CODE) ||
        b->cpl < b->x86->cpl || bad_size(b->x86, access) ||
        (access & X86_ACCESS_CONFORMING ? dpl > b->cpl : dpl != b->cpl)) {
        x86_fault_error(b->cpu, X86_GP, b->cs & 0xfffcu);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(b->cpu, X86_NP, b->cs & 0xfffcu);
    }
}

static void check_stack(struct back *b)
{
    bool to_64 = x86_long_mode(b->x86) &&
                 (b->cs_descriptor.high >> 8 & X86_ACCESS_L);
    unsigned access;

    b->ss_descriptor.address = 0;
    if (!(b->ss & 0xfffcu)) {
        if (!to_64 || b->cpl == 3) {
            x86_fault_error(b->cpu, X86_GP, 0);
        }
        return;
    }
    b->ss_descriptor = x86_read_descriptor(b->cpu, b->ss, X86_GP);
    access = b->ss_descriptor.high >> 8;
    if ((access & (X86_ACCESS_S | X86_ACCESS_CODE | X86_ACCESS_WRITABLE)) !=
            (X86_ACCESS_S | X86_ACCESS_WRITABLE) ||
        (b->ss & 3u) != b->cpl || X86_ACCESS_DPL(access) != b->cpl) {
        x86_fault_error(b->cpu, X86_GP, b->ss & 0xfffcu);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(b->cpu, X86_SS_FAULT, b->ss & 0xfffcu);
    }
}

/* Data segments that the outer privilege may not use become null. */
static void drop_segments(struct x86_cpu *x86)
{
    static const unsigned numbers[] = {X86_ES, X86_DS, X86_FS, X86_GS};

    for (unsigned i = 0; i < 4; i++) {
        struct x86_segment_register *s = &x86->segment[numbers[i]];
        bool conforming = (s->access &
                           (X86_ACCESS_CODE | X86_ACCESS_CONFORMING)) ==
                          (X86_ACCESS_CODE | X86_ACCESS_CONFORMING);

        if ((s->selector & 0xfffcu) && !conforming &&
            X86_ACCESS_DPL(s->access) < x86->cpl) {
            s->selector = 0;
            s->access = 0;
            s->limit = 0;
            s->base = 0;
        }
    }
}

/* Nothing faults from here on, but the marks. */
static void go_back(struct back *b)
{
    struct x86_cpu *x86 = b->x86;

    x86_mark_accessed(b->cpu, &b->cs_descriptor);
    if (b->outer && b->ss_descriptor.address) {
        x86_mark_accessed(b->cpu, &b->ss_descriptor);
    }
    if (!b->outer) {
        set_sp(x86, b->sp);
    }
    x86_set_cs(b->cpu, x86_segment_of(&b->cs_descriptor, b->cs), b->cpl);
    x86->rip = in_64(x86) ? b->rip : (uint32_t)b->rip;
    if (b->outer) {
        x86->segment[X86_SS] = b->ss_descriptor.address
                                   ? x86_segment_of(&b->ss_descriptor, b->ss)
                                   : x86_null_stack(b->cpl, b->ss);
        set_sp(x86, b->new_sp);
        drop_segments(x86);
    }
}

static void return_real(struct back *b)
{
    struct x86_segment_register *cs = &b->x86->segment[X86_CS];

    if (b->rip > cs->limit) {
        x86_fault_error(b->cpu, X86_GP, 0);
    }
    cs->selector = b->cs;
    cs->base = (uint64_t)b->cs << 4;
    b->x86->rip = b->rip;
    set_sp(b->x86, b->sp);
}

void x86_helper_far_return(struct cpu *cpu, uint32_t size, uint32_t more)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct back b = {.cpu = cpu, .x86 = x86, .size = size, .sp = x86->gpr[4]};

    b.rip = pop(&b);
    b.cs = (uint16_t)pop(&b);
    b.sp += more;
    if (x86_real_mode(x86)) {
        return_real(&b);
        return;
    }
    check_code(&b);
    if (b.cpl > x86->cpl) {
        b.outer = true;
        b.new_sp = pop(&b) + more;
        b.ss = (uint16_t)pop(&b);
        check_stack(&b);
    }
    check_target(cpu, &b.cs_descriptor, b.rip);
    go_back(&b);
}

static void set_eflags_from(struct x86_cpu *x86, uint64_t value, unsigned size,
                            unsigned cpl)
{
    uint32_t may = X86_EFLAGS_ARITHMETIC | X86_EFLAGS_TF | X86_EFLAGS_DF |
                   X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC |
                   X86_EFLAGS_ID;
    uint32_t old = x86_get_eflags(x86);

    if (cpl == 0) {
        may |= X86_EFLAGS_IOPL;
    }
    if (cpl <= (old >> 12 & 3)) {
        may |= X86_EFLAGS_IF;
    }
    if (size == 2) {
        may &= 0xffff;
    }
    if (!(x86->dr[7] & X86_DR7_ON)) { /* see breakpoint.c */
        value &= ~(uint64_t)X86_EFLAGS_RF;
    }
    x86_set_eflags(x86, (old & ~may) | ((uint32_t)value & may));
}

/* A guest that got a fault would not know what to make of it. */
static void no_virtual_8086(struct cpu *cpu, uint16_t cs, uint64_t ip)
{
    char text[200];

    snprintf(text, sizeof(text),
             "the guest enters virtual-8086 mode (IRET at pc 0x%" PRIx64
             " to %04x:%04" PRIx64 "), which this program does not have: give "
             "it a kernel or a program that does without, such as a 64-bit "
             "one",
             cpu->insn_pc, cs, ip);
    machine_cannot(cpu->machine, text);
}

static void iret(struct cpu *cpu, uint32_t size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct back b = {.cpu = cpu, .x86 = x86, .size = size, .sp = x86->gpr[4]};
    unsigned from = x86->cpl;
    uint64_t eflags;

    if (!x86_real_mode(x86) && (x86->eflags & X86_EFLAGS_NT)) {
        x86_fault_error(cpu, X86_GP, 0); /* a task return */
    }
    b.rip = pop(&b);
    b.cs = (uint16_t)pop(&b);
    eflags = pop(&b);
    if (x86_real_mode(x86)) {
        return_real(&b);
        set_eflags_from(x86, eflags, size, 0);
        return;
    }
    if (!x86_long_mode(x86) && (eflags & X86_EFLAGS_VM) && size == 4 &&
        from == 0) {
        no_virtual_8086(cpu, b.cs, b.rip);
    }
    check_code(&b);
    if (b.cpl > from || in_64(x86)) {
        b.outer = true;
        b.new_sp = pop(&b);
        b.ss = (uint16_t)pop(&b);
        check_stack(&b);
    }
    check_target(cpu, &b.cs_descriptor, b.rip);
    go_back(&b);
    set_eflags_from(x86, eflags, size, from);
}

/* NMIs are let in by an IRET that faults, too; not by one that is left only
 * to be run again. */
void x86_helper_iret(struct cpu *cpu, uint32_t size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    jmp_buf outer;
    int why;

    if (!x86->nmi_blocked) {
        iret(cpu, size);
        return;
    }
    memcpy(&outer, &cpu->leave, sizeof(outer));
    why = setjmp(cpu->leave);
    if (!why) {
        iret(cpu, size);
    }
    memcpy(&cpu->leave, &outer, sizeof(outer));
    if (why == 0 || why == CPU_LEAVE_EXCEPTION) {
        x86->nmi_blocked = false;
    }
    if (why) {
        cpu_leave(cpu, (enum cpu_leave)why);
    }
}

/* POPF, with what the current privilege may change. */
void x86_helper_popf(struct cpu *cpu, uint64_t value, uint32_t size)
{
    struct x86_cpu *x86 = x86_of(cpu);

    set_eflags_from(x86, value & ~(uint64_t)X86_EFLAGS_RF, size, x86->cpl);
}

void x86_helper_interrupt(struct cpu *cpu, uint32_t vector, uint64_t next)
{
    x86_note(cpu, (enum x86_vector)(vector & 0xff));
    x86_of(cpu)->exception.software = true;
    x86_of(cpu)->exception.privileged = vector & X86_INT1_BIT;
    x86_of(cpu)->exception.address = next;
    cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
}
