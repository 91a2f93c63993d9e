/*
 * Iterations of a loop over memory, run at once: only what the TLB's fast
 * entries allow, so no element faults, reaches a device, or is code or a
 * table; and within one page on either side. Whatever is otherwise is left
 * to the loop itself, element by element.
 */
#include "mem/internal.h"

#include <string.h>

/* The host address of the elements at an address, and how many lie whole
 * within its page; *n is made no more than that. NULL: not the plain case. */
static uint8_t *elements(struct tlb *tlb, uint64_t address, unsigned size,
                         uint64_t *n)
{
    const struct tlb_entry *entry = tlb_find(tlb, address);
    uint64_t room = (PAGE_SIZE_ - (address & PAGE_OFFSET_MASK)) / size;

    if (!entry || entry->tag & TLB_SLOW) {
        return NULL;
    }
    *n = *n < room ? *n : room;
    return (uint8_t *)(uintptr_t)(entry->addend + address);
}

static uint64_t at_most(const struct cpu *cpu, uint64_t most, uint64_t steps)
{
    return cpu->request ? 0 : most < steps ? most : steps;
}

/* What is read may have been written by an element before it. */
static void copy_upwards(uint8_t *to, const uint8_t *from, uint64_t n,
                         unsigned size)
{
    uint64_t element;

    if (to <= from || to >= from + n * size) {
        memmove(to, from, n * size);
        return;
    }
    for (; n; n--, to += size, from += size) {
        memcpy(&element, from, size);
        memcpy(to, &element, size);
    }
}

uint64_t mem_copy_ahead(struct cpu *cpu, uint64_t to, uint64_t from,
                        uint64_t most, uint32_t memop, uint64_t steps)
{
    unsigned size = MO_SIZE(memop), mmu = MO_MMU(memop) % MMU_MAX;
    uint64_t n = at_most(cpu, most, steps);
    uint8_t *target = elements(&cpu->write_tlb[mmu], to, size, &n);
    const uint8_t *source = elements(&cpu->read_tlb[mmu], from, size, &n);

    if (!target || !source) {
        return 0;
    }
    copy_upwards(target, source, n, size);
    return n;
}

uint64_t mem_fill_ahead(struct cpu *cpu, uint64_t to, uint64_t value,
                        uint64_t most, uint32_t memop, uint64_t steps)
{
    unsigned size = MO_SIZE(memop), mmu = MO_MMU(memop) % MMU_MAX;
    uint64_t n = at_most(cpu, most, steps);
    uint8_t *target = elements(&cpu->write_tlb[mmu], to, size, &n);

    if (!target) {
        return 0;
    }
    if (size == 1 || value == 0) {
        memset(target, (uint8_t)value, n * size);
        return n;
    }
    for (uint64_t i = 0; i < n; i++) {
        memcpy(target + i * size, &value, size);
    }
    return n;
}
