/* The functions that helpers.def names. */
#ifndef GUEST_X86_HELPERS_H
#define GUEST_X86_HELPERS_H

#include "boundary/boundary.h"
#include "guest/x86/state.h"

_Noreturn void x86_helper_exception(struct cpu *cpu, uint32_t vector);
/* Divides the accumulator pair by an operand of `size` bytes. */
void x86_helper_divide(struct cpu *cpu, uint64_t by, uint32_t size,
                       uint32_t sign);

/* RCL and RCR by `count` of a value of some width; how: bit 0 right, bits 8 up
 * the width. The value, or with bit 1 of how the flags instead. */
uint64_t x86_helper_rotate_carry(struct cpu *cpu, uint64_t value,
                                 uint32_t count, uint32_t flags, uint32_t how);
/* -- fp.c: `op` is an enum ir_op, its type if wide << 15, its imm << 16 ---- */
#define X86_FP_WIDE 0x8000u
void x86_helper_fp(struct cpu *cpu, const union ir_value *a,
                   const union ir_value *b, uint32_t op,
                   union ir_value *result);
void x86_helper_fp_approximate(struct cpu *cpu, const union ir_value *a,
                               const union ir_value *b, uint32_t op,
                               union ir_value *result);
uint32_t x86_helper_fp_flags(struct cpu *cpu, const union ir_value *a,
                             const union ir_value *b, uint32_t op);
uint64_t x86_helper_fp_to_integer(struct cpu *cpu, const union ir_value *a,
                                  uint32_t op);
void x86_helper_integer_to_fp(struct cpu *cpu, const union ir_value *a,
                              uint64_t from, uint32_t op,
                              union ir_value *result);
/* -- x87.c, x87_state.c: `code` is opcode's low three bits << 8 | ModRM ---- */
void x86_helper_x87_memory(struct cpu *cpu, uint32_t code, uint64_t address,
                           uint64_t offset); /* within the segment */
void x86_helper_x87_register(struct cpu *cpu, uint32_t code);
/* #MF when an exception is pending. */
void x86_helper_x87_pending(struct cpu *cpu);
/* -- mmx.c ----------------------------------------------------------------- */
void x86_helper_mask_move(struct cpu *cpu, uint64_t address,
                          const union ir_value *from,
                          const union ir_value *mask);
/* wide: with REX.W, and so 64-bit instruction and data pointers. */
void x86_helper_fxsave(struct cpu *cpu, uint64_t address, uint32_t wide);
void x86_helper_fxrstor(struct cpu *cpu, uint64_t address, uint32_t wide);

void x86_helper_ldmxcsr(struct cpu *cpu, uint32_t value);
void x86_helper_end_if(struct cpu *cpu, uint32_t condition);
uint64_t x86_helper_linear_pc(struct cpu *cpu);
void x86_helper_cpuid(struct cpu *cpu);

/* -- segment.c: what a segment permits, outside 64-bit mode ---------------- */
#define X86_LOAD_NO_SHADOW 8u /* LSS, in the number of a segment */
#define X86_CHECK_WRITE 8u    /* in `what`: number | this | size << 8 */
void x86_helper_check_segment(struct cpu *cpu, uint32_t what, uint64_t address);
void x86_helper_check_code(struct cpu *cpu, uint32_t size, uint64_t address);
void x86_helper_check_target(struct cpu *cpu, uint32_t taken, uint64_t offset);
void x86_helper_check_aligned(struct cpu *cpu, uint32_t size, uint64_t address);

/* -- transfer.c: they set RIP, too ----------------------------------------- */
void x86_helper_far_jump(struct cpu *cpu, uint32_t selector, uint64_t rip);
void x86_helper_far_call(struct cpu *cpu, uint32_t selector, uint64_t rip,
                         uint64_t next, uint32_t size);
void x86_helper_far_return(struct cpu *cpu, uint32_t size, uint32_t more);
void x86_helper_iret(struct cpu *cpu, uint32_t size);
void x86_helper_popf(struct cpu *cpu, uint64_t value, uint32_t size);
void x86_helper_syscall(struct cpu *cpu, uint64_t next);
void x86_helper_sysret(struct cpu *cpu, uint32_t size);
void x86_helper_sysenter(struct cpu *cpu);
void x86_helper_sysexit(struct cpu *cpu);
#define X86_INT1_BIT 0x100u /* in `vector` */
_Noreturn void x86_helper_interrupt(struct cpu *cpu, uint32_t vector,
                                    uint64_t next);

