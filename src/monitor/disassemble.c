#include "monitor/disassemble.h"

#include "exec/machine.h"

#include <string.h>

size_t disassemble(const struct cpu *cpu, uint64_t pc, const uint8_t *bytes,
                   size_t size, char *text, size_t room)
{
    const struct guest *guest = cpu->guest;

    return guest->disassemble ? guest->disassemble(guest->mode(cpu), pc, bytes,
                                                   size, text, room)
                              : 0;
}

static bool physical_of(const struct cpu *cpu, uint64_t address,
                        uint64_t *physical)
{
    const struct guest *guest = cpu->guest;
    struct walk_result walk;

    if (!guest->walk((struct cpu *)(uintptr_t)cpu, address, MEM_READ,
                     guest->mmu_index(guest->mode(cpu)), true, &walk)) {
        return false;
    }
    *physical = walk.physical;
    return true;
}

size_t examine_memory(const struct cpu *cpu, bool physical, uint64_t address,
                      uint8_t *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        uint64_t at = address + done, from = at, offset;
        uint64_t left = PAGE_SIZE_ - (at & ~PAGE_MASK_);
        const struct mem_block *block;

        left = left < size - done ? left : size - done;
        if (!physical && !physical_of(cpu, at, &from)) {
            break;
        }
        block = mem_lookup(cpu->machine->memory, from, &offset);
        if (!block) {
            break;
        }
        memcpy(bytes + done, block->host + offset, left);
        done += left;
    }
    return done;
}
