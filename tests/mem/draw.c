/* Random addresses, entries and accesses; see draw.h. */
#include "draw.h"

static uint64_t state;

void draw_seed(uint64_t seed)
{
    state = seed * 0x9e3779b97f4a7c15ull + 1;
}

uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dull;
}

unsigned below(unsigned n)
{
    return (unsigned)((next_random() >> 33) % n);
}

bool chance(unsigned percent)
{
    return below(100) < percent;
}

uint64_t random_address(void)
{
    uint64_t page = (uint64_t)below(3) << 30 | (uint64_t)below(3) << 21 |
                    (uint64_t)below(12) << 12;
    uint64_t offset = below(256) * 16;

    if (chance(3)) { /* the ends of the spaces */
        static const uint64_t ends[] = {0xfffff000, 0x7ffffff000,
                                        0xfffffffffffff000, 0x8000000000};

        page = ends[below(4)];
    } else if (chance(15)) { /* the last entry of a top table */
        page = (page & 0x3fffffff) | 0xffffffffc0000000;
    }
    if (chance(40)) {
        offset = chance(50) ? below(32) : PAGE_SIZE_ - 1 - below(20);
    }
    return page | offset;
}

uint64_t random_entry(unsigned table, bool narrow)
{
    unsigned kind = table < 2 ? 0 : table < 6 && !narrow ? 1 : 2;
    uint64_t page = kind == 0 ? (narrow ? 2 + below(10) : 2 + below(4))
                              : 6 + below(6);
    uint64_t entry = 0;

    if (kind == 2 || chance(5)) {
        page = chance(35) ? below(N_TABLES) : below(N_PHYSICAL + 8);
    }
    entry |= page << PAGE_BITS;
    entry |= chance(97) ? E_P : 0;
    entry |= chance(92) ? E_W : 0;
    entry |= chance(95) ? E_U : 0;
    entry |= chance(50) ? E_A : 0;
    entry |= chance(50) ? E_D : 0;
    entry |= kind == 1 && chance(8) ? E_LARGE : 0;
    entry |= !narrow && chance(4) ? E_NX : 0;
    return entry;
}

/* Physical address of an entry that random addresses use. */
uint64_t random_slot(unsigned table, bool narrow)
{
    static const unsigned middle[] = {0, 1, 2, 511};
    static const unsigned narrow_root[] = {0,   1,   2,   256, 257,
                                           258, 512, 513, 514, 1023};
    unsigned index = below(12);

    if (narrow) {
        index = table < 2 ? narrow_root[below(10)] : index;
    } else if (table < 6) {
        index = middle[below(4)];
    }
    return (uint64_t)table << PAGE_BITS | index * (narrow ? 4u : 8u);
}

uint32_t random_memop(void)
{
    uint32_t memop = below(5) | below(2) << MO_MMU_SHIFT;

    memop |= chance(20) ? MO_SIGN : 0;
    memop |= chance(15) ? MO_BE : 0;
    memop |= chance(15) ? MO_RMW : 0;
    memop |= chance(10) ? MO_ALIGN16 : 0;
    return memop;
}
