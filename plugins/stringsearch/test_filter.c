/*
 * Random strings and accesses: what the filter leaves out would not have taken
 * the automaton anywhere from its first state.
 */
#include "stringsearch/matcher.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS 4u /* so few that much fits */

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % n;
}

static bool has(const uint8_t table[8192], const uint8_t two[2])
{
    return table[two[0] << 5 | two[1] >> 3] >> (two[1] & 7) & 1;
}

/* As panda/filter.h promises it. */
static bool passes(const struct matcher *m, const uint8_t *bytes, size_t size)
{
    if (size == 1 ? !m->one[bytes[0]]
                  : !has(m->last, bytes + size - 2) &&
                        !(size == 8 && has(m->within, bytes + 2))) {
        return false;
    }
    for (size_t i = 0; i + 1 < size; i++) {
        if (m->one[bytes[i]] && has(m->pairs, bytes + i)) {
            return true;
        }
    }
    return m->one[bytes[size - 1]];
}

static bool leads_on(const struct matcher *m, const uint8_t *bytes, size_t size)
{
    uint32_t state = 0;

    for (size_t i = 0; i < size; i++) {
        state = matcher_step(m, state, bytes[i]);
        if (m->found[state] || m->shorter[state]) {
            return true;
        }
    }
    return state;
}

static void draw(uint8_t *bytes, size_t size, bool upper)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)("abcd"[below(LETTERS)] -
                             (upper && below(2) ? 32 : 0));
    }
}

/* A round: how many accesses are wrongly left out; *left: all. */
static unsigned try_one(unsigned shortest, unsigned *left)
{
    uint8_t text[3][12];
    struct pattern patterns[3];
    struct matcher m = {0};
    int fold = (int)below(2);
    unsigned n = 1 + below(3), wrong = 0;

    for (unsigned i = 0; i < n; i++) {
        patterns[i] = (struct pattern){text[i], shortest + below(6), i};
        draw(text[i], patterns[i].length, false);
    }
    matcher_build(&m, patterns, n, fold);
    for (unsigned i = 0; i < 2000; i++) {
        size_t size = 1u << below(4);
        uint8_t bytes[8];

        draw(bytes, size, fold);
        if (below(2)) {
            bytes[below((unsigned)size)] = '.';
        }
        if (!passes(&m, bytes, size)) {
            ++*left;
            wrong += leads_on(&m, bytes, size);
        }
    }
    matcher_free(&m);
    return wrong;
}

/* Prints wrong ones, and how many were left out, by the shortest length. */
int main(void)
{
    for (unsigned shortest = 1; shortest <= 6; shortest++) {
        unsigned wrong = 0, left = 0;

        for (unsigned i = 0; i < 300; i++) {
            wrong += try_one(shortest, &left);
        }
        printf("%u wrong %u left out %u\n", shortest, wrong, left);
    }
    return 0;
}
