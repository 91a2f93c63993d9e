/*
 * Random accesses, rewrites of tables, maps, flushes and fetches on two CPUs,
 * beside the model. The CPU that acts is in the middle of a unit: what it
 * was fetched through and its bytes may change only when it runs alone.
 */
#include "draw.h"
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_CPUS 2
#define UNIT_SIZE 24
#define MAX_HOOKS 32

struct running { /* the unit that a CPU is in */
    uint64_t pc, generation;
    struct mem_code code;
    unsigned mmu;
    bool valid;
};

static struct {
    bool restless; /* much is flushed, both formats are in use */
    struct memory *mem;
    struct mem_block *block[N_BLOCKS];
    struct fake_cpu *cpu[N_CPUS];
    struct running running[N_CPUS];
    struct model m;
    uint8_t device[DEVICE_SIZE];
    uint8_t *cleared[N_BLOCKS]; /* as it was when PAGE_WRITTEN was cleared */
    struct running *acting;     /* NULL: no unit runs */
    bool alone;
    struct model_write hooked[MAX_HOOKS];
    unsigned n_hooked;
    unsigned accesses, faults, redos, fetches, rewrites;
    char wrong[200]; /* the first difference */
} s;

static void wrong(const char *what, uint64_t a, uint64_t b)
{
    if (!s.wrong[0]) {
        snprintf(s.wrong, sizeof(s.wrong), "%s: %llx, %llx", what,
                 (unsigned long long)a, (unsigned long long)b);
    }
}

/* -- Hooks ----------------------------------------------------------------- */
static uint64_t io_read(void *opaque, uint64_t physical, unsigned size)
{
    (void)opaque;
    if (!s.alone) {
        wrong("a device was read, not alone", physical, size);
    }
    return device_read(s.device, physical, size);
}

static void io_write(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size)
{
    (void)opaque;
    if (!s.alone) {
        wrong("a device was written, not alone", physical, size);
    }
    device_write(s.device, physical, value, size);
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
    if (s.n_hooked < MAX_HOOKS) {
        s.hooked[s.n_hooked++] =
            (struct model_write){(int)block->id, offset, size};
    }
    return in_unit(s.acting, block, offset, size);
}

static bool was_hooked(const struct model_write *w)
{
    for (unsigned i = 0; i < s.n_hooked; i++) {
        const struct model_write *h = &s.hooked[i];

        if (h->block == w->block && h->offset <= w->offset &&
            h->offset + h->size >= w->offset + w->size) {
            return true;
        }
    }
    return false;
}

static struct model_cpu registers(unsigned cpu)
{
    return (struct model_cpu){s.cpu[cpu]->root, s.cpu[cpu]->narrow};
}

/* -- Checks ---------------------------------------------------------------- */
static void check_memory(void)
{
    for (int b = 0; b < N_BLOCKS; b++) {
        for (uint64_t i = 0; i < model_block_pages[b]; i++) {
            uint64_t at = i << PAGE_BITS;
            const uint8_t *host = s.block[b]->host + at;

            if (memcmp(host, s.m.bytes[b] + at, PAGE_SIZE_) != 0) {
                wrong("memory differs: block, page", b, i);
            }
            if (memcmp(host, s.cleared[b] + at, PAGE_SIZE_) != 0 &&
                !(s.block[b]->page_flags[i] & PAGE_WRITTEN)) {
                wrong("a written page is not marked: block, page", b, i);
            }
        }
    }
    if (memcmp(s.device, s.m.device, DEVICE_SIZE) != 0) {
        wrong("the device differs", 0, 0);
    }
}

/* What the access just made changed, against the code hook. */
static void check_code(bool by_the_way)
{
    for (unsigned i = 0; i < s.m.n_writes; i++) {
        const struct model_write *w = &s.m.writes[i];
        const struct mem_block *block = s.block[w->block];

        if (block->page_flags[w->offset >> PAGE_BITS] & PAGE_HAS_CODE &&
            !was_hooked(w)) {
            wrong("code changed untold: block, offset", w->block, w->offset);
        }
        if (by_the_way && in_unit(s.acting, block, w->offset, w->size)) {
            wrong("the running unit changed", w->block, w->offset);
        }
    }
}

