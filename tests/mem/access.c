/* Loads and stores one by one: values, page edges, alignment, I/O, code. */
#include "fake.h"

#include <stdio.h>
#include <string.h>

#define TABLES 0x10000 /* root, middle, leaf: three pages */
#define DEVICE 0x80000

static struct {
    struct memory *mem;
    struct mem_block *ram, *rom;
    struct fake_cpu *cpu;
    char io[400]; /* what the device saw, as text */
    unsigned code_calls;
    uint64_t code_offset, code_size, code_old;
    bool running_hit;
} t;

static uint64_t io_read(void *opaque, uint64_t physical, unsigned size)
{
    (void)opaque;
    snprintf(t.io + strlen(t.io), sizeof(t.io) - strlen(t.io), "r%u@%llx ",
             size, (unsigned long long)physical - DEVICE);
    return 0x8877665544332211 + physical - DEVICE;
}

static void io_write(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size)
{
    (void)opaque;
    snprintf(t.io + strlen(t.io), sizeof(t.io) - strlen(t.io), "w%u@%llx=%llx ",
             size, (unsigned long long)physical - DEVICE,
             (unsigned long long)value);
}

static bool code_written(void *opaque, struct mem_block *block, uint64_t offset,
                         uint64_t size)
{
    (void)opaque;
    t.code_calls++;
    t.code_offset = offset;
    t.code_size = size;
    memcpy(&t.code_old, block->host + offset, size < 8 ? size : 8);
    return t.running_hit;
}

static union ir_value value64(uint64_t value)
{
    return (union ir_value){.u64 = value};
}

static void test_values(void)
{
    static const uint8_t bytes[] = {
        0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 1, 2, 3, 4, 5, 6, 7, 8};
    static const struct {
        uint32_t memop;
        uint64_t low, high;
    } rows[] = {
        {0, 0x81, 0},
        {1, 0x9281, 0},
        {2, 0xb4a39281, 0},
        {3, 0xf8e7d6c5b4a39281, 0},
        {4, 0xf8e7d6c5b4a39281, 0x0807060504030201},
        {0 | MO_SIGN, 0xffffffffffffff81, 0},
        {1 | MO_SIGN, 0xffffffffffff9281, 0},
        {2 | MO_SIGN, 0xffffffffb4a39281, 0},
        {1 | MO_BE, 0x8192, 0},
        {2 | MO_BE, 0x8192a3b4, 0},
        {3 | MO_BE, 0x8192a3b4c5d6e7f8, 0},
        {4 | MO_BE, 0x0102030405060708, 0x8192a3b4c5d6e7f8},
        {1 | MO_BE | MO_SIGN, 0xffffffffffff8192, 0},
        {3 | MO_RMW, 0xf8e7d6c5b4a39281, 0},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned edge = 0; edge < 2; edge++) {
            uint64_t at = edge ? 0x3fff : 0x3100;
            uint32_t size = MO_SIZE(rows[i].memop);
            union ir_value v = {.v64 = {~0ull, ~0ull}};
            bool good;

            memcpy(t.ram->host + at, bytes, 16);
            good = try_load(t.cpu, at, rows[i].memop, &v) == 0 &&
                   v.v64[0] == rows[i].low && v.v64[1] == rows[i].high;
            memset(t.ram->host + at, 0xee, 17);
            good = good && try_store(t.cpu, at, rows[i].memop, &v) == 0 &&
                   !memcmp(t.ram->host + at, bytes, size) &&
                   t.ram->host[at + size] == 0xee;
            expect(good, "load and store of %u%s%s%s%s", size,
                   rows[i].memop & MO_SIGN ? " signed" : "",
                   rows[i].memop & MO_BE ? " big-endian" : "",
                   rows[i].memop & MO_RMW ? " read for writing" : "",
                   edge ? " over a page's edge" : "");
        }
    }
}

