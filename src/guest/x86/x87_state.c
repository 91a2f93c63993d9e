/* The state of the x87 as a whole: initialising, saving, restoring. */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"

void x87_raise(struct x86_cpu *x86, unsigned flags)
{
    x86->x87_status |= flags & X87_FLAGS;
    if (x86->x87_status & X87_FLAGS & ~x86->x87_control) {
        x86->x87_status |= X87_ES | 0x8000;
    }
}

void x87_set_status_word(struct x86_cpu *x86, uint16_t status)
{
    x86->x87_top = status >> 11 & 7;
    x86->x87_status = status & 0x477f;
    x87_raise(x86, 0);
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
    if (exponent == 0x7fff || !(r->significand >> 63)) {
        return exponent == 0 && r->significand == 0 ? 1 : 2;
    }
    return 0;
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

/* -- FNSTENV, FLDENV, FNSAVE, FRSTOR: the 32-bit format -------------------- */

void x87_store_environment(struct cpu *cpu, uint64_t at, bool all)
{
    struct x86_cpu *x86 = x86_of(cpu);
    const uint32_t words[7] = {
        0xffff0000u | x86->x87_control, 0xffff0000u | x87_status_word(x86),
        0xffff0000u | x87_tag_word(x86), (uint32_t)x86->x87_ip,
        (uint32_t)x86->x87_opcode << 16, (uint32_t)x86->x87_dp, 0xffff0000u};

    for (unsigned i = 0; i < 7; i++) {
        x86_write_implied(cpu, at + 4 * i, 4, words[i], x86->cpl);
    }
    for (unsigned i = 0; all && i < 8; i++) {
        const struct x87_register *r = &x86->x87[(x86->x87_top + i) & 7];

        x86_write_implied(cpu, at + 28 + 10 * i, 8, r->significand,
                          x86->cpl);
        x86_write_implied(cpu, at + 36 + 10 * i, 2, r->exponent, x86->cpl);
    }
    if (all) {
        x87_initialise(x86);
    } else {
        x86->x87_control |= 0x3f; /* FNSTENV masks everything */
    }
}

void x87_load_environment(struct cpu *cpu, uint64_t at, bool all)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x87_register loaded[8] = {0};
    uint32_t words[7];

    for (unsigned i = 0; i < 7; i++) {
        words[i] = (uint32_t)x86_read_implied(cpu, at + 4 * i, 4, x86->cpl);
    }
    for (unsigned i = 0; all && i < 8; i++) {
        loaded[i].significand = x86_read_implied(cpu, at + 28 + 10 * i, 8,
                                                 x86->cpl);
        loaded[i].exponent = (uint16_t)x86_read_implied(
            cpu, at + 36 + 10 * i, 2, x86->cpl);
    }
    x86->x87_control = (uint16_t)words[0] | 0x40;
    x87_set_status_word(x86, (uint16_t)words[1]);
    x87_set_tag_word(x86, (uint16_t)words[2]);
    x86->x87_ip = words[3];
    x86->x87_opcode = words[4] >> 16 & 0x7ff;
    x86->x87_dp = words[5];
    for (unsigned i = 0; all && i < 8; i++) {
        x86->x87[(x86->x87_top + i) & 7] = loaded[i];
    }
}

/* -- FXSAVE, FXRSTOR ------------------------------------------------------- */

/* All 512 bytes must be writable before the first is written. */
static void check_area(struct cpu *cpu, uint64_t at, bool write)
{
    unsigned cpl = x86_of(cpu)->cpl;

    if (at & 15) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    for (unsigned i = 0; i < 512; i += 504) {
        uint64_t word = x86_read_implied(cpu, at + i, 8, cpl);

        if (write) {
            x86_write_implied(cpu, at + i, 8, word, cpl);
        }
    }
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

    check_area(cpu, at, false);
    mxcsr = (uint32_t)x86_read_implied(cpu, at + 24, 4, cpl);
    if (mxcsr & ~0xffffu) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    x86->mxcsr = mxcsr;
    x86->x87_control = (uint16_t)x86_read_implied(cpu, at, 2, cpl) | 0x40;
    x87_set_status_word(x86, (uint16_t)x86_read_implied(cpu, at + 2, 2, cpl));
    x86->x87_valid = (uint8_t)x86_read_implied(cpu, at + 4, 1, cpl);
    x86->x87_opcode = (uint16_t)x86_read_implied(cpu, at + 6, 2, cpl);
    x86->x87_ip = x86_read_implied(cpu, at + 8, wide ? 8 : 4, cpl);
    x86->x87_dp = x86_read_implied(cpu, at + 16, wide ? 8 : 4, cpl);
    for (unsigned i = 0; i < 8; i++) {
        struct x87_register *r = &x86->x87[(x86->x87_top + i) & 7];

        r->significand = x86_read_implied(cpu, at + 32 + 16 * i, 8, cpl);
        r->exponent = (uint16_t)x86_read_implied(cpu, at + 40 + 16 * i, 2,
                                                 cpl);
    }
    for (unsigned i = 0; i < 2 * n_xmm(x86); i++) {
        x86->xmm[i / 2].v64[i % 2] = x86_read_implied(cpu, at + 160 + 8 * i,
                                                      8, cpl);
    }
}
