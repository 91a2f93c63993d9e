/*
 * Control registers, and what else belongs to the kernel, in C.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/segment.h"

#include "boundary/boundary.h"
#include "exec/watch.h"
#include "mem/mem.h"

void x86_need_kernel(struct cpu *cpu)
{
    if (x86_of(cpu)->cpl != 0) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

/* Tells the devices of a register that has its other half there. */
void x86_outward(struct cpu *cpu, enum io_kind kind, uint64_t value)
{
    if (!cpu->alone) {
        cpu_leave(cpu, CPU_LEAVE_REDO);
    }
    machine_io_write(cpu->machine, kind, 0, value, 8);
}

/* -- Control registers ----------------------------------------------------- */

static bool takes_cr0(const struct x86_cpu *x86, uint64_t value)
{
    bool paging = value & X86_CR0_PG;
    bool in_64 = x86_long_mode(x86) &&
                 x86->segment[X86_CS].access & X86_ACCESS_L;

    return !((paging && !(value & X86_CR0_PE)) || value >> 32 ||
             ((value & X86_CR0_NW) && !(value & X86_CR0_CD)) ||
             (!paging && in_64) ||
             (paging && !(x86->cr[0] & X86_CR0_PG) &&
              (x86->efer & X86_EFER_LME) && !(x86->cr[4] & X86_CR4_PAE)));
}

bool x86_takes_cr(const struct x86_cpu *x86, uint32_t number, uint64_t value)
{
    switch (number) {
    case 0:
        return takes_cr0(x86, value);
    case 2:
        return true;
    case 3:
        return !x86_long_mode(x86) || !(value >> X86_PHYSICAL_BITS);
    case 4:
        return !(value & ~(uint64_t)X86_CR4_KNOWN) &&
               (!x86_long_mode(x86) || value & X86_CR4_PAE);
    default: /* 8 */
        return value <= 15;
    }
}

static void write_cr0(struct cpu *cpu, uint64_t value)
{
    struct x86_cpu *x86 = x86_of(cpu);
    bool paging = value & X86_CR0_PG;
    bool other_walk = (x86->cr[0] ^ value) & (X86_CR0_PG | X86_CR0_WP);

    if (paging && !(x86->cr[0] & X86_CR0_PG) && (x86->efer & X86_EFER_LME)) {
        x86->efer |= X86_EFER_LMA;
    } else if (!paging) {
        x86->efer &= ~(uint64_t)X86_EFER_LMA;
    }
    x86->cr[0] = value | 0x10; /* ET is always set */
    if (x86_real_mode(x86)) {
        x86->cpl = 0;
    }
    if (other_walk) {
        mem_tlb_flush(cpu);
    }
}

static void write_cr3(struct cpu *cpu, uint64_t value)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint64_t old = x86->cr[3];

    if (watch_asid_changed(cpu, old, value)) {
        return;
    }
    x86->cr[3] = value;
    if ((x86->efer & X86_EFER_LMA) && (x86->cr[0] & X86_CR0_PG)) {
        mem_tlb_move_top(cpu, old & X86_CR3_TABLE, value & X86_CR3_TABLE);
    } else {
        mem_tlb_flush(cpu);
    }
}

void x86_write_cr(struct cpu *cpu, uint32_t number, uint64_t value)
{
    struct x86_cpu *x86 = x86_of(cpu);

    switch (number) {
    case 0:
        write_cr0(cpu, value);
        break;
    case 2:
        x86->cr[2] = value;
        break;
    case 3:
        write_cr3(cpu, value);
        break;
    case 4:
        if ((x86->cr[4] ^ value) & (X86_CR4_PSE | X86_CR4_PAE)) {
            mem_tlb_flush(cpu);
        }
        x86->cr[4] = value;
        break;
    default: /* 8 */
        x86_outward(cpu, BOUNDARY_CR8, value);
        x86->cr[8] = value;
    }
}