static void test_alignment(void)
{
    union ir_value v = {.v64 = {1, 2}};

    expect(try_load(t.cpu, 0x3008, 4 | MO_ALIGN16, &v) == CPU_LEAVE_EXCEPTION &&
               t.cpu->fault.misaligned && t.cpu->fault.address == 0x3008 &&
               t.cpu->fault.access == MEM_READ,
           "a misaligned load of 16 faults");
    expect(try_store(t.cpu, 0x3001, 4 | MO_ALIGN16, &v) ==
                   CPU_LEAVE_EXCEPTION &&
               t.cpu->fault.misaligned && t.cpu->fault.access == MEM_WRITE,
           "so does a store");
    expect(try_store(t.cpu, 0x3010, 4 | MO_ALIGN16, &v) == 0,
           "an aligned one does not");
}

static void set_entry(uint64_t table, unsigned index, uint64_t entry)
{
    mem_write_physical(t.mem, table + 8 * index, &entry, 8);
}

static void test_edges(void)
{
    union ir_value v = value64(0x1122334455667788), seen;
    uint8_t before[2] = {t.ram->host[0x5fff], t.ram->host[0x7000]};

    t.cpu->root = TABLES;
    set_entry(TABLES, 0, (TABLES + 0x1000) | E_ALL);
    set_entry(TABLES + 0x1000, 0, (TABLES + 0x2000) | E_ALL);
    set_entry(TABLES + 0x2000, 0, 0x5000 | E_ALL);
    set_entry(TABLES + 0x2000, 1, 0x7000 | E_P);
    mem_tlb_flush(&t.cpu->base);
    expect(try_store(t.cpu, 0xffd, 3, &v) == CPU_LEAVE_EXCEPTION &&
               t.cpu->fault.address == 0x1000 &&
               t.cpu->fault.access == MEM_WRITE &&
               t.ram->host[0x5fff] == before[0] &&
               t.ram->host[0x7000] == before[1],
           "the second page faults before a byte of the first is written");
    expect(try_load(t.cpu, 0xffd, 3, &seen) == 0,
           "both may be read all the same");
    expect(try_load(t.cpu, 0xffd, 3 | MO_RMW, &seen) == CPU_LEAVE_EXCEPTION &&
               t.cpu->fault.access == MEM_WRITE,
           "but not for a write to follow");
    set_entry(TABLES + 0x2000, 0, 0);
    expect(try_load(t.cpu, 0xffd, 3, &seen) == CPU_LEAVE_EXCEPTION &&
               t.cpu->fault.address == 0xffd,
           "a first page that faults names the access's address");
    set_entry(TABLES + 0x2000, 0, 0x5000 | E_ALL);
    set_entry(TABLES + 0x2000, 1, 0x7000 | E_ALL);
    expect(try_store(t.cpu, 0xffd, 3, &v) == 0 &&
               !memcmp(t.ram->host + 0x5ffd, "\x88\x77\x66", 3) &&
               !memcmp(t.ram->host + 0x7000, "\x55\x44\x33\x22\x11", 5),
           "two pages far apart take their parts");
    t.cpu->root = NO_PAGING;
    mem_tlb_flush(&t.cpu->base);
}

static void io_case(const char *name, bool store, uint64_t address,
                    unsigned size_log2, const char *wanted)
{
    union ir_value v = {.v64 = {0x0807060504030201, 0x100f0e0d0c0b0a09}};
    bool redo, good;
    int why;

    t.io[0] = 0;
    t.cpu->base.alone = false;
    why = store ? try_store(t.cpu, address, size_log2, &v)
                : try_load(t.cpu, address, size_log2, &v);
    redo = why == CPU_LEAVE_IO && !t.io[0];
    t.cpu->base.alone = true;
    why = store ? try_store(t.cpu, address, size_log2, &v)
                : try_load(t.cpu, address, size_log2, &v);
    t.cpu->base.alone = false;
    good = redo && why == 0 && !strcmp(t.io, wanted);
    expect(good, "I/O, alone: %s%s%s", name, good ? "" : ": ",
           good ? "" : t.io);
}

