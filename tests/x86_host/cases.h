/* Between the files that make random cases. */
#ifndef TEST_X86_HOST_CASES_H
#define TEST_X86_HOST_CASES_H

#include "host.h"

/* -- values.c -------------------------------------------------------------- */
uint64_t rnd_integer(void);        /* often at an edge */
uint64_t rnd_float(void);          /* a double or two floats, often special */
void rnd_extended(uint8_t at[10]); /* 80 bits, of every class */
void rnd_fx(uint8_t fx[512]);      /* state of x87 and SSE */
void rnd_memory(uint8_t *data);    /* DATA_SIZE bytes */
uint16_t rnd_selector(void);
uint32_t rnd_mxcsr(void);
/* Somewhere in or at the edges of the pages; size and alignment in bytes. */
uint64_t rnd_target(unsigned size, unsigned alignment);
uint64_t rnd_code(void); /* where a branch may lead */

/* -- encodings.c ----------------------------------------------------------- */
/* The linear address of the ModRM operand. */
uint64_t case_address(const struct encoding *e, const struct state *s);
bool case_has_memory(const struct encoding *e);

#endif
