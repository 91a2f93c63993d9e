/* The parts of coverage. */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "panda/plugin.h"

/* set.c: records, each once. */
struct record {
    target_ulong a, b;   /* asid and block; or from and to */
    uint32_t size, more; /* of a block, not 0; in kernel, or the other's size */
};

struct set {
    struct record *table; /* open addressing; a zero size is an empty place */
    size_t n, capacity;
};

/* True: for the first time. */
bool set_add(struct set *set, const struct record *record);
void set_forget(struct set *set);

/* drcov.c: the blocks of modules, in the format of that name. */

/* modules: NAME:BASE-END, with | between several. False: it has been told
 * what is wrong. */
bool drcov_modules(const char *modules);
/* Creates the file, which can be read from then on at any time. */
bool drcov_open(const char *file);
void drcov_add(target_ulong pc, uint32_t size);
/* What was added goes to the disk. */
void drcov_flush(void);
void drcov_close(void);
void drcov_forget_modules(void);

/* coverage.c: hexadecimal with 0x, or decimal: LOW-HIGH. */
bool parse_two(const char *text, target_ulong *low, target_ulong *high);

#endif
