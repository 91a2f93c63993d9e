/*
 * Random numbers, and what the random test makes of them: few addresses and
 * few entries, so that they meet.
 */
#ifndef TESTS_MEM_DRAW_H
#define TESTS_MEM_DRAW_H

#include "fake.h"

#define N_TABLES 12    /* pages of the first block: 2 roots, 4 middle, 6 leaf */
#define N_PHYSICAL 160 /* pages of the physical space that may be mapped */

void draw_seed(uint64_t seed);
uint64_t next_random(void);
unsigned below(unsigned n);
bool chance(unsigned percent);

uint64_t random_address(void);
/* An entry that may stand in that table. */
uint64_t random_entry(unsigned table, bool narrow);
/* Physical address of an entry that random addresses use. */
uint64_t random_slot(unsigned table, bool narrow);
uint32_t random_memop(void);

#endif
