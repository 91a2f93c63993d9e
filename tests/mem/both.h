/*
 * Memory and its model side by side, with two CPUs, each in the middle of a
 * unit: the state of a random run, its hooks and its checks.
 */
#ifndef TESTS_MEM_BOTH_H
#define TESTS_MEM_BOTH_H

#include "draw.h"
#include "model.h"

#define N_CPUS 2
#define UNIT_SIZE 24
#define MAX_HOOKS 32

struct running { /* the unit that a CPU is in */
    uint64_t pc, generation;
    struct mem_code code;
    unsigned mmu;
    bool valid;
};

struct both {
    bool restless; /* much is flushed, both formats are in use */
    struct memory *mem;
    struct mem_block *block[N_BLOCKS];
    struct fake_cpu *cpu[N_CPUS];
    struct running running[N_CPUS];
    struct model m;
    uint8_t device[DEVICE_SIZE];
    uint8_t *cleared[N_BLOCKS]; /* as it was when PAGE_WRITTEN was cleared */
    struct running *acting;     /* NULL: no unit runs */
    bool alone;
    struct model_write hooked[MAX_HOOKS];
    unsigned n_hooked;
    unsigned accesses, faults, redos, fetches, rewrites;
    char wrong[200]; /* the first difference */
};
extern struct both both;

void both_set_up(uint64_t seed);
void both_tear_down(void);
/* Notes the first difference. */
void both_wrong(const char *what, uint64_t a, uint64_t b);
struct model_cpu both_registers(unsigned cpu);

/* From outside: bytes within a page. */
void both_poke(uint64_t physical, const void *bytes, unsigned size);
void both_map(unsigned page, unsigned n, int block, uint64_t from);
void both_fill_tables(bool narrow);

void check_memory(void);
/* What the access just made changed, against the code hook. */
void check_code(bool by_the_way);
/* Would the unit be fetched again as it was, with no bit to set? */
void check_running(unsigned cpu, const char *what);
void check_place(const struct mem_code *code, uint64_t physical);

#endif
