/*
 * F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS and FPTAN. Processors differ in
 * the last bit of these, so they are computed (x87_series.c) with 128 bits
 * and rounded once: a recording replays on any host.
 */
#include "guest/x86/x87_series.h"

#include <string.h>

/* -- Values ---------------------------------------------------------------- */

enum class { ZERO, FINITE, INFINITE, NAN_CLASS, UNSUPPORTED };

struct value {
    struct x87_register bits;
    enum class class;
    bool negative, denormal;
    struct wide wide;
};

static struct value value_of(long double x)
{
    struct value v = {.class = FINITE};
    int exponent;

    memcpy(&v.bits, &x, 10);
    exponent = v.bits.exponent & 0x7fff;
    v.negative = v.bits.exponent >> 15;
    if (exponent && !(v.bits.significand >> 63)) {
        v.class = UNSUPPORTED;
    } else if (exponent == 0x7fff) {
        v.class = v.bits.significand << 1 ? NAN_CLASS : INFINITE;
    } else if (!v.bits.significand) {
        v.class = ZERO;
    }
    v.denormal = exponent == 0 && v.bits.significand;
    v.wide = wide_normal((wide_bits)v.bits.significand << 64,
                         (exponent ? exponent : 1) - 16383, v.negative);
    return v;
}

static struct x87_result make(uint64_t significand, unsigned exponent,
                              bool negative, uint16_t status)
{
    struct x87_register bits = {
        significand, (uint16_t)(exponent | (unsigned)negative << 15), {0}};

    return (struct x87_result){x87_value(&bits), status};
}

static struct x87_result zero(bool negative)
{
    return make(0, 0, negative, 0);
}

static struct x87_result infinity(bool negative, uint16_t status)
{
    return make(1ull << 63, 0x7fff, negative, status);
}

static struct x87_result invalid(void)
{
    return (struct x87_result){x87_value(&x87_indefinite), X87_IE};
}

/* -- Rounding -------------------------------------------------------------- */

#define EXPONENT_MAX 16383
#define EXPONENT_MIN (-16382)
#define UNMASKED_SCALE 24576
#define SMALL (-68)

/* Whether the magnitude goes up; `rest` are the bits below, of which the top
 * one is a half. */
static bool rounds_up(unsigned mode, bool odd, uint64_t rest, bool negative)
{
    switch (mode) {
    case 0:
        return rest > 1ull << 63 || (rest == 1ull << 63 && odd);
    case 1:
        return negative && rest;
    case 2:
        return !negative && rest;
    default:
        return false;
    }
}

static struct x87_result overflow(unsigned mode, bool negative)
{
    bool infinite = mode == 0 || mode == (negative ? 1 : 2);
    uint16_t status = X87_OE | X87_PE | (infinite ? X87_C1 : 0);

    return infinite ? infinity(negative, status)
                    : make(~0ull, 0x7ffe, negative, status);
}

/* The 64 bits of a number, with its last one a trace of all that follow. */
static struct x87_result cut(struct wide w, unsigned mode)
{
    uint64_t significand = (uint64_t)(w.m >> 64), rest = (uint64_t)w.m;
    bool up = rounds_up(mode, significand & 1, rest, w.negative);
    uint16_t status = (uint16_t)((rest ? X87_PE : 0) | (up ? X87_C1 : 0));

    if (up && !++significand) {
        significand = 1ull << 63;
        w.exponent++;
    }
    return make(significand,
                significand >> 63 ? (unsigned)(w.exponent + 16383) & 0x7fff : 0,
                w.negative, status);
}

/* Too small a number: its significand shifted down, with a trace. */
static struct wide denormal(struct wide w)
{
    int down = EXPONENT_MIN - w.exponent;
    bool lost = down >= 128 || w.m << (128 - down);

    w.m = (down >= 128 ? 0 : w.m >> down) | lost;
    w.exponent = EXPONENT_MIN;
    return w;
}

/* `exact`: the number is what its bits say, else a little more. */
static struct x87_result rounded(uint16_t control, struct wide w, bool exact)
{
    unsigned mode = control >> 10 & 3;
    struct x87_result r;
    bool tiny;

