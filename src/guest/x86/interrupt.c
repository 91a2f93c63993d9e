/*
 * Delivery of exceptions and interrupts. Everything that may fault comes
 * before anything is changed, so an exception on the way leaves the state as
 * it was, and is then delivered in place of (or on top of) the first one:
 *
 *     first                       second             becomes
 *     contributory                contributory       double fault
 *     page fault                  contributory, page double fault
 *     double fault                contributory, page shutdown
 *     anything else               any                the second
 */
#include "boundary/boundary.h"
#include "exec/machine.h"
#include "exec/watch.h"
#include "guest/x86/helpers.h"
#include "guest/x86/new_stack.h"

struct gate {
    uint16_t selector;
    unsigned type, ist, dpl;
    uint64_t offset;
};

struct delivery {
    struct cpu *cpu;
    struct x86_cpu *x86;
    uint8_t vector;
    bool software, has_error;
    bool privileged; /* by INT1: asks for no privilege */
    bool external;   /* bit 0 of error codes: not an INT n */
    uint32_t error;
    uint32_t resume; /* RF, as the frame has it after a fault */
    uint64_t rip;    /* to come back to */
    struct gate gate;
    struct x86_segment_register cs;
    struct x86_descriptor cs_descriptor;
    unsigned cpl;
    struct x86_new_stack stack;
};

static uint32_t gate_error(const struct delivery *d)
{
    return d->vector * 8u + 2 + d->external;
}

static void read_gate(struct delivery *d)
{
    bool wide = x86_long_mode(d->x86);
    unsigned size = wide ? 16 : 8;
    uint64_t at = d->x86->idtr.base + d->vector * size;
    uint64_t low, high = 0;

    if (d->vector * size + size - 1 > d->x86->idtr.limit) {
        x86_fault_error(d->cpu, X86_GP, gate_error(d));
    }
    low = x86_read_table(d->cpu, at, 8);
    if (wide) {
        high = x86_read_table(d->cpu, at + 8, 8) & 0xffffffffu;
    }
    d->gate.selector = (uint16_t)(low >> 16);
    d->gate.offset = (low & 0xffff) | (low >> 32 & 0xffff0000u) | high << 32;
    d->gate.ist = wide ? low >> 32 & 7 : 0;
    d->gate.type = low >> 40 & 0x1f;
    d->gate.dpl = low >> 45 & 3;
    /* 64-bit: only 14 and 15; else 16-bit gates, too. Task gates: no. */
    if ((d->gate.type & ~1u) != 14 && (wide || (d->gate.type & ~1u) != 6)) {
        x86_fault_error(d->cpu, X86_GP, gate_error(d));
    }
    if (d->software && !d->privileged && d->gate.dpl < d->x86->cpl) {
        x86_fault_error(d->cpu, X86_GP, gate_error(d));
    }
    if (!(low >> 47 & 1)) {
        x86_fault_error(d->cpu, X86_NP, gate_error(d));
    }
}

static void read_code(struct delivery *d)
{
    uint32_t error = (d->gate.selector & 0xfffcu) | d->external;
    unsigned access;

    if (!(d->gate.selector & 0xfffcu)) {
        x86_fault_error(d->cpu, X86_GP, d->external);
    }
    d->cs_descriptor = x86_read_descriptor_for(d->cpu, d->gate.selector, X86_GP,
                                               d->external);
    access = d->cs_descriptor.high >> 8;
    if ((access & (X86_ACCESS_S | X86_ACCESS_CODE)) !=
            (X86_ACCESS_S | X86_ACCESS_CODE) ||
        X86_ACCESS_DPL(access) > d->x86->cpl ||
        (x86_long_mode(d->x86) && !(access & X86_ACCESS_L))) {
        x86_fault_error(d->cpu, X86_GP, error);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(d->cpu, X86_NP, error);
    }
    d->cpl = access & X86_ACCESS_CONFORMING ? d->x86->cpl
                                            : X86_ACCESS_DPL(access);
    d->cs = x86_segment_of(&d->cs_descriptor, d->gate.selector);
    if (x86_long_mode(d->x86) ? !x86_canonical(d->gate.offset)
                              : d->gate.offset > d->cs.limit) {
        x86_fault_error(d->cpu, X86_GP, d->external);
    }
}

/* -- The frame ------------------------------------------------------------- */

static void push_frame(struct delivery *d, bool with_stack)
{
    unsigned size = x86_long_mode(d->x86) ? 8 : d->gate.type >= 14 ? 4 : 2;
    uint32_t eflags = x86_get_eflags(d->x86) | d->resume;

    if (with_stack) {
        x86_push_on(&d->stack, size, d->x86->segment[X86_SS].selector);
        x86_push_on(&d->stack, size, d->x86->gpr[4]);
    }
    x86_push_on(&d->stack, size, eflags);
    x86_push_on(&d->stack, size, d->x86->segment[X86_CS].selector);
    x86_push_on(&d->stack, size, d->rip);
    if (d->has_error) {
        x86_push_on(&d->stack, size, d->error);
    }
}

/* -- Modes ----------------------------------------------------------------- */

static void deliver_real(struct delivery *d)
{
    uint64_t entry;

    if (d->vector * 4u + 3 > d->x86->idtr.limit) {
        x86_fault_error(d->cpu, X86_GP, gate_error(d));
    }
    entry = x86_read_table(d->cpu, d->x86->idtr.base + d->vector * 4u, 4);
    d->stack = x86_own_stack(d->cpu, false);
    d->gate.type = 6;
    d->has_error = false;
    push_frame(d, false);
    x86_take_stack(&d->stack);
    d->x86->segment[X86_CS].selector = (uint16_t)(entry >> 16);
    d->x86->segment[X86_CS].base = entry >> 16 << 4;
    d->x86->rip = entry & 0xffff;
    d->x86->eflags &= ~(X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_AC);
}

