/*
 * The simple model: memory as arrays, and a walk for every access. What
 * src/mem does must be the same to a guest.
 */
#ifndef TESTS_MEM_MODEL_H
#define TESTS_MEM_MODEL_H

#include "draw.h"

#define N_BLOCKS 3
#define DEVICE_SIZE 0x10000
#define MAX_WRITES 24

extern const uint64_t model_block_pages[N_BLOCKS];
#define MODEL_ROM 2

struct model_write { /* bytes of a block that an access changed */
    int block;
    uint64_t offset, size;
};

struct model {
    uint8_t *bytes[N_BLOCKS];
    int block_at[N_PHYSICAL]; /* -1: I/O */
    uint64_t page_at[N_PHYSICAL];
    /* All I/O space: a byte counts up when read. */
    uint8_t device[DEVICE_SIZE];
    struct model_write writes[MAX_WRITES]; /* of the last access */
    unsigned n_writes;
};

/* The registers that a walk depends on. */
struct model_cpu {
    uint64_t root;
    bool narrow;
};

struct model_result {
    struct fake_fault fault;
    union ir_value value;
};

void model_init(struct model *m);
void model_free(struct model *m);
/* False: I/O. */
bool model_find(const struct model *m, uint64_t physical, int *block,
                uint64_t *offset);
/* Like mem_write_physical(), within a page. */
void model_poke(struct model *m, uint64_t physical, const void *bytes,
                unsigned size);

uint64_t device_read(uint8_t *device, uint64_t physical, unsigned size);
void device_write(uint8_t *device, uint64_t physical, uint64_t value,
                  unsigned size);

/* One access; `value` is what a store writes. */
struct model_result model_access(struct model *m, const struct model_cpu *cpu,
                                 uint64_t address, uint32_t memop, bool store,
                                 const union ir_value *value);
/* False: a fault. */
bool model_fetch(struct model *m, const struct model_cpu *cpu, uint64_t pc,
                 unsigned mmu, uint64_t *physical);
/* The walk without effects. *clean: it would set no bit. */
bool model_look(struct model *m, const struct model_cpu *cpu, uint64_t address,
                enum mem_access access, unsigned mmu,
                struct walk_result *result, bool *clean);

#endif
