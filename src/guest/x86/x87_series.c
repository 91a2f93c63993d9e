/*
 * Sines, logarithms and the like, with 128 bits. Series with exact
 * coefficients (a division by a small number a term) take the place of
 * tables. Angles are reduced by a pi of 66 bits, as processors do it.
 */
#include "guest/x86/x87_series.h"

static const struct wide one = WIDE(1ull << 63, 0, 0);
const struct wide x87_pi = WIDE(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1, 1);
static const struct wide ln2 = WIDE(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af, -1);
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

struct wide x87_angle_function(enum x87_function f, struct wide x)
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
struct wide x87_exponential(struct wide x)
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
struct wide x87_logarithm(struct wide x)
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
struct wide x87_logarithm_plus_1(struct wide x)
{
    struct wide two = one;

    two.exponent = 1;
    if (x.exponent >= -1) {
        return x87_logarithm(wide_add(one, x));
    }
    return logarithm_of_ratio(wide_div(x, wide_add(x, two)));
}

/* atan(z), 0 <= z <= 1: of the nearest n / 16, and of what lies between */
struct wide x87_arctangent(struct wide z)
{
    unsigned n = z.exponent < -5
                     ? 0
                     : (unsigned)(((z.m >> (122 - z.exponent)) + 1) >> 1);
    struct wide c = wide_integer(n);

    c.exponent -= 4;
    if (n) {
        z = wide_div(wide_sub(z, c), wide_add(one, wide_mul(z, c)));
    }
    return wide_add(arctangents[n], inverse_series(z, true, 13));
}
