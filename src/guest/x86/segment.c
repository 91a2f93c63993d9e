#include "guest/x86/segment.h"

#include "guest/x86/helpers.h"
#include "mem/mem.h"

_Noreturn void x86_fault(struct cpu *cpu, enum x86_vector vector)
{
    x86_note(cpu, vector);
    cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
}

_Noreturn void x86_fault_error(struct cpu *cpu, enum x86_vector vector,
                               uint32_t error)
{
    x86_note_error(cpu, vector, error);
    cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
}

static uint32_t implied(unsigned size, unsigned cpl)
{
    unsigned mmu = cpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;

    return (uint32_t)__builtin_ctz(size) | mmu << MO_MMU_SHIFT;
}

static void tell(struct cpu *cpu, uint64_t address, const union ir_value *value,
                 uint32_t how)
{
    if (cpu->access_told) {
        cpu->access_told(cpu, address, value, how);
    }
}

uint64_t x86_read_implied(struct cpu *cpu, uint64_t address, unsigned size,
                          unsigned cpl)
{
    uint32_t memop = implied(size, cpl);
    union ir_value value = {.v64 = {0, 0}};

    x86_watch(x86_of(cpu), address, size, X86_BREAK_READ);
    tell(cpu, address, &value, memop);
    mem_load(cpu, address, memop, &value);
    tell(cpu, address, &value, memop | ACCESS_AFTER);
    return value.u64;
}

void x86_write_implied(struct cpu *cpu, uint64_t address, unsigned size,
                       uint64_t value, unsigned cpl)
{
    uint32_t memop = implied(size, cpl);
    union ir_value v = {.v64 = {value, 0}};

    x86_watch(x86_of(cpu), address, size, X86_BREAK_WRITE);
    tell(cpu, address, &v, memop | ACCESS_WRITE);
    mem_store(cpu, address, memop, &v);
    tell(cpu, address, &v, memop | ACCESS_WRITE | ACCESS_AFTER);
}

uint64_t x86_read_table(struct cpu *cpu, uint64_t address, unsigned size)
{
    union ir_value value;

    mem_load(cpu, address, implied(size, 0), &value);
    return value.u64;
}

void x86_write_table(struct cpu *cpu, uint64_t address, unsigned size,
                     uint64_t value)
{
    union ir_value v = {.v64 = {value, 0}};

    mem_store(cpu, address, implied(size, 0), &v);
}

/* -- What a segment permits ------------------------------------------------ */

bool x86_segment_permits(const struct x86_segment_register *segment,
                         uint32_t offset, unsigned size, bool write)
{
    unsigned access = segment->access;
    uint64_t last = (uint64_t)offset + size - 1;

    if (!(access & X86_ACCESS_P) || !(access & X86_ACCESS_S)) {
        return false;
    }
    if (access & X86_ACCESS_CODE) {
        /* Of code that bit says readable. */
        return !write && access & X86_ACCESS_WRITABLE && last <= segment->limit;
    }
    if (write && !(access & X86_ACCESS_WRITABLE)) {
        return false;
    }
    if (access & X86_ACCESS_EXPAND_DOWN) {
        return offset > segment->limit &&
               last <= (access & X86_ACCESS_DB ? 0xffffffffu : 0xffffu);
    }
    return last <= segment->limit;
}

void x86_helper_check_segment(struct cpu *cpu, uint32_t what, uint64_t address)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    unsigned number = what & 7, size = what >> 8;
    const struct x86_segment_register *segment = &x86->segment[number];
    uint32_t offset = (uint32_t)(address - segment->base);
    bool good;

    if (x86_real_mode(x86)) { /* rights are left over from earlier modes */
        good = (uint64_t)offset + size - 1 <= segment->limit;
    } else {
        good = x86_segment_permits(segment, offset, size,
                                   what & X86_CHECK_WRITE);
    }
    if (!good) {
        x86_fault_error(cpu, number == X86_SS ? X86_SS_FAULT : X86_GP, 0);
    }
}

