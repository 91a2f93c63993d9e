/*
 * Bytes of x86-64 code. Registers are the manual's numbers; `wide` chooses
 * 64 over 32 bits. Running out of room sets a flag and drops the rest, which
 * whoever compiles looks at in the end.
 */
#ifndef HOST_X86_64_EMIT_H
#define HOST_X86_64_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_register {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    NO_REGISTER = 0xff,
};

struct emit {
    uint8_t *at, *end;
    bool full;
};

/* The two-operand group: add or adc sbb and sub xor cmp. */
enum host_alu {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP
};
enum host_shift {
    SHIFT_ROL,
    SHIFT_ROR,
    SHIFT_SHL = 4,
    SHIFT_SHR,
    SHIFT_SAR = 7
};

void emit_byte(struct emit *e, uint8_t byte);
void emit_32(struct emit *e, uint32_t value);
void emit_64(struct emit *e, uint64_t value);

/* prefix (0: none), REX as needed, opcode (with 0F before it if over 0xff),
 * ModRM of two registers. byte_register: rm or reg is used as a byte. */
void emit_rr(struct emit *e, uint8_t prefix, unsigned opcode, unsigned reg,
             unsigned rm, bool wide, bool bytes);
/* The same with memory [base + displacement]. */
void emit_rm(struct emit *e, uint8_t prefix, unsigned opcode, unsigned reg,
             unsigned base, int32_t displacement, bool wide, bool bytes);
/* And with [base + index]. */
void emit_rx(struct emit *e, uint8_t prefix, unsigned opcode, unsigned reg,
             unsigned base, unsigned index, int32_t displacement, bool wide,
             bool bytes);

void emit_mov(struct emit *e, unsigned to, unsigned from, bool wide);
void emit_mov_imm(struct emit *e, unsigned to, uint64_t value);
void emit_alu(struct emit *e, enum host_alu op, unsigned to, unsigned from,
              bool wide);
void emit_alu_imm(struct emit *e, enum host_alu op, unsigned to, int32_t value,
                  bool wide);
void emit_shift_imm(struct emit *e, enum host_shift op, unsigned to,
                    unsigned count, bool wide);
void emit_shift_cl(struct emit *e, enum host_shift op, unsigned to, bool wide);
/* Of BMI2, whose results may go to a third register: RORX by a constant;
 * SHLX, SHRX and SARX by a register. */
void emit_rorx(struct emit *e, unsigned to, unsigned from, unsigned count,
               bool wide);
void emit_shift_by(struct emit *e, enum host_shift op, unsigned to,
                   unsigned from, unsigned count, bool wide);
void emit_load(struct emit *e, unsigned to, unsigned base, int32_t at,
               bool wide);
void emit_store(struct emit *e, unsigned from, unsigned base, int32_t at,
                bool wide);

/* MOVDQU. */
void emit_vector_load(struct emit *e, unsigned xmm, unsigned base, int32_t at);
void emit_vector_store(struct emit *e, unsigned xmm, unsigned base, int32_t at);

/* Branches: each returns the place of its 32-bit displacement. */
uint8_t *emit_jcc(struct emit *e, unsigned condition);
uint8_t *emit_jmp(struct emit *e);
void emit_jmp_to(struct emit *e, const uint8_t *target);
void emit_jcc_to(struct emit *e, unsigned condition, const uint8_t *target);
/* Makes a branch lead here, or there; distances are those of the places. */
void emit_here(struct emit *e, uint8_t *place);
void emit_patch(uint8_t *place, const uint8_t *target);
void emit_call_to(struct emit *e, const uint8_t *target); /* in the region */
void emit_return(struct emit *e);

#endif
