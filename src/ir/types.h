/*
 * The intermediate representation: data layout.
 *
 * A unit is a straight line of 16-byte records in SSA form: one entry, many
 * exits, no joins. An operand is a 16-bit reference:
 *
 *     0                nothing
 *     1 .. 0x7fff      the value of instruction n of the unit
 *     0x8000 | n       constant n of the unit's pool
 *
 *      0        2      3       4    6    8    10   12            16
 *     +--------+------+-------+----+----+----+----+-------------+
 *     |   op   | type | flags | a  | b  | c  | d  |     imm     |
 *     +--------+------+-------+----+----+----+----+-------------+
 *
 * Record 0 is never used. `type` is the type of the result; an op whose row
 * in ops.def says W works on i32 or i64, as its type says. Values narrower
 * than 32 bits do not exist: they are extracted and deposited.
 *
 * Requirements on every unit (the verifier checks them):
 *   R1  Within one guest instruction no `set`, and no floating-point op (it
 *       leaves flags), stands before an op that may fault or leave (ld, st, a
 *       call that can fault). So the guest state at any such op is the state
 *       at the start of its instruction. Slots without state may be set at
 *       any place.
 *   R2  Every operand is defined before it is used and has the row's type.
 *   R3  The last record is an unconditional exit, and no other record is.
 *   R4  Every op lies behind an `insn` record; their `imm` counts 0, 1, 2...
 */
#ifndef IR_TYPES_H
#define IR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t ir_ref;

#define IR_NONE ((ir_ref)0)
#define IR_CONST_BIT 0x8000u
#define IR_MAX_INS 0x7fffu

static inline bool ir_is_const(ir_ref ref)
{
    return (ref & IR_CONST_BIT) != 0;
}

enum ir_type { IR_VOID, IR_I32, IR_I64, IR_V128 };

enum ir_op {
#define IR_OP(name, ret, a, b, c, d, effect) IR_##name,
#include "ir/ops.def"
#undef IR_OP
    IR_OP_COUNT
};

struct ir_ins {
    uint16_t op;
    uint8_t type;
    uint8_t flags; /* scratch for passes; zero as built */
    ir_ref a, b, c, d;
    uint32_t imm;
};
_Static_assert(sizeof(struct ir_ins) == 16, "an IR record is 16 bytes");

union ir_value { /* one value at run time, and one constant */
    uint32_t u32;
    uint64_t u64;
    uint64_t v64[2];
    uint32_t v32[4];
    uint16_t v16[8];
    uint8_t v8[16];
};

struct ir_const {
    union ir_value value; /* unused bytes are zero */
    enum ir_type type;
};

struct guest;

/* Grows as needed; owned by whoever called ir_unit_new(). */
struct ir_unit {
    const struct guest *guest; /* names the slots */
    struct ir_ins *ins;        /* [0] is unused */
    uint32_t n_ins, cap_ins;
    struct ir_const *consts;
    uint32_t n_consts, cap_consts;
    uint32_t n_insns; /* guest instructions, = steps of the full unit */
    /* So many of them are in the mode that the unit began in; 0: all. */
    uint32_t n_in_mode;
    /* Helpers of a pass, numbered from the guest's last one on. */
    const struct guest_helper *more_helpers;
    uint32_t n_more_helpers;
};

/*
 * A flags value is an i32 laid out so that x86's LAHF and SETO make it:
 *
 *     15  14  13  12  11  10   9   8   7 .. 1   0
 *     SF  ZF   0  AF   0  PF   1  CF      0    OF
 *
 * Bits 16..31 are zero, bit 9 is one: equal flags are equal integers.
 */
#define FL_OF 0x0001u
#define FL_CF 0x0100u
#define FL_ONE 0x0200u
#define FL_PF 0x0400u
#define FL_AF 0x1000u
#define FL_ZF 0x4000u
#define FL_SF 0x8000u
#define FL_ALL (FL_OF | FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF)

/* imm of ld and st: a memory operation. */
#define MO_SIZE_MASK 0x7u /* log2 of the bytes: 0..4 */
#define MO_SIGN 0x8u      /* ld: sign-extend to the result */
#define MO_BE 0x10u       /* big-endian in memory */
#define MO_RMW 0x20u      /* ld: check as a write (a store follows) */
#define MO_ALIGN16 0x40u  /* fault unless 16-byte aligned */
#define MO_PROBE 0x80u    /* ld: only whether it may; not an access */
#define MO_MMU_SHIFT 8    /* MMU index, 4 bits: see guest.h */
#define MO_MMU_MASK 0xf00u
#define MO_GUEST_MASK 0xf000u /* the guest's own: cpu->memop for its walk() */
#define MO_SIZE(mo) (1u << ((mo)&MO_SIZE_MASK))
#define MO_MMU(mo) (((mo)&MO_MMU_MASK) >> MO_MMU_SHIFT)

/* imm of exits: how the next unit is found. */
enum ir_exit_kind {
    IR_EXIT_LINK,     /* constant pc, same mode: may be linked */
    IR_EXIT_INDIRECT, /* computed pc, same mode: jump cache */
    IR_EXIT_LOOKUP,   /* mode may have changed: full lookup */
    IR_EXIT_POLL,     /* as LOOKUP, and deadlines are looked at first */
};

/* Condition of fl_cc: x86's condition codes, 0..15 (O NO B AE ... G). */

#endif