    w.m |= !exact;
    r = cut(w, mode);
    /* Tiny is what would be so after rounding with any exponent. */
    tiny = w.exponent < EXPONENT_MIN &&
           !(w.exponent == EXPONENT_MIN - 1 && (r.status & X87_C1) &&
             (uint64_t)(w.m >> 64) == ~0ull);
    if (w.exponent > EXPONENT_MAX ||
        (w.exponent == EXPONENT_MAX && (r.status & X87_C1) &&
         (uint64_t)(w.m >> 64) == ~0ull)) {
        if (control & X87_OE) {
            return overflow(mode, w.negative);
        }
        w.exponent -= UNMASKED_SCALE;
        r = cut(w, mode);
        r.status |= X87_OE;
    } else if (tiny && !(control & X87_UE)) {
        w.exponent += UNMASKED_SCALE;
        r = cut(w, mode);
        r.status |= X87_UE;
    } else if (w.exponent < EXPONENT_MIN) {
        r = cut(denormal(w), mode);
        r.status |= tiny && (r.status & X87_PE) ? X87_UE : 0;
    }
    return r;
}

/* -- Instructions ---------------------------------------------------------- */

static uint16_t denormal_flag(const struct value *x)
{
    return x->denormal ? X87_DE : 0;
}

/* A NaN goes on, quiet; what is no number becomes one. */
static struct x87_result of_nan(uint16_t control, long double x, long double y)
{
    union x87_memory memory = {.f80 = y};

    return x87_host_arithmetic(control, X87_FADD, x, X87_REGISTER, &memory);
}

static struct x87_result power(uint16_t control, const struct value *x)
{
    bool whole = x->wide.exponent == 0 && !(x->wide.m << 1);

    if (x->class == INFINITE) {
        return x->negative ? make(1ull << 63, 0x3fff, true, 0)
                           : infinity(false, 0);
    }
    if (x->wide.exponent > 0 || (x->wide.exponent == 0 && !whole)) {
        return (struct x87_result){x87_value(&x->bits), X87_PE}; /* undefined */
    }
    if (whole) {
        return make(1ull << 63, x->negative ? 0x3ffe : 0x3fff, x->negative,
                    X87_PE);
    }
    return rounded(control, x87_exponential(x->wide), false);
}

/* Sine and tangent of what is so small that they are x but for less than the
 * last place: as processors have it, x in every direction of rounding. */
static struct x87_result of_small(uint16_t control, const struct value *x)
{
    struct x87_result r = rounded(control, x->wide, true);

    r.status |= X87_PE | (x->wide.exponent < EXPONENT_MIN ? X87_UE : 0);
    return r;
}

struct x87_result x87_function(uint16_t control, enum x87_function f,
                               long double x)
{
    struct value v = value_of(x);
    struct x87_result r;

    if (v.class >= NAN_CLASS) {
        return of_nan(control, x, x);
    }
    if (v.class == ZERO) {
        return f == X87_FCOS ? make(1ull << 63, 0x3fff, false, 0)
                             : zero(v.negative);
    }
    if (f == X87_F2XM1) {
        r = power(control, &v);
    } else if (v.class == INFINITE) {
        return invalid();
    } else if (v.wide.exponent >= 63) {
        return (struct x87_result){x, X87_C2};
    } else if (f != X87_FCOS && v.wide.exponent < SMALL) {
        r = of_small(control, &v);
    } else {
        r = rounded(control, x87_angle_function(f, v.wide), false);
    }
    r.status |= denormal_flag(&v);
    return r;
}

/* y log2(x) or y log2(x + 1), where the logarithm is neither 0 nor infinite.
 * It is exact when x is a power of two; PE does not tell. */
