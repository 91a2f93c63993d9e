#ifndef TOY_H
#define TOY_H

#include "exec/cpu.h"

#define RAM_SIZE 0x20000u
#define CODE_SIZE (RAM_SIZE - 16) /* programs stay below */
#define BAD_ADDRESS 0x38000u      /* and above: faults */
#define ADDRESS_MASK 0x3ffffu
#define INSN_SIZE 3u

struct toy {
    struct cpu cpu;
    uint64_t pc, r[8], fault;
};
extern const struct guest toy_guest;

static inline struct toy *toy_of(const struct cpu *cpu)
{
    return (struct toy *)(uintptr_t)cpu;
}

static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ x >> 29;
}

struct machine;
/* A machine of that guest with RAM full of a random program. */
struct machine *toy_machine(uint64_t seed);

#endif
