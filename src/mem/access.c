/*
 * Loads and stores of the CPU. Generated code does the common case itself
 * and comes here when the TLB's tag does not match. All that can stop an
 * access (a fault on either page, a redo) is settled before a byte is
 * written or a device asked.
 */
#include "mem/internal.h"
#include "base/error.h"

#include <string.h>

#define ACCESS_MAX 16

struct piece { /* the part of an access within one page */
    struct place place;
    unsigned size;
};

/* One piece, or two when the access crosses a page's edge. */
static unsigned translate(struct cpu *cpu, uint64_t address, uint32_t memop,
                          enum mem_access access, struct piece pieces[2])
{
    unsigned size = MO_SIZE(memop), mmu = MO_MMU(memop);
    unsigned rest = PAGE_SIZE_ - (address & PAGE_OFFSET_MASK);
    unsigned n = 1;

    panda_assert(mmu < cpu->guest->n_mmu && size <= ACCESS_MAX);
    cpu->memop = memop;
    pieces[0].size = size < rest ? size : rest;
    tlb_translate(cpu, address, access, mmu, &pieces[0].place);
    if (size > rest) {
        pieces[1].size = size - rest;
        tlb_translate(cpu, address + rest, access, mmu, &pieces[1].place);
        n = 2;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!pieces[i].place.block && !cpu->alone) {
            cpu_leave(cpu, CPU_LEAVE_IO);
        }
    }
    return n;
}

/* -- Device memory --------------------------------------------------------- */

/* Accesses go out as they are; the odd ends of one that crosses a page, and
 * 16 bytes, in the largest parts that are aligned. */
static unsigned io_part(uint64_t physical, unsigned size)
{
    unsigned part = 8;

    if (size <= 8 && !(size & (size - 1))) {
        return size;
    }
    if (size == ACCESS_MAX) {
        return part;
    }
    while (part > size || physical & (part - 1)) {
        part /= 2;
    }
    return part;
}

static void io_read(struct memory *mem, uint64_t physical, uint8_t *bytes,
                    unsigned size)
{
    while (size) {
        unsigned n = io_part(physical, size);
        uint64_t value = mem->hooks.io_read(mem->hooks.opaque, physical, n);

        memcpy(bytes, &value, n);
        physical += n;
        bytes += n;
        size -= n;
    }
}

static void io_write(struct memory *mem, uint64_t physical,
                     const uint8_t *bytes, unsigned size)
{
    while (size) {
        unsigned n = io_part(physical, size);
        uint64_t value = 0;

        memcpy(&value, bytes, n);
        mem->hooks.io_write(mem->hooks.opaque, physical, value, n);
        physical += n;
        bytes += n;
        size -= n;
    }
}

/* -- Who listens ----------------------------------------------------------- */

static void tell_begun(const struct cpu *cpu, uint64_t address, uint32_t memop,
                       const uint8_t *bytes)
{
    const struct memory *mem = cpu->memory->mem;

    if (mem->listener.begun) {
        mem->listener.begun(mem->listener.opaque, address, memop, bytes);
    }
}

static void tell_done(const struct memory *mem, const struct place *place,
                      const uint8_t *bytes, unsigned size)
{
    struct mem_mapping at = {.physical = place->physical - place->offset};

    if (!mem->listener.begun) {
        return;
    }
    for (unsigned i = 0; place->block && mem_mapping_at(mem, i, &at); i++) {
        if (at.block == &place->block->shown &&
            place->offset - at.offset < at.size) {
            at.physical -= at.offset;
            break;
        }
    }
    mem->listener.done(mem->listener.opaque, at.physical + place->offset, bytes,
                       size);
}

/* -- Writes ---------------------------------------------------------------- */

void before_write(struct memory *mem, struct cpu *running, struct block *block,
                  uint64_t offset, const uint8_t *bytes, uint64_t size)
{
    const uint8_t *flags = page_flags_at(block, offset);

    if (*flags & PAGE_IS_TABLE) { /* even by a write that changes nothing */
        table_retire(mem, block, offset);
    }
    if (!(*flags & (PAGE_HAS_CODE | PAGE_IS_TABLE)) ||
        memcmp(block->shown.host + offset, bytes, size) == 0) {
        return;
    }
    if (*flags & PAGE_HAS_CODE &&
        mem->hooks.code_written(mem->hooks.opaque, &block->shown, offset,
                                size) &&
        running) {
        cpu_leave(running, CPU_LEAVE_REDO);
    }
    if (*flags & PAGE_IS_TABLE) {
        table_before_write(mem, running, block, offset, bytes, size);
    }
}

void write_block(struct block *block, uint64_t offset, const uint8_t *bytes,
                 uint64_t size)
{
    note_written(block, offset);
    memcpy(block->shown.host + offset, bytes, size);
}

