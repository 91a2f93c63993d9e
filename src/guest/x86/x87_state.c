/* The state of the x87 as a whole: initialising, saving, restoring. */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"
#include "mem/mem.h"

static void summarise(struct x86_cpu *x86)
{
    if (x86->x87_status & X87_FLAGS & ~x86->x87_control) {
        x86->x87_status |= X87_ES | X87_BUSY;
    } else {
        x86->x87_status &= (uint16_t) ~(X87_ES | X87_BUSY);
    }
}

void x87_raise(struct x86_cpu *x86, unsigned flags)
{
    x86->x87_status |= flags & X87_FLAGS;
    summarise(x86);
}

/* Bit 6 is always one; bit 12 is kept and says nothing. */
void x87_set_control_word(struct x86_cpu *x86, uint16_t control)
{
    x86->x87_control = (control & 0x1f3f) | 0x40;
    summarise(x86);
}

void x87_set_status_word(struct x86_cpu *x86, uint16_t status)
{
    x86->x87_top = status >> 11 & 7;
    x86->x87_status = status & 0x477f;
    summarise(x86);
}

void x87_initialise(struct x86_cpu *x86)
{
    x86->x87_control = 0x37f;
    x86->x87_status = 0;
    x86->x87_top = x86->x87_valid = 0;
    x86->x87_ip = x86->x87_dp = 0;
    x86->x87_opcode = 0;
}

/* 0 valid, 1 zero, 2 special, 3 empty. */
static unsigned tag_of(const struct x86_cpu *x86, unsigned number)
{
    const struct x87_register *r = &x86->x87[number];
    unsigned exponent = r->exponent & 0x7fff;

    if (!(x86->x87_valid >> number & 1)) {
        return 3;
    }
    if (exponent == 0 && r->significand == 0) {
        return 1;
    }
    return exponent == 0 || exponent == 0x7fff || !(r->significand >> 63) ? 2
                                                                          : 0;
}

uint16_t x87_tag_word(const struct x86_cpu *x86)
{
    unsigned tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        tags |= tag_of(x86, i) << 2 * i;
    }
    return (uint16_t)tags;
}

void x87_set_tag_word(struct x86_cpu *x86, uint16_t tags)
{
    x86->x87_valid = 0;
    for (unsigned i = 0; i < 8; i++) {
        x86->x87_valid |= (uint8_t)(((tags >> 2 * i & 3) != 3) << i);
    }
}

/* -- FNSTENV, FLDENV, FNSAVE, FRSTOR -------------------------------------- */

/*
 * Seven words of 2 or 4 bytes; in real mode the pointers are linear, with the
 * upper bits beside the opcode. Segments are no longer kept: they are 0.
 */
static void environment(const struct x86_cpu *x86, bool narrow,
                        uint32_t words[7])
{
    uint32_t ip = (uint32_t)x86->x87_ip, dp = (uint32_t)x86->x87_dp;
    uint32_t fill = narrow ? 0 : 0xffff0000u;

    words[0] = fill | x86->x87_control;
    words[1] = fill | x87_status_word(x86);
    words[2] = fill | x87_tag_word(x86);
    words[3] = ip;
    words[4] = narrow ? 0 : (uint32_t)x86->x87_opcode << 16;
    words[5] = dp;
    words[6] = fill;
    if (x86_real_mode(x86)) {
        words[3] = fill | (ip & 0xffff);
        words[4] = (ip >> 16 << 12) | x86->x87_opcode;
        words[5] = fill | (dp & 0xffff);
        words[6] = dp >> 16 << 12;
    }
}

static void take_pointers(struct x86_cpu *x86, bool narrow,
                          const uint32_t words[7])
{
    x86->x87_ip = words[3];
    x86->x87_opcode = narrow ? 0 : words[4] >> 16 & 0x7ff;
    x86->x87_dp = words[5];
    if (x86_real_mode(x86)) {
        x86->x87_ip = (words[3] & 0xffff) | words[4] >> 12 << 16;
        x86->x87_opcode = words[4] & 0x7ff;
        x86->x87_dp = (words[5] & 0xffff) | words[6] >> 12 << 16;
    }
}

/* Faults unless the first and last byte, at most a page apart, may be
 * written. */
static void check_writable(struct cpu *cpu, uint64_t at, unsigned size)
{
    unsigned mmu = x86_of(cpu)->cpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
    uint32_t memop = MO_RMW | MO_PROBE | mmu << MO_MMU_SHIFT;
    union ir_value unused;

    mem_load(cpu, at, memop, &unused);
    mem_load(cpu, at + size - 1, memop, &unused);
}

void x87_store_environment(struct cpu *cpu, uint64_t at, bool all, bool narrow)
{
    struct x86_cpu *x86 = x86_of(cpu);
    unsigned size = narrow ? 2 : 4;
    uint64_t registers = at + 7 * size;
    uint32_t words[7];

    environment(x86, narrow, words);
    check_writable(cpu, at, 7 * size + (all ? 80 : 0));
    for (unsigned i = 0; i < 7; i++) {
        x86_write_implied(cpu, at + size * i, size, words[i], x86->cpl);
    }
    for (unsigned i = 0; all && i < 8; i++) {
        const struct x87_register *r = &x86->x87[(x86->x87_top + i) & 7];

        x86_write_implied(cpu, registers + 10 * i, 8, r->significand, x86->cpl);
        x86_write_implied(cpu, registers + 10 * i + 8, 2, r->exponent,
                          x86->cpl);
    }
    if (all) {
        x87_initialise(x86);
    } else { /* FNSTENV masks everything */
        x87_set_control_word(x86, x86->x87_control | X87_FLAGS);
    }
}

