/* Blocks, the physical map, and reads and writes from outside. */
#include "fake.h"

#include <errno.h>
#include <string.h>

static bool leads_to(struct memory *mem, uint64_t physical,
                     struct mem_block *block, uint64_t offset)
{
    uint64_t found = 0;

    return mem_lookup(mem, physical, &found) == block &&
           (!block || found == offset);
}

static void test_block(struct memory *mem)
{
    struct mem_block *big = mem_add_block(mem, "big", BLOCK_RAM, 5 << 20);
    struct mem_block *none;

    expect(big && big->size == 5 << 20 && big->kind == BLOCK_RAM &&
               !strcmp(big->name, "big"),
           "a block is as asked for");
    expect(((uintptr_t)big->host & ((2 << 20) - 1)) == 0,
           "a large block begins on a huge page");
    expect(big->host[0] == 0 && big->host[(5 << 20) - 1] == 0 &&
               big->page_flags[1279] == 0,
           "it is zero from end to end");
    errno = 0;
    none = mem_add_block(mem, "vast", BLOCK_RAM, 1ull << 62);
    expect(!none && errno == ENOMEM, "no host memory: NULL and errno");
    expect(mem_block_count(mem) == 1 && mem_block_at(mem, 0) == big &&
               !mem_block_at(mem, 1),
           "blocks are counted and indexed");
}

static void test_map(struct memory *mem)
{
    struct mem_block *ram = mem_block_at(mem, 0);
    struct mem_block *rom = mem_add_block(mem, "rom", BLOCK_ROM, 0x4000);

    expect(rom->id == 1, "ids count up");
    expect(leads_to(mem, 0, NULL, 0), "an empty map is all I/O");
    mem_map(mem, 0x10000, 0x10000, ram, 0x2000);
    expect(leads_to(mem, 0xffff, NULL, 0) &&
               leads_to(mem, 0x10000, ram, 0x2000) &&
               leads_to(mem, 0x1ffff, ram, 0x11fff) &&
               leads_to(mem, 0x20000, NULL, 0),
           "a mapping has its edges");
    mem_map(mem, 0x14000, 0x4000, rom, 0);
    expect(leads_to(mem, 0x13fff, ram, 0x5fff) &&
               leads_to(mem, 0x14000, rom, 0) &&
               leads_to(mem, 0x17fff, rom, 0x3fff) &&
               leads_to(mem, 0x18000, ram, 0xa000),
           "a later one hides the middle of it");
    mem_map(mem, 0x13000, 0x2000, NULL, 0);
    expect(leads_to(mem, 0x12fff, ram, 0x4fff) &&
               leads_to(mem, 0x13000, NULL, 0) &&
               leads_to(mem, 0x15000, rom, 0x1000),
           "unmapping cuts two at once");
    mem_map(mem, 0x0, 0x100000, ram, 0);
    expect(leads_to(mem, 0x13000, ram, 0x13000) && leads_to(mem, 0, ram, 0) &&
               leads_to(mem, 0xfffff, ram, 0xfffff),
           "one over all of them replaces them");
    mem_map(mem, 0xfffffffffffff000, 0x1000, rom, 0x3000);
    expect(leads_to(mem, ~0ull, rom, 0x3fff) &&
               leads_to(mem, 0xffffffffffffefff, NULL, 0),
           "the last page of the space can be mapped");
    mem_map(mem, 0xfffffffffffff000, 0x1000, NULL, 0);
    expect(leads_to(mem, ~0ull, NULL, 0), "and unmapped");
}

static void test_outside(struct memory *mem)
{
    struct mem_block *ram = mem_block_at(mem, 0);
    struct mem_block *rom = mem_block_at(mem, 1);
    uint8_t out[0x3000], in[0x3000];

    mem_map(mem, 0, 1ull << 32, NULL, 0);
    mem_map(mem, 0x1000, 0x1000, ram, 0x1000);
    mem_map(mem, 0x3000, 0x1000, rom, 0);
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7 + 1);
    }
    expect(mem_write_physical(mem, 0x1003, out, 9) &&
               !memcmp(ram->host + 0x1003, out, 9),
           "a write from outside arrives");
    expect(ram->page_flags[1] & PAGE_WRITTEN &&
               !(ram->page_flags[0] & PAGE_WRITTEN),
           "its page, and no other, is marked as written");
    expect(!mem_write_physical(mem, 0x1800, out, 0x2000) &&
               !memcmp(ram->host + 0x1800, out, 0x800) &&
               !memcmp(rom->host, out + 0x1800, 0x800),
           "a hole is skipped and told of; ROM is reached");
    memset(in, 0, sizeof(in));
    expect(!mem_read_physical(mem, 0x1800, in, 0x2000) &&
               !memcmp(in, out, 0x800) && in[0x800] == 0xff &&
               in[0x17ff] == 0xff && !memcmp(in + 0x1800, out + 0x1800, 0x800),
           "a read gives 0xff for the hole");
    expect(mem_read_physical(mem, 0x3010, in, 16), "a whole read says so");
    mem_clear_written(mem, ram);
    expect(!(ram->page_flags[1] & PAGE_WRITTEN), "marks can be cleared");
}

void test_blocks(void)
{
    struct memory *mem = mem_new();

    test_block(mem);
    test_map(mem);
    test_outside(mem);
    mem_free(mem);
    mem_free(NULL);
}