/* Would the unit be fetched again as it was, with no bit to set? */
static void check_running(unsigned cpu, const char *what)
{
    struct running *r = &s.running[cpu];
    struct model_cpu regs = registers(cpu);
    struct walk_result walk;
    bool clean;

    if (!r->valid) {
        return;
    }
    if (!model_look(&s.m, &regs, r->pc, MEM_FETCH, r->mmu, &walk, &clean) ||
        !clean || walk.physical != r->code.physical) {
        wrong(what, r->pc, r->code.physical);
    }
}

static void check_place(const struct mem_code *code, uint64_t physical)
{
    uint64_t offset = 0;
    int block = 0;
    bool found = model_find(&s.m, physical, &block, &offset);

    if (code->physical != physical || !found != !code->block ||
        (found && (code->block != s.block[block] || code->offset != offset))) {
        wrong("a fetch leads elsewhere", code->physical, physical);
    }
}

/* -- Steps ----------------------------------------------------------------- */
/* The CPU begins a unit: fetched anew only when the generation asks. */
static void begin_unit(unsigned cpu)
{
    struct running *r = &s.running[cpu];
    struct model_cpu regs = registers(cpu);
    uint64_t physical;

    if (r->valid && r->generation == s.cpu[cpu]->base.fetch_generation) {
        check_running(cpu, "the generation stayed, the fetch changed");
    } else {
        r->valid = false;
    }
    for (unsigned tries = 0; tries < 3 && (!r->valid || chance(10)); tries++) {
        bool good;

        r->mmu = below(2);
        r->pc = (random_address() & PAGE_MASK_) | below(4000);
        s.fetches++;
        r->valid = mem_fetch(&s.cpu[cpu]->base, r->pc, r->mmu, &r->code);
        good = model_fetch(&s.m, &regs, r->pc, r->mmu, &physical);
        if (good != r->valid) {
            wrong("a fetch faults in one only", r->pc, good);
        } else if (good) {
            check_place(&r->code, physical);
        }
        r->generation = s.cpu[cpu]->base.fetch_generation;
        if (r->valid && r->code.block) {
            mem_set_code(s.mem, r->code.block, r->code.offset);
        }
    }
}

static int attempt(unsigned cpu, uint64_t address, uint32_t memop, bool store,
                   union ir_value *value)
{
    s.cpu[cpu]->base.alone = s.alone;
    return store ? try_store(s.cpu[cpu], address, memop, value)
                 : try_load(s.cpu[cpu], address, memop, value);
}

static void access_memory(unsigned cpu, uint64_t address, uint32_t memop,
                          bool store, union ir_value value)
{
    struct model_cpu regs = registers(cpu);
    const struct fake_fault *fault = &s.cpu[cpu]->fault;
    struct model_result wanted;
    union ir_value got = value;
    bool by_the_way;
    int why;

    begin_unit(cpu);
    s.acting = &s.running[cpu];
    s.n_hooked = 0;
    s.alone = chance(25);
    by_the_way = !s.alone;
    why = attempt(cpu, address, memop, store, &got);
    if ((why == CPU_LEAVE_REDO || why == CPU_LEAVE_IO) && by_the_way) {
        s.redos++;
        by_the_way = false;
        s.alone = true;
        why = attempt(cpu, address, memop, store, &got);
    }
    wanted = model_access(&s.m, &regs, address, memop, store, &value);
    s.accesses++;
    s.faults += wanted.fault.raised;
    if (why != (wanted.fault.raised ? CPU_LEAVE_EXCEPTION : 0)) {
        wrong("fault or none", address, why);
    } else if (why && (fault->address != wanted.fault.address ||
                       fault->access != wanted.fault.access ||
                       fault->misaligned != wanted.fault.misaligned)) {
        wrong("another fault", fault->address, wanted.fault.address);
    } else if (!why && !store && memcmp(&got, &wanted.value, sizeof(got))) {
        wrong("another value", got.u64, wanted.value.u64);
    }
    check_code(by_the_way);
    if (by_the_way) {
        check_running(cpu, "the running unit's fetch changed");
    }
    s.acting = NULL;
    s.alone = false;
}

static void random_access(unsigned cpu)
{
    bool store = chance(50);
    bool narrow = s.cpu[cpu]->narrow;
    union ir_value value;

    /* Stores may hit tables: let them look like entries. */
    value.v64[0] = random_entry(below(N_TABLES), narrow);
    value.v64[1] = random_entry(below(N_TABLES), narrow);
    if (narrow) {
        value.u64 |= random_entry(below(N_TABLES), narrow) << 32;
    }
    access_memory(cpu, random_address(), random_memop(), store, value);
}

