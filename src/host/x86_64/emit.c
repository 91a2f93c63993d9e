#include "host/x86_64/emit.h"

#include <string.h>

void emit_byte(struct emit *e, uint8_t byte)
{
    if (e->at < e->end) {
        *e->at++ = byte;
    } else {
        e->full = true;
    }
}

void emit_32(struct emit *e, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        emit_byte(e, (uint8_t)(value >> 8 * i));
    }
}

void emit_64(struct emit *e, uint64_t value)
{
    emit_32(e, (uint32_t)value);
    emit_32(e, (uint32_t)(value >> 32));
}

/* -- Instructions ---------------------------------------------------------- */

static void head(struct emit *e, uint8_t prefix, unsigned opcode, unsigned r,
                 unsigned x, unsigned b, bool wide, bool rex_for_bytes)
{
    uint8_t rex = (uint8_t)(wide << 3 | (r >> 3) << 2 | (x >> 3) << 1 | b >> 3);

    if (prefix) {
        emit_byte(e, prefix);
    }
    if (rex || rex_for_bytes) {
        emit_byte(e, 0x40 | rex);
    }
    if (opcode > 0xffff) {
        emit_byte(e, (uint8_t)(opcode >> 16));
    }
    if (opcode > 0xff) {
        emit_byte(e, (uint8_t)(opcode >> 8));
    }
    emit_byte(e, (uint8_t)opcode);
}

