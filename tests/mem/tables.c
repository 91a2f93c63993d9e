/* What a change of a table drops, and what it leaves. */
#include "fake.h"
#include "mem/internal.h"

#include <string.h>

#define ROOT 0x10000
#define MIDDLE 0x11000
#define LEAF 0x12000
#define WINDOW 0x100000 /* virtual: shows the three tables */
#define LEAF_AT (WINDOW + 0x2000)

static struct memory *mem;
static struct mem_block *ram;
static struct fake_cpu *cpu;

/* TLB_INVALID: there is none. */
static uint64_t tag_of(struct tlb *tlb, uint64_t address)
{
    const struct tlb_entry *entry = tlb_find(tlb, address);

    return entry ? entry->tag : TLB_INVALID;
}

static bool has_tag(struct tlb *tlb, uint64_t address)
{
    return tag_of(tlb, address) != TLB_INVALID;
}

static uint64_t *entry_of(uint64_t table, unsigned index)
{
    return (uint64_t *)(void *)(ram->host + table) + index;
}

/* Everything anew: virtual 0..0xff000 is physical, and the window. */
static void set_up(void)
{
    memset(ram->host + ROOT, 0, 0x3000);
    *entry_of(ROOT, 0) = MIDDLE | E_ALL;
    *entry_of(MIDDLE, 0) = LEAF | E_ALL;
    for (unsigned i = 0; i < 256; i++) {
        *entry_of(LEAF, i) = (uint64_t)i << PAGE_BITS | E_ALL;
    }
    for (unsigned i = 0; i < 3; i++) {
        *entry_of(LEAF, 256 + i) = (ROOT + i * PAGE_SIZE_) | E_ALL;
    }
    cpu->root = ROOT;
    cpu->base.alone = false;
    mem_tlb_flush(&cpu->base);
}

static int load(uint64_t address)
{
    union ir_value v;

    return try_load(cpu, address, 3, &v);
}

static int store(uint64_t address, uint64_t value, unsigned size_log2)
{
    union ir_value v = {.u64 = value};

    return try_store(cpu, address, size_log2, &v);
}

static bool fetches(uint64_t pc)
{
    struct mem_code code;

    return mem_fetch(&cpu->base, pc, 0, &code);
}

static void test_bits(void)
{
    set_up();
    load(0x3000);
    expect(*entry_of(LEAF, 3) == (0x3000 | E_ALL | E_A) &&
               *entry_of(MIDDLE, 0) & E_A && *entry_of(ROOT, 0) & E_A,
           "a load sets accessed bits");
    store(0x3000, 1, 0);
    expect(*entry_of(LEAF, 3) == (0x3000 | E_ALL | E_A | E_D),
           "a store after it sets the dirty bit");
    store(LEAF_AT + 3 * 8, E_ALL, 0);
    expect(*entry_of(LEAF, 3) == (0x3000 | E_ALL),
           "both are cleared by a byte");
    load(0x3000);
    expect(*entry_of(LEAF, 3) == (0x3000 | E_ALL | E_A),
           "without a flush the next load sets its bit again");
    store(0x3000, 1, 0);
    expect(*entry_of(LEAF, 3) & E_D, "and the next store the other");
    store(LEAF_AT + 3 * 8, 0x3000 | E_P, 3);
    expect(store(0x3000, 1, 0) == CPU_LEAVE_EXCEPTION && load(0x3000) == 0,
           "write permission can be taken away");
    store(LEAF_AT + 3 * 8, 0, 3);
    expect(load(0x3000) == CPU_LEAVE_EXCEPTION, "and the page");
    store(LEAF_AT + 3 * 8, 0x4000 | E_ALL, 3);
    ram->host[0x4000] = 0x44;
    expect(load(0x3000) == 0, "an absent entry may come back at once");
}

/* A page that was plain memory a moment ago. */
static void test_new_table(void)
{
    uint64_t fresh = 0x20000, entry = 0x3000 | E_ALL | E_A | E_D;

    set_up();
    memset(ram->host + fresh, 0, PAGE_SIZE_);
    store(fresh, entry, 3);
    expect(tag_of(cpu->base.write_tlb, fresh) == fresh,
           "a plain page is written without the slow path");
    store(WINDOW + 0x1008, fresh | E_ALL, 3);
    expect(store(0x200000, 1, 3) == 0 &&
               tag_of(cpu->base.write_tlb, fresh) != fresh,
           "no more so once a walk has read it");
    store(fresh, entry & ~E_A, 3);
    load(0x200000);
    expect(*entry_of(fresh, 0) == entry, "and its rewrites are seen");
}

