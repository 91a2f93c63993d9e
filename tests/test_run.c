/*
 * The run loop, memory and code cache together, on a made-up machine whose
 * every byte is an instruction: random programs that overwrite themselves,
 * straddle pages, touch devices and fault, under a boundary that changes
 * state at fixed counts. The state after a run must not depend on the length
 * of units, on flushes of the code cache or the TLB, nor on whether the run
 * was cut into pieces.
 */
#include "boundary/boundary.h"
#include "exec/machine.h"
#include "exec/unit_cache.h"
#include "ir/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_SIZE 0x20000u
#define CODE_SIZE (RAM_SIZE - 16) /* programs stay below */
#define BAD_ADDRESS 0x38000u /* and above: faults */
#define ADDRESS_MASK 0x3ffffu
#define INSN_SIZE 3u

static int passed, failed;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ x >> 29;
}

/* -- The guest: three-byte instructions, eight registers -------------------- */

struct toy {
    struct cpu cpu;
    uint64_t pc, r[8], fault;
};

static uint64_t io_digest; /* of what devices saw, in order */

#define SLOT(n) {"r" #n, offsetof(struct toy, r[n]), 8, IR_I64}
static const struct guest_slot slots[] = {
    SLOT(0), SLOT(1), SLOT(2), SLOT(3), SLOT(4), SLOT(5), SLOT(6), SLOT(7),
};

static uint64_t help_in(struct cpu *cpu, uint64_t port)
{
    struct boundary *b = cpu->machine->boundary;

    return b->ops->read(b, BOUNDARY_PORT, port & 0xff, 1);
}

static const struct guest_helper helpers[] = {
    {"in", (void (*)(void))help_in, IR_I64, 1, {IR_I64}, HELPER_IO},
};

static struct toy *toy_of(const struct cpu *cpu)
{
    return (struct toy *)(uintptr_t)cpu;
}

static void reset(struct cpu *cpu)
{
    memset(toy_of(cpu)->r, 0, sizeof(toy_of(cpu)->r));
    toy_of(cpu)->pc = 0x100;
}

static uint64_t get_pc(const struct cpu *cpu)
{
    return toy_of(cpu)->pc;
}

static void set_pc(struct cpu *cpu, uint64_t pc)
{
    toy_of(cpu)->pc = pc;
}

static uint64_t mode(const struct cpu *cpu)
{
    (void)cpu;
    return 0;
}

static unsigned mmu_index(uint64_t mode)
{
    return (unsigned)mode;
}

static bool walk(struct cpu *cpu, uint64_t address, enum mem_access access,
                 unsigned mmu_index, bool debug, struct walk_result *result)
{
    (void)access, (void)mmu_index, (void)debug;
    if (address >= BAD_ADDRESS) {
        toy_of(cpu)->fault = address;
        return false;
    }
    memset(result, 0, sizeof(*result));
    result->physical = address;
    result->page_size = PAGE_SIZE_;
    result->readable = result->writable = result->executable = true;
    return true;
}

static void deliver_exception(struct cpu *cpu)
{
    toy_of(cpu)->r[6] += toy_of(cpu)->fault;
    toy_of(cpu)->pc = (toy_of(cpu)->pc + 3 * INSN_SIZE + 1) % CODE_SIZE;
}

static ir_ref address_of(struct ir_builder *b, unsigned reg)
{
    return ir_bin(b, IR_and, ir_get(b, reg), ir_const_i64(b, ADDRESS_MASK));
}

/* One instruction; true: it ended the unit. */
static bool insn(struct ir_builder *b, uint64_t pc, const uint8_t *byte)
{
    unsigned x = byte[1] & 7, y = byte[2] & 7;
    uint64_t target = (pc + (uint64_t)((int8_t)byte[2] * 3)) % CODE_SIZE;

    ir_insn(b, pc);
    switch (byte[0] % 10) {
    case 0:
        ir_set(b, x, ir_bin(b, IR_add, ir_get(b, x),
                            ir_const_i64(b, (uint64_t)(int8_t)byte[2])));
        break;
    case 1:
        ir_set(b, x, ir_bin(b, IR_add, ir_get(b, x), ir_get(b, y)));
        break;
    case 2:
        ir_set(b, x, ir_load(b, IR_I64, address_of(b, y), 3));
        break;
    case 3:
        ir_store(b, address_of(b, y), ir_get(b, x), byte[1] >> 3 & 3);
        break;
    case 4: /* a store near the program itself */
        ir_store(b, ir_const_i64(b, (target + (byte[1] >> 3)) % CODE_SIZE),
                 ir_get(b, x), byte[1] >> 6);
        break;
    case 5:
        ir_exit_if(b, ir_bin(b, IR_ne, ir_get(b, x), ir_get(b, y)), target);
        break;
    case 6:
        ir_exit(b, ir_const_i64(b, target), IR_EXIT_LINK);
        return true;
    case 7:
        ir_set(b, x, ir_bin(b, IR_mul, ir_get(b, x),
                            ir_const_i64(b, 0x10003 + byte[2])));
        break;
    case 8:
        ir_set(b, x, ir_bin(b, IR_rotl, ir_get(b, y),
                            ir_const_i32(b, byte[2])));
        break;
    case 9:
        ir_set(b, x, ir_call(b, 0, ir_get(b, y), 0, 0, 0));
        ir_exit(b, ir_const_i64(b, (pc + INSN_SIZE) % CODE_SIZE),
                IR_EXIT_POLL);
        return true;
    }
    return false;
}

