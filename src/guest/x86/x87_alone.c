/* x87 instructions on ST(0), or on ST(0) and ST(1): D9 E0 and up. */
#include "guest/x86/x87.h"

/* -- ST(0), or ST(0) and ST(1) -------------------------------------------- */

static void change_sign(struct x86_cpu *x86, bool absolute)
{
    struct x87_register *r = &x86->x87[x86->x87_top];
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    x87_clear_c1(x86);
    if (empty) {
        x87_put(x86, 0, x87_value(&x87_indefinite));
    } else {
        r->exponent = absolute ? r->exponent & 0x7fff : r->exponent ^ 0x8000;
    }
}

/* The class of ST(0) in C3 C2 C0, its sign in C1. */
static void examine(struct x86_cpu *x86)
{
    const unsigned all = X87_COMPARED | X87_C1;
    struct x87_result r = x87_host_unary(x86->x87_control, X87_FXAM,
                                         x87_st(x86, 0));
    unsigned status = r.status & all;

    if (!(x86->x87_valid >> x86->x87_top & 1)) {
        status = (status & X87_C1) | X87_C0 | X87_C3;
    }
    x86->x87_status = (uint16_t)((x86->x87_status & ~all) | status);
}

static void test(struct x86_cpu *x86)
{
    struct x87_result r;
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty) || empty) {
        x86->x87_status |= X87_COMPARED;
        return;
    }
    r = x87_host_unary(x86->x87_control, X87_FTST, x87_st(x86, 0));
    x87_take(x86, &r, X87_C1 | X87_COMPARED);
}

static void push_constant(struct x86_cpu *x86, unsigned which)
{
    struct x87_result r = x87_host_constant(x86->x87_control, which);
    bool full;

    if (!x87_can_push(x86, &full)) {
        return;
    }
    if (full) {
        r.value = x87_value(&x87_indefinite);
    } else {
        x87_clear_c1(x86);
    }
    x87_push(x86, r.value);
}

/* No further step, and nothing out of range: C2 is 0 after a stack fault. */
static void clear_c2_if(struct x86_cpu *x86, bool fault)
{
    if (fault) {
        x86->x87_status &= (uint16_t)~X87_C2;
    }
}

/* ST(0) = f(ST(0)). */
static void unary(struct x86_cpu *x86, enum x87_unary op)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_host_unary(x86->x87_control, op, x87_st(x86, 0));
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

/*
 * FPREM of operands whose exponents lie 64 or more apart is one of several
 * steps, and processors may choose how long that is. Ours reduces the
 * difference D by D - (32 + D % 32), which is what the remainder by a divisor
 * scaled up by that much does.
 */
static long double scaled_divisor(const struct x86_cpu *x86, bool *partial)
{
    const struct x87_register *x = &x86->x87[x86->x87_top];
    struct x87_register y = x86->x87[(x86->x87_top + 1) & 7];
    unsigned ex = x->exponent & 0x7fff, ey = y.exponent & 0x7fff;
    int d, exponent, zeros;

    *partial = false;
    if (!(x->significand >> 63) || ex == 0x7fff || ey == 0x7fff ||
        !y.significand || (ey && !(y.significand >> 63))) {
        return x87_value(&y);
    }
    zeros = __builtin_clzll(y.significand);
    exponent = (ey ? (int)ey : 1) - zeros;
    d = (ex ? (int)ex : 1) - exponent;
    if (d < 64) {
        return x87_value(&y);
    }
    *partial = true;
    exponent += d - (32 + d % 32);
    y.significand <<= zeros;
    if (exponent <= 0) { /* still denormal */
        y.significand >>= 1 - exponent;
        exponent = 0;
    }
    y.exponent = (uint16_t)((y.exponent & 0x8000) | exponent);
    return x87_value(&y);
}