/* One CPU takes for 8-byte entries what the other takes for 4-byte ones. */
static void test_formats(bool narrow_first)
{
    struct fake_cpu *other = fake_cpu_new(mem);
    union ir_value v;
    uint64_t narrow_root = 0x21000;

    set_up();
    memset(ram->host + narrow_root, 0, PAGE_SIZE_);
    *(uint32_t *)(void *)(ram->host + narrow_root) = LEAF | E_ALL;
    *entry_of(LEAF, 3) = 0x3000 | E_ALL | (0x5000ull | E_ALL) << 32;
    other->root = narrow_root;
    other->narrow = true;
    mem_tlb_flush(&other->base);
    if (narrow_first) {
        try_load(other, 6ull << PAGE_BITS, 3, &v);
    }
    expect(load(0x3000) == CPU_LEAVE_IO, "wide: the address is far out");
    expect(try_load(other, 7ull << PAGE_BITS, 3, &v) == 0 &&
               *entry_of(LEAF, 3) >> 32 == (0x5000 | E_ALL | E_A),
           "narrow: the same bytes get an accessed bit");
    expect(!has_tag(cpu->base.read_tlb, 0x3000),
           "which is an address bit to the first CPU: dropped");
    fake_cpu_free(other);
}

static void test_ranges(void)
{
    struct tlb *tlb = cpu->base.read_tlb;

    set_up();
    load(0x3000);
    load(0x4000);
    store(LEAF_AT + 3 * 8, 0x5000 | E_ALL, 3);
    expect(!has_tag(tlb, 0x3000) && has_tag(tlb, 0x4000),
           "a changed leaf drops its page only");
    store(LEAF_AT + 3 * 8, 0x6000 | E_ALL, 3);
    load(0x5000);
    store(LEAF_AT + 7 * 8, 0x6000 | E_ALL, 3);
    expect(has_tag(tlb, 0x4000) && has_tag(tlb, 0x5000),
           "an entry that nothing came from drops nothing");
    load(0x200000000); /* faults: an absent entry of the root */
    store(WINDOW + 0x1000, LEAF | E_P | E_U, 3);
    expect(!has_tag(tlb, 0x4000) && !has_tag(tlb, 0x5000),
           "one of a level above drops all below it");

    set_up();
    *entry_of(MIDDLE, 1) = LEAF | E_ALL; /* the leaf at 2 MiB as well */
    load(0x4000);
    load(0x203000);
    load(0x3000);
    store(LEAF_AT + 3 * 8, 0x5000 | E_ALL, 3);
    expect(!has_tag(tlb, 0x203000) && !has_tag(tlb, 0x3000),
           "a leaf seen in two places drops both");
    *entry_of(MIDDLE, 1) = 0 | E_ALL | E_LARGE;
    mem_tlb_flush(&cpu->base);
    load(0x203000);
    load(0x2c3000);
    load(0x3000);
    load(0x4000);
    store(WINDOW + 0x1008, 0, 3);
    expect(!has_tag(tlb, 0x203000) && !has_tag(tlb, 0x2c3000) &&
               has_tag(tlb, 0x4000) && load(0x203000) == CPU_LEAVE_EXCEPTION,
           "a large page goes as one");
    load(0x3000);
    store(LEAF_AT + 3 * 8, 0x6000 | E_ALL, 3);
    expect(has_tag(tlb, 0x4000) && !has_tag(tlb, 0x3000),
           "after a flush the leaf is in one place again");
}

/* Pages whose entries of the TLB have one index. */
static void test_ways(void)
{
    struct tlb *reads = cpu->base.read_tlb, *writes = cpu->base.write_tlb;
    uint64_t far = (uint64_t)TLB_SIZE << PAGE_BITS;

    set_up();
    *entry_of(MIDDLE, far >> 21) = 0 | E_ALL | E_LARGE;
    *entry_of(MIDDLE, 2 * far >> 21) = 0 | E_ALL | E_LARGE;
    store(0x3000, 3, 0);
    store(far + 0x4000, 4, 0);
    store(far + 0x3000, 5, 0);
    expect(tag_of(writes, 0x3000) == 0x3000 &&
               tag_of(writes, far + 0x3000) == far + 0x3000,
           "two pages of one index have an entry each");
    store(LEAF_AT + 3 * 8, 0x5000 | E_ALL, 3);
    expect(!has_tag(writes, 0x3000) && has_tag(writes, far + 0x3000) &&
               ram->host[0x3000] == 5,
           "each is dropped alone");
    store(0x3000, 6, 0);
    load(2 * far + 0x3000);
    load(3 * far + 0x3000); /* faults */
    load(0x3000);
    expect(ram->host[0x5000] == 6 && has_tag(reads, 2 * far + 0x3000) &&
               has_tag(writes, far + 0x3000),
           "reads and writes have ways of their own");
    mem_set_code(mem, ram, 0x3000);
    mem_set_code(mem, ram, 0x5000);
    expect(!has_tag(writes, 0x3000) && !has_tag(writes, far + 0x3000),
           "code takes its pages' writes out of both ways");
    mem_clear_code(ram, 0x3000);
    mem_clear_code(ram, 0x5000);
    store(0x6000, 1, 0);
    store(far + 0x6000, 2, 0);
    store(2 * far + 0x6000, 3, 0);
    mem_clear_written(mem, ram);
    store(far + 0x6000, 4, 0);
    expect(ram->page_flags[6] & PAGE_WRITTEN,
           "a write is noticed after the flags were cleared");
    mem_tlb_flush(&cpu->base);
    expect(!has_tag(writes, far + 0x6000) && !has_tag(writes, 0x6000),
           "a flush empties both ways");
}

