/*
 * F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS and FPTAN. Processors differ in
 * the last bit of these, so they are computed here, with 128 bits, and
 * rounded once: a recording replays on any host. Series with exact
 * coefficients (a division by a small number a term) take the place of
 * tables. Angles are reduced by a pi of 66 bits, as processors do it.
 */
#include "guest/x86/wide.h"
#include "guest/x86/x87.h"

#include <string.h>

static const struct wide one = WIDE(1ull << 63, 0, 0);
static const struct wide pi = WIDE(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1, 1);
static const struct wide ln2 = WIDE(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af,
                                    -1);
static const struct wide log2_e = WIDE(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89,
                                       0);

/* The arc tangent of n / 16. */
static const struct wide arctangents[17] = {
    WIDE(0, 0, 0),
    WIDE(0xffaaddb967ef4e36, 0xcb2792dc0e2e0d51, -5),
    WIDE(0xfeadd4d5617b6e32, 0xc897989f3e888ef8, -4),
    WIDE(0xbdcbda5e72d81134, 0x7b0b4f881c9c7488, -3),
    WIDE(0xfadbafc96406eb15, 0x6dc79ef5f7a217e6, -3),
    WIDE(0x9b13b9b83f5e5e69, 0xc5abb498d27af328, -2),
    WIDE(0xb7b0ca0f26f78473, 0x8aa32122dcfe4483, -2),
    WIDE(0xd327761e611fe5b6, 0x427c95e9001e7136, -2),
    WIDE(0xed63382b0dda7b45, 0x6fe445ecbc3a8d03, -2),
    WIDE(0x832bf4a6d9867e2a, 0x4b6a09cb61a515c1, -1),
    WIDE(0x8f005d5ef7f59f9b, 0x5c835e1665c43748, -1),
    WIDE(0x9a2f80e671bdda20, 0x4226f8e2204ff3bd, -1),
    WIDE(0xa4bc7d1934f70924, 0x19a87f2a457dac9f, -1),
    WIDE(0xaeac4c38b4d8c080, 0x14725e2f3e52070a, -1),
    WIDE(0xb8053e2bc2319e73, 0xcb2da55210a4443d, -1),
    WIDE(0xc0ce85b8ac526640, 0x89dd62c46e92fa25, -1),
    WIDE(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1, -1),
};

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
                significand >> 63 ? (unsigned)(w.exponent + 16383) & 0x7fff
                                  : 0,
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

/* -- Sine, cosine, tangent ------------------------------------------------- */

/*
 * |x| < 2^63 as q * pi/2 + r, |r| <= pi/4: the significand is brought to the
 * exponent bit by bit, and pi/2 taken away whenever there is one.
 */
static struct wide reduce(struct wide x, unsigned *quadrant)
{
    const wide_bits half_pi = (wide_bits)0xc90fdaa22168c234 << 4 | 0xc;
    wide_bits r = x.m >> 64; /* in units of 2^-67, once all are shifted in */
    int units = 67;
    unsigned q = 0;
    bool negative = x.negative;

    *quadrant = 0;
    if (x.exponent < -1) {
        return x;
    }
    for (int i = 0; i < x.exponent - 63 + units; i++) {
        r <<= 1;
        q <<= 1;
        if (r >= half_pi) {
            r -= half_pi;
            q |= 1;
        }
    }
    if (r > half_pi / 2) {
        r = half_pi - r;
        negative = !negative;
        q++;
    }
    *quadrant = (x.negative ? 0 - q : q) & 3;
    return wide_normal(r, 127 - units, negative);
}

/* 1 - x2 / (first (first + 1)) (1 - x2 / ((first + 2) (first + 3)) ...) */
static struct wide alternating(struct wide x2, uint32_t first)
{
    struct wide sum = one;

    for (unsigned terms = 18; terms--;) {
        uint32_t n = first + 2 * terms;

        sum = wide_sub(one, wide_div_small(wide_mul(x2, sum), n * (n + 1)));
    }
    return sum;
}

static struct wide sine(struct wide r)
{
    return wide_mul(r, alternating(wide_mul(r, r), 2));
}

static struct wide cosine(struct wide r)
{
    return alternating(wide_mul(r, r), 1);
}

static struct wide angle_function(enum x87_function f, struct wide x)
{
    unsigned quadrant;
    struct wide r = reduce(x, &quadrant), s;

    if (f == X87_FPTAN) {
        s = wide_div(sine(r), cosine(r));
        return quadrant & 1 ? wide_negate(wide_div(one, s)) : s;
    }
    quadrant += f == X87_FCOS;
    s = quadrant & 1 ? cosine(r) : sine(r);
    return quadrant & 2 ? wide_negate(s) : s;
}

/* -- Exponential, logarithm, arc tangent ---------------------------------- */

