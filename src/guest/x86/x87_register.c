/*
 * x87 instructions without memory operand, and the translation of all of
 * them: one call, as they are rare in today's programs.
 */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

#include <string.h>

/* -- D9 E0 and up: ST(0) alone --------------------------------------------- */

static void change_sign(struct x86_cpu *x86, bool absolute)
{
    long double value = x87_get(x86, 0);

    x87_put(x86, 0, absolute ? __builtin_fabsl(value) : -value);
    x86->x87_status &= (uint16_t)~X87_C1;
}

/* The class of ST(0) in C3 C2 C0, its sign in C1. */
static void examine(struct x86_cpu *x86)
{
    const struct x87_register *r = &x86->x87[x86->x87_top];
    bool valid = x86->x87_valid >> x86->x87_top & 1;
    long double value = 0;
    uint16_t status;

    memcpy(&value, r, 10);
    __asm__ volatile("fninit\n\tfldt %1\n\tfxam\n\tfnstsw %0\n\tfninit"
                     : "=m"(status) : "m"(value));
    status &= X87_C0 | X87_C1 | X87_C2 | X87_C3;
    if (!valid) {
        status = (uint16_t)((status & X87_C1) | X87_C0 | X87_C3);
    }
    x86->x87_status = (uint16_t)((x86->x87_status & ~(X87_C0 | X87_C1 |
                                                      X87_C2 | X87_C3)) |
                                 status);
}

static void push_constant(struct x86_cpu *x86, unsigned which)
{
    long double value = 0;

    x87_host_enter(x86);
    switch (which) {
#define ONE(number, name) \
    case number: \
        __asm__ volatile(name "\n\tfstpt %0" : "=m"(value)); \
        break;
        ONE(0, "fld1")
        ONE(1, "fldl2t")
        ONE(2, "fldl2e")
        ONE(3, "fldpi")
        ONE(4, "fldlg2")
        ONE(5, "fldln2")
        ONE(6, "fldz")
#undef ONE
    }
    x87_host_leave(x86, 0);
    x87_push(x86, value);
}

/* ST(0) = f(ST(0)); also those that leave C2 set and ST(0) alone. */
#define UNARY(name) \
    do { \
        long double x_ = x87_get(x86, 0); \
        x87_host_enter(x86); \
        __asm__ volatile("fldt %0\n\t" name "\n\tfstpt %0" : "+m"(x_)); \
        x87_host_leave(x86, X87_C2); \
        x87_put(x86, 0, x_); \
    } while (0)

/* ST(0) = f(ST(0), ST(1)). */
#define BINARY(name) \
    do { \
        long double x_ = x87_get(x86, 0), y_ = x87_get(x86, 1); \
        x87_host_enter(x86); \
        __asm__ volatile("fldt %1\n\tfldt %0\n\t" name "\n\tfstpt %0" \
                         : "+m"(x_) : "m"(y_)); \
        x87_host_leave(x86, X87_C0 | X87_C2 | X87_C3); \
        x87_put(x86, 0, x_); \
    } while (0)

/* ST(1) = f(ST(0), ST(1)), then a pop. */
#define BINARY_POP(name) \
    do { \
        long double x_ = x87_get(x86, 0), y_ = x87_get(x86, 1); \
        x87_host_enter(x86); \
        __asm__ volatile("fldt %0\n\tfldt %1\n\t" name "\n\tfstpt %0" \
                         : "+m"(y_) : "m"(x_)); \
        x87_host_leave(x86, 0); \
        x87_pop(x86); \
        x87_put(x86, 0, y_); \
    } while (0)

/* ST(0) = first result, and the second one is pushed. */
#define TWO_RESULTS(name) \
    do { \
        long double x_ = x87_get(x86, 0), y_ = 0; \
        x87_host_enter(x86); \
        __asm__ volatile("fldt %0\n\t" name "\n\tfstpt %1\n\tfstpt %0" \
                         : "+m"(x_), "=m"(y_)); \
        x87_host_leave(x86, 0); \
        x87_put(x86, 0, x_); \
        x87_push(x86, y_); \
    } while (0)

static bool alone_e(struct x86_cpu *x86, unsigned modrm)
{
    switch (modrm) {
    case 0xe0:
    case 0xe1:
        change_sign(x86, modrm & 1);
        return true;
    case 0xe4:
        x87_compare(x86, x87_get(x86, 0), 0, false);
        return true;
    case 0xe5:
        examine(x86);
        return true;
    case 0xe8 ... 0xee:
        push_constant(x86, modrm & 7);
        return true;
    default:
        return false;
    }
}

static void partial_tangent(struct x86_cpu *x86)
{
    UNARY("fptan\n\tfstp %%st");
    x87_push(x86, 1);
}

static void sine_and_cosine(struct x86_cpu *x86)
{
    long double x = x87_get(x86, 0), sine = x, cosine = x;

    x87_host_enter(x86);
    __asm__ volatile("fldt %2\n\tfsin\n\tfstpt %0\n\t"
                     "fldt %2\n\tfcos\n\tfstpt %1"
                     : "=m"(sine), "=m"(cosine) : "m"(x));
    x87_host_leave(x86, X87_C2);
    x87_put(x86, 0, sine);
    x87_push(x86, cosine);
}