void x87_load_environment(struct cpu *cpu, uint64_t at, bool all, bool narrow)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x87_register loaded[8] = {0};
    unsigned size = narrow ? 2 : 4;
    uint64_t registers = at + 7 * size;
    uint32_t words[7];

    for (unsigned i = 0; i < 7; i++) {
        words[i] = (uint32_t)x86_read_implied(cpu, at + size * i, size,
                                              x86->cpl);
    }
    for (unsigned i = 0; all && i < 8; i++) {
        loaded[i].significand = x86_read_implied(cpu, registers + 10 * i, 8,
                                                 x86->cpl);
        loaded[i].exponent = (uint16_t)x86_read_implied(
            cpu, registers + 10 * i + 8, 2, x86->cpl);
    }
    x87_set_control_word(x86, (uint16_t)words[0]);
    x87_set_status_word(x86, (uint16_t)words[1]);
    x87_set_tag_word(x86, (uint16_t)words[2]);
    take_pointers(x86, narrow, words);
    for (unsigned i = 0; all && i < 8; i++) {
        x86->x87[(x86->x87_top + i) & 7] = loaded[i];
    }
}

/* -- FXSAVE, FXRSTOR ------------------------------------------------------- */

static void check_area(struct cpu *cpu, uint64_t at, bool write)
{
    if (at & 15) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    if (write) {
        check_writable(cpu, at, 512);
    } else {
        x86_read_implied(cpu, at, 8, x86_of(cpu)->cpl);
        x86_read_implied(cpu, at + 504, 8, x86_of(cpu)->cpl);
    }
}

/* A pointer is a canonical address. */
static uint64_t canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16);
}

static unsigned n_xmm(const struct x86_cpu *x86)
{
    return x86_long_mode(x86) && (x86->segment[X86_CS].access & X86_ACCESS_L)
               ? 16
               : 8;
}

void x86_helper_fxsave(struct cpu *cpu, uint64_t at, uint32_t wide)
{
    struct x86_cpu *x86 = x86_of(cpu);
    unsigned cpl = x86->cpl;

    x87_check_stack(cpu, wide, at);
    wide &= 1;
    check_area(cpu, at, true);
    x86_write_implied(cpu, at, 2, x86->x87_control, cpl);
    x86_write_implied(cpu, at + 2, 2, x87_status_word(x86), cpl);
    x86_write_implied(cpu, at + 4, 2, x86->x87_valid, cpl);
    x86_write_implied(cpu, at + 6, 2, x86->x87_opcode, cpl);
    x86_write_implied(cpu, at + 8, 8,
                      wide ? x86->x87_ip : (uint32_t)x86->x87_ip, cpl);
    x86_write_implied(cpu, at + 16, 8,
                      wide ? x86->x87_dp : (uint32_t)x86->x87_dp, cpl);
    x86_write_implied(cpu, at + 24, 4, x86->mxcsr, cpl);
    x86_write_implied(cpu, at + 28, 4, 0xffff, cpl);
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_register *r = &x86->x87[(x86->x87_top + i) & 7];

        x86_write_implied(cpu, at + 32 + 16 * i, 8, r->significand, cpl);
        x86_write_implied(cpu, at + 40 + 16 * i, 8, r->exponent, cpl);
    }
    for (unsigned i = 0; i < 2 * n_xmm(x86); i++) {
        x86_write_implied(cpu, at + 160 + 8 * i, 8, x86->xmm[i / 2].v64[i % 2],
                          cpl);
    }
}

void x86_helper_fxrstor(struct cpu *cpu, uint64_t at, uint32_t wide)
{
    struct x86_cpu *x86 = x86_of(cpu);
    unsigned cpl = x86->cpl;
    uint32_t mxcsr;

    x87_check_stack(cpu, wide, at);
    wide &= 1;
    check_area(cpu, at, false);
    mxcsr = (uint32_t)x86_read_implied(cpu, at + 24, 4, cpl);
    if (mxcsr & ~0xffffu) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    x86->mxcsr = mxcsr;
    x87_set_control_word(x86, (uint16_t)x86_read_implied(cpu, at, 2, cpl));
    x87_set_status_word(x86, (uint16_t)x86_read_implied(cpu, at + 2, 2, cpl));
    x86->x87_valid = (uint8_t)x86_read_implied(cpu, at + 4, 1, cpl);
    x86->x87_opcode = x86_read_implied(cpu, at + 6, 2, cpl) & 0x7ff;
    x86->x87_ip = canonical(x86_read_implied(cpu, at + 8, wide ? 8 : 4, cpl));
    x86->x87_dp = canonical(x86_read_implied(cpu, at + 16, wide ? 8 : 4, cpl));
    for (unsigned i = 0; i < 8; i++) {
        struct x87_register *r = &x86->x87[(x86->x87_top + i) & 7];

        r->significand = x86_read_implied(cpu, at + 32 + 16 * i, 8, cpl);
        r->exponent = (uint16_t)x86_read_implied(cpu, at + 40 + 16 * i, 2, cpl);
    }
    for (unsigned i = 0; i < 2 * n_xmm(x86); i++) {
        x86->xmm[i / 2].v64[i % 2] = x86_read_implied(cpu, at + 160 + 8 * i, 8,
                                                      cpl);
    }
}
