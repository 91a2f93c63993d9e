/*
 * Decoding in the order of the bytes: prefixes, opcode, ModRM and its
 * displacement, immediates. The first row of the opcode's list that fits is
 * taken (rows.c).
 */
#include "guest/x86/decode.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 15

/* -- Bytes ----------------------------------------------------------------- */

struct reader {
    const uint8_t *bytes;
    size_t size, at;
    enum x86_decoded fault; /* X86_DECODED: none */
};

static uint64_t take(struct reader *r, unsigned n)
{
    uint64_t value = 0;

    if (r->fault != X86_DECODED) {
        return 0;
    }
    if (r->at + n > LENGTH_MAX) {
        r->fault = X86_TOO_LONG;
        return 0;
    }
    if (r->at + n > r->size) {
        r->fault = X86_NEEDS_MORE;
        return 0;
    }
    memcpy(&value, r->bytes + r->at, n);
    r->at += n;
    return value;
}

static uint64_t take_signed(struct reader *r, unsigned n)
{
    uint64_t value = take(r, n);
    unsigned up = 64 - 8 * n;

    return (uint64_t)((int64_t)(value << up) >> up);
}

/* -- Prefixes -------------------------------------------------------------- */

struct prefixes {
    bool size, address, lock;
    uint8_t rep, rex, segment;
};

#define NO_SEGMENT 0xff

/* True: the byte is a legacy prefix. In 64-bit mode those of ES CS SS DS say
 * nothing, not even against an earlier FS or GS. */
static bool legacy_prefix(uint8_t byte, enum x86_mode mode, struct prefixes *p)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        if (mode != X86_MODE_64) {
            p->segment = byte >> 3 & 3;
        }
        return true;
    case 0x64:
    case 0x65:
        p->segment = byte & 7;
        return true;
    case 0x66:
        p->size = true;
        return true;
    case 0x67:
        p->address = true;
        return true;
    case 0xf0:
        p->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        p->rep = byte;
        return true;
    default:
        return false;
    }
}

/* The first byte that is no prefix. */
static uint8_t take_prefixes(struct reader *r, enum x86_mode mode,
                             struct prefixes *p)
{
    uint8_t byte = (uint8_t)take(r, 1);

    p->segment = NO_SEGMENT;
    while (r->fault == X86_DECODED) {
        if (legacy_prefix(byte, mode, p)) {
            p->rex = 0; /* a REX counts only as the last prefix */
        } else if (mode == X86_MODE_64 && (byte & 0xf0) == 0x40) {
            p->rex = byte;
        } else {
            break;
        }
        byte = (uint8_t)take(r, 1);
    }
    return byte;
}

static void set_sizes(struct x86_insn *insn, enum x86_mode mode,
                      const struct prefixes *p)
{
    insn->rex = p->rex;
    insn->rep = p->rep;
    insn->lock = p->lock;
    insn->size = (mode == X86_MODE_16) != p->size ? 2 : 4;
    if (p->rex & 8) {
        insn->size = 8;
    }
    insn->address_size = mode == X86_MODE_64 ? (p->address ? 4 : 8)
                         : (mode == X86_MODE_16) != p->address ? 2
                                                               : 4;
    if (mode == X86_MODE_64 &&
        ((insn->row->attributes & X86_F64) ||
         (insn->size == 4 && (insn->row->attributes & X86_D64)))) {
        insn->size = 8;
    }
}

/* -- ModRM ----------------------------------------------------------------- */

static void address_16(struct reader *r, struct x86_insn *insn)
{
    static const uint8_t bases[] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const uint8_t indexes[] = {6,
                                      7,
                                      6,
                                      7,
                                      X86_NO_REGISTER,
                                      X86_NO_REGISTER,
                                      X86_NO_REGISTER,
                                      X86_NO_REGISTER};
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;

    insn->base = bases[rm];
    insn->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        insn->base = X86_NO_REGISTER;
        insn->displacement = (int64_t)take_signed(r, 2);
    } else if (mod) {
        insn->displacement = (int64_t)take_signed(r, mod);
    }
}

static void address_sib(struct reader *r, struct x86_insn *insn)
{
    uint8_t sib = (uint8_t)take(r, 1);
    uint8_t index = (uint8_t)((sib >> 3 & 7) | (insn->rex & 2) << 2);

    insn->scale = sib >> 6;
    insn->index = index == 4 ? X86_NO_REGISTER : index;
    insn->base = (uint8_t)((sib & 7) | (insn->rex & 1) << 3);
    if ((sib & 7) == 5 && insn->modrm >> 6 == 0) {
        insn->base = X86_NO_REGISTER;
        insn->displacement = (int64_t)take_signed(r, 4);
    }
}

