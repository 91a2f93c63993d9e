#include "guest/x86/new_stack.h"

struct x86_new_stack x86_own_stack(struct cpu *cpu, bool external)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return (struct x86_new_stack){.cpu = cpu,
                                  .cpl = x86->cpl,
                                  .external = external,
                                  .sp = x86->gpr[4],
                                  .wide = x86_long_mode(x86),
                                  .ss = x86->segment[X86_SS]};
}

/* -- What the TSS names ---------------------------------------------------- */

static uint64_t read_tss(struct x86_new_stack *s, unsigned at, unsigned size,
                         unsigned needed)
{
    const struct x86_segment_register *tr = &x86_of(s->cpu)->tr;

    if (at + needed - 1 > tr->limit) {
        x86_fault_error(s->cpu, X86_TS, (tr->selector & 0xfffcu) | s->external);
    }
    return x86_read_table(s->cpu, tr->base + at, size);
}

static void find_64(struct x86_new_stack *s, unsigned ist)
{
    unsigned old = x86_of(s->cpu)->cpl;

    s->sp = read_tss(s, ist ? 28 + 8 * ist : 4 + 8 * s->cpl, 8, 8);
    if (s->cpl < old) {
        s->ss = x86_null_stack(s->cpl, (uint16_t)s->cpl);
    }
}

static void check_ss(struct x86_new_stack *s, uint16_t selector)
{
    uint32_t error = (selector & 0xfffcu) | s->external;
    unsigned access;

    if (!(selector & 0xfffcu)) {
        x86_fault_error(s->cpu, X86_TS, s->external);
    }
    s->ss_descriptor = x86_read_descriptor_for(s->cpu, selector, X86_TS,
                                               s->external);
    access = s->ss_descriptor.high >> 8;
    if ((access & (X86_ACCESS_S | X86_ACCESS_CODE | X86_ACCESS_WRITABLE)) !=
            (X86_ACCESS_S | X86_ACCESS_WRITABLE) ||
        X86_ACCESS_DPL(access) != s->cpl || (selector & 3u) != s->cpl) {
        x86_fault_error(s->cpu, X86_TS, error);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(s->cpu, X86_SS_FAULT, error);
    }
    s->ss = x86_segment_of(&s->ss_descriptor, selector);
}

static void find_32(struct x86_new_stack *s)
{
    bool wide = x86_of(s->cpu)->tr.access & 8; /* a 32-bit TSS */
    unsigned at = wide ? 4 + 8 * s->cpl : 2 + 4 * s->cpl;
    unsigned size = wide ? 4 : 2;

    s->sp = read_tss(s, at, size, 2 * size);
    check_ss(s, (uint16_t)read_tss(s, at + size, 2, 2));
}

void x86_find_stack(struct x86_new_stack *s, unsigned cpl, unsigned ist)
{
    s->cpl = cpl;
    if (x86_long_mode(x86_of(s->cpu))) {
        find_64(s, ist);
    } else {
        find_32(s);
    }
}

/* -- Pushing --------------------------------------------------------------- */

static bool permitted(const struct x86_new_stack *s, uint64_t sp, unsigned size)
{
    const struct x86_cpu *x86 = x86_of(s->cpu);

    if (s->wide) {
        return x86_canonical(sp);
    }
    return x86_real_mode(x86) ||
           x86_segment_permits(&s->ss, (uint32_t)sp, size, true);
}

void x86_push_on(struct x86_new_stack *s, unsigned size, uint64_t value)
{
    uint64_t mask = s->wide                        ? ~0ull
                    : s->ss.access & X86_ACCESS_DB ? 0xffffffffu
                                                   : 0xffff;
    uint64_t sp = (s->sp - size) & mask;

    if (!permitted(s, sp, size)) {
        uint32_t error = s->ss_descriptor.address ? s->ss.selector & 0xfffcu
                                                  : 0;

        x86_fault_error(s->cpu, X86_SS_FAULT, error | s->external);
    }
    x86_write_implied(s->cpu, s->wide ? sp : (uint32_t)(s->ss.base + sp), size,
                      value, s->cpl);
    s->sp = mask == 0xffff ? (s->sp & ~mask) | sp : sp;
}

void x86_take_stack(struct x86_new_stack *s)
{
    struct x86_cpu *x86 = x86_of(s->cpu);

    if (s->ss_descriptor.address) {
        x86_mark_accessed(s->cpu, &s->ss_descriptor);
        s->ss.access |= 1;
    }
    x86->segment[X86_SS] = s->ss;
    x86->gpr[4] = s->sp;
}
