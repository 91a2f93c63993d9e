#include "monitor/disassemble.h"

#include "exec/machine.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>

size_t disassemble(const struct cpu *cpu, uint64_t pc, const uint8_t *bytes,
                   size_t size, char *text, size_t room)
{
    unsigned bits = cpu->guest->code_bits ? cpu->guest->code_bits(cpu) : 0;
    cs_mode mode = bits == 64   ? CS_MODE_64
                   : bits == 32 ? CS_MODE_32
                                : CS_MODE_16;
    size_t length = 0;
    cs_insn *insn;
    csh handle;

    if (!bits || cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK) {
        return 0;
    }
    if (cs_disasm(handle, bytes, size, pc, 1, &insn) == 1) {
        snprintf(text, room, "%s%s%s", insn->mnemonic,
                 *insn->op_str ? " " : "", insn->op_str);
        length = insn->size;
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return length;
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