static void test_io(void)
{
    union ir_value v;

    io_case("load of 1", false, DEVICE + 5, 0, "r1@5 ");
    io_case("load of 4, misaligned", false, DEVICE + 5, 2, "r4@5 ");
    io_case("load of 16 in two", false, DEVICE + 16, 4, "r8@10 r8@18 ");
    io_case("store of 2", true, DEVICE + 2, 1, "w2@2=201 ");
    io_case("store of 16 in two", true, DEVICE, 4,
            "w8@0=807060504030201 w8@8=100f0e0d0c0b0a09 ");
    io_case("store over a page's edge, in aligned parts", true, DEVICE + 0xffd,
            3, "w1@ffd=1 w2@ffe=302 w4@1000=7060504 w1@1004=8 ");
    io_case("load that begins in RAM", false, DEVICE - 1, 1, "r1@0 ");
    memset(t.ram->host + DEVICE - 1, 0x55, 1);
    t.cpu->base.alone = true;
    try_load(t.cpu, DEVICE - 1, 1, &v);
    t.cpu->base.alone = false;
    expect(v.u64 == 0x1155, "its value comes from both");
}

static void test_rom(void)
{
    union ir_value v = value64(7), seen;

    t.rom->host[8] = 9;
    expect(try_store(t.cpu, 0x90008, 0, &v) == 0 && t.rom->host[8] == 9 &&
               try_load(t.cpu, 0x90008, 0, &seen) == 0 && seen.u64 == 9,
           "a store to ROM is lost");
}

static void test_code(void)
{
    union ir_value v = value64(0xaabbccdd), w = value64(0x11223344);

    try_store(t.cpu, 0x6010, 2, &v);
    mem_set_code(t.mem, t.ram, 0x6000);
    t.code_calls = 0;
    expect(try_store(t.cpu, 0x6010, 2, &w) == 0 && t.code_calls == 1 &&
               t.code_offset == 0x6010 && t.code_size == 4 &&
               t.code_old == v.u64 && t.ram->host[0x6010] == 0x44,
           "a store to code is told of before it happens");
    expect(try_store(t.cpu, 0x6010, 2, &w) == 0 && t.code_calls == 1,
           "not so one that changes nothing");
    t.running_hit = true;
    expect(try_store(t.cpu, 0x6010, 2, &v) == CPU_LEAVE_REDO &&
               t.ram->host[0x6010] == 0x44,
           "one that hits the running unit is redone");
    t.cpu->base.alone = true;
    expect(try_store(t.cpu, 0x6010, 2, &v) == 0 && t.ram->host[0x6010] == 0xdd,
           "and happens alone");
    t.cpu->base.alone = false;
    t.running_hit = false;
    t.code_calls = 0;
    mem_write_physical(t.mem, 0x5ff0, &w, 8);
    expect(t.code_calls == 0, "a write to the page before is not told of");
    mem_write_physical(t.mem, 0x6010, &w, 4);
    expect(t.code_calls == 1, "one from outside is");
    mem_clear_code(t.ram, 0x6000);
    expect(try_store(t.cpu, 0x6010, 2, &v) == 0 && t.code_calls == 1,
           "nothing is told of once the page has no code");
}

static void test_written(void)
{
    union ir_value v = value64(3);

    try_store(t.cpu, 0x9000, 0, &v);
    expect(t.ram->page_flags[9] & PAGE_WRITTEN, "a store marks its page");
    mem_clear_written(t.mem, t.ram);
    mem_tlb_flush(&t.cpu->base);
    expect(!(t.ram->page_flags[9] & PAGE_WRITTEN) &&
               try_load(t.cpu, 0x9000, 0, &v) == 0 &&
               !(t.ram->page_flags[9] & PAGE_WRITTEN),
           "cleared, a load leaves it so");
    try_store(t.cpu, 0x9000, 0, &v);
    expect(t.ram->page_flags[9] & PAGE_WRITTEN, "the next store marks again");
}

void test_access(void)
{
    struct mem_hooks hooks = {NULL, io_read, io_write, code_written};

    t.mem = mem_new();
    t.ram = mem_add_block(t.mem, "ram", BLOCK_RAM, 0x100000);
    t.rom = mem_add_block(t.mem, "rom", BLOCK_ROM, 0x1000);
    mem_map(t.mem, 0, 0x100000, t.ram, 0);
    mem_map(t.mem, DEVICE, 0x2000, NULL, 0);
    mem_map(t.mem, 0x90000, 0x1000, t.rom, 0);
    mem_set_hooks(t.mem, &hooks);
    t.cpu = fake_cpu_new(t.mem);
    test_values();
    test_alignment();
    test_edges();
    test_io();
    test_rom();
    test_code();
    test_written();
    fake_cpu_free(t.cpu);
    mem_free(t.mem);
}