/* From outside: bytes within a page. */
static void poke(uint64_t physical, const void *bytes, unsigned size)
{
    mem_write_physical(s.mem, physical, bytes, size);
    model_poke(&s.m, physical, bytes, size);
}

/* A virtual address through which the CPU can write there, or 0. */
static uint64_t window_to(unsigned cpu, uint64_t physical)
{
    struct model_cpu regs = registers(cpu);
    struct walk_result walk;
    uint64_t wanted, offset;
    int block, found;
    bool clean;

    if (!model_find(&s.m, physical, &block, &wanted)) {
        return 0;
    }
    for (unsigned i = 0; i < 60; i++) {
        uint64_t address =
            (random_address() & PAGE_MASK_) | (physical & ~PAGE_MASK_);

        if (model_look(&s.m, &regs, address, MEM_WRITE, 0, &walk, &clean) &&
            model_find(&s.m, walk.physical, &found, &offset) &&
            found == block && offset == wanted) {
            return address;
        }
    }
    return 0;
}

/* An entry of a walk that succeeds, or any: changed a little or quite. */
static void rewrite_table(unsigned cpu)
{
    struct model_cpu regs = registers(cpu);
    bool narrow = regs.narrow, clean;
    unsigned size = narrow ? 4 : 8, table = below(N_TABLES), log2;
    uint64_t at = random_slot(table, narrow), entry = 0, window;
    static const uint64_t flips[] = {E_A, E_D, E_A | E_D, E_W, E_U, E_P};
    struct walk_result walk;
    uint32_t memop;

    if (chance(60) &&
        model_look(&s.m, &regs, random_address(), MEM_READ, 0, &walk, &clean) &&
        walk.n_steps) {
        at = walk.steps[below(walk.n_steps)].address;
    }
    mem_read_physical(s.mem, at, &entry, size);
    entry = chance(75) ? entry ^ flips[below(6)] : random_entry(table, narrow);
    log2 = narrow ? 2 : 3;
    if (chance(30)) { /* the low byte has all the flags */
        log2 = 0;
    }
    s.rewrites++;
    window = chance(85) ? window_to(cpu, at) : 0;
    if (!window) {
        poke(at, &entry, size);
        return;
    }
    memop = log2 | below(2) << MO_MMU_SHIFT;
    access_memory(cpu, window, memop, true, (union ir_value){.u64 = entry});
}

static void fill_tables(bool narrow)
{
    for (unsigned table = 0; table < N_TABLES; table++) {
        for (unsigned i = 0; i < 40; i++) {
            uint64_t entry = random_entry(table, narrow);

            poke(random_slot(table, narrow), &entry, narrow ? 4 : 8);
        }
    }
}

static void change_map(unsigned page, unsigned n, int block, uint64_t from)
{
    mem_map(s.mem, (uint64_t)page << PAGE_BITS, (uint64_t)n << PAGE_BITS,
            block < 0 ? NULL : s.block[block], from << PAGE_BITS);
    for (unsigned i = 0; i < n; i++) {
        s.m.block_at[page + i] = block;
        s.m.page_at[page + i] = from + i;
    }
}

static void change_root(unsigned cpu)
{
    if (!s.cpu[cpu]->narrow && s.cpu[cpu]->root != NO_PAGING && chance(60)) {
        uint64_t from = s.cpu[cpu]->root;

        s.cpu[cpu]->root = below(2) << PAGE_BITS;
        mem_tlb_move_top(&s.cpu[cpu]->base, from, s.cpu[cpu]->root);
        return;
    }
    s.cpu[cpu]->root = chance(4) ? NO_PAGING : below(2) << PAGE_BITS;
    if (chance(s.restless ? 30 : 3)) {
        s.cpu[cpu]->narrow = !s.cpu[cpu]->narrow;
    }
    mem_tlb_flush(&s.cpu[cpu]->base);
}

static void clear_written(void)
{
    int b = (int)below(N_BLOCKS);

    memcpy(s.cleared[b], s.block[b]->host, s.block[b]->size);
    mem_clear_written(s.mem, s.block[b]);
}