static bool alone_f(struct x86_cpu *x86, unsigned modrm)
{
    switch (modrm) {
    case 0xf0:
        UNARY("f2xm1");
        return true;
    case 0xf1:
        BINARY_POP("fxch\n\tfyl2x");
        return true;
    case 0xf2:
        partial_tangent(x86);
        return true;
    case 0xf3:
        BINARY_POP("fxch\n\tfpatan");
        return true;
    case 0xf4:
        TWO_RESULTS("fxtract");
        return true;
    case 0xf5:
        BINARY("fprem1");
        return true;
    case 0xf6:
    case 0xf7: /* FDECSTP, FINCSTP */
        x86->x87_top = (x86->x87_top + (modrm & 1 ? 1 : 7)) & 7;
        x86->x87_status &= (uint16_t)~X87_C1;
        return true;
    case 0xf8:
        BINARY("fprem");
        return true;
    case 0xf9:
        BINARY_POP("fxch\n\tfyl2xp1");
        return true;
    case 0xfa:
        UNARY("fsqrt");
        return true;
    case 0xfb:
        sine_and_cosine(x86);
        return true;
    case 0xfc:
        UNARY("frndint");
        return true;
    case 0xfd:
        BINARY("fscale");
        return true;
    case 0xfe:
        UNARY("fsin");
        return true;
    default:
        UNARY("fcos");
        return true;
    }
}

/* -- By opcode ------------------------------------------------------------- */

static void exchange(struct x86_cpu *x86, unsigned i)
{
    long double x = x87_get(x86, 0), y = x87_get(x86, i);

    x87_put(x86, 0, y);
    x87_put(x86, i, x);
    x86->x87_status &= (uint16_t)~X87_C1;
}

static bool d9(struct x86_cpu *x86, unsigned modrm)
{
    unsigned i = modrm & 7;

    switch (modrm >> 3 & 7) {
    case 0:
        x87_push(x86, x87_get(x86, i));
        return true;
    case 1:
        exchange(x86, i);
        return true;
    case 2:
        return modrm == 0xd0; /* FNOP */
    case 4:
    case 5:
        return alone_e(x86, modrm);
    case 6:
    case 7:
        return alone_f(x86, modrm);
    default:
        return false;
    }
}

/* FCMOVcc, by B, E, BE, U. */
static void move_if(struct x86_cpu *x86, unsigned modrm, bool negate)
{
    static const uint32_t flags[] = {FL_CF, FL_ZF, FL_CF | FL_ZF, FL_PF};
    bool holds = x86->flags & flags[modrm >> 3 & 3];

    if (holds != negate) {
        x87_put(x86, 0, x87_get(x86, modrm & 7));
    }
}

static bool db(struct x86_cpu *x86, unsigned modrm)
{
    if (modrm < 0xe0) {
        move_if(x86, modrm, true);
    } else if (modrm == 0xe2) { /* FNCLEX */
        x86->x87_status &= 0x7f00;
    } else if (modrm == 0xe3) {
        x87_initialise(x86);
    } else if (modrm >= 0xe8 && modrm < 0xf8) {
        x87_compare_flags(x86, modrm & 7, modrm < 0xf0);
    } else {
        return modrm == 0xe0 || modrm == 0xe1 || modrm == 0xe4;
    }
    return true;
}

static bool da(struct x86_cpu *x86, unsigned modrm)
{
    if (modrm < 0xe0) {
        move_if(x86, modrm, false);
        return true;
    }
    if (modrm != 0xe9) {
        return false;
    }
    x87_compare(x86, x87_get(x86, 0), x87_get(x86, 1), true); /* FUCOMPP */
    x87_pop(x86);
    x87_pop(x86);
    return true;
}

static bool dd(struct x86_cpu *x86, unsigned modrm)
{
    unsigned i = modrm & 7, number = (x86->x87_top + i) & 7;

    switch (modrm >> 3 & 7) {
    case 0: /* FFREE */
        x86->x87_valid &= (uint8_t)~(1u << number);
        return true;
    case 2:
    case 3:
        x87_put(x86, i, x87_get(x86, 0));
        break;
    case 4:
    case 5:
        x87_compare(x86, x87_get(x86, 0), x87_get(x86, i), true);
        break;
    default:
        return false;
    }
    if (modrm & 8) {
        x87_pop(x86);
    }
    return true;
}

/* DC and DE: into ST(i). */
static bool into_other(struct x86_cpu *x86, unsigned modrm, bool pop)
{
    unsigned op = modrm >> 3 & 7, i = modrm & 7;

    if (op == X87_FCOM || op == X87_FCOMP) {
        if (pop && modrm != 0xd9) {
            return false;
        }
        x87_compare(x86, x87_get(x86, 0), x87_get(x86, i), false);
        if (op == X87_FCOMP) {
            x87_pop(x86);
        }
    } else {
        x87_put(x86, i, x87_arithmetic(x86, op, x87_get(x86, 0),
                                       x87_get(x86, i)));
    }
    if (pop) {
        x87_pop(x86);
    }
    return true;
}

