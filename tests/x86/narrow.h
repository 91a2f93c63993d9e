/* Running 16- and 32-bit instructions on the host: native.c. */
#ifndef TEST_X86_NARROW_H
#define TEST_X86_NARROW_H

#include "guest/x86/decode.h"

#include <stdbool.h>
#include <stdint.h>

#define NARROW_DATA 0x20000000u /* base of DS, ES and SS */
#define NARROW_SIZE 0x10000u
#define NARROW_CODE 0x20020000u /* base of CS */
#define NARROW_IP 0x200u
#define NARROW_FLAGS 0x8d5u

enum narrow_fault {
    NARROW_NONE,
    NARROW_DIVIDE,
    NARROW_UNDEFINED,
    NARROW_OTHER,
};

struct narrow_registers {
    uint32_t gpr[8], flags;
    uint32_t ip; /* where it went on */
    enum narrow_fault fault;
};

/* False: the host has no 32-bit code, or no LDT. */
bool narrow_init(void);
uint8_t *narrow_data(void);

/* Runs the instruction at NARROW_IP; it goes on behind itself, or 0x40 bytes
 * further. */
void narrow_native(const uint8_t *insn, unsigned length, enum x86_mode mode,
                   const struct narrow_registers *in,
                   struct narrow_registers *out);

#endif