void emit_rr(struct emit *e, uint8_t prefix, unsigned opcode, unsigned reg,
             unsigned rm, bool wide, bool bytes)
{
    head(e, prefix, opcode, reg, 0, rm, wide, bytes && (reg | rm) >= 4);
    emit_byte(e, (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

void emit_rm(struct emit *e, uint8_t prefix, unsigned opcode, unsigned reg,
             unsigned base, int32_t displacement, bool wide, bool bytes)
{
    bool small = displacement >= -128 && displacement < 128;

    head(e, prefix, opcode, reg, 0, base, wide, bytes && reg >= 4);
    emit_byte(e,
              (uint8_t)((small ? 0x40 : 0x80) | (reg & 7) << 3 | (base & 7)));
    if ((base & 7) == RSP) {
        emit_byte(e, 0x24);
    }
    if (small) {
        emit_byte(e, (uint8_t)displacement);
    } else {
        emit_32(e, (uint32_t)displacement);
    }
}

void emit_rx(struct emit *e, uint8_t prefix, unsigned opcode, unsigned reg,
             unsigned base, unsigned index, int32_t displacement, bool wide,
             bool bytes)
{
    bool small = displacement >= -128 && displacement < 128;

    head(e, prefix, opcode, reg, index, base, wide, bytes && reg >= 4);
    emit_byte(e, (uint8_t)((small ? 0x44 : 0x84) | (reg & 7) << 3));
    emit_byte(e, (uint8_t)((index & 7) << 3 | (base & 7)));
    if (small) {
        emit_byte(e, (uint8_t)displacement);
    } else {
        emit_32(e, (uint32_t)displacement);
    }
}

void emit_mov(struct emit *e, unsigned to, unsigned from, bool wide)
{
    if (to != from) {
        emit_rr(e, 0, 0x89, from, to, wide, false);
    } else if (!wide) { /* the upper half is cleared all the same */
        emit_rr(e, 0, 0x89, from, to, false, false);
    }
}

void emit_mov_imm(struct emit *e, unsigned to, uint64_t value)
{
    if (value <= UINT32_MAX) {
        if (to >= 8) {
            emit_byte(e, 0x41);
        }
        emit_byte(e, (uint8_t)(0xb8 | (to & 7)));
        emit_32(e, (uint32_t)value);
    } else if ((uint64_t)(int32_t)value == value) {
        emit_rr(e, 0, 0xc7, 0, to, true, false);
        emit_32(e, (uint32_t)value);
    } else {
        emit_byte(e, (uint8_t)(0x48 | to >> 3));
        emit_byte(e, (uint8_t)(0xb8 | (to & 7)));
        emit_64(e, value);
    }
}

void emit_alu(struct emit *e, enum host_alu op, unsigned to, unsigned from,
              bool wide)
{
    emit_rr(e, 0, op << 3 | 1, from, to, wide, false);
}

void emit_alu_imm(struct emit *e, enum host_alu op, unsigned to, int32_t value,
                  bool wide)
{
    bool small = value >= -128 && value < 128;

    emit_rr(e, 0, small ? 0x83 : 0x81, op, to, wide, false);
    if (small) {
        emit_byte(e, (uint8_t)value);
    } else {
        emit_32(e, (uint32_t)value);
    }
}

void emit_shift_imm(struct emit *e, enum host_shift op, unsigned to,
                    unsigned count, bool wide)
{
    emit_rr(e, 0, 0xc1, op, to, wide, false);
    emit_byte(e, (uint8_t)count);
}

void emit_shift_cl(struct emit *e, enum host_shift op, unsigned to, bool wide)
{
    emit_rr(e, 0, 0xd3, op, to, wide, false);
}

/* VEX prefix of three bytes, for registers only. */
static void vex(struct emit *e, unsigned map, unsigned prefix, unsigned reg,
                unsigned other, unsigned rm, bool wide)
{
    emit_byte(e, 0xc4);
    emit_byte(e, (uint8_t)((reg < 8) << 7 | 0x40 | (rm < 8) << 5 | map));
    emit_byte(e, (uint8_t)(wide << 7 | (~other & 15) << 3 | prefix));
}

void emit_rorx(struct emit *e, unsigned to, unsigned from, unsigned count,
               bool wide)
{
    vex(e, 3, 3, to, 0, from, wide);
    emit_byte(e, 0xf0);
    emit_byte(e, (uint8_t)(0xc0 | (to & 7) << 3 | (from & 7)));
    emit_byte(e, (uint8_t)count);
}

void emit_shift_by(struct emit *e, enum host_shift op, unsigned to,
                   unsigned from, unsigned count, bool wide)
{
    unsigned prefix = op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3;

    vex(e, 2, prefix, to, count, from, wide);
    emit_byte(e, 0xf7);
    emit_byte(e, (uint8_t)(0xc0 | (to & 7) << 3 | (from & 7)));
}

void emit_load(struct emit *e, unsigned to, unsigned base, int32_t at,
               bool wide)
{
    emit_rm(e, 0, 0x8b, to, base, at, wide, false);
}

void emit_store(struct emit *e, unsigned from, unsigned base, int32_t at,
                bool wide)
{
    emit_rm(e, 0, 0x89, from, base, at, wide, false);
}

void emit_vector_load(struct emit *e, unsigned xmm, unsigned base, int32_t at)
{
    emit_rm(e, 0xf3, 0x0f6f, xmm, base, at, false, false);
}

void emit_vector_store(struct emit *e, unsigned xmm, unsigned base, int32_t at)
{
    emit_rm(e, 0xf3, 0x0f7f, xmm, base, at, false, false);
}

/* -- Branches -------------------------------------------------------------- */

uint8_t *emit_jcc(struct emit *e, unsigned condition)
{
    emit_byte(e, 0x0f);
    emit_byte(e, (uint8_t)(0x80 | condition));
    emit_32(e, 0);
    return e->at - 4;
}

uint8_t *emit_jmp(struct emit *e)
{
    emit_byte(e, 0xe9);
    emit_32(e, 0);
    return e->at - 4;
}

void emit_patch(uint8_t *place, const uint8_t *target)
{
    int32_t distance = (int32_t)(target - (place + 4));

    memcpy(place, &distance, 4);
}

void emit_here(struct emit *e, uint8_t *place)
{
    if (!e->full) {
        emit_patch(place, e->at);
    }
}

void emit_jmp_to(struct emit *e, const uint8_t *target)
{
    uint8_t *place = emit_jmp(e);

    if (!e->full) {
        emit_patch(place, target);
    }
}

void emit_jcc_to(struct emit *e, unsigned condition, const uint8_t *target)
{
    uint8_t *place = emit_jcc(e, condition);

    if (!e->full) {
        emit_patch(place, target);
    }
}

void emit_call_to(struct emit *e, const uint8_t *target)
{
    uint8_t *place;

    emit_byte(e, 0xe8);
    place = e->at;
    emit_32(e, 0);
    if (!e->full) {
        emit_patch(place, target);
    }
}

void emit_return(struct emit *e)
{
    emit_byte(e, 0xc3);
}