void x86_helper_write_cr(struct cpu *cpu, uint32_t number, uint64_t value)
{
    x86_need_kernel(cpu);
    if (!x86_takes_cr(x86_of(cpu), number, value)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    x86_write_cr(cpu, number, value);
}

uint64_t x86_helper_read_cr(struct cpu *cpu, uint32_t number)
{
    x86_need_kernel(cpu);
    return x86_of(cpu)->cr[number];
}

/* 4 and 5 are other names of 6 and 7, or none. With DR7.GD set, whoever
 * touches one of them is told on: a debugger guards its registers. */
static unsigned debug_register(struct cpu *cpu, uint32_t number)
{
    struct x86_cpu *x86 = x86_of(cpu);

    x86_need_kernel(cpu);
    if (number == 4 || number == 5) {
        if (x86->cr[4] & X86_CR4_DE) {
            x86_fault(cpu, X86_UD);
        }
        number += 2;
    }
    if (x86->dr[7] & X86_DR7_GD) {
        x86->dr[7] &= ~(uint64_t)X86_DR7_GD;
        x86->dr[6] |= X86_DR6_BD;
        x86_fault(cpu, X86_DB);
    }
    return number;
}

void x86_helper_write_dr(struct cpu *cpu, uint32_t number, uint64_t value)
{
    struct x86_cpu *x86 = x86_of(cpu);

    number = debug_register(cpu, number);
    if (number >= 6) {
        if (value >> 32) {
            x86_fault_error(cpu, X86_GP, 0);
        }
        value &= number == 6 ? X86_DR6_WRITABLE : X86_DR7_WRITABLE;
    }
    x86->dr[number] = value;
}

uint64_t x86_helper_read_dr(struct cpu *cpu, uint32_t number)
{
    number = debug_register(cpu, number);
    return x86_of(cpu)->dr[number] | (number == 6   ? X86_DR6_FIXED
                                      : number == 7 ? X86_DR7_FIXED
                                                    : 0);
}

/* -- Time ------------------------------------------------------------------ */

/* For RDTSC and RDTSCP as instructions. */
void x86_helper_check_rdtsc(struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    if ((x86->cr[4] & X86_CR4_TSD) && x86->cpl != 0) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

/* WAIT with the task switched: only with MP set it is the coprocessor's. */
void x86_helper_wait(struct cpu *cpu)
{
    if (x86_of(cpu)->cr[0] & X86_CR0_MP) {
        x86_fault(cpu, X86_NM);
    }
}

/* There are four counters, of nothing. */
uint64_t x86_helper_rdpmc(struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    if ((!(x86->cr[4] & X86_CR4_PCE) && x86->cpl != 0) ||
        (uint32_t)x86->gpr[1] > 3) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    return 0;
}

uint64_t x86_helper_rdtsc(struct cpu *cpu)
{
    return cpu->count + cpu->skipped + x86_of(cpu)->tsc_offset;
}

/* -- Tables and segments --------------------------------------------------- */

void x86_helper_load_table(struct cpu *cpu, uint32_t interrupt, uint64_t limit,
                           uint64_t base)
{
    struct x86_table_register table = {base, (uint16_t)limit};

    x86_need_kernel(cpu);
    if (!x86_canonical(base)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    if (interrupt) {
        x86_of(cpu)->idtr = table;
    } else {
        x86_of(cpu)->gdtr = table;
    }
}

uint64_t x86_helper_table(struct cpu *cpu, uint32_t interrupt, uint32_t base)
{
    const struct x86_table_register *table = interrupt ? &x86_of(cpu)->idtr
                                                       : &x86_of(cpu)->gdtr;

    return base ? table->base : table->limit;
}

void x86_helper_load_segment(struct cpu *cpu, uint32_t number,
                             uint32_t selector)
{
    x86_load_segment(cpu, number & 7, (uint16_t)selector);
    if (number == X86_SS) {
        x86_of(cpu)->shadow = true;
    }
}

uint32_t x86_helper_selector(struct cpu *cpu, uint32_t number)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return number < 6    ? x86->segment[number].selector
           : number == 6 ? x86->ldtr.selector
                         : x86->tr.selector;
}

/* LLDT and LTR: a system descriptor, 16 bytes in long mode. */
void x86_helper_load_system(struct cpu *cpu, uint32_t task, uint32_t selector)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x86_segment_register segment = {0},
                                *to = task ? &x86->tr : &x86->ldtr;
    struct x86_descriptor d;
    unsigned type;

    x86_need_kernel(cpu);
    if (!(selector & 0xfffcu)) {
        if (task) {
            x86_fault_error(cpu, X86_GP, 0);
        }
        *to = (struct x86_segment_register){.selector = (uint16_t)selector};
        return;
    }
    d = x86_read_descriptor(cpu, (uint16_t)selector, X86_GP);
    type = d.high >> 8 & 0x1f;
    if ((selector & 4) ||
        (task ? type != 9 && (type != 1 || x86_long_mode(x86)) : type != 2)) {
        x86_fault_error(cpu, X86_GP, selector & 0xfffcu);
    }
    if (!(d.high & 0x8000)) {
        x86_fault_error(cpu, X86_NP, selector & 0xfffcu);
    }
    segment = x86_segment_of(&d, (uint16_t)selector);
    if (x86_long_mode(x86)) {
        segment.base |= x86_read_table(cpu, d.address + 8, 4) << 32;
    }
    if (task) { /* busy from now on */
        x86_write_table(cpu, d.address + 4, 4, d.high | 0x200);
        segment.access |= 2;
    }
    *to = segment;
}

/* -- Halting and the interrupt flag ---------------------------------------- */

void x86_helper_halt(struct cpu *cpu, uint64_t next)
{
    x86_need_kernel(cpu);
    cpu->halted = true;
    x86_of(cpu)->rip = next;
}

void x86_helper_need_iopl(struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    if (x86->cpl > (x86->eflags >> 12 & 3)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

void x86_helper_need_kernel(struct cpu *cpu)
{
    x86_need_kernel(cpu);
}

/* -- Ports ----------------------------------------------------------------- */

/* The I/O permission bitmap of the TSS decides for user code. */
static void check_port(struct cpu *cpu, uint16_t port, unsigned size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint64_t base = x86->tr.base;
    unsigned at, bits;

    if (x86_real_mode(x86) || x86->cpl <= (x86->eflags >> 12 & 3)) {
        return;
    }
    if (x86->tr.limit < 103) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    at = (unsigned)x86_read_table(cpu, base + 102, 2) + port / 8;
    if (at + 1 > x86->tr.limit) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    bits = (unsigned)x86_read_table(cpu, base + at, 2) >> port % 8;
    if (bits & ((1u << size) - 1)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

void x86_helper_check_port(struct cpu *cpu, uint32_t port, uint32_t size)
{
    check_port(cpu, (uint16_t)port, size);
}

uint32_t x86_helper_in(struct cpu *cpu, uint32_t port, uint32_t size)
{
    check_port(cpu, (uint16_t)port, size);
    x86_watch(x86_of(cpu), port & 0xffff, size, X86_BREAK_PORT);
    return (uint32_t)machine_io_read(cpu->machine, BOUNDARY_PORT, port & 0xffff,
                                     size);
}

void x86_helper_out(struct cpu *cpu, uint32_t port, uint32_t size,
                    uint32_t value)
{
    check_port(cpu, (uint16_t)port, size);
    x86_watch(x86_of(cpu), port & 0xffff, size, X86_BREAK_PORT);
    machine_io_write(cpu->machine, BOUNDARY_PORT, port & 0xffff,
                     size == 4 ? value : value & ((1u << 8 * size) - 1), size);
}
