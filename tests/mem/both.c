#include "both.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct both both;

void both_wrong(const char *what, uint64_t a, uint64_t b)
{
    if (!both.wrong[0]) {
        snprintf(both.wrong, sizeof(both.wrong), "%s: %llx, %llx", what,
                 (unsigned long long)a, (unsigned long long)b);
    }
}

/* -- Hooks ----------------------------------------------------------------- */
static uint64_t io_read(void *opaque, uint64_t physical, unsigned size)
{
    (void)opaque;
    if (!both.alone) {
        both_wrong("a device was read, not alone", physical, size);
    }
    return device_read(both.device, physical, size);
}

static void io_write(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size)
{
    (void)opaque;
    if (!both.alone) {
        both_wrong("a device was written, not alone", physical, size);
    }
    device_write(both.device, physical, value, size);
}

static bool in_unit(const struct running *r, const struct mem_block *block,
                    uint64_t offset, uint64_t size)
{
    return r && r->valid && r->code.block == block &&
           offset < r->code.offset + UNIT_SIZE &&
           r->code.offset < offset + size;
}

static bool code_written(void *opaque, struct mem_block *block, uint64_t offset,
                         uint64_t size)
{
    (void)opaque;
    if (both.n_hooked < MAX_HOOKS) {
        both.hooked[both.n_hooked++] = (struct model_write){(int)block->id,
                                                            offset, size};
    }
    return in_unit(both.acting, block, offset, size);
}

static bool was_hooked(const struct model_write *w)
{
    for (unsigned i = 0; i < both.n_hooked; i++) {
        const struct model_write *h = &both.hooked[i];

        if (h->block == w->block && h->offset <= w->offset &&
            h->offset + h->size >= w->offset + w->size) {
            return true;
        }
    }
    return false;
}

struct model_cpu both_registers(unsigned cpu)
{
    return (struct model_cpu){both.cpu[cpu]->root, both.cpu[cpu]->narrow};
}

/* -- Checks ---------------------------------------------------------------- */
void check_memory(void)
{
    for (int b = 0; b < N_BLOCKS; b++) {
        for (uint64_t i = 0; i < model_block_pages[b]; i++) {
            uint64_t at = i << PAGE_BITS;
            const uint8_t *host = both.block[b]->host + at;

            if (memcmp(host, both.m.bytes[b] + at, PAGE_SIZE_) != 0) {
                both_wrong("memory differs: block, page", b, i);
            }
            if (memcmp(host, both.cleared[b] + at, PAGE_SIZE_) != 0 &&
                !(both.block[b]->page_flags[i] & PAGE_WRITTEN)) {
                both_wrong("a written page is not marked: block, page", b, i);
            }
        }
    }
    if (memcmp(both.device, both.m.device, DEVICE_SIZE) != 0) {
        both_wrong("the device differs", 0, 0);
    }
}

void check_code(bool by_the_way)
{
    for (unsigned i = 0; i < both.m.n_writes; i++) {
        const struct model_write *w = &both.m.writes[i];
        const struct mem_block *block = both.block[w->block];

        if (block->page_flags[w->offset >> PAGE_BITS] & PAGE_HAS_CODE &&
            !was_hooked(w)) {
            both_wrong("code changed untold: block, offset", w->block,
                       w->offset);
        }
        if (by_the_way && in_unit(both.acting, block, w->offset, w->size)) {
            both_wrong("the running unit changed", w->block, w->offset);
        }
    }
}

void check_running(unsigned cpu, const char *what)
{
    struct running *r = &both.running[cpu];
    struct model_cpu regs = both_registers(cpu);
    struct walk_result walk;
    bool clean;

    if (!r->valid) {
        return;
    }
    if (!model_look(&both.m, &regs, r->pc, MEM_FETCH, r->mmu, &walk, &clean) ||
        !clean || walk.physical != r->code.physical) {
        both_wrong(what, r->pc, r->code.physical);
    }
}

void check_place(const struct mem_code *code, uint64_t physical)
{
    uint64_t offset = 0;
    int block = 0;
    bool found = model_find(&both.m, physical, &block, &offset);

    if (code->physical != physical || !found != !code->block ||
        (found &&
         (code->block != both.block[block] || code->offset != offset))) {
        both_wrong("a fetch leads elsewhere", code->physical, physical);
    }
}

/* -- Changes to both ------------------------------------------------------- */
void both_poke(uint64_t physical, const void *bytes, unsigned size)
{
    mem_write_physical(both.mem, physical, bytes, size);
    model_poke(&both.m, physical, bytes, size);
}

void both_map(unsigned page, unsigned n, int block, uint64_t from)
{
    mem_map(both.mem, (uint64_t)page << PAGE_BITS, (uint64_t)n << PAGE_BITS,
            block < 0 ? NULL : both.block[block], from << PAGE_BITS);
    for (unsigned i = 0; i < n; i++) {
        both.m.block_at[page + i] = block;
        both.m.page_at[page + i] = from + i;
    }
}

void both_fill_tables(bool narrow)
{
    for (unsigned table = 0; table < N_TABLES; table++) {
        for (unsigned i = 0; i < 40; i++) {
            uint64_t entry = random_entry(table, narrow);

            both_poke(random_slot(table, narrow), &entry, narrow ? 4 : 8);
        }
    }
}

/* -- A run ----------------------------------------------------------------- */
void both_set_up(uint64_t seed)
{
    static const char *const names[] = {"ram", "video", "rom"};
    struct mem_hooks hooks = {NULL, io_read, io_write, code_written};

    memset(&both, 0, sizeof(both));
    both.restless = seed % 2 == 0;
    draw_seed(seed);
    both.mem = mem_new();
    mem_set_hooks(both.mem, &hooks);
    model_init(&both.m);
    for (int b = 0; b < N_BLOCKS; b++) {
        uint64_t size = model_block_pages[b] << PAGE_BITS;

        both.block[b] = mem_add_block(
            both.mem, names[b], b == MODEL_ROM ? BLOCK_ROM : BLOCK_RAM, size);
        both.cleared[b] = calloc(1, size);
    }
    both_map(0, 96, 0, 0);
    both_map(96, 16, 1, 0);
    both_map(112, 8, MODEL_ROM, 0);
    both_map(128, 16, 0, 0); /* the tables once more */
    for (unsigned i = 0; i < N_CPUS; i++) {
        both.cpu[i] = fake_cpu_new(both.mem);
        both.cpu[i]->root = (uint64_t)i << PAGE_BITS;
        mem_tlb_flush(&both.cpu[i]->base);
    }
    both_fill_tables(false);
}

void both_tear_down(void)
{
    for (unsigned i = 0; i < N_CPUS; i++) {
        fake_cpu_free(both.cpu[i]);
    }
    for (int b = 0; b < N_BLOCKS; b++) {
        free(both.cleared[b]);
    }
    model_free(&both.m);
    mem_free(both.mem);
}
