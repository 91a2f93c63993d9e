/*
 * From the CPU's pc to a unit. Units are keyed by block and offset instead of
 * the physical address, so that remapping a block never makes them wrong.
 *
 * A unit lies within one page. An instruction that straddles two pages is a
 * unit of its own, keyed by both; a stub without IR, keyed by the first page
 * alone, remembers that the second one has to be fetched.
 */
#include "exec/translate.h"

#include "base/error.h"
#include "exec/watch.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdlib.h>
#include <string.h>

#define INSN_MAX_BYTES 16u

static uint64_t code_number(const struct mem_block *block, uint64_t offset)
{
    return ((uint64_t)block->id + 1) << 48 | offset;
}

/* -- Instructions that run alone ------------------------------------------- */

static uint64_t *alone_place(struct machine *m, uint64_t number)
{
    return &m->alone[(number ^ number >> 12) % 4096];
}

static bool is_alone(struct machine *m, uint64_t number)
{
    return *alone_place(m, number) == number;
}

/* A bit for some pages; one that is set stays so. */
static uint64_t *alone_page(struct machine *m, uint64_t number, uint64_t *bit)
{
    uint64_t page = number >> PAGE_BITS;

    *bit = 1ull << page % 64;
    return &m->alone_pages[page / 64 % 64];
}

void unit_mark_alone(struct machine *m)
{
    const struct guest *guest = m->cpu->guest;
    uint64_t mode = guest->mode(m->cpu);
    struct mem_code code;

    if (mem_fetch(m->cpu, guest->get_pc(m->cpu), guest->mmu_index(mode),
                  &code) &&
        code.block) {
        uint64_t number = code_number(code.block, code.offset), bit;

        if (!is_alone(m, number)) { /* no unit is to run into it again */
            *alone_place(m, number) = number;
            *alone_page(m, number, &bit) |= bit;
            unit_cache_written(m->units, number, 1);
        }
    }
}

void unit_unmark_alone(struct machine *m, const struct unit *unit)
{
    if (is_alone(m, unit->key.physical)) {
        *alone_place(m, unit->key.physical) = 0;
    }
}

/* How many of the bytes come before an instruction that runs alone. */
static size_t up_to_alone(struct machine *m, uint64_t number, size_t size)
{
    size_t n = 1;
    uint64_t bit;

    if (!(*alone_page(m, number, &bit) & bit)) { /* most pages have none */
        return size;
    }
    while (n < size && !is_alone(m, number + n)) {
        n++;
    }
    return n < size ? n : size;
}

/* -- Translation ----------------------------------------------------------- */

static size_t build(struct machine *m, struct ir_unit *ir,
                    const struct unit_key *key, const uint8_t *bytes,
                    size_t size)
{
    struct ir_builder builder;
    size_t used;

    ir_begin(&builder, ir);
    used = m->cpu->guest->translate(&builder, key->mode, key->pc, bytes, size,
                                    key->limit);
    ir_end(&builder);
#ifndef NDEBUG
    if (used) {
        char *message;

        if (!ir_verify(ir, &message)) {
            ir_print(ir, stderr);
            panda_bug("pc 0x%llx: %s", (unsigned long long)key->pc, message);
        }
    }
#endif
    return used;
}

/* Adds the unit of `size` bytes; `rest`: how many `bytes` there are. */
static struct unit *add(struct machine *m, const struct unit_key *key,
                        struct ir_unit *ir, size_t size,
                        const struct mem_code page[2], const uint8_t *bytes,
                        size_t rest)
{
    void *blocks = NULL;
    struct unit *unit;

    if (key->watch && ir) {
        ir = m->watch->weave(m->watch, key, ir, bytes, rest, &size, &blocks);
    }
    mem_set_code(m->memory, page[0].block, page[0].offset);
    if (key->physical_next) {
        mem_set_code(m->memory, page[1].block, page[1].offset);
    }
    unit = unit_cache_add(m->units, key, ir, (uint32_t)size);
    unit->blocks = blocks;
    return unit;
}