static void remainder_of(struct x86_cpu *x86, enum x87_pair op)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty, partial;
    unsigned conditions;
    long double y;

    clear_c2_if(x86, x87_is_empty(x86, 0) || x87_is_empty(x86, 1));
    if (!x87_operands(x86, 0, 1, &empty)) {
        return;
    }
    if (!empty) {
        y = scaled_divisor(x86, &partial);
        /* A step truncates, whichever of the two it is for. */
        r = x87_host_pair(x86->x87_control, partial ? X87_FPREM : op,
                          x87_st(x86, 0), y);
        if (partial) {
            r.status = (uint16_t)((r.status & X87_FLAGS) | X87_C2);
            if (!(x86->x87[(x86->x87_top + 1) & 7].exponent & 0x7fff)) {
                r.status |= X87_DE;
            }
        }
        conditions = X87_C1 | X87_COMPARED;
        if (r.value != r.value || (r.status & ~x86->x87_control & X87_BEFORE)) {
            conditions = X87_C1 | X87_C2; /* there is no quotient */
            r.status &= (uint16_t)~X87_C2;
        }
        if (!x87_take(x86, &r, conditions)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

static void scale(struct x86_cpu *x86)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (!x87_operands(x86, 0, 1, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_host_pair(x86->x87_control, X87_FSCALE, x87_st(x86, 0),
                          x87_st(x86, 1));
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

static void extract(struct x86_cpu *x86)
{
    long double significand = x87_value(&x87_indefinite);
    struct x87_result r = {significand, 0};
    bool empty, full = false;

    if (!x87_operands(x86, 0, 0, &empty) ||
        (!empty && !x87_can_push(x86, &full))) {
        return;
    }
    if (!empty && !full) {
        r = x87_host_extract(x86->x87_control, x87_st(x86, 0), &significand);
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
    x87_push(x86, significand);
}

/* -- Functions ------------------------------------------------------------- */

static void function(struct x86_cpu *x86, enum x87_function f)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (f != X87_F2XM1) {
        clear_c2_if(x86, x87_is_empty(x86, 0));
    }
    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_function(x86->x87_control, f, x87_st(x86, 0));
        if (!x87_take(x86, &r, f == X87_F2XM1 ? X87_C1 : X87_C1 | X87_C2)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

/* ST(1) = f(ST(0), ST(1)), then a pop. */
static void function2(struct x86_cpu *x86, enum x87_function2 f)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (!x87_operands(x86, 0, 1, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_function2(x86->x87_control, f, x87_st(x86, 0), x87_st(x86, 1));
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_pop(x86);
    x87_put(x86, 0, r.value);
}

/* FPTAN and FSINCOS: f(ST(0)), and a second value that is pushed: 1, or the
 * cosine. */
static void function_and_push(struct x86_cpu *x86, enum x87_function f)
{
    long double x = x87_st(x86, 0), second = x87_value(&x87_indefinite);
    struct x87_result r = {second, 0};
    bool empty, full = false;

    clear_c2_if(x86, x87_is_empty(x86, 0) || !x87_is_empty(x86, 7));
    if (!x87_operands(x86, 0, 0, &empty) ||
        (!empty && !x87_can_push(x86, &full))) {
        return;
    }
    if (!empty && !full) {
        r = x87_function(x86->x87_control, f, x);
        second = r.value;
        if (f == X87_FSIN) {
            second = x87_function(x86->x87_control, X87_FCOS, x).value;
        } else if (r.value - r.value == 0) {
            second = 1;
        }
        if (!x87_take(x86, &r, X87_C1 | X87_C2)) {
            return;
        }
        if (r.status & X87_C2) {
            return; /* out of range */
        }
    }
    x87_put(x86, 0, r.value);
    x87_push(x86, second);
}

void x87_run_d9_e(struct x86_cpu *x86, unsigned modrm)
{
    switch (modrm) {
    case 0xe0:
    case 0xe1:
        change_sign(x86, modrm & 1);
        break;
    case 0xe4:
        test(x86);
        break;
    case 0xe5:
        examine(x86);
        break;
    case 0xe8 ... 0xee:
        push_constant(x86, modrm & 7);
        break;
    }
}

void x87_run_d9_f(struct x86_cpu *x86, unsigned modrm)
{
    switch (modrm) {
    case 0xf0:
        function(x86, X87_F2XM1);
        break;
    case 0xf1:
        function2(x86, X87_FYL2X);
        break;
    case 0xf2:
        function_and_push(x86, X87_FPTAN);
        break;
    case 0xf3:
        function2(x86, X87_FPATAN);
        break;
    case 0xf4:
        extract(x86);
        break;
    case 0xf5:
        remainder_of(x86, X87_FPREM1);
        break;
    case 0xf6:
    case 0xf7: /* FDECSTP, FINCSTP */
        x86->x87_top = (x86->x87_top + (modrm & 1 ? 1 : 7)) & 7;
        x87_clear_c1(x86);
        break;
    case 0xf8:
        remainder_of(x86, X87_FPREM);
        break;
    case 0xf9:
        function2(x86, X87_FYL2XP1);
        break;
    case 0xfa:
        unary(x86, X87_FSQRT);
        break;
    case 0xfb:
        function_and_push(x86, X87_FSIN);
        break;
    case 0xfc:
        unary(x86, X87_FRNDINT);
        break;
    case 0xfd:
        scale(x86);
        break;
    case 0xfe:
        function(x86, X87_FSIN);
        break;
    default:
        function(x86, X87_FCOS);
    }
}