void x86_helper_check_code(struct cpu *cpu, uint32_t size, uint64_t address)
{
    const struct x86_segment_register *cs = &x86_of(cpu)->segment[X86_CS];

    if ((uint64_t)(uint32_t)(address - cs->base) + size - 1 > cs->limit) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

void x86_helper_check_target(struct cpu *cpu, uint32_t taken, uint64_t offset)
{
    if (taken && offset > x86_of(cpu)->segment[X86_CS].limit) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

void x86_helper_check_aligned(struct cpu *cpu, uint32_t size, uint64_t address)
{
    if (address & (size - 1)) {
        x86_fault_error(cpu, X86_AC, 0);
    }
}

/* -- Descriptors ----------------------------------------------------------- */

struct x86_descriptor x86_read_descriptor_for(struct cpu *cpu,
                                              uint16_t selector,
                                              enum x86_vector vector,
                                              bool external)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    bool local = selector & 4;
    uint64_t base = local ? x86->ldtr.base : x86->gdtr.base;
    uint32_t limit = local ? x86->ldtr.limit : x86->gdtr.limit;
    struct x86_descriptor descriptor;
    uint64_t both;

    if ((selector & 0xfff8u) + 7 > limit ||
        (local && !(x86->ldtr.access & X86_ACCESS_P))) {
        x86_fault_error(cpu, vector, (selector & 0xfffcu) | external);
    }
    descriptor.address = base + (selector & 0xfff8u);
    both = x86_read_table(cpu, descriptor.address, 8);
    descriptor.low = (uint32_t)both;
    descriptor.high = (uint32_t)(both >> 32);
    return descriptor;
}

struct x86_segment_register x86_segment_of(const struct x86_descriptor *d,
                                           uint16_t selector)
{
    struct x86_segment_register segment = {.selector = selector};

    segment.base = d->low >> 16 | (d->high & 0xff) << 16 |
                   (d->high & 0xff000000u);
    segment.limit = (d->low & 0xffff) | (d->high & 0xf0000);
    if (d->high & 0x800000u) {
        segment.limit = segment.limit << 12 | 0xfff;
    }
    segment.access = (uint16_t)((d->high >> 8 & 0xff) |
                                (d->high >> 8 & 0xf000));
    return segment;
}

void x86_mark_accessed(struct cpu *cpu, struct x86_descriptor *d)
{
    if (!(d->high & 0x100)) {
        d->high |= 0x100;
        x86_write_table(cpu, d->address + 4, 4, d->high);
    }
}

/* -- Loading --------------------------------------------------------------- */

static void load_null(struct cpu *cpu, unsigned number, uint16_t selector)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x86_segment_register *segment = &x86->segment[number];

    if (number == X86_SS) {
        /* Only in 64-bit mode, and not by user code. */
        bool in_64 = x86_long_mode(x86) &&
                     (x86->segment[X86_CS].access & X86_ACCESS_L);

        if (!in_64 || x86->cpl == 3 || (selector & 3) != x86->cpl) {
            x86_fault_error(cpu, X86_GP, 0);
        }
    }
    *segment = number == X86_SS
                   ? x86_null_stack(x86->cpl, selector)
                   : (struct x86_segment_register){.selector = selector};
}

static void check_stack(struct cpu *cpu, const struct x86_descriptor *d,
                        uint16_t selector)
{
    unsigned cpl = x86_of(cpu)->cpl;
    unsigned access = d->high >> 8;

    if ((access & (X86_ACCESS_S | X86_ACCESS_CODE | X86_ACCESS_WRITABLE)) !=
            (X86_ACCESS_S | X86_ACCESS_WRITABLE) ||
        (selector & 3u) != cpl || X86_ACCESS_DPL(access) != cpl) {
        x86_fault_error(cpu, X86_GP, selector & 0xfffcu);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(cpu, X86_SS_FAULT, selector & 0xfffcu);
    }
}

static void check_data(struct cpu *cpu, const struct x86_descriptor *d,
                       uint16_t selector)
{
    unsigned access = d->high >> 8;
    unsigned dpl = X86_ACCESS_DPL(access), rpl = selector & 3u;
    bool code = access & X86_ACCESS_CODE;

    if (!(access & X86_ACCESS_S) || (code && !(access & X86_ACCESS_WRITABLE)) ||
        (!(code && (access & X86_ACCESS_CONFORMING)) &&
         (dpl < rpl || dpl < x86_of(cpu)->cpl))) {
        x86_fault_error(cpu, X86_GP, selector & 0xfffcu);
    }
    if (!(access & X86_ACCESS_P)) {
        x86_fault_error(cpu, X86_NP, selector & 0xfffcu);
    }
}

void x86_load_segment(struct cpu *cpu, unsigned number, uint16_t selector)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x86_descriptor d;

    if (x86_real_mode(x86)) {
        x86->segment[number].selector = selector;
        x86->segment[number].base = (uint64_t)selector << 4;
        return;
    }
    if (!(selector & 0xfffcu)) {
        load_null(cpu, number, selector);
        return;
    }
    d = x86_read_descriptor(cpu, selector, X86_GP);
    if (number == X86_SS) {
        check_stack(cpu, &d, selector);
    } else {
        check_data(cpu, &d, selector);
    }
    x86_mark_accessed(cpu, &d);
    x86->segment[number] = x86_segment_of(&d, selector);
}

void x86_set_cs(struct cpu *cpu, struct x86_segment_register segment,
                unsigned cpl)
{
    struct x86_cpu *x86 = x86_of(cpu);

    segment.selector = (uint16_t)((segment.selector & ~3u) | cpl);
    x86->segment[X86_CS] = segment;
    x86->cpl = cpl;
}