/* The straddling instruction at the pc: page[0] holds its first bytes. */
static struct unit *straddling(struct machine *m, struct unit_key key,
                               struct mem_code page[2])
{
    size_t first = PAGE_SIZE_ - (page[0].offset & ~PAGE_MASK_);
    uint8_t bytes[2 * INSN_MAX_BYTES];
    struct ir_unit *ir;
    struct unit *unit;
    size_t used;

    panda_assert(first < INSN_MAX_BYTES);
    if (!mem_fetch(m->cpu, key.pc + first, m->cpu->guest->mmu_index(key.mode),
                   &page[1])) {
        cpu_leave(m->cpu, CPU_LEAVE_EXCEPTION);
    }
    if (!page[1].block) {
        return NULL;
    }
    key.physical_next = code_number(page[1].block, page[1].offset);
    key.limit = 1;
    unit = unit_cache_find(m->units, &key);
    if (unit) {
        return unit;
    }
    memcpy(bytes, page[0].block->host + page[0].offset, first);
    memcpy(bytes + first, page[1].block->host + page[1].offset, INSN_MAX_BYTES);
    ir = ir_unit_new(m->cpu->guest);
    used = build(m, ir, &key, bytes, first + INSN_MAX_BYTES);
    panda_assert(used);
    return add(m, &key, ir, used, page, bytes, used);
}

static struct unit *translate(struct machine *m, struct unit_key *key,
                              struct mem_code page[2])
{
    const uint8_t *bytes = page[0].block->host + page[0].offset;
    size_t rest = PAGE_SIZE_ - (page[0].offset & ~PAGE_MASK_);
    struct ir_unit *ir = ir_unit_new(m->cpu->guest);
    size_t used = build(m, ir, key, bytes, up_to_alone(m, key->physical, rest));

    if (!used) { /* it overlaps one that runs alone, or the page's end */
        ir_unit_clear(ir);
        used = build(m, ir, key, bytes, rest);
    }
    if (!used) {
        ir_unit_free(ir);
        ir = NULL;
        used = rest;
    }
    return add(m, key, ir, used, page, bytes, rest);
}

static struct unit *no_code(struct machine *m, uint64_t pc)
{
    free(m->reason);
    m->reason = panda_message("the guest runs code at 0x%llx, where there is "
                              "a device and no memory",
                              (unsigned long long)pc);
    return NULL;
}

struct unit *unit_at_pc(struct machine *m, unsigned limit)
{
    const struct guest *guest = m->cpu->guest;
    struct unit_key key = {.pc = guest->get_pc(m->cpu),
                           .mode = guest->mode(m->cpu),
                           .limit = limit};
    struct mem_code page[2];
    struct unit *unit;

    if (!mem_fetch(m->cpu, key.pc, guest->mmu_index(key.mode), &page[0])) {
        cpu_leave(m->cpu, CPU_LEAVE_EXCEPTION);
    }
    if (!page[0].block) {
        return no_code(m, key.pc);
    }
    key.physical = code_number(page[0].block, page[0].offset);
    if (is_alone(m, key.physical)) {
        key.limit = 1;
    }
    if (m->watch && m->watch->woven) {
        key.watch = m->watch->woven;
        key.block = m->watch->block(m->watch, &key);
    }
    unit = unit_cache_find(m->units, &key);
    if (!unit) {
        unit = translate(m, &key, page);
        unit->alone = is_alone(m, key.physical);
    }
    if (unit->stub) {
        unit = straddling(m, key, page);
    }
    return unit ? unit : no_code(m, key.pc);
}

/* -- Written code ---------------------------------------------------------- */

bool unit_code_written(void *machine, struct mem_block *block, uint64_t offset,
                       uint64_t size)
{
    struct machine *m = machine;
    uint64_t number = code_number(block, offset);
    bool running;

    if (m->in_code) { /* which unit of a chain it is, cold code has noted */
        unit_cache_set_running(m->units, m->cpu->running);
    }
    if (m->watch && m->watch->woven) {
        m->watch->written(m->watch, number, size);
    }
    running = unit_cache_written(m->units, number, size);

    if (!unit_cache_page_has_code(m->units, number)) {
        mem_clear_code(block, offset);
    }
    return running;
}
