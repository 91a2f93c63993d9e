/*
 * Memory for generated code: one region, mapped twice, once to write and once
 * to run, so that no address is both. Code is written at `at` and runs at the
 * same offset from `run`; branches inside the region need no change.
 */
#ifndef HOST_X86_64_CODE_MEMORY_H
#define HOST_X86_64_CODE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What runs often lies densely in the first part, what runs seldom in the
 * second: a page of instructions then holds three times as many units.
 */
struct code_memory {
    uint8_t *write, *run; /* the two views */
    size_t size, cold_start;
    size_t used, cold_used;   /* where each part goes on */
    size_t ready, cold_ready; /* up to where the host has given pages */
};

/* False: the host refuses; errno says why. */
bool code_memory_open(struct code_memory *memory, size_t size);
void code_memory_close(struct code_memory *memory);
/* More is used: the host is asked for what comes next, many pages at once. */
void code_memory_used(struct code_memory *memory);

static inline const uint8_t *code_runs_at(const struct code_memory *memory,
                                          const uint8_t *written)
{
    return memory->run + (written - memory->write);
}

static inline uint8_t *code_written_at(const struct code_memory *memory,
                                       const uint8_t *run)
{
    return memory->write + (run - memory->run);
}

#endif