static struct x87_result times_logarithm(uint16_t control, enum x87_function2 f,
                                         const struct value *x,
                                         const struct value *y)
{
    bool exact = f == X87_FYL2X && !(x->wide.m << 1);
    struct wide log = f == X87_FYL2X ? x87_logarithm(x->wide)
                                     : x87_logarithm_plus_1(x->wide);
    struct x87_result r;

    if (y->class == INFINITE) {
        r = infinity(y->negative != log.negative, 0);
    } else if (y->class == ZERO) {
        r = zero(y->negative != log.negative);
    } else {
        struct wide product = wide_mul(log, y->wide);

        r = rounded(control, product, exact);
        r.status |= X87_PE | denormal_flag(y);
        r.status |= product.exponent < EXPONENT_MIN ? X87_UE : 0;
    }
    r.status |= denormal_flag(x);
    return r;
}

static struct x87_result
scaled_logarithm(uint16_t control, const struct value *x, const struct value *y)
{
    if (x->class == ZERO) {
        if (y->class == ZERO) {
            return invalid();
        }
        return infinity(!y->negative, y->class == FINITE ? X87_ZE : 0);
    }
    if (x->negative) {
        return invalid();
    }
    if (x->class == INFINITE) {
        return y->class == ZERO ? invalid()
                                : infinity(y->negative, denormal_flag(y));
    }
    if (x->wide.exponent == 0 && !(x->wide.m << 1)) { /* of 1 */
        struct x87_result r = y->class == INFINITE ? invalid()
                                                   : zero(y->negative);

        r.status |= denormal_flag(y);
        return r;
    }
    return times_logarithm(control, X87_FYL2X, x, y);
}

static struct x87_result scaled_logarithm_plus_1(uint16_t control,
                                                 const struct value *x,
                                                 const struct value *y)
{
    bool negative = x->negative != y->negative;

    if (x->class == ZERO) {
        struct x87_result r = y->class == INFINITE ? invalid() : zero(negative);

        r.status |= denormal_flag(y);
        return r;
    }
    if (x->class == INFINITE) {
        return x->negative || y->class == ZERO
                   ? invalid()
                   : infinity(negative, denormal_flag(y));
    }
    if (y->class != FINITE) {
        struct x87_result r = y->class == ZERO ? zero(negative)
                                               : infinity(negative, 0);

        r.status |= denormal_flag(x);
        return r;
    }
    if (x->negative && x->wide.exponent >= 0) { /* undefined; x stays */
        return (struct x87_result){x87_value(&x->bits),
                                   X87_PE | denormal_flag(y)};
    }
    return times_logarithm(control, X87_FYL2XP1, x, y);
}

/* The angle of the point (x, y). */
static struct x87_result angle(uint16_t control, const struct value *x,
                               const struct value *y)
{
    bool over = x->class == y->class ? wide_compare_magnitude(y->wide,
                                                              x->wide) > 0
                                     : y->class > x->class;
    struct wide half_pi = x87_pi, a = {0, 0, false};
    struct x87_result r;

    half_pi.exponent = 0;
    if (x->class == INFINITE && y->class == INFINITE) {
        a = x87_pi; /* a quarter of it */
        a.exponent -= 2;
    } else if (x->class == FINITE && y->class == FINITE) {
        struct wide p = x->wide, q = y->wide, z;

        p.negative = q.negative = false;
        z = over ? wide_div(p, q) : wide_div(q, p);
        a = x87_arctangent(z);
    }
    if (over) {
        a = wide_sub(half_pi, a);
    }
    if (x->negative) {
        a = wide_sub(x87_pi, a);
    }
    a.negative = y->negative;
    r = a.m ? rounded(control, a, false) : zero(y->negative);
    r.status |= denormal_flag(x) | denormal_flag(y);
    return r;
}

struct x87_result x87_function2(uint16_t control, enum x87_function2 f,
                                long double x, long double y)
{
    struct value vx = value_of(x), vy = value_of(y);

    if (vx.class >= NAN_CLASS || vy.class >= NAN_CLASS) {
        return of_nan(control, x, y);
    }
    switch (f) {
    case X87_FYL2X:
        return scaled_logarithm(control, &vx, &vy);
    case X87_FYL2XP1:
        return scaled_logarithm_plus_1(control, &vx, &vy);
    default:
        return angle(control, &vx, &vy);
    }
}
