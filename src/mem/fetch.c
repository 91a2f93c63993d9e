/*
 * Where code lies. A small TLB of its own: fetches ask for another
 * permission than loads, and what units were fetched through must be known
 * apart, because only a change of that ends the running unit.
 */
#include "mem/internal.h"

static struct fetch_entry *entry_of(struct mem_cpu *mc, uint64_t pc)
{
    return &mc->fetch[(pc >> PAGE_BITS) % FETCH_TLB_SIZE];
}

static bool fill(struct cpu *cpu, uint64_t pc, unsigned mmu,
                 struct fetch_entry *entry)
{
    struct memory *mem = cpu->memory->mem;
    struct walk_result result = {0};
    struct place place;
    uint64_t page;
    bool good;

    cpu->memory->fetching = true;
    good = cpu->guest->walk(cpu, pc, MEM_FETCH, mmu, false, &result);
    cpu->memory->fetching = false;
    if (!good) {
        return false;
    }
    table_note_walk(mem, pc, true, &result);
    page = result.physical & PAGE_MASK_;
    map_place(mem, page, &place);
    entry->tag = (pc & PAGE_MASK_) | mmu;
    entry->page.block = place.block ? &place.block->shown : NULL;
    entry->page.offset = place.offset;
    entry->page.physical = page;
    return true;
}

bool mem_fetch(struct cpu *cpu, uint64_t pc, unsigned mmu_index,
               struct mem_code *code)
{
    struct fetch_entry *entry = entry_of(cpu->memory, pc);

    if (entry->tag != ((pc & PAGE_MASK_) | mmu_index) &&
        !fill(cpu, pc, mmu_index, entry)) {
        return false;
    }
    *code = entry->page;
    code->offset += pc & PAGE_OFFSET_MASK;
    code->physical += pc & PAGE_OFFSET_MASK;
    return true;
}

void fetch_drop_range(struct mem_cpu *mc, uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < FETCH_TLB_SIZE; i++) {
        struct fetch_entry *entry = &mc->fetch[i];

        if (size == 0 || (entry->tag & PAGE_MASK_) - start < size) {
            entry->tag = TLB_INVALID;
        }
    }
    jump_cache_drop_range(&mc->cpu->jump_cache, start, size);
    mc->cpu->fetch_generation++;
    if (size == 0 || (start + size - 1) >> 63) {
        mc->cpu->upper_generation++;
    }
}
