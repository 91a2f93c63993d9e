/* Random values that make trouble more often than plain ones. */
#include "cases.h"

#include <string.h>

static uint64_t seed = 0x853c49e6748fea9bull;

void cases_seed(uint64_t number)
{
    seed ^= (number + 1) * 0x9e3779b97f4a7c15ull;
    seed |= !seed;
}

uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dull >> 4;
}

uint64_t rnd_integer(void)
{
    static const uint64_t base[] = {
        0,          1,          0x7f,       0x80,       0xff,
        0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000,
        0xffffffff, ~0ull >> 1, 1ull << 63, ~0ull};

    return rnd() % 2 ? (rnd() << 30 ^ rnd()) >> rnd() % 64 : base[rnd() % 14];
}

/* -- Floating point -------------------------------------------------------- */

uint64_t rnd_float(void)
{
    static const uint64_t special[] = {
        0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
        0x7ff0000000000001, 0x8000000000000000, 0x0000000000000001,
        0x7f8000007f800000, 0x7fc000007f800001, 0x8000000000000001,
        0x3ff0000000000000, 0x3f80000040000000, 0x000fffffffffffff,
        0x0010000000000000, 0x7fefffffffffffff, 0x0080000000000001,
        0x7f7fffff00800000, 0x43e0000000000000, 0xc1e0000000000000,
        0x5f0000004f000000, 0x36a0000000000001};
    double d = (double)(int64_t)(rnd() << 4) / (double)(1 + rnd() % 1000000);
    float f[2] = {(float)(int32_t)rnd() / 1000, (float)(int16_t)rnd()};
    uint64_t bits;

    switch (rnd() % 6) {
    case 0:
        memcpy(&bits, &d, 8);
        return bits;
    case 1:
        memcpy(&bits, f, 8);
        return bits;
    case 2:
        return special[rnd() % (sizeof(special) / sizeof(special[0]))];
    case 3: /* a small whole number */
        d = (double)(int8_t)rnd() / (1 << rnd() % 3);
        memcpy(&bits, &d, 8);
        return bits;
    default:
        return rnd_integer();
    }
}

/* The class is chosen by exponent and by the top of the significand; some of
 * these pairs are no numbers to an x87 since the 387. */
void rnd_extended(uint8_t at[10])
{
    static const uint64_t tops[] = {0x8000000000000000, 0xc000000000000000,
                                    0xffffffffffffffff, 0x8000000000000001,
                                    0xffffffff00000000, 0xfffffffffffff800,
                                    0x8000008000000000, 0x8000000000000400};
    uint64_t significand = 1ull << 63 | rnd() << 20 | rnd() >> rnd() % 60;
    unsigned exponent = 16383 - 70 + rnd() % 140;

    if (rnd() % 3 == 0) {
        significand = tops[rnd() % 8];
    }
    switch (rnd() % 16) {
    case 0: /* zero, denormal, pseudo-denormal */
        exponent = 0;
        significand >>= rnd() % 2 ? rnd() % 64 : 0;
        significand = rnd() % 3 ? significand : 0;
        break;
    case 1: /* infinity and the kinds of NaN */
        exponent = 0x7fff;
        significand = rnd() % 3 ? significand : 1ull << 63;
        break;
    case 2: /* infinity and NaN without the top bit, unnormal */
        significand >>= 1 + rnd() % 63;
        exponent = rnd() % 2 ? 0x7fff : exponent;
        break;
    case 3: /* next to overflow and underflow */
        exponent = rnd() % 2 ? 1 + rnd() % 70 : 0x7ffe - rnd() % 70;
        break;
    case 4: /* next to those of double and float */
        exponent = 16383 + (rnd() % 2 ? 1023 : 127) - rnd() % 3;
        exponent = rnd() % 2 ? exponent : 2 * 16383 - exponent - rnd() % 60;
        break;
    case 5: /* anywhere */
        exponent = rnd() & 0x7fff;
        break;
    case 6 ... 9: /* small whole numbers, halves */
        significand = 1ull << 63 | (rnd() & 7) << 60;
        exponent = 16383 - 2 + rnd() % 8;
        break;
    }
    exponent |= rnd() % 2 << 15;
    memcpy(at, &significand, 8);
    memcpy(at + 8, &exponent, 2);
}