static size_t translate(struct ir_builder *b, uint64_t mode, uint64_t pc,
                        const uint8_t *bytes, size_t size, unsigned max)
{
    size_t at = 0;
    unsigned n = 0;

    (void)mode;
    while (n < max && at + INSN_SIZE <= size) {
        if (bytes[at] % 10 == 9 && n) { /* does I/O: comes alone */
            break;
        }
        n++;
        at += INSN_SIZE;
        if (insn(b, pc + at - INSN_SIZE, bytes + at - INSN_SIZE)) {
            return at;
        }
    }
    if (at) {
        ir_exit(b, ir_const_i64(b, (pc + at) % CODE_SIZE), IR_EXIT_LINK);
    }
    return at;
}

static void no_misalignment(struct cpu *cpu, uint64_t address,
                            enum mem_access access)
{
    (void)cpu, (void)address, (void)access;
}

static const struct guest guest = {
    .name = "toy", .cpu_size = sizeof(struct toy), .slots = slots,
    .n_slots = 8, .helpers = helpers, .n_helpers = 1, .n_mmu = 1,
    .reset = reset, .get_pc = get_pc, .set_pc = set_pc, .mode = mode,
    .mmu_index = mmu_index, .translate = translate, .walk = walk,
    .deliver_exception = deliver_exception,
    .note_misaligned = no_misalignment,
};

/* -- The outside: answers and "interrupts" are functions of the count ------- */

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
    .name = "test", .read = outside_read, .write = outside_write,
    .poll = outside_poll, .deadline = outside_deadline,
    .slice_end = outside_slice_end,
};

/* -- Runs ------------------------------------------------------------------ */

struct how {
    unsigned unit_insns, flush_every;
    uint64_t piece; /* steps a call of machine_run() */
};

static uint64_t run(uint64_t seed, uint64_t steps, const struct how *how)
{
    struct outside outside = {.next = 50, .flush_every = how->flush_every};
    struct machine *m = machine_new(&guest);
    struct mem_block *ram = mem_add_block(m->memory, "ram", BLOCK_RAM,
                                          RAM_SIZE);
    uint64_t digest = seed;

    mem_map(m->memory, 0, RAM_SIZE, ram, 0);
    for (unsigned i = 0; i < RAM_SIZE / 8; i++) {
        uint64_t word = mix(seed * RAM_SIZE + i);

        mem_write_physical(m->memory, 8 * i, &word, 8);
    }
    outside.boundary.ops = &outside_ops;
    outside.boundary.machine = m;
    m->boundary = &outside.boundary;
    m->unit_insns = how->unit_insns;
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
    digest = mix(digest ^ get_pc(m->cpu));
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        digest = mix(digest ^ ram->host[i]);
    }
    machine_free(m);
    return digest;
}

int main(void)
{
    static const struct {
        const char *name;
        struct how how;
    } ways[] = {
        {"units of 7 instructions", {7, 0, UINT64_MAX / 2}},
        {"units of 1 instruction", {1, 0, UINT64_MAX / 2}},
        {"all caches flushed often", {64, 3, UINT64_MAX / 2}},
        {"runs of 13 steps", {64, 0, 13}},
        {"short units, flushes and pieces", {5, 2, 101}},
    };
    const struct how plain = {64, 0, UINT64_MAX / 2};

    for (unsigned k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
        bool good = true;

        for (uint64_t seed = 1; seed <= 12; seed++) {
            uint64_t a = run(seed, 20000, &plain);
            uint64_t b = run(seed, 20000, &ways[k].how);

            good = good && a == b && a;
        }
        expect(good, ways[k].name);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
