/*
 * What the files of the x87 share.
 *
 *   x87_host.c         one operation on the host's x87: value and status
 *   x87.c              the register stack, faults; instructions with memory
 *   x87_register.c     instructions without
 *   x87_alone.c        of these, the ones on ST(0) and ST(1) alone
 *   x87_translate.c    translation
 *   x87_function.c     sine, logarithm and the like: ours, not the host's
 *   x87_state.c        the state as a whole
 */
#ifndef GUEST_X86_X87_H
#define GUEST_X86_X87_H

#include "guest/x86/segment.h"

/* Status word; the flags' bits mask them in the control word. */
#define X87_IE 1u
#define X87_DE 2u
#define X87_ZE 4u
#define X87_OE 8u
#define X87_UE 0x10u
#define X87_PE 0x20u
#define X87_SF 0x40u
#define X87_ES 0x80u
#define X87_C0 0x100u
#define X87_C1 0x200u
#define X87_C2 0x400u
#define X87_C3 0x4000u
#define X87_BUSY 0x8000u
#define X87_FLAGS 0x3fu
#define X87_BEFORE (X87_IE | X87_DE | X87_ZE) /* of the operands */
#define X87_COMPARED (X87_C0 | X87_C2 | X87_C3)

/* A code of a helper's argument that no instruction has. */
#define X87_FWAIT 0x800u
/* In the code: an operand size of 2 bytes. */
#define X87_NARROW 0x1000u
/* There, and beside `wide` of FXSAVE: an address of the stack segment in
 * 64-bit mode. */
#define X87_STACK 0x2000u

static inline uint16_t x87_status_word(const struct x86_cpu *x86)
{
    return (uint16_t)((x86->x87_status & ~0x3800u) | x86->x87_top << 11);
}

static inline void x87_clear_c1(struct x86_cpu *x86)
{
    x86->x87_status &= (uint16_t)~X87_C1;
}

/* -- x87_alone.c: D9 E0 to EF, and D9 F0 to FF ---------------------------- */
void x87_run_d9_e(struct x86_cpu *x86, unsigned modrm);
void x87_run_d9_f(struct x86_cpu *x86, unsigned modrm);

/* -- x87_state.c ----------------------------------------------------------- */
void x87_set_control_word(struct x86_cpu *x86, uint16_t control);
void x87_set_status_word(struct x86_cpu *x86, uint16_t status);
void x87_initialise(struct x86_cpu *x86);
/* The tag word with two bits a register, and back. */
uint16_t x87_tag_word(const struct x86_cpu *x86);
void x87_set_tag_word(struct x86_cpu *x86, uint16_t tags);
/* FNSTENV, FNSAVE and back; `narrow`: the operand size is 2 bytes. */
void x87_store_environment(struct cpu *cpu, uint64_t address, bool all,
                           bool narrow);
void x87_load_environment(struct cpu *cpu, uint64_t address, bool all,
                          bool narrow);
/* Flags that were raised; sees to ES. */
void x87_raise(struct x86_cpu *x86, unsigned flags);

/* -- x87_host.c ------------------------------------------------------------ */
enum x87_arithmetic { /* as encoded */
                      X87_FADD,
                      X87_FMUL,
                      X87_FCOM,
                      X87_FCOMP,
                      X87_FSUB,
                      X87_FSUBR,
                      X87_FDIV,
                      X87_FDIVR,
};
enum x87_unary { X87_FSQRT, X87_FRNDINT, X87_FTST, X87_FXAM };
enum x87_pair { X87_FSCALE, X87_FPREM, X87_FPREM1, X87_FUCOM };
enum x87_operand {
    X87_REGISTER,
    X87_FLOAT,
    X87_DOUBLE,
    X87_WORD,
    X87_LONG,
    X87_QUAD,
    X87_DECIMAL
};

union x87_memory { /* what an instruction takes from memory, or puts there */
    float f32;
    double f64;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint64_t u64[2];
    long double f80;
};

/* A result under the guest's control word, masks and all. */
struct x87_result {
    long double value;
    uint16_t status;
};

struct x87_result x87_host_arithmetic(uint16_t control, enum x87_arithmetic op,
                                      long double x, enum x87_operand kind,
                                      const union x87_memory *y);
struct x87_result x87_host_unary(uint16_t control, enum x87_unary op,
                                 long double x);
struct x87_result x87_host_pair(uint16_t control, enum x87_pair op,
                                long double x, long double y);
struct x87_result x87_host_extract(uint16_t control, long double x,
                                   long double *significand);
struct x87_result x87_host_constant(uint16_t control, unsigned which);
struct x87_result x87_host_load(uint16_t control, enum x87_operand kind,
                                const union x87_memory *from);
/* Its value is not used. */
struct x87_result x87_host_store(uint16_t control, enum x87_operand kind,
                                 bool truncate, long double x,
                                 union x87_memory *to);

/* -- x87_function.c -------------------------------------------------------- */
enum x87_function { X87_F2XM1, X87_FSIN, X87_FCOS, X87_FPTAN };
enum x87_function2 { X87_FYL2X, X87_FYL2XP1, X87_FPATAN };
/* C2 in the status: out of range, and the value is x. */
struct x87_result x87_function(uint16_t control, enum x87_function f,
                               long double x);
struct x87_result x87_function2(uint16_t control, enum x87_function2 f,
                                long double x, long double y);

/* -- x87.c ----------------------------------------------------------------- */
/*
 * Operands. False: one is empty, and this is an unmasked fault: the
 * instruction ends. *empty: it is masked, and the result is indefinite.
 */
bool x87_operands(struct x86_cpu *x86, unsigned i, unsigned j, bool *empty);
extern const struct x87_register x87_indefinite;
long double x87_value(const struct x87_register *r);
bool x87_is_empty(const struct x86_cpu *x86, unsigned i);
long double x87_st(const struct x86_cpu *x86, unsigned i);
void x87_put(struct x86_cpu *x86, unsigned i, long double value);
void x87_pop(struct x86_cpu *x86);
/* False: the stack is full, and this is an unmasked fault; a masked one
 * pushes indefinite instead. */
bool x87_can_push(struct x86_cpu *x86, bool *full);
void x87_push(struct x86_cpu *x86, long double value);
/* Takes flags and `conditions` from a status. False: an exception of the
 * operands is not masked, and nothing else happens. */
bool x87_take(struct x86_cpu *x86, const struct x87_result *result,
              unsigned conditions);
/* One of the eight, of ST(0) and an operand, to ST(to). False: it faulted. */
bool x87_operate(struct x86_cpu *x86, unsigned op, unsigned to, unsigned i,
                 enum x87_operand kind, const union x87_memory *y);
/* C3 C2 C0 of ST(0) against ST(i). */
bool x87_compare(struct x86_cpu *x86, unsigned i, bool quiet);
/* #SS when the address is not canonical; in other segments the access itself
 * sees to its #GP. */
void x87_check_stack(struct cpu *cpu, uint32_t code, uint64_t address);
/* #MF when an unmasked exception is pending. */
void x87_check_pending(struct cpu *cpu);
/* What the next FNSTENV tells of this instruction. */
void x87_note_pointers(struct cpu *cpu, unsigned opcode, bool memory,
                       uint64_t offset);

#endif
