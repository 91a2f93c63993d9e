/* Numbers that look random and follow from a seed. */
#ifndef BASE_DRAW_H
#define BASE_DRAW_H

#include <stdint.h>

struct draw {
    uint64_t state;
};

/* The generator known as splitmix64. */
static inline uint64_t draw_next(struct draw *draw)
{
    uint64_t x = draw->state += 0x9e3779b97f4a7c15ull;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* 0 .. n - 1; n is not 0. */
static inline uint64_t draw_below(struct draw *draw, uint64_t n)
{
    return draw_next(draw) % n;
}

#endif