static void store_slow(struct cpu *cpu, uint64_t address, uint32_t memop,
                       const uint8_t *bytes)
{
    struct memory *mem = cpu->memory->mem;
    struct cpu *running = cpu->alone ? NULL : cpu;
    struct piece pieces[2];
    unsigned n = translate(cpu, address, memop, MEM_WRITE, pieces);
    unsigned done = 0;

    for (unsigned i = 0; i < n; done += pieces[i++].size) {
        const struct place *p = &pieces[i].place;

        if (p->block && p->block->shown.kind == BLOCK_RAM) {
            before_write(mem, running, p->block, p->offset, bytes + done,
                         pieces[i].size);
        }
    }
    done = 0;
    for (unsigned i = 0; i < n; done += pieces[i++].size) {
        const struct place *p = &pieces[i].place;

        if (!p->block) {
            cpu->io_page = address + done;
            io_write(mem, p->physical, bytes + done, pieces[i].size);
        } else if (p->block->shown.kind == BLOCK_RAM) {
            write_block(p->block, p->offset, bytes + done, pieces[i].size);
        }
        tell_done(mem, p, bytes + done, pieces[i].size);
    }
}

static void load_slow(struct cpu *cpu, uint64_t address, uint32_t memop,
                      uint8_t *bytes)
{
    enum mem_access access = memop & MO_RMW ? MEM_WRITE : MEM_READ;
    struct piece pieces[2];
    unsigned n = translate(cpu, address, memop, access, pieces);

    for (unsigned i = 0; i < n; bytes += pieces[i++].size) {
        const struct place *p = &pieces[i].place;

        if (p->block) {
            memcpy(bytes, p->block->shown.host + p->offset, pieces[i].size);
        } else {
            cpu->io_page = i ? address + pieces[0].size : address;
            io_read(cpu->memory->mem, p->physical, bytes, pieces[i].size);
        }
        tell_done(cpu->memory->mem, p, bytes, pieces[i].size);
    }
}

/* -- The interface --------------------------------------------------------- */

static void check_aligned(struct cpu *cpu, uint64_t address, uint32_t memop,
                          enum mem_access access)
{
    if (memop & MO_ALIGN16 && address & 15) {
        cpu->guest->note_misaligned(cpu, address, access);
        cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
    }
}

static void reverse(uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size / 2; i++) {
        uint8_t byte = bytes[i];

        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = byte;
    }
}

/* Where the whole access lies if the TLB's tag allows it, and nobody listens;
 * else NULL. */
static uint8_t *fast_host(const struct cpu *cpu, struct tlb *tlb,
                          uint64_t address, unsigned size)
{
    const struct tlb_entry *entry = tlb_find(tlb, address);

    if (!entry || entry->tag & TLB_SLOW || cpu->memory->mem->listener.begun ||
        (address & PAGE_OFFSET_MASK) > PAGE_SIZE_ - size) {
        return NULL;
    }
    return (uint8_t *)(uintptr_t)(entry->addend + address);
}

void mem_load(struct cpu *cpu, uint64_t address, uint32_t memop,
              union ir_value *value)
{
    unsigned size = MO_SIZE(memop), mmu = MO_MMU(memop) % MMU_MAX;
    bool rmw = memop & MO_RMW;
    union ir_value result = {.v64 = {0, 0}};
    const uint8_t *host;

    tell_begun(cpu, address, memop, NULL);
    check_aligned(cpu, address, memop, rmw ? MEM_WRITE : MEM_READ);
    host = fast_host(cpu, rmw ? &cpu->write_tlb[mmu] : &cpu->read_tlb[mmu],
                     address, size);
    if (host) {
        memcpy(result.v8, host, size);
    } else {
        load_slow(cpu, address, memop, result.v8);
    }
    if (memop & MO_BE) {
        reverse(result.v8, size);
    }
    if (memop & MO_SIGN && size < 8) {
        unsigned spare = 64 - 8 * size;

        result.u64 = (uint64_t)((int64_t)(result.u64 << spare) >> spare);
    }
    *value = result;
}

void mem_store(struct cpu *cpu, uint64_t address, uint32_t memop,
               const union ir_value *value)
{
    unsigned size = MO_SIZE(memop), mmu = MO_MMU(memop) % MMU_MAX;
    union ir_value bytes = *value;
    uint8_t *host;

    if (memop & MO_BE) {
        reverse(bytes.v8, size);
    }
    tell_begun(cpu, address, memop, bytes.v8);
    check_aligned(cpu, address, memop, MEM_WRITE);
    host = fast_host(cpu, &cpu->write_tlb[mmu], address, size);
    if (host) {
        memcpy(host, bytes.v8, size);
    } else {
        store_slow(cpu, address, memop, bytes.v8);
    }
}
