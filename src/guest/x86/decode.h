/* From bytes to a row of opcodes.def, its operands and its address. */
#ifndef GUEST_X86_DECODE_H
#define GUEST_X86_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum x86_attribute {
    X86_LOCK = 1,
    X86_N64 = 2,
    X86_O64 = 4,
    X86_D64 = 8,
    X86_REP = 16,
    X86_END = 32,
    X86_F64 = 64,
    X86_ALONE = 128,
    X86_SYS = 256,
};

enum x86_mode { X86_MODE_16, X86_MODE_32, X86_MODE_64 };

struct x86_translator; /* translate.h */

struct x86_row {
    const char *mnemonic, *encoding, *operands;
    uint16_t attributes;
    int16_t argument;
    /* True: the instruction ended the unit. */
    bool (*translate)(struct x86_translator *t);

    /* From the encoding, by decode.c. */
    uint8_t map; /* 0: one byte, 1: 0F */
    uint8_t opcode;
    uint8_t prefix;    /* 0x66 0xf2 0xf3; 1: none of them; 0: any */
    uint8_t registers; /* 8 with +r, else 1: opcodes in a row */
    int8_t digit;      /* of /0../7, or -1 */
    bool modrm, fixed_modrm;
    uint8_t modrm_value;        /* of fixed_modrm */
    const struct x86_row *next; /* of the same opcode, in the file's order */
};

enum { X86_NO_REGISTER = 0xff, X86_RIP = 0xfe };

enum x86_operand_kind {
    X86_OPERAND_NONE,
    X86_OPERAND_REGISTER, /* general: number; high byte of 0..3 if `high` */
    X86_OPERAND_MEMORY,   /* at the instruction's address */
    X86_OPERAND_IMMEDIATE,
    X86_OPERAND_RELATIVE, /* value: the displacement */
    X86_OPERAND_SEGMENT,
    X86_OPERAND_XMM,
    X86_OPERAND_MM,
};

struct x86_operand {
    enum x86_operand_kind kind;
    uint8_t size; /* bytes: 1, 2, 4, 8, 16; 0 for an address alone */
    uint8_t number;
    bool high;
    uint64_t value; /* sign-extended as the operand's code says */
};

struct x86_insn {
    const struct x86_row *row;
    uint8_t length;
    uint8_t size;         /* operand size in bytes: 2, 4, 8 */
    uint8_t address_size; /* 2, 4, 8 */
    uint8_t rep;          /* 0, 0xf2, 0xf3: the last one given */
    bool lock;
    uint8_t segment; /* of the address: 0..5 = ES CS SS DS FS GS */
    uint8_t rex;
    uint8_t modrm;
    /* The address: base + (index << scale) + displacement. */
    uint8_t base, index, scale; /* register, X86_NO_REGISTER, base: X86_RIP */
    int64_t displacement;
    struct x86_operand operand[3];
};

enum x86_decoded {
    X86_DECODED,
    X86_NEEDS_MORE, /* the bytes end within the instruction */
    X86_UNDEFINED,  /* #UD; length is what was looked at */
    X86_TOO_LONG,   /* more than 15 bytes: #GP */
};

void x86_decode_init(void); /* once, before the first decode */
/* The first row of an opcode, in map 0 or 1; the others are its `next`. */
const struct x86_row *x86_row_list(unsigned map, uint8_t opcode);
enum x86_decoded x86_decode(enum x86_mode mode, const uint8_t *bytes,
                            size_t size, struct x86_insn *insn);

/* All rows, for tests and generators. */
extern struct x86_row x86_rows[];
extern const unsigned x86_n_rows;

#endif
