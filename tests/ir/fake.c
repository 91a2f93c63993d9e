/* The made-up guest, its memory and helpers. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_cpu {
    struct cpu cpu;
    struct fake fake;
};

static struct fake *fake_of(struct cpu *cpu)
{
    return &((struct fake_cpu *)cpu)->fake;
}

/* -- Helpers --------------------------------------------------------------- */

static const union ir_value *vector_at(uint64_t address)
{
    return (const union ir_value *)(uintptr_t)address;
}

static uint64_t help_sum(struct cpu *cpu, uint64_t a, uint64_t b, uint64_t c,
                         uint64_t d)
{
    (void)cpu;
    return a + 3 * b + 5 * c + 7 * d;
}

static void help_mix(struct cpu *cpu, uint64_t a, uint64_t b, uint64_t c,
                     uint64_t d, uint64_t to)
{
    union ir_value *result = (union ir_value *)(uintptr_t)to;

    (void)cpu;
    result->v64[0] = vector_at(a)->v64[1] + b;
    result->v64[1] = vector_at(d)->v64[0] ^ c;
}

static uint64_t help_peek(struct cpu *cpu)
{
    const struct fake *fake = fake_of(cpu);

    /* More than an i32: what is above must not reach the result. */
    return fake->r[1] ^ fake->r[2] << 7 ^ fake->byte;
}

static void help_rotate(struct cpu *cpu)
{
    struct fake *fake = fake_of(cpu);
    uint64_t r0 = fake->r[0];

    memmove(&fake->r[0], &fake->r[1], 3 * sizeof(r0));
    fake->r[3] = r0;
}

static void help_clear(struct cpu *cpu)
{
    fake_of(cpu)->r[0] = 0;
}

static uint64_t help_maybe(struct cpu *cpu, uint64_t x)
{
    if (x & 1) {
        longjmp(cpu->leave, CPU_LEAVE_REQUEST);
    }
    return x >> 1;
}

static void help_touch(struct cpu *cpu, uint64_t x)
{
    fake_of(cpu)->r[3] = help_maybe(cpu, x);
}

#define HELPER(name, ...) \
    { \
#name, (void (*)(void))help_##name, __VA_ARGS__ \
    }
static const struct guest_helper helpers[N_HELPERS] = {
    HELPER(sum, IR_I64, 4, {IR_I64, IR_I32, IR_I64, IR_I32}, 0),
    HELPER(mix, IR_V128, 4, {IR_V128, IR_I64, IR_I32, IR_V128}, 0),
    HELPER(peek, IR_I32, 0, {0}, HELPER_READS),
    HELPER(rotate, IR_VOID, 0, {0}, HELPER_READS | HELPER_WRITES),
    HELPER(clear, IR_VOID, 0, {0}, HELPER_WRITES),
    HELPER(maybe, IR_I64, 1, {IR_I64}, HELPER_FAULTS),
    HELPER(touch, IR_VOID, 1, {IR_I32}, HELPER_WRITES | HELPER_FAULTS),
};

/* -- Slots ----------------------------------------------------------------- */

#define SLOT(name, member, type) \
    { \
        name, offsetof(struct fake_cpu, fake.member), \
            sizeof(((struct fake *)0)->member), type, false \
    }
static const struct guest_slot slots[N_SLOTS] = {
    SLOT("r0", r[0], IR_I64),     SLOT("r1", r[1], IR_I64),
    SLOT("r2", r[2], IR_I64),     SLOT("r3", r[3], IR_I64),
    SLOT("flags", flags, IR_I32), SLOT("half", half, IR_I64),
    SLOT("word", word, IR_I32),   SLOT("byte", byte, IR_I32),
    SLOT("v0", v[0], IR_V128),    SLOT("v1", v[1], IR_V128),
    SLOT("mxcsr", mxcsr, IR_I32),
};

static uint64_t get_pc(const struct cpu *cpu)
{
    return ((const struct fake_cpu *)cpu)->fake.pc;
}

static void set_pc(struct cpu *cpu, uint64_t pc)
{
    fake_of(cpu)->pc = pc;
}

const struct guest fake_guest = {
    .name = "fake",
    .cpu_size = sizeof(struct fake_cpu),
    .slots = slots,
    .n_slots = N_SLOTS,
    .helpers = helpers,
    .n_helpers = N_HELPERS,
    .mxcsr_slot = SLOT_MXCSR,
    .n_mmu = 4,
    .get_pc = get_pc,
    .set_pc = set_pc,
};

/* -- Memory ---------------------------------------------------------------- */

static uint8_t *host_address(struct cpu *cpu, uint64_t address, uint32_t memop)
{
    address %= MEMORY;
    if (address + MO_SIZE(memop) > FAULT_ADDRESS) {
        longjmp(cpu->leave, CPU_LEAVE_EXCEPTION);
    }
    return fake_of(cpu)->memory + address;
}

static void copy(uint8_t *to, const uint8_t *from, uint32_t memop)
{
    unsigned size = MO_SIZE(memop);

    for (unsigned i = 0; i < size; i++) {
        to[i] = from[memop & MO_BE ? size - 1 - i : i];
    }
}

void mem_load(struct cpu *cpu, uint64_t address, uint32_t memop,
              union ir_value *value)
{
    const uint8_t *from = host_address(cpu, address, memop);
    unsigned up = 64 - 8 * MO_SIZE(memop);

    memset(value, 0, sizeof(*value));
    copy(value->v8, from, memop);
    if ((memop & MO_SIGN) && MO_SIZE(memop) < 8) {
        value->u64 = (uint64_t)((int64_t)(value->u64 << up) >> up);
    }
}

void mem_store(struct cpu *cpu, uint64_t address, uint32_t memop,
               const union ir_value *value)
{
    copy(host_address(cpu, address, memop), value->v8, memop);
}

/* -- Running --------------------------------------------------------------- */

void fake_run_from(const struct ir_unit *unit, const struct fake *state,
                   struct outcome *outcome)
{
    static struct fake_cpu cpu;
    int why;

    cpu.cpu.guest = &fake_guest;
    cpu.cpu.count = 1000;
    cpu.fake = *state;
    memset(outcome, 0, sizeof(*outcome));
    why = setjmp(cpu.cpu.leave);
    outcome->end = why ? 100 + why : (int)ir_interpret(&cpu.cpu, unit);
    outcome->state = cpu.fake;
    outcome->count = cpu.cpu.count;
    outcome->pc = why ? cpu.cpu.insn_pc : cpu.fake.pc;
}

void fake_run(const struct ir_unit *unit, uint64_t seed,
              struct outcome *outcome)
{
    struct fake state;

    rnd_seed(seed);
    memset(&state, 0, sizeof(state));
    for (unsigned i = 0; i < MEMORY; i++) {
        state.memory[i] = (uint8_t)rnd();
    }
    for (unsigned i = 0; i < 4; i++) {
        state.r[i] = interesting();
        state.v[i / 2].v64[i % 2] = interesting();
    }
    state.flags = FL_ONE | ((uint32_t)rnd() & FL_ALL);
    state.half = (uint32_t)rnd();
    state.word = (uint16_t)rnd();
    state.byte = (uint8_t)rnd();
    state.mxcsr = (uint16_t)rnd();
    fake_run_from(unit, &state, outcome);
}

bool outcome_equal(const struct outcome *x, const struct outcome *y)
{
    return !memcmp(x, y, sizeof(*x));
}
