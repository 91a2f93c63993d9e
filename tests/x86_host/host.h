/*
 * x86 instructions of user mode on the host CPU, in the interpreter and in
 * generated code: what the files of this test share.
 *
 * All three sides have the same memory at the same addresses: two pages to
 * write, one to read only, nothing around them. The state of the x87 and of
 * SSE has the layout of FXSAVE on every side.
 */
#ifndef TEST_X86_HOST_H
#define TEST_X86_HOST_H

#include "guest/x86/decode.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA 0x20000000u
#define DATA_SIZE 0x2000u            /* that may be written */
#define READ_ONLY (DATA + DATA_SIZE) /* a page; what follows is not mapped */
#define NOT_MAPPED (READ_ONLY + 0x1000u)
#define CODE 0x20020000u /* a page; the instruction lies in its midst */
#define INSN (CODE + 0x800u)
#define SAVE 0x20040000u
#define GS_BASE 0x100u /* in 64-bit mode */

#define CF 1u
#define PF 4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define DF 0x400u
#define OF 0x800u
#define ARITHMETIC (CF | PF | AF | ZF | SF | OF)
#define COMPARED (ARITHMETIC | DF)

/* The selectors of a Linux process. */
#define USER_CS32 0x23u
#define USER_DS 0x2bu
#define USER_CS64 0x33u

#define NO_FAULT 0xffu

/* Offsets in what FXSAVE stores. */
enum {
    FX_CONTROL = 0,
    FX_STATUS = 2,
    FX_TAGS = 4,
    FX_OPCODE = 6,
    FX_IP = 8,
    FX_DP = 16,
    FX_MXCSR = 24,
    FX_ST = 32,
    FX_XMM = 160,
    FX_END = 416,
};

struct state {
    uint8_t fx[512] __attribute__((aligned(16)));
    uint64_t gpr[16], rip, flags;
    uint64_t ds, es, ss, gs, cs; /* selectors */
    uint32_t vector, error;      /* of the fault, or NO_FAULT */
    uint64_t address;            /* of a page fault */
};

/* An encoding. The three sides are prepared for it, then run it often. */
struct encoding {
    enum x86_mode mode; /* X86_MODE_64 or X86_MODE_32 */
    bool df;            /* in all its cases */
    uint8_t bytes[16];
    struct x86_insn insn;
};

static inline uint16_t fx16(const struct state *s, unsigned at)
{
    uint16_t value;

    __builtin_memcpy(&value, s->fx + at, 2);
    return value;
}

static inline uint32_t fx32(const struct state *s, unsigned at)
{
    uint32_t value;

    __builtin_memcpy(&value, s->fx + at, 4);
    return value;
}

/* -- native.c -------------------------------------------------------------- */
bool native_init(void); /* false: the host cannot; it said why */
bool native_has_32(void);
void native_prepare(const struct encoding *e);
void native_run(const struct state *in, struct state *out);

/* -- ours.c ---------------------------------------------------------------- */
void ours_init(void);
/* False: it said what is wrong. */
bool ours_prepare(const struct encoding *e);
bool ours_run(const struct state *in, struct state *out, bool generated);
uint8_t *ours_data(void); /* the guest's DATA */

/* -- cases.c --------------------------------------------------------------- */
void cases_seed(uint64_t seed);
uint64_t rnd(void);
/* A random encoding of the row; false: it came out as another row's. */
bool case_encode(const struct x86_row *row, enum x86_mode mode,
                 struct encoding *e);
/* A random state and memory for it; false: it would reach for what the test
 * itself needs. */
bool case_state(const struct encoding *e, struct state *in, uint8_t *data);

/* -- differences.c --------------------------------------------------------- */
/* Whether user code cannot but fault in it. */
bool faults(const struct x86_row *row);
/* Why a row is not run, or NULL. */
const char *not_run(const struct x86_row *row, enum x86_mode mode);
/* What is not compared after this case is cleared in both, or made equal, in
 * our memory too. False: nothing is compared. */
bool forget(const struct encoding *e, const struct state *in,
            struct state *native, struct state *ours, uint8_t *memory);

#endif
