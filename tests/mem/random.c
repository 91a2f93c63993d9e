/*
 * Random accesses, rewrites of tables, maps, flushes and fetches on two CPUs,
 * beside the model. The CPU that acts is in the middle of a unit: what it
 * was fetched through and its bytes may change only when it runs alone.
 */
#include "both.h"

#include <stdio.h>
#include <string.h>

/* -- Steps ----------------------------------------------------------------- */
/* The CPU begins a unit: fetched anew only when the generation asks. */
static void begin_unit(unsigned cpu)
{
    struct running *r = &both.running[cpu];
    struct model_cpu regs = both_registers(cpu);
    uint64_t physical;

    if (r->valid && r->generation == both.cpu[cpu]->base.fetch_generation) {
        check_running(cpu, "the generation stayed, the fetch changed");
    } else {
        r->valid = false;
    }
    for (unsigned tries = 0; tries < 3 && (!r->valid || chance(10)); tries++) {
        bool good;

        r->mmu = below(2);
        r->pc = (random_address() & PAGE_MASK_) | below(4000);
        both.fetches++;
        r->valid = mem_fetch(&both.cpu[cpu]->base, r->pc, r->mmu, &r->code);
        good = model_fetch(&both.m, &regs, r->pc, r->mmu, &physical);
        if (good != r->valid) {
            both_wrong("a fetch faults in one only", r->pc, good);
        } else if (good) {
            check_place(&r->code, physical);
        }
        r->generation = both.cpu[cpu]->base.fetch_generation;
        if (r->valid && r->code.block) {
            mem_set_code(both.mem, r->code.block, r->code.offset);
        }
    }
}

static int attempt(unsigned cpu, uint64_t address, uint32_t memop, bool store,
                   union ir_value *value)
{
    both.cpu[cpu]->base.alone = both.alone;
    return store ? try_store(both.cpu[cpu], address, memop, value)
                 : try_load(both.cpu[cpu], address, memop, value);
}

static void access_memory(unsigned cpu, uint64_t address, uint32_t memop,
                          bool store, union ir_value value)
{
    struct model_cpu regs = both_registers(cpu);
    const struct fake_fault *fault = &both.cpu[cpu]->fault;
    struct model_result wanted;
    union ir_value got = value;
    bool by_the_way;
    int why;

    begin_unit(cpu);
    both.acting = &both.running[cpu];
    both.n_hooked = 0;
    both.alone = chance(25);
    by_the_way = !both.alone;
    why = attempt(cpu, address, memop, store, &got);
    if ((why == CPU_LEAVE_REDO || why == CPU_LEAVE_IO) && by_the_way) {
        both.redos++;
        by_the_way = false;
        both.alone = true;
        why = attempt(cpu, address, memop, store, &got);
    }
    wanted = model_access(&both.m, &regs, address, memop, store, &value);
    both.accesses++;
    both.faults += wanted.fault.raised;
    if (why != (wanted.fault.raised ? CPU_LEAVE_EXCEPTION : 0)) {
        both_wrong("fault or none", address, why);
    } else if (why && (fault->address != wanted.fault.address ||
                       fault->access != wanted.fault.access ||
                       fault->misaligned != wanted.fault.misaligned)) {
        both_wrong("another fault", fault->address, wanted.fault.address);
    } else if (!why && !store && memcmp(&got, &wanted.value, sizeof(got))) {
        both_wrong("another value", got.u64, wanted.value.u64);
    }
    check_code(by_the_way);
    if (by_the_way) {
        check_running(cpu, "the running unit's fetch changed");
    }
    both.acting = NULL;
    both.alone = false;
}

static void random_access(unsigned cpu)
{
    bool store = chance(50);
    bool narrow = both.cpu[cpu]->narrow;
    union ir_value value;

    /* Stores may hit tables: let them look like entries. */
    value.v64[0] = random_entry(below(N_TABLES), narrow);
    value.v64[1] = random_entry(below(N_TABLES), narrow);
    if (narrow) {
        value.u64 |= random_entry(below(N_TABLES), narrow) << 32;
    }
    access_memory(cpu, random_address(), random_memop(), store, value);
}

/* A virtual address through which the CPU can write there, or 0. */
static uint64_t window_to(unsigned cpu, uint64_t physical)
{
    struct model_cpu regs = both_registers(cpu);
    struct walk_result walk;
    uint64_t wanted, offset;
    int block, found;
    bool clean;

    if (!model_find(&both.m, physical, &block, &wanted)) {
        return 0;
    }
    for (unsigned i = 0; i < 60; i++) {
        uint64_t address = (random_address() & PAGE_MASK_) |
                           (physical & ~PAGE_MASK_);

        if (model_look(&both.m, &regs, address, MEM_WRITE, 0, &walk, &clean) &&
            model_find(&both.m, walk.physical, &found, &offset) &&
            found == block && offset == wanted) {
            return address;
        }
    }
    return 0;
}

