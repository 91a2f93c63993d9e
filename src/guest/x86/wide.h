/*
 * Floating-point numbers with 128 bits, for functions whose result is rounded
 * to 64: m * 2^(exponent - 127), m with its top bit set, or 0. Operations cut
 * off, so the last few bits are wrong; equal on every host.
 */
#ifndef GUEST_X86_WIDE_H
#define GUEST_X86_WIDE_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 wide_bits;

struct wide {
    wide_bits m;
    int exponent;
    bool negative;
};

#define WIDE(high, low, exponent) \
    { \
        (wide_bits)(high) << 64 | (low), exponent, false \
    }

static inline struct wide wide_normal(wide_bits m, int exponent, bool negative)
{
    struct wide w = {m, exponent, negative};

    if (m) {
        unsigned up = m >> 64 ? (unsigned)__builtin_clzll((uint64_t)(m >> 64))
                              : 64u + (unsigned)__builtin_clzll((uint64_t)m);

        w.m = m << up;
        w.exponent -= (int)up;
    }
    return w;
}

static inline struct wide wide_integer(uint64_t value)
{
    return wide_normal(value, 127, false);
}

static inline struct wide wide_negate(struct wide a)
{
    a.negative = !a.negative;
    return a;
}

static inline int wide_compare_magnitude(struct wide a, struct wide b)
{
    if (!a.m || !b.m) {
        return (a.m != 0) - (b.m != 0);
    }
    if (a.exponent != b.exponent) {
        return a.exponent < b.exponent ? -1 : 1;
    }
    return (a.m > b.m) - (a.m < b.m);
}

static inline struct wide wide_mul(struct wide a, struct wide b)
{
    uint64_t ah = (uint64_t)(a.m >> 64), al = (uint64_t)a.m;
    uint64_t bh = (uint64_t)(b.m >> 64), bl = (uint64_t)b.m;
    wide_bits hl = (wide_bits)ah * bl, lh = (wide_bits)al * bh;
    wide_bits low = (wide_bits)al * bl;
    wide_bits middle = (low >> 64) + (uint64_t)hl + (uint64_t)lh;
    wide_bits high = (wide_bits)ah * bh + (hl >> 64) + (lh >> 64) +
                     (middle >> 64);
    int exponent = a.exponent + b.exponent + 1;

    if (high && !(high >> 127)) {
        high = high << 1 | (middle >> 63 & 1);
        exponent--;
    }
    return (struct wide){high, exponent, a.negative != b.negative};
}

static inline struct wide wide_div(struct wide a, struct wide b)
{
    wide_bits rest = a.m, quotient = 0;
    bool carry = false;

    for (unsigned i = 0; i < 128; i++) {
        quotient <<= 1;
        if (carry || rest >= b.m) {
            rest -= b.m;
            quotient |= 1;
        }
        carry = rest >> 127;
        rest <<= 1;
    }
    return wide_normal(quotient, a.exponent - b.exponent,
                       a.negative != b.negative);
}

static inline struct wide wide_div_small(struct wide a, uint32_t by)
{
    wide_bits quotient = a.m / by, rest = a.m % by;
    struct wide w = wide_normal(quotient, a.exponent, a.negative);
    int up = a.exponent - w.exponent;

    if (a.m && up) { /* the bits that follow */
        w.m |= (rest << up) / by;
    }
    return w;
}

/* What is shifted out leaves a trace in the last bit, on the right side. */
static inline struct wide wide_add(struct wide a, struct wide b)
{
    int apart;
    wide_bits small, sum;
    bool lost;

    if (wide_compare_magnitude(a, b) < 0) {
        struct wide c = a;

        a = b;
        b = c;
    }
    if (!b.m) {
        return a;
    }
    apart = a.exponent - b.exponent;
    small = apart < 128 ? b.m >> apart : 0;
    lost = apart >= 128 || (apart && b.m << (128 - apart));
    if (a.negative == b.negative) {
        sum = a.m + small;
        if (sum < a.m) {
            sum = sum >> 1 | (wide_bits)1 << 127 | (sum & 1) | lost;
            return (struct wide){sum, a.exponent + 1, a.negative};
        }
        return (struct wide){sum | lost, a.exponent, a.negative};
    }
    return wide_normal(a.m - small - lost, a.exponent, a.negative);
}

static inline struct wide wide_sub(struct wide a, struct wide b)
{
    return wide_add(a, wide_negate(b));
}

#endif