static bool has_unit(const struct mem_block *block, uint64_t page)
{
    for (unsigned i = 0; i < N_CPUS; i++) {
        const struct running *r = &s.running[i];

        if (r->valid && r->code.block == block &&
            r->code.offset >> PAGE_BITS == page) {
            return true;
        }
    }
    return false;
}

/* The code cache is flushed: only the units that run are left. */
static void clear_code(void)
{
    for (int b = 0; b < N_BLOCKS; b++) {
        for (uint64_t i = 0; i < model_block_pages[b]; i++) {
            if (!has_unit(s.block[b], i)) {
                mem_clear_code(s.block[b], i << PAGE_BITS);
            }
        }
    }
}

static void random_step(void)
{
    unsigned cpu = below(N_CPUS), what = below(1000);
    uint64_t data = next_random();

    if (s.restless && chance(3)) {
        change_root(cpu);
    }
    if (what < 720) {
        random_access(cpu);
    } else if (what < 935) {
        rewrite_table(cpu);
    } else if (what < 950) {
        poke(((uint64_t)below(N_PHYSICAL - N_TABLES) + N_TABLES) << PAGE_BITS |
                 below(4088),
             &data, 8);
    } else if (what < 955) {
        mem_tlb_flush(&s.cpu[cpu]->base);
    } else if (what < 958) {
        change_root(cpu);
    } else if (what < 960) {
        int b = (int)below(N_BLOCKS + 1) - 1;
        unsigned n = 1 + below(8), pages = b < 0 ? 9 : model_block_pages[b];

        change_map(112 + below(40), n, b, below(pages - n + 1));
    } else if (what < 965) {
        clear_written();
    } else if (what < 975) {
        clear_code();
    } else {
        fill_tables(s.cpu[cpu]->narrow);
    }
}

/* -- A run ----------------------------------------------------------------- */
static void set_up(uint64_t seed)
{
    static const char *const names[] = {"ram", "video", "rom"};
    struct mem_hooks hooks = {NULL, io_read, io_write, code_written};

    memset(&s, 0, sizeof(s));
    s.restless = seed % 2 == 0;
    draw_seed(seed);
    s.mem = mem_new();
    mem_set_hooks(s.mem, &hooks);
    model_init(&s.m);
    for (int b = 0; b < N_BLOCKS; b++) {
        uint64_t size = model_block_pages[b] << PAGE_BITS;

        s.block[b] = mem_add_block(
            s.mem, names[b], b == MODEL_ROM ? BLOCK_ROM : BLOCK_RAM, size);
        s.cleared[b] = calloc(1, size);
    }
    change_map(0, 96, 0, 0);
    change_map(96, 16, 1, 0);
    change_map(112, 8, MODEL_ROM, 0);
    change_map(128, 16, 0, 0); /* the tables once more */
    for (unsigned i = 0; i < N_CPUS; i++) {
        s.cpu[i] = fake_cpu_new(s.mem);
        s.cpu[i]->root = (uint64_t)i << PAGE_BITS;
        mem_tlb_flush(&s.cpu[i]->base);
    }
    fill_tables(false);
}

static void tear_down(void)
{
    for (unsigned i = 0; i < N_CPUS; i++) {
        fake_cpu_free(s.cpu[i]);
    }
    for (int b = 0; b < N_BLOCKS; b++) {
        free(s.cleared[b]);
    }
    model_free(&s.m);
    mem_free(s.mem);
}

void test_random(uint64_t seed, unsigned steps)
{
    unsigned step = 0;

    set_up(seed);
    while (step < steps && !s.wrong[0]) {
        random_step();
        if (step++ % 16 == 0) {
            check_memory();
        }
    }
    check_memory();
    expect(!s.wrong[0], "random, seed %llu: %u accesses as the model's%s%s",
           (unsigned long long)seed, s.accesses, s.wrong[0] ? "; " : "",
           s.wrong);
    if (s.wrong[0]) {
        printf("       at step %u\n", step);
    }
    expect(s.faults > s.accesses / 50 && s.faults < s.accesses / 2 &&
               s.redos > s.accesses / 200 && s.redos < s.accesses / 2 &&
               s.rewrites > steps / 10 && s.fetches > steps / 20,
           "  among them %u faults, %u redos; %u table rewrites, %u fetches",
           s.faults, s.redos, s.rewrites, s.fetches);
    tear_down();
}
