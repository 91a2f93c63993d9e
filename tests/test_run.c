/*
 * The run loop, memory and code cache together, on random programs of the
 * made-up guest (toy.c), under a boundary that changes state at fixed counts.
 * The state after a run must not depend on the length of units, on flushes of
 * the code cache or the TLB, on whether the run was cut into pieces, nor on
 * any other choice of the engine (chaos.h).
 */
#include "boundary/boundary.h"
#include "exec/chaos.h"
#include "exec/unit_cache.h"
#include "toy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 20000u
#define SEEDS 12u

static int passed, failed;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

static uint64_t io_digest; /* of what devices saw, in order */

/* -- The outside: answers and "interrupts" are functions of the count ------ */

struct outside {
    struct boundary boundary;
    uint64_t next; /* count of the next interrupt */
    unsigned flush_every, polls;
};

static uint64_t outside_read(struct boundary *b, enum io_kind kind,
                             uint64_t address, unsigned size)
{
    io_digest = mix(io_digest ^ address ^ b->machine->cpu->count << 20 ^
                    (uint64_t)kind << 60 ^ size);
    return io_digest;
}

static void outside_write(struct boundary *b, enum io_kind kind,
                          uint64_t address, uint64_t value, unsigned size)
{
    (void)outside_read(b, kind, address, size);
    io_digest = mix(io_digest ^ value);
}

static enum poll_result outside_poll(struct boundary *b)
{
    struct outside *o = (struct outside *)b;
    struct toy *toy = toy_of(b->machine->cpu);

    if (o->flush_every && ++o->polls % o->flush_every == 0) {
        unit_cache_flush(b->machine->units);
        mem_tlb_flush(b->machine->cpu);
    }
    if (toy->cpu.count > o->next) {
        io_digest = 0; /* landed too late: the digests will differ */
        toy->r[0] ^= mix(toy->cpu.count);
    }
    while (toy->cpu.count >= o->next) {
        toy->r[5] ^= mix(toy->cpu.count);
        toy->pc = mix(toy->r[5]) % CODE_SIZE;
        toy->cpu.count++;
        o->next += 1 + mix(o->next) % 400;
    }
    return POLL_RUN;
}

static uint64_t outside_deadline(struct boundary *b)
{
    return ((struct outside *)b)->next;
}

static enum poll_result outside_slice_end(struct boundary *b)
{
    (void)b;
    return POLL_RUN;
}

static const struct boundary_ops outside_ops = {
    .name = "test",
    .read = outside_read,
    .write = outside_write,
    .poll = outside_poll,
    .deadline = outside_deadline,
    .slice_end = outside_slice_end,
};

/* -- Runs ------------------------------------------------------------------ */

struct how {
    unsigned unit_insns, flush_every;
    uint64_t piece; /* steps a call of machine_run() */
    bool code;      /* generated code, not the interpreter */
    bool chaos;
};

static uint64_t run(uint64_t seed, uint64_t steps, const struct how *how)
{
    struct outside outside = {.next = 50, .flush_every = how->flush_every};
    struct machine *m = toy_machine(seed);
    const struct mem_block *ram = mem_block_at(m->memory, 0);
    uint64_t digest = seed;

    outside.boundary.ops = &outside_ops;
    outside.boundary.machine = m;
    m->boundary = &outside.boundary;
    m->unit_insns = how->unit_insns;
    if (how->chaos) {
        m->chaos = chaos_new(seed);
        m->chaos->longest = 200;
    }
    if (how->code && !machine_use_jit(m)) {
        printf("  no code memory\n");
        exit(1);
    }
    io_digest = seed;
    while (m->cpu->count < steps) {
        uint64_t to = m->cpu->count + how->piece;

        if (machine_run(m, to < steps ? to : steps) != RUN_LIMIT) {
            printf("  the run broke: %s\n", m->reason ? m->reason : "?");
            digest = 0;
            break;
        }
    }
    digest = mix(digest ^ io_digest ^ m->cpu->count);
    for (unsigned i = 0; i < 8; i++) {
        digest = mix(digest ^ toy_of(m->cpu)->r[i]);
    }
    digest = mix(digest ^ toy_of(m->cpu)->pc);
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        digest = mix(digest ^ ram->host[i]);
    }
    machine_free(m);
    return digest;
}

/* -- An exception in the last step of a slice ------------------------------ */

#define FAULTS_FROM (SLICE_STEPS - 200u) /* each step, from there on */

static enum poll_result faults_poll(struct boundary *b)
{
    if (b->machine->cpu->count >= FAULTS_FROM) {
        toy_of(b->machine->cpu)->r[4] = BAD_ADDRESS;
    }
    return POLL_RUN;
}

static uint64_t faults_deadline(struct boundary *b)
{
    return b->machine->cpu->count < FAULTS_FROM ? FAULTS_FROM : UINT64_MAX;
}

static const struct boundary_ops faults_ops = {
    .name = "faults",
    .poll = faults_poll,
    .deadline = faults_deadline,
    .slice_end = outside_slice_end,
};

/* Behind it comes another slice, and not a unit of no instructions. */
static bool last_step(bool code, bool chaos)
{
    const uint64_t faults = 400;
    struct boundary boundary = {.ops = &faults_ops};
    struct machine *m = toy_machine(1);
    struct toy *toy = toy_of(m->cpu);
    bool good;

    memset(mem_block_at(m->memory, 0)->host, 12, RAM_SIZE); /* load [r4] */
    toy->r[4] = 0;
    toy->r[6] = 0;
    m->boundary = &boundary;
    boundary.machine = m;
    m->chaos = chaos ? chaos_new(7) : NULL;
    good = (!code || machine_use_jit(m)) &&
           machine_run(m, FAULTS_FROM + faults) == RUN_LIMIT &&
           m->cpu->count == FAULTS_FROM + faults &&
           toy->r[6] == faults * BAD_ADDRESS;
    machine_free(m);
    return good;
}

int main(void)
{
    static const struct {
        const char *name;
        struct how how;
    } ways[] = {
        {"units of 7 instructions", {7, 0, UINT64_MAX / 2, false, false}},
        {"units of 1 instruction", {1, 0, UINT64_MAX / 2, false, false}},
        {"all caches flushed often", {64, 3, UINT64_MAX / 2, false, false}},
        {"runs of 13 steps", {64, 0, 13, false, false}},
        {"short units, flushes and pieces", {5, 2, 101, false, false}},
        {"generated code", {64, 0, UINT64_MAX / 2, true, false}},
        {"generated code, 7 instructions a unit",
         {7, 0, UINT64_MAX / 2, true, false}},
        {"generated code, all caches flushed often",
         {64, 3, UINT64_MAX / 2, true, false}},
        {"generated code, short units, flushes and pieces",
         {5, 2, 101, true, false}},
        {"chaos", {64, 0, UINT64_MAX / 2, false, true}},
        {"generated code, chaos", {64, 0, UINT64_MAX / 2, true, true}},
        {"generated code, 1 instruction a unit",
         {1, 0, UINT64_MAX / 2, true, false}},
    };
    const struct how plain = {64, 0, UINT64_MAX / 2, false, false};

    uint64_t expected[SEEDS + 1];

    for (unsigned way = 0; way < 4; way++) {
        expect(last_step(way & 1, way & 2), "an exception ends a slice");
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        expected[seed] = run(seed, STEPS, &plain);
    }
    for (unsigned k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
        bool good = true;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            uint64_t digest = run(seed, STEPS, &ways[k].how);

            good = good && digest == expected[seed] && digest;
        }
        expect(good, ways[k].name);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