static bool df(struct x86_cpu *x86, unsigned modrm)
{
    if (modrm == 0xe0) { /* FNSTSW AX */
        x86->gpr[0] = (x86->gpr[0] & ~0xffffull) | x87_status_word(x86);
    } else if (modrm >= 0xe8 && modrm < 0xf8) {
        x87_compare_flags(x86, modrm & 7, modrm < 0xf0);
        x87_pop(x86);
    } else {
        return false;
    }
    return true;
}

#define EMMS 0x800u /* a code that no x87 instruction has */

static bool is_control(uint32_t code)
{
    return code == 0x3e2 || code == 0x3e3 || code == 0x7e0;
}

void x86_helper_x87_register(struct cpu *cpu, uint32_t code)
{
    struct x86_cpu *x86 = x86_of(cpu);
    unsigned modrm = code & 0xff;
    bool done = true;

    if (!is_control(code)) {
        x87_check_pending(cpu);
    }
    switch (code >> 8) {
    case 0:
        x87_operate(x86, modrm >> 3 & 7, x87_get(x86, modrm & 7));
        break;
    case 1:
        done = d9(x86, modrm);
        break;
    case 2:
        done = da(x86, modrm);
        break;
    case 3:
        done = db(x86, modrm);
        break;
    case 5:
        done = dd(x86, modrm);
        break;
    case 7:
        done = df(x86, modrm);
        break;
    case EMMS >> 8:
        x86->x87_valid = 0;
        break;
    default:
        done = into_other(x86, modrm, code >> 8 == 6);
    }
    if (!done) {
        x86_fault(cpu, X86_UD);
    }
}

/* -- Translation ----------------------------------------------------------- */

static bool off(struct x86_translator *t, uint64_t when)
{
    if (!(t->mode_word & when)) {
        return false;
    }
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, X86_NM), IR_NONE,
            IR_NONE, IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
    return true;
}

/* What an instruction with a memory operand does there, by the opcode's low
 * three bits and the digit: bytes, with bit 7 when they are written. The
 * environment has half the bytes with 16-bit operands. */
static void guard(struct x86_translator *t, ir_ref address)
{
    enum { W = 128, ENV = 28, ALL = 108 };
    static const uint8_t accesses[8][8] = {
        {4, 4, 4, 4, 4, 4, 4, 4},
        {4, 0, 4 | W, 4 | W, ENV, 2, ENV | W, 2 | W},
        {4, 4, 4, 4, 4, 4, 4, 4},
        {4, 4 | W, 4 | W, 4 | W, 0, 10, 0, 10 | W},
        {8, 8, 8, 8, 8, 8, 8, 8},
        {8, 8 | W, 8 | W, 8 | W, ALL, 0, ALL | W, 2 | W},
        {2, 2, 2, 2, 2, 2, 2, 2},
        {2, 2 | W, 2 | W, 2 | W, 10, 8, 10 | W, 8 | W},
    };
    unsigned access =
        accesses[t->insn.row->argument & 7][t->insn.modrm >> 3 & 7];
    unsigned size = access & ~(unsigned)W;

    if (size >= ENV && t->insn.size == 2) {
        size -= 14;
    }
    if (size) {
        x86_guard(t, address, size, access & W);
    }
}

bool x86_tr_x87(struct x86_translator *t)
{
    uint32_t code = (uint32_t)t->insn.row->argument << 8 | t->insn.modrm;

    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        ir_ref address = x86_address(t);

        guard(t, address);
        ir_call(t->b, X86_HELPER_x87_memory, ir_const_i32(t->b, code),
                address, IR_NONE, IR_NONE);
    } else {
        ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, code),
                IR_NONE, IR_NONE, IR_NONE);
    }
    return false;
}

/* Waits for what is pending: FNOP does the same. */
bool x86_tr_fwait(struct x86_translator *t)
{
    if (t->mode_word & X86_MODE_TS) { /* and MP decides */
        ir_call(t->b, X86_HELPER_wait, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    }
    ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, 0x1d0),
            IR_NONE, IR_NONE, IR_NONE);
    return false;
}

bool x86_tr_emms(struct x86_translator *t)
{
    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, EMMS), IR_NONE,
            IR_NONE, IR_NONE);
    return false;
}

bool x86_tr_fxsave(struct x86_translator *t)
{
    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    ir_ref address = x86_address(t);

    x86_guard(t, address, 512, !t->insn.row->argument);
    ir_call(t->b,
            t->insn.row->argument ? X86_HELPER_fxrstor : X86_HELPER_fxsave,
            address, ir_const_i32(t->b, t->insn.rex >> 3 & 1),
            IR_NONE, IR_NONE);
    return false;
}
