/*
 * A guest that has nothing but page tables, and what the tests share.
 *
 * Entries: bit 0 present, 1 writable, 2 user, 5 accessed, 6 dirty, 7 large
 * (above the last level), 12.. address; 63 no execute in the wide format.
 * Wide: three levels of 512 entries of 8 bytes. Narrow: two of 1024 by 4.
 * MMU index 0 is the supervisor, 1 the user. Root ~0: no paging.
 */
#ifndef TESTS_MEM_FAKE_H
#define TESTS_MEM_FAKE_H

#include "mem/mem.h"

#define E_P 1u
#define E_W 2u
#define E_U 4u
#define E_A 0x20u
#define E_D 0x40u
#define E_LARGE 0x80u
#define E_NX (1ull << 63)
#define E_ALL (E_P | E_W | E_U)
#define NO_PAGING (~0ull)

struct fake_fault {
    bool raised, misaligned;
    uint64_t address;
    enum mem_access access;
};

struct fake_cpu {
    struct cpu base;
    uint64_t root;
    bool narrow;
    struct fake_fault fault;
};

/* How a walk gets at the tables: the guest's goes through src/mem, the
 * model's reads its own memory. */
struct walk_via {
    uint64_t (*read)(void *opaque, uint64_t physical, unsigned size);
    /* NULL: sets no bits */
    void (*update)(void *opaque, uint64_t physical, unsigned size,
                   uint64_t entry);
    void *opaque;
};
bool fake_walk(const struct walk_via *via, uint64_t root, bool narrow,
               uint64_t address, enum mem_access access, unsigned mmu,
               struct walk_result *result);

extern const struct guest fake_guest;

struct fake_cpu *fake_cpu_new(struct memory *mem);
void fake_cpu_free(struct fake_cpu *cpu);

/* Runs one access; 0 when it went through, else why it was left. */
int try_load(struct fake_cpu *cpu, uint64_t address, uint32_t memop,
             union ir_value *value);
int try_store(struct fake_cpu *cpu, uint64_t address, uint32_t memop,
              const union ir_value *value);

/* Prints the case and counts it. */
bool expect(bool good, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void test_blocks(void);                          /* blocks.c */
void test_access(void);                          /* access.c */
void test_tables(void);                          /* tables.c */
void test_random(uint64_t seed, unsigned steps); /* random.c */

#endif