static void test_flags(void)
{
    set_up();
    store(LEAF_AT + 200 * 8, 0, 3);
    expect(ram->page_flags[LEAF >> PAGE_BITS] & PAGE_IS_TABLE,
           "a walked table is flagged");
    expect(tag_of(cpu->base.write_tlb, LEAF_AT) & TLB_SLOW,
           "and writes to it are slow");
    cpu->root = NO_PAGING;
    mem_tlb_flush(&cpu->base);
    store(LEAF + 200 * 8, 1, 3);
    store(LEAF + 200 * 8, 2, 3);
    expect(!(ram->page_flags[LEAF >> PAGE_BITS] & PAGE_IS_TABLE) &&
               tag_of(cpu->base.write_tlb, LEAF) == LEAF,
           "a table that nothing comes from becomes plain memory");
    cpu->root = ROOT;
    mem_tlb_flush(&cpu->base);
    *entry_of(LEAF, 200) = 0;
    expect(load(200 << PAGE_BITS) == CPU_LEAVE_EXCEPTION &&
               store(LEAF_AT + 200 * 8, 0x3000 | E_ALL, 3) == 0 &&
               load(200 << PAGE_BITS) == 0,
           "and a table again when walked");
}

static void test_fetch(void)
{
    uint64_t generation;
    struct mem_code code;

    set_up();
    expect(mem_fetch(&cpu->base, 0x3456, 0, &code) && code.block == ram &&
               code.offset == 0x3456 && code.physical == 0x3456,
           "a fetch finds block and offset");
    expect(*entry_of(LEAF, 3) & E_A, "and sets the accessed bit");
    generation = cpu->base.fetch_generation;
    load(0x4000);
    store(LEAF_AT + 4 * 8, 0x5000 | E_ALL, 3);
    expect(cpu->base.fetch_generation == generation,
           "a changed data page leaves the generation");
    expect(store(LEAF_AT + 3 * 8, 0x3000 | E_ALL, 3) == CPU_LEAVE_REDO &&
               *entry_of(LEAF, 3) & E_A,
           "a change of what was fetched through is redone");
    cpu->base.alone = true;
    expect(store(LEAF_AT + 3 * 8, 0x3000 | E_ALL, 3) == 0 &&
               cpu->base.fetch_generation != generation &&
               *entry_of(LEAF, 3) == (0x3000 | E_ALL),
           "and alone begins a generation");
    cpu->base.alone = false;
    expect(fetches(0x3000) && *entry_of(LEAF, 3) & E_A,
           "the next fetch sets the bit again");
    generation = cpu->base.fetch_generation;
    *entry_of(LEAF, 5) = 0x5000 | E_ALL | E_NX;
    expect(!fetches(0x5000) && cpu->fault.access == MEM_FETCH,
           "a page may forbid it");
    mem_map(mem, 0x6000, 0x1000, NULL, 0);
    expect(mem_fetch(&cpu->base, 0x6001, 0, &code) && !code.block &&
               code.physical == 0x6001,
           "code in device memory has no block");
    expect(cpu->base.fetch_generation != generation,
           "a changed map begins a generation");
    mem_map(mem, 0x6000, 0x1000, ram, 0x6000);
}

void test_tables(void)
{
    mem = mem_new();
    ram = mem_add_block(mem, "ram", BLOCK_RAM, 0x100000);
    mem_map(mem, 0, 0x100000, ram, 0);
    cpu = fake_cpu_new(mem);
    test_bits();
    test_new_table();
    test_formats(false);
    test_formats(true);
    test_ranges();
    test_ways();
    test_flags();
    test_fetch();
    fake_cpu_free(cpu);
    mem_free(mem);
}
