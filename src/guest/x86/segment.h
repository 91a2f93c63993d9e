/*
 * Descriptors, segment registers, and control transfers between segments, in
 * C. A function that finds a fault does not return; nothing is changed then.
 */
#ifndef GUEST_X86_SEGMENT_H
#define GUEST_X86_SEGMENT_H

#include "guest/x86/state.h"

/* Leaves with an exception; the error code of those that have one. */
_Noreturn void x86_fault(struct cpu *cpu, enum x86_vector vector);
_Noreturn void x86_fault_error(struct cpu *cpu, enum x86_vector vector,
                               uint32_t error);

static inline bool x86_long_mode(const struct x86_cpu *x86)
{
    return x86->efer & X86_EFER_LMA;
}

static inline bool x86_real_mode(const struct x86_cpu *x86)
{
    return !(x86->cr[0] & X86_CR0_PE);
}

/* Data that instructions read and write in C, at the given privilege. */
uint64_t x86_read_implied(struct cpu *cpu, uint64_t address, unsigned size,
                          unsigned cpl);
void x86_write_implied(struct cpu *cpu, uint64_t address, unsigned size,
                       uint64_t value, unsigned cpl);
/* Descriptors and task state, as the supervisor: no accesses of the
 * program's own, so nobody is told of them. */
uint64_t x86_read_table(struct cpu *cpu, uint64_t address, unsigned size);
void x86_write_table(struct cpu *cpu, uint64_t address, unsigned size,
                     uint64_t value);

static inline bool x86_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* Whether the bytes lie within the limit, and may be read or written. */
bool x86_segment_permits(const struct x86_segment_register *segment,
                         uint32_t offset, unsigned size, bool write);

/* A descriptor of the GDT or LDT: `high` is its second word. */
struct x86_descriptor {
    uint32_t low, high;
    uint64_t address;
};
/* #GP(selector), or the vector given, when it lies outside its table; bit 0
 * of the error code is `external`. */
struct x86_descriptor x86_read_descriptor_for(struct cpu *cpu,
                                              uint16_t selector,
                                              enum x86_vector vector,
                                              bool external);
static inline struct x86_descriptor
x86_read_descriptor(struct cpu *cpu, uint16_t selector, enum x86_vector vector)
{
    return x86_read_descriptor_for(cpu, selector, vector, false);
}
struct x86_segment_register
x86_segment_of(const struct x86_descriptor *descriptor, uint16_t selector);
/* Sets the accessed bit in the table. */
void x86_mark_accessed(struct cpu *cpu, struct x86_descriptor *descriptor);

/* A null SS, as 64-bit mode has it at some privilege. */
static inline struct x86_segment_register x86_null_stack(unsigned cpl,
                                                         uint16_t selector)
{
    return (struct x86_segment_register){
        .selector = selector, .access = (uint16_t)(X86_ACCESS_DB | cpl << 5)};
}

/* Checks and loads a data or stack segment register. */
void x86_load_segment(struct cpu *cpu, unsigned number, uint16_t selector);
/* CS as a transfer sets it: the privilege becomes `cpl`. */
void x86_set_cs(struct cpu *cpu, struct x86_segment_register segment,
                unsigned cpl);

#endif