static void deliver_protected(struct delivery *d)
{
    struct x86_cpu *x86 = d->x86;
    bool inner;

    read_gate(d);
    read_code(d);
    inner = d->cpl < x86->cpl;
    d->stack = x86_own_stack(d->cpu, d->external);
    if (inner || d->gate.ist) {
        x86_find_stack(&d->stack, d->cpl, d->gate.ist);
    }
    if (x86_long_mode(x86)) {
        d->stack.sp &= ~15ull;
    }
    push_frame(d, inner || x86_long_mode(x86));
    x86_mark_accessed(d->cpu, &d->cs_descriptor);
    x86_take_stack(&d->stack);
    /* Nothing faults from here on. */
    x86_set_cs(d->cpu, d->cs, d->cpl);
    x86->rip = d->gate.offset;
    if (!(d->gate.type & 1)) {
        x86->eflags &= ~X86_EFLAGS_IF;
    }
    x86->eflags &= ~(X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF |
                     X86_EFLAGS_VM);
}

static void deliver(struct delivery *d)
{
    d->x86 = x86_of(d->cpu);
    d->x86->hits = 0;
    if (x86_real_mode(d->x86)) {
        deliver_real(d);
    } else {
        deliver_protected(d);
    }
    d->x86->shadow = false;
    d->x86->trap |= (uint8_t)(d->x86->hits << X86_TRAP_HITS);
    d->x86->hits = 0;
    d->x86->delivering = false;
    d->cpu->halted = false;
}

/* -- From outside this file ------------------------------------------------ */

static bool contributory(unsigned vector)
{
    return vector == X86_DE || (vector >= X86_TS && vector <= X86_GP);
}

/* What an exception on top of another becomes; false: shutdown. */
static bool combine(struct x86_cpu *x86)
{
    unsigned first = x86->first_vector, second = x86->exception.vector;
    bool serious = contributory(second) || second == X86_PF;

    if (first == X86_DF && serious) {
        return false;
    }
    if ((contributory(first) && contributory(second)) ||
        (first == X86_PF && serious)) {
        x86->exception = (struct x86_exception){.vector = X86_DF,
                                                .has_error = true};
    }
    return true;
}

/* The CPU stands still; what comes of it is decided outside. */
static void shut_down(struct cpu *cpu)
{
    x86_of(cpu)->delivering = false;
    x86_of(cpu)->shutdown = true;
    cpu->halted = true;
    machine_io_write(cpu->machine, BOUNDARY_SHUTDOWN, cpu->guest->get_pc(cpu),
                     0, 0);
}

static bool is_fault(unsigned vector)
{
    return vector != X86_DB && vector != X86_BP && vector != X86_OF &&
           vector != X86_DF && vector != X86_MC;
}

static bool has_error_code(int32_t vector)
{
    return vector == X86_DF || (vector >= X86_TS && vector <= X86_PF) ||
           vector == X86_AC;
}

/* Who watches may want another exception. False: none, and the guest goes on
 * as if it had been handled. */
static bool ask_watcher(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x86_exception *e = &x86->exception;
    uint64_t pc = e->software ? x86->segment[X86_CS].base + e->address
                              : cpu->guest->get_pc(cpu);
    int32_t vector = watch_exception(cpu, e->vector, pc);

    if (vector < 0) {
        x86->rip = e->software ? e->address : x86->rip;
        x86->delivering = false;
    } else if (vector != e->vector) {
        e->vector = (uint8_t)vector;
        e->has_error = has_error_code(vector);
    }
    return vector >= 0;
}

void x86_deliver_exception(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct delivery d = {.cpu = cpu, .external = true};

    if (x86->delivering && !combine(x86)) {
        shut_down(cpu);
        return;
    }
    if (x86->exception.vector == X86_PF) {
        x86->cr[2] = x86->exception.address;
    }
    if (!ask_watcher(cpu)) {
        return;
    }
    x86->delivering = true;
    x86->first_vector = x86->exception.vector;
    d.vector = x86->exception.vector;
    d.has_error = x86->exception.has_error;
    d.error = x86->exception.error;
    d.rip = x86->rip;
    d.software = x86->exception.software;
    d.privileged = x86->exception.privileged;
    d.resume = is_fault(d.vector) ? X86_EFLAGS_RF : 0;
    if (d.software) {
        d.resume = 0;
        d.rip = x86->exception.address;
        d.external = d.privileged;
    }
    deliver(&d);
}

bool x86_accepts_interrupt(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return (x86->eflags & X86_EFLAGS_IF) && !x86->shadow && !x86->trap &&
           !x86->shutdown;
}

bool x86_accepts_nmi(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return !x86->nmi_blocked && !x86->shadow && !x86->trap && !x86->shutdown;
}

void x86_deliver_nmi(struct cpu *cpu)
{
    x86_of(cpu)->nmi_blocked = true;
    x86_deliver_interrupt(cpu, X86_NMI);
}

void x86_deliver_interrupt(struct cpu *cpu, unsigned vector)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct delivery d = {.cpu = cpu,
                         .vector = (uint8_t)vector,
                         .external = true,
                         .rip = x86->rip};

    x86->delivering = true;
    x86->first_vector = 0xff;
    deliver(&d);
}