static void address_32(struct reader *r, struct x86_insn *insn,
                       enum x86_mode mode)
{
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;

    if (rm == 4) {
        address_sib(r, insn);
    } else if (mod == 0 && rm == 5) {
        insn->base = mode == X86_MODE_64 ? X86_RIP : X86_NO_REGISTER;
        insn->displacement = (int64_t)take_signed(r, 4);
    } else {
        insn->base = (uint8_t)(rm | (insn->rex & 1) << 3);
    }
    if (mod) {
        insn->displacement = (int64_t)take_signed(r, mod == 1 ? 1 : 4);
    }
}

static void take_address(struct reader *r, struct x86_insn *insn,
                         enum x86_mode mode)
{
    insn->base = insn->index = X86_NO_REGISTER;
    if (insn->modrm >> 6 == 3 || insn->row->operands[0] == 'R') {
        return;
    }
    if (insn->address_size == 2) {
        address_16(r, insn);
    } else {
        address_32(r, insn, mode);
    }
}

/* SS for addresses based on SP or BP, else DS. */
static uint8_t default_segment(const struct x86_insn *insn)
{
    return insn->base == 4 || insn->base == 5 ? 2 : 3;
}

/* -- Operands -------------------------------------------------------------- */

static uint8_t operand_size(const struct x86_insn *insn, char code)
{
    switch (code) {
    case 'b':
        return 1;
    case 'w':
        return 2;
    case 'd':
        return 4;
    case 'q':
        return 8;
    case 'y':
        return insn->size == 8 ? 8 : 4;
    case 'x':
        return 16;
    case '-':
        return 0;
    default: /* v z s */
        return insn->size;
    }
}

static void set_register(struct x86_operand *operand,
                         const struct x86_insn *insn, unsigned number)
{
    operand->kind = X86_OPERAND_REGISTER;
    operand->number = (uint8_t)number;
    if (operand->size == 1 && !insn->rex && number >= 4 && number < 8) {
        operand->high = true;
        operand->number -= 4;
    }
}

/* By ModRM's r/m; U and N are never memory. */
static void set_vector(struct reader *r, struct x86_operand *operand,
                       const struct x86_insn *insn, char code)
{
    bool mmx = code == 'Q' || code == 'N';

    if (insn->modrm >> 6 == 3) {
        operand->kind = mmx ? X86_OPERAND_MM : X86_OPERAND_XMM;
        operand->number = (insn->modrm & 7) | (mmx ? 0 : (insn->rex & 1u) << 3);
    } else {
        operand->kind = X86_OPERAND_MEMORY;
        r->fault = code == 'U' || code == 'N' ? X86_UNDEFINED : r->fault;
    }
}

static void take_immediate(struct reader *r, struct x86_insn *insn,
                           struct x86_operand *operand, char code)
{
    unsigned n = code == 's' || code == 'b' ? 1
                 : code == 'w'              ? 2
                 : code == 'v'              ? insn->size
                 : insn->size == 2          ? 2
                                            : 4;

    operand->value = take_signed(r, n);
}

static void take_operand(struct reader *r, struct x86_insn *insn,
                         struct x86_operand *operand, const char *code,
                         uint8_t opcode)
{
    operand->size = operand_size(insn, code[1]);
    switch (code[0]) {
    case 'E':
    case 'M':
        if (code[1] == 'z' && operand->size == 8) {
            operand->size = 4;
        }
        if (insn->modrm >> 6 != 3) {
            operand->kind = X86_OPERAND_MEMORY;
        } else if (code[0] == 'M') {
            r->fault = X86_UNDEFINED;
        } else {
            set_register(operand, insn,
                         (insn->modrm & 7) | (insn->rex & 1u) << 3);
        }
        break;
    case 'R': /* r/m, and a register whatever mod says */
        set_register(operand, insn, (insn->modrm & 7) | (insn->rex & 1u) << 3);
        break;
    case 'G':
        set_register(operand, insn,
                     (insn->modrm >> 3 & 7) | (insn->rex & 4u) << 1);
        break;
    case 'Z':
        set_register(operand, insn, (opcode & 7) | (insn->rex & 1u) << 3);
        break;
    case 'A':
        set_register(operand, insn, 0);
        break;
    case 'C':
        set_register(operand, insn, 1);
        break;
    case 'D':
        set_register(operand, insn, 2);
        break;
    case 'V':
        operand->kind = X86_OPERAND_XMM;
        operand->number = (insn->modrm >> 3 & 7) | (insn->rex & 4u) << 1;
        break;
    case 'P': /* there are eight, whatever REX says */
        operand->kind = X86_OPERAND_MM;
        operand->number = insn->modrm >> 3 & 7;
        break;
    case 'W':
    case 'U':
    case 'Q':
    case 'N':
        set_vector(r, operand, insn, code[0]);
        break;
    case 'S':
        operand->kind = X86_OPERAND_SEGMENT;
        operand->number = insn->modrm >> 3 & 7;
        break;
    case 'O':
        operand->kind = X86_OPERAND_MEMORY;
        insn->base = insn->index = X86_NO_REGISTER;
        insn->displacement = (int64_t)take(r, insn->address_size);
        break;
    case 'I':
        operand->kind = X86_OPERAND_IMMEDIATE;
        take_immediate(r, insn, operand, code[1]);
        break;
    case 'J':
        operand->kind = X86_OPERAND_RELATIVE;
        take_immediate(r, insn, operand, code[1]);
        break;
    case '1':
        operand->kind = X86_OPERAND_IMMEDIATE;
        operand->value = 1;
        break;
    }
}