/* Any rounding; exceptions mostly masked, sometimes one or all of them not. */
uint32_t rnd_mxcsr(void)
{
    uint32_t value = 0x1f80 | (rnd() % 4) << 13 | (rnd() % 64);

    if (rnd() % 4 == 0) {
        value |= rnd() & 0x8040; /* flush, denormals are zero */
    }
    if (rnd() % 4 == 0) {
        value &= rnd() % 2 ? ~0x1f80u : ~(0x80u << rnd() % 6);
        value &= rnd() % 2 ? ~0x3fu : ~0u;
    }
    return value;
}

static void x87_words(uint8_t fx[512])
{
    uint16_t control = 0x7f | (rnd() % 4) << 10 | (rnd() % 8 ? 0x300 : 0);
    uint16_t status = rnd() & 0x473f;
    uint16_t opcode = rnd() & 0x7ff;
    uint32_t ip = (uint32_t)rnd(), dp = (uint32_t)rnd();

    if (!(control & 0x300)) {
        control |= rnd() & 0x200;
    }
    if (rnd() % 3 == 0) { /* with some unmasked, mostly none pending */
        control &= (uint16_t) ~(rnd() & 0x3f);
        status &= rnd() % 4 ? ~0x3f : ~0;
    }
    status |= (status & 0x3f & ~control) ? 0x8080 : 0;
    status |= rnd() % 8 ? 0 : 0x41; /* stack fault */
    status |= (uint16_t)(rnd() % 8 << 11);
    if (status & 0x3f & ~control) {
        status |= 0x8080;
    }
    memset(fx, 0, 32);
    memcpy(fx + FX_CONTROL, &control, 2);
    memcpy(fx + FX_STATUS, &status, 2);
    fx[FX_TAGS] = (uint8_t)(rnd() % 2 ? 0xff : rnd());
    memcpy(fx + FX_OPCODE, &opcode, 2);
    memcpy(fx + FX_IP, &ip, 4);
    memcpy(fx + FX_DP, &dp, 4);
}

void rnd_fx(uint8_t fx[512])
{
    uint32_t mxcsr = rnd_mxcsr();

    memset(fx, 0, 512);
    x87_words(fx);
    memcpy(fx + FX_MXCSR, &mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        rnd_extended(fx + FX_ST + 16 * i);
    }
    for (unsigned i = 0; i < 32; i++) {
        uint64_t value = rnd() % 4 ? rnd_float() : rnd() % 70;

        memcpy(fx + FX_XMM + 8 * i, &value, 8);
    }
}

/* -- Memory ---------------------------------------------------------------- */

#define POOL 0x8000u

/* A window of a pool that is renewed little by little. */
void rnd_memory(uint8_t *data)
{
    static uint8_t pool[POOL + DATA_SIZE + 16];
    static unsigned at;
    static bool filled;
    unsigned from = rnd() % POOL;

    for (unsigned n = filled ? 8 : sizeof(pool) / 16; n; n--) {
        uint64_t values[2] = {rnd_float(), rnd_float()};

        memcpy(pool + at, values, 16);
        if (rnd() % 2) {
            rnd_extended(pool + at);
        }
        at = (at + 16) % (sizeof(pool) - 15) & ~15u;
    }
    filled = true;
    memcpy(data, pool + (rnd() % 4 ? from & ~15u : from), DATA_SIZE);
}

/* -- Addresses ------------------------------------------------------------- */

uint64_t rnd_target(unsigned size, unsigned alignment)
{
    static const uint32_t edges[] = {DATA, DATA + 0x1000, READ_ONLY,
                                     NOT_MAPPED};
    uint64_t target = DATA + 0x400 + rnd() % (DATA_SIZE - 0x800);

    switch (rnd() % 32) {
    case 0: /* across an edge, or close to it */
    case 1:
        target = edges[rnd() % 4] + 8 - rnd() % (size + 16);
        break;
    case 2:
        target = READ_ONLY + rnd() % 0x1800;
        break;
    case 3: /* no canonical address */
        return rnd() % 4 ? target : (1ull << 47 << rnd() % 16) ^ target;
    }
    return rnd() % 8 ? target & ~(uint64_t)(alignment - 1) : target;
}

/* Not within the instruction, nor the jump that follows. */
uint64_t rnd_code(void)
{
    uint64_t to = CODE + 0x100 + rnd() % 0xe00;

    return to - (INSN - 16) < 64 ? to + 64 : to;
}

/* Not 3: a kernel that switches tasks may make it the other null. */
uint16_t rnd_selector(void)
{
    static const uint16_t good[] = {
        0, 0, USER_DS, USER_CS32, USER_CS64, USER_DS & ~3, 0x10, 0x18, 0x1b, 8};

    return good[rnd() % 4 ? rnd() % 3 : rnd() % 10];
}
