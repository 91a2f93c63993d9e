/* Tests of the x86 guest: a file a subject, test_x86.c runs them. */
#ifndef TEST_X86_H
#define TEST_X86_H

#include "guest/x86/decode.h"

#include <stdbool.h>
#include <stdint.h>

void test_decode(void); /* decode.c: lengths, names, operands */
void test_narrow(void); /* narrow.c: 16- and 32-bit code on the host */
void test_units(void);  /* units.c: shapes of units in every mode */

bool expect(bool good, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

uint64_t rnd(void);
/* Often at an edge: 0, 1, -1, around powers of two. */
uint64_t rnd_value(void);

/*
 * Random bytes, 15 of them, which begin with an encoding of the row (or of
 * another row that shadows it: the caller decodes and looks). Prefixes are
 * those of `legal`, each now and then.
 */
void make_insn(const struct x86_row *row, enum x86_mode mode,
               const uint8_t *legal, unsigned n_legal, uint8_t bytes[15]);

#endif