static void take_operands(struct reader *r, struct x86_insn *insn,
                          uint8_t opcode)
{
    const char *code = insn->row->operands;

    for (unsigned i = 0; *code; i++) {
        take_operand(r, insn, &insn->operand[i], code, opcode);
        code += code[2] ? 3 : 2;
    }
}

/* -- The whole ------------------------------------------------------------- */

static bool fits(const struct x86_row *row, enum x86_mode mode,
                 const struct prefixes *p, uint8_t modrm)
{
    uint8_t given = p->rep ? p->rep : p->size ? 0x66 : 0;

    if ((row->attributes & X86_N64 && mode == X86_MODE_64) ||
        (row->attributes & X86_O64 && mode != X86_MODE_64)) {
        return false;
    }
    if (row->prefix && row->prefix != (given ? given : 1)) {
        return false;
    }
    /* NOP is XCHG of the accumulator with itself: REX.B makes it another. */
    if (row->opcode == 0x90 && row->registers == 1 && !row->map &&
        (p->rex & 1)) {
        return false;
    }
    return !row->modrm || ((!row->fixed_modrm || row->modrm_value == modrm) &&
                           (row->digit < 0 || row->digit == (modrm >> 3 & 7)));
}

static const struct x86_row *find_row(const struct reader *r,
                                      enum x86_mode mode, unsigned m,
                                      uint8_t opcode, const struct prefixes *p,
                                      enum x86_decoded *fault)
{
    const struct x86_row *row = x86_row_list(m, opcode);

    if (row && row->modrm &&
        r->at >= (r->size < LENGTH_MAX ? r->size : LENGTH_MAX)) {
        *fault = r->at < LENGTH_MAX ? X86_NEEDS_MORE : X86_TOO_LONG;
        return NULL;
    }
    while (row && !fits(row, mode, p, row->modrm ? r->bytes[r->at] : 0)) {
        row = row->next;
    }
    return row;
}

enum x86_decoded x86_decode(enum x86_mode mode, const uint8_t *bytes,
                            size_t size, struct x86_insn *insn)
{
    struct reader r = {bytes, size, 0, X86_DECODED};
    struct prefixes p = {0};
    uint8_t opcode;
    unsigned m = 0;
    enum x86_decoded fault = X86_UNDEFINED; /* without a row */

    memset(insn, 0, sizeof(*insn));
    opcode = take_prefixes(&r, mode, &p);
    if (opcode == 0x0f) {
        m = 1;
        opcode = (uint8_t)take(&r, 1);
    }
    if (r.fault != X86_DECODED) {
        return r.fault;
    }
    insn->row = find_row(&r, mode, m, opcode, &p, &fault);
    insn->length = (uint8_t)r.at;
    if (!insn->row) {
        return fault;
    }
    set_sizes(insn, mode, &p);
    if (insn->row->modrm) {
        insn->modrm = (uint8_t)take(&r, 1);
        take_address(&r, insn, mode);
    }
    take_operands(&r, insn, opcode);
    insn->length = (uint8_t)r.at;
    insn->segment = p.segment != NO_SEGMENT ? p.segment : default_segment(insn);
    if (r.fault == X86_DECODED && insn->lock &&
        (!(insn->row->attributes & X86_LOCK) ||
         insn->operand[0].kind != X86_OPERAND_MEMORY)) {
        return X86_UNDEFINED;
    }
    return r.fault;
}