/* An entry of a walk that succeeds, or any: changed a little or quite. */
static void rewrite_table(unsigned cpu)
{
    struct model_cpu regs = both_registers(cpu);
    bool narrow = regs.narrow, clean;
    unsigned size = narrow ? 4 : 8, table = below(N_TABLES), log2;
    uint64_t at = random_slot(table, narrow), entry = 0, window;
    static const uint64_t flips[] = {E_A, E_D, E_A | E_D, E_W, E_U, E_P};
    struct walk_result walk;
    uint32_t memop;

    if (chance(60) &&
        model_look(&both.m, &regs, random_address(), MEM_READ, 0, &walk,
                   &clean) &&
        walk.n_steps) {
        at = walk.steps[below(walk.n_steps)].address;
    }
    mem_read_physical(both.mem, at, &entry, size);
    entry = chance(75) ? entry ^ flips[below(6)] : random_entry(table, narrow);
    log2 = narrow ? 2 : 3;
    if (chance(30)) { /* the low byte has all the flags */
        log2 = 0;
    }
    both.rewrites++;
    window = chance(85) ? window_to(cpu, at) : 0;
    if (!window) {
        both_poke(at, &entry, size);
        return;
    }
    memop = log2 | below(2) << MO_MMU_SHIFT;
    access_memory(cpu, window, memop, true, (union ir_value){.u64 = entry});
}

static void change_root(unsigned cpu)
{
    if (!both.cpu[cpu]->narrow && both.cpu[cpu]->root != NO_PAGING &&
        chance(60)) {
        uint64_t from = both.cpu[cpu]->root;

        both.cpu[cpu]->root = below(2) << PAGE_BITS;
        mem_tlb_move_top(&both.cpu[cpu]->base, from, both.cpu[cpu]->root);
        return;
    }
    both.cpu[cpu]->root = chance(4) ? NO_PAGING : below(2) << PAGE_BITS;
    if (chance(both.restless ? 30 : 3)) {
        both.cpu[cpu]->narrow = !both.cpu[cpu]->narrow;
    }
    mem_tlb_flush(&both.cpu[cpu]->base);
}

static void clear_written(void)
{
    int b = (int)below(N_BLOCKS);

    memcpy(both.cleared[b], both.block[b]->host, both.block[b]->size);
    mem_clear_written(both.mem, both.block[b]);
}

static bool has_unit(const struct mem_block *block, uint64_t page)
{
    for (unsigned i = 0; i < N_CPUS; i++) {
        const struct running *r = &both.running[i];

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
            if (!has_unit(both.block[b], i)) {
                mem_clear_code(both.block[b], i << PAGE_BITS);
            }
        }
    }
}

static void random_step(void)
{
    unsigned cpu = below(N_CPUS), what = below(1000);
    uint64_t data = next_random();

    if (both.restless && chance(3)) {
        change_root(cpu);
    }
    if (what < 720) {
        random_access(cpu);
    } else if (what < 935) {
        rewrite_table(cpu);
    } else if (what < 950) {
        both_poke(((uint64_t)below(N_PHYSICAL - N_TABLES) + N_TABLES)
                          << PAGE_BITS |
                      below(4088),
                  &data, 8);
    } else if (what < 955) {
        mem_tlb_flush(&both.cpu[cpu]->base);
    } else if (what < 958) {
        change_root(cpu);
    } else if (what < 960) {
        int b = (int)below(N_BLOCKS + 1) - 1;
        unsigned n = 1 + below(8), pages = b < 0 ? 9 : model_block_pages[b];

        both_map(112 + below(40), n, b, below(pages - n + 1));
    } else if (what < 965) {
        clear_written();
    } else if (what < 975) {
        clear_code();
    } else {
        both_fill_tables(both.cpu[cpu]->narrow);
    }
}

void test_random(uint64_t seed, unsigned steps)
{
    unsigned step = 0;

    both_set_up(seed);
    while (step < steps && !both.wrong[0]) {
        random_step();
        if (step++ % 16 == 0) {
            check_memory();
        }
    }
    check_memory();
    expect(!both.wrong[0], "random, seed %llu: %u accesses as the model's%s%s",
           (unsigned long long)seed, both.accesses, both.wrong[0] ? "; " : "",
           both.wrong);
    if (both.wrong[0]) {
        printf("       at step %u\n", step);
    }
    expect(both.faults > both.accesses / 50 &&
               both.faults < both.accesses / 2 &&
               both.redos > both.accesses / 200 &&
               both.redos < both.accesses / 2 && both.rewrites > steps / 10 &&
               both.fetches > steps / 20,
           "  among them %u faults, %u redos; %u table rewrites, %u fetches",
           both.faults, both.redos, both.rewrites, both.fetches);
    both_tear_down();
}
