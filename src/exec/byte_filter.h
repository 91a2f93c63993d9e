/*
 * Which accesses are told to whoever looks for bytes: those that may have what
 * is wanted, and all by instructions that are marked. Woven code looks at it
 * before it calls anybody (the interpreter and the code of src/host in the
 * same way); a second look is taken in C. All of it may change at any time.
 *
 * Of an access of several bytes woven code looks at two: the last ones, which
 * may begin something; of eight also at two in the midst, which anything that
 * has ended by then has to cover.
 */
#ifndef EXEC_BYTE_FILTER_H
#define EXEC_BYTE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define BYTE_FILTER_PLACES 65536u
#define BYTE_FILTER_WITHIN 16 /* from which bit on, of eight bytes */

struct byte_filter {
    uint8_t one[256];
    uint8_t last[65536], within[65536]; /* by two bytes, the first one low */
    /* How often it is marked, by pc and by pc and address space. */
    uint16_t marks[BYTE_FILTER_PLACES], marks_there[BYTE_FILTER_PLACES];
    uint8_t pairs[8192]; /* bits of the first byte and the second */
};

#define BYTE_FILTER_ANYWHERE UINT64_MAX /* as an address space: all */

static inline uint16_t *byte_filter_there(struct byte_filter *f, uint64_t pc,
                                          uint64_t asid)
{
    uint64_t hash = (pc ^ asid << 20 ^ asid >> 12) * 0x9e3779b97f4a7c15ull;

    return &f->marks_there[hash >> 32 & (BYTE_FILTER_PLACES - 1)];
}

static inline void byte_filter_mark(struct byte_filter *f, uint64_t pc,
                                    uint64_t asid, bool marked)
{
    uint64_t place = pc % BYTE_FILTER_PLACES;
    uint16_t by = (uint16_t)(marked ? 1 : -1);

    f->marks[place] = (uint16_t)(f->marks[place] + by);
    *byte_filter_there(f, pc,
                       asid) = (uint16_t)(*byte_filter_there(f, pc, asid) + by);
}

static inline bool byte_filter_marked(const struct byte_filter *f, uint64_t pc)
{
    return f->marks[pc % BYTE_FILTER_PLACES];
}

/* What woven code does. Bits of the value above its size are anything. */
static inline bool byte_filter_passes(const struct byte_filter *f, uint64_t pc,
                                      uint64_t value, unsigned size)
{
    if (byte_filter_marked(f, pc)) {
        return true;
    }
    if (size == 1) {
        return f->one[value & 0xff];
    }
    return (size == 8 && f->within[value >> BYTE_FILTER_WITHIN & 0xffff]) ||
           f->last[value >> (8 * size - 16) & 0xffff];
}

/* The second look: is it marked here, or has it a byte that is wanted, and
 * that is the last one or goes on? */
static inline bool byte_filter_passes_too(struct byte_filter *f, uint64_t pc,
                                          uint64_t asid, uint64_t value,
                                          unsigned size)
{
    if (byte_filter_marked(f, pc) &&
        (*byte_filter_there(f, pc, asid) ||
         *byte_filter_there(f, pc, BYTE_FILTER_ANYWHERE))) {
        return true;
    }
    for (; size > 1; size--, value >>= 8) {
        if (f->one[value & 0xff] &&
            f->pairs[(value & 0xff) << 5 | (value >> 11 & 31)] >>
                    (value >> 8 & 7) &
                1) {
            return true;
        }
    }
    return f->one[value & 0xff];
}

#endif