/* 2^x - 1 = t (1 + t/2 (1 + t/3 (1 + ...))), t = x ln 2 */
static struct wide exponential(struct wide x)
{
    struct wide t = wide_mul(x, ln2), sum = one;

    for (uint32_t n = 36; n >= 2; n--) {
        sum = wide_add(one, wide_div_small(wide_mul(t, sum), n));
    }
    return wide_mul(t, sum);
}

/* z (1 + s z^2 (1/3 + s z^2 (1/5 + ...))), s a sign: the area and the arc
 * tangent */
static struct wide inverse_series(struct wide z, bool alternates, uint32_t n)
{
    struct wide z2 = wide_mul(z, z), sum = wide_div_small(one, 2 * n + 1);

    z2.negative = alternates;
    while (n--) {
        sum = wide_add(wide_div_small(one, 2 * n + 1), wide_mul(z2, sum));
    }
    return wide_mul(z, sum);
}

/* log2((1 + z) / (1 - z)) */
static struct wide logarithm_of_ratio(struct wide z)
{
    struct wide log = wide_mul(inverse_series(z, false, 26), log2_e);

    log.exponent++;
    return log;
}

/* log2(x), x > 0: the exponent, and the rest between sqrt(1/2) and sqrt(2) */
static struct wide logarithm(struct wide x)
{
    const wide_bits root2 = (wide_bits)0xb504f333f9de6484 << 64;
    int k = x.exponent + (x.m > root2);
    struct wide whole = wide_integer((uint64_t)(k < 0 ? -k : k)), rest;

    x.exponent -= k;
    whole.negative = k < 0;
    rest = logarithm_of_ratio(wide_div(wide_sub(x, one), wide_add(x, one)));
    return wide_add(whole, rest);
}

/* log2(1 + x), without losing a small x */
static struct wide logarithm_plus_1(struct wide x)
{
    struct wide two = one;

    two.exponent = 1;
    if (x.exponent >= -1) {
        return logarithm(wide_add(one, x));
    }
    return logarithm_of_ratio(wide_div(x, wide_add(x, two)));
}

/* atan(z), 0 <= z <= 1: of the nearest n / 16, and of what lies between */
static struct wide arctangent(struct wide z)
{
    unsigned n = z.exponent < -5 ? 0
                                 : (unsigned)(((z.m >> (122 - z.exponent)) +
                                               1) >> 1);
    struct wide c = wide_integer(n);

    c.exponent -= 4;
    if (n) {
        z = wide_div(wide_sub(z, c), wide_add(one, wide_mul(z, c)));
    }
    return wide_add(arctangents[n], inverse_series(z, true, 13));
}

/* -- Instructions ---------------------------------------------------------- */

static uint16_t denormal_flag(const struct value *x)
{
    return x->denormal ? X87_DE : 0;
}

/* A NaN goes on, quiet; what is no number becomes one. */
static struct x87_result of_nan(uint16_t control, long double x,
                                long double y)
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
    return rounded(control, exponential(x->wide), false);
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
        r = rounded(control, angle_function(f, v.wide), false);
    }
    r.status |= denormal_flag(&v);
    return r;
}

/* y log2(x) or y log2(x + 1), where the logarithm is neither 0 nor infinite.
 * It is exact when x is a power of two; PE does not tell. */
static struct x87_result times_logarithm(uint16_t control,
                                         enum x87_function2 f,
                                         const struct value *x,
                                         const struct value *y)
{
    bool exact = f == X87_FYL2X && !(x->wide.m << 1);
    struct wide log = f == X87_FYL2X ? logarithm(x->wide)
                                     : logarithm_plus_1(x->wide);
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

static struct x87_result scaled_logarithm(uint16_t control,
                                          const struct value *x,
                                          const struct value *y)
{
    if (x->class == ZERO) {
        if (y->class == ZERO) {
            return invalid();
        }
        return infinity(!y->negative,
                        y->class == FINITE ? X87_ZE : 0);
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
        struct x87_result r = y->class == INFINITE ? invalid()
                                                   : zero(negative);

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
    bool over = x->class == y->class
                    ? wide_compare_magnitude(y->wide, x->wide) > 0
                    : y->class > x->class;
    struct wide half_pi = pi, a = {0, 0, false};
    struct x87_result r;

    half_pi.exponent = 0;
    if (x->class == INFINITE && y->class == INFINITE) {
        a = arctangents[16];
    } else if (x->class == FINITE && y->class == FINITE) {
        struct wide p = x->wide, q = y->wide, z;

        p.negative = q.negative = false;
        z = over ? wide_div(p, q) : wide_div(q, p);
        a = arctangent(z);
    }
    if (over) {
        a = wide_sub(half_pi, a);
    }
    if (x->negative) {
        a = wide_sub(pi, a);
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
