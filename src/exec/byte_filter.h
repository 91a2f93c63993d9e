/*
 * Which accesses are told to whoever looks for bytes: those with a byte that
 * is wanted, and all by instructions whose pc is marked. Woven code looks at
 * it before it calls anybody; all of it may change at any time.
 *
 * A byte of a wider access is looked up by halves, so that a few bytes that
 * are not wanted pass, too, if there are wanted ones of more than eight upper
 * halves. The interpreter and the code of src/host agree on that.
 */
#ifndef EXEC_BYTE_FILTER_H
#define EXEC_BYTE_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BYTE_FILTER_PLACES 65536u

struct byte_filter {
    uint8_t low[16], high[16]; /* a bit of both: wanted */
    uint64_t halves;           /* 0x0f0f... */
    uint8_t wanted[256];
    uint16_t marked[BYTE_FILTER_PLACES]; /* by pc: how often */
    uint8_t pairs[8192]; /* bits of the first byte and the second */
};

static inline void byte_filter_set(struct byte_filter *f,
                                   const uint8_t wanted[256],
                                   const uint8_t pairs[8192])
{
    unsigned n = 0;
    uint8_t bit[16] = {0};

    memcpy(f->pairs, pairs, sizeof(f->pairs));
    memset(f->low, 0, sizeof(f->low));
    memset(f->high, 0, sizeof(f->high));
    f->halves = 0x0f0f0f0f0f0f0f0full;
    for (unsigned i = 0; i < 256; i++) {
        f->wanted[i] = wanted[i] != 0;
        if (wanted[i]) {
            if (!bit[i >> 4]) {
                bit[i >> 4] = (uint8_t)(1u << n++ % 8);
            }
            f->high[i >> 4] = bit[i >> 4];
            f->low[i & 15] |= bit[i >> 4];
        }
    }
}

/* The value is zero-extended from its size in bytes. */
static inline bool byte_filter_passes(const struct byte_filter *f, uint64_t pc,
                                      uint64_t value, unsigned size)
{
    if (f->marked[pc % BYTE_FILTER_PLACES]) {
        return true;
    }
    if (size == 1) {
        return f->wanted[value & 0xff];
    }
    for (unsigned i = 0; i < 64; i += 8) {
        if (f->low[value >> i & 15] & f->high[value >> (i + 4) & 15]) {
            return true;
        }
    }
    return false;
}

/* The second look, from C: is a wanted byte the last one, or does it go on? */
static inline bool byte_filter_passes_too(const struct byte_filter *f,
                                          uint64_t pc, uint64_t value,
                                          unsigned size)
{
    if (f->marked[pc % BYTE_FILTER_PLACES]) {
        return true;
    }
    for (; size > 1; size--, value >>= 8) {
        if (f->pairs[(value & 0xff) << 5 | (value >> 11 & 31)] >>
                    (value >> 8 & 7) &
                1 &&
            f->wanted[value & 0xff]) {
            return true;
        }
    }
    return f->wanted[value & 0xff];
}

#endif