/* -- system.c, msr.c ------------------------------------------------------- */
void x86_need_kernel(struct cpu *cpu);
/* Tells the devices of a register that has its other half there. */
void x86_outward(struct cpu *cpu, enum io_kind kind, uint64_t value);
/* Of CR0, 2, 3, 4, 8 and of model-specific registers: whether that value may
 * be written, and then the write itself, which does not fault. */
bool x86_takes_cr(const struct x86_cpu *x86, uint32_t number, uint64_t value);
void x86_write_cr(struct cpu *cpu, uint32_t number, uint64_t value);
bool x86_takes_msr(const struct x86_cpu *x86, uint32_t number, uint64_t value);
void x86_write_msr(struct cpu *cpu, uint32_t number, uint64_t value);
void x86_helper_write_cr(struct cpu *cpu, uint32_t number, uint64_t value);
uint64_t x86_helper_read_cr(struct cpu *cpu, uint32_t number);
void x86_helper_write_dr(struct cpu *cpu, uint32_t number, uint64_t value);
uint64_t x86_helper_read_dr(struct cpu *cpu, uint32_t number);
void x86_helper_check_rdtsc(struct cpu *cpu);
uint64_t x86_helper_rdpmc(struct cpu *cpu);
void x86_helper_wait(struct cpu *cpu);
uint64_t x86_helper_rdtsc(struct cpu *cpu);
uint64_t x86_helper_rdmsr(struct cpu *cpu);
void x86_helper_wrmsr(struct cpu *cpu);
void x86_helper_load_table(struct cpu *cpu, uint32_t interrupt, uint64_t limit,
                           uint64_t base);
uint64_t x86_helper_table(struct cpu *cpu, uint32_t interrupt, uint32_t base);
void x86_helper_load_segment(struct cpu *cpu, uint32_t number,
                             uint32_t selector);
uint32_t x86_helper_selector(struct cpu *cpu, uint32_t number);
void x86_helper_load_system(struct cpu *cpu, uint32_t task, uint32_t selector);
void x86_helper_halt(struct cpu *cpu, uint64_t next);
void x86_helper_need_iopl(struct cpu *cpu);
void x86_helper_need_kernel(struct cpu *cpu);
/* Not in real mode. */
void x86_helper_need_protected(struct cpu *cpu);
/* #GP where the port may not be used, and nothing else. */
void x86_helper_check_port(struct cpu *cpu, uint32_t port, uint32_t size);
uint32_t x86_helper_in(struct cpu *cpu, uint32_t port, uint32_t size);
void x86_helper_out(struct cpu *cpu, uint32_t port, uint32_t size,
                    uint32_t value);

/* The value that LAR and the like tell of a selector, with bit 32 for ZF. */
uint64_t x86_helper_query(struct cpu *cpu, uint32_t query, uint32_t selectors);
void x86_helper_bound(struct cpu *cpu, uint32_t index, uint32_t lower,
                      uint32_t upper);
void x86_helper_into(struct cpu *cpu, uint32_t overflow, uint64_t next);

/* -- breakpoint.c ---------------------------------------------------------- */
enum x86_break { /* kinds as DR7 has them, and what it has no kind for */
                 X86_BREAK_EXECUTE,
                 X86_BREAK_WRITE,
                 X86_BREAK_PORT,
                 X86_BREAK_READ,
};
/* An access, while any breakpoint is on. */
void x86_note_access(struct x86_cpu *x86, uint64_t address, unsigned size,
                     enum x86_break kind);
static inline void x86_watch(struct x86_cpu *x86, uint64_t address,
                             unsigned size, enum x86_break kind)
{
    if (x86->dr[7] & X86_DR7_ON) {
        x86_note_access(x86, address, size, kind);
    }
}
/* The instruction at `pc` is to begin: does a breakpoint come first? Then #DB
 * is noted. */
bool x86_note_breakpoint(struct cpu *cpu, uint64_t pc);
void x86_helper_begin_breakpoints(struct cpu *cpu, uint64_t pc);
void x86_helper_watch(struct cpu *cpu, uint32_t size, uint32_t write,
                      uint64_t address);
/* The instruction leads to `pc`; one that repeats lies at `repeated`. */
void x86_helper_end_breakpoints(struct cpu *cpu, uint64_t pc, uint64_t repeated,
                                uint32_t sets_flag);

/* The #DB that an instruction with TF or a breakpoint left behind. */
_Noreturn void x86_helper_single_step(struct cpu *cpu);

#endif
