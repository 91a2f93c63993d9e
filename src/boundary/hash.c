#include "boundary/hash.h"

#include "exec/machine.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_registers(const struct machine *m)
{
    const struct cpu *cpu = m->cpu;
    uint64_t words[4] = {cpu->count, cpu->skipped, cpu->halted,
                         cpu->guest->hash_registers(cpu)};

    return XXH3_64bits(words, sizeof(words));
}

uint64_t hash_state(const struct machine *m)
{
    uint64_t hash = hash_registers(m);

    for (unsigned i = 0; i < mem_block_count(m->memory); i++) {
        const struct mem_block *block = mem_block_at(m->memory, i);

        hash = XXH3_64bits_withSeed(block->host, block->size, hash);
    }
    return hash;
}
