/*
 * Random units of a small made-up guest, for the tests that include this:
 * generate() makes the same choices for the same seed, run() interprets.
 */
#include "exec/cpu.h"
#include "ir/build.h"
#include "ir/ir.h"
#include "mem/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
static uint64_t state;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* -- The guest ------------------------------------------------------------- */

#define MEMORY 256u
#define FAULT_ADDRESS 200u /* and above: an access there faults */

struct toy {
    uint64_t pc, r[4];
    uint32_t flags;
    uint8_t narrow;
    uint32_t mxcsr;
    union ir_value v[2];
    uint8_t memory[MEMORY];
};

struct toy_cpu {
    struct cpu cpu;
    struct toy toy;
};

#define SLOT(name, member, type) \
    { \
        name, offsetof(struct toy_cpu, toy.member), \
            sizeof(((struct toy *)0)->member), type, false \
    }
static const struct guest_slot slots[] = {
    SLOT("r0", r[0], IR_I64),     SLOT("r1", r[1], IR_I64),
    SLOT("r2", r[2], IR_I64),     SLOT("r3", r[3], IR_I64),
    SLOT("flags", flags, IR_I32), SLOT("narrow", narrow, IR_I32),
    SLOT("v0", v[0], IR_V128),    SLOT("v1", v[1], IR_V128),
    SLOT("mxcsr", mxcsr, IR_I32),
};
#define N_SLOTS (sizeof(slots) / sizeof(slots[0]))

static struct toy *toy_of(struct cpu *cpu)
{
    return &((struct toy_cpu *)cpu)->toy;
}

static uint64_t help_pure(struct cpu *cpu, uint64_t x, uint64_t y)
{
    (void)cpu;
    return x * 3 + y;
}

static uint64_t help_swap(struct cpu *cpu)
{
    uint64_t r0 = toy_of(cpu)->r[0];

    toy_of(cpu)->r[0] = toy_of(cpu)->r[1];
    toy_of(cpu)->r[1] = r0;
    return 0;
}

static uint64_t help_vector(struct cpu *cpu, uint64_t from, uint64_t to)
{
    const union ir_value *x = (const union ir_value *)(uintptr_t)from;
    union ir_value *result = (union ir_value *)(uintptr_t)to;

    (void)cpu;
    result->v64[0] = x->v64[1] + 1;
    result->v64[1] = x->v64[0];
    return 0;
}

static uint64_t help_leave(struct cpu *cpu, uint64_t x)
{
    toy_of(cpu)->r[3] ^= x;
    longjmp(cpu->leave, CPU_LEAVE_EXCEPTION);
}

static const struct guest_helper helpers[] = {
    {"pure", (void (*)(void))help_pure, IR_I64, 2, {IR_I64, IR_I64}, 0},
    {"swap",
     (void (*)(void))help_swap,
     IR_VOID,
     0,
     {0},
     HELPER_READS | HELPER_WRITES},
    {"vector", (void (*)(void))help_vector, IR_V128, 1, {IR_V128}, 0},
    {"refuse", (void (*)(void))help_swap, IR_VOID, 0, {0}, HELPER_FAULTS},
    {"leave", (void (*)(void))help_leave, IR_VOID, 1, {IR_I32}, HELPER_FAULTS},
};

static uint64_t get_pc(const struct cpu *cpu)
{
    return ((const struct toy_cpu *)cpu)->toy.pc;
}

static void set_pc(struct cpu *cpu, uint64_t pc)
{
    toy_of(cpu)->pc = pc;
}

static const struct guest guest = {
    .name = "toy",
    .cpu_size = sizeof(struct toy_cpu),
    .slots = slots,
    .n_slots = N_SLOTS,
    .helpers = helpers,
    .n_helpers = 5,
    .mxcsr_slot = N_SLOTS - 1,
    .get_pc = get_pc,
    .set_pc = set_pc,
};

void mem_load(struct cpu *cpu, uint64_t address, uint32_t memop,
              union ir_value *value)
{
    unsigned size = MO_SIZE(memop);

    address %= MEMORY - 16;
    if (address >= FAULT_ADDRESS) {
        longjmp(cpu->leave, CPU_LEAVE_EXCEPTION);
    }
    memset(value, 0, sizeof(*value));
    memcpy(value, toy_of(cpu)->memory + address, size);
    if ((memop & MO_SIGN) && size < 8) {
        value->u64 = (uint64_t)((int64_t)(value->u64 << (64 - 8 * size)) >>
                                (64 - 8 * size));
    }
}

void mem_store(struct cpu *cpu, uint64_t address, uint32_t memop,
               const union ir_value *value)
{
    address %= MEMORY - 16;
    if (address >= FAULT_ADDRESS) {
        longjmp(cpu->leave, CPU_LEAVE_EXCEPTION);
    }
    memcpy(toy_of(cpu)->memory + address, value, MO_SIZE(memop));
}

/* A double, or two floats: often near a limit. */
static uint64_t number(void)
{
    static const uint64_t limits[] = {
        0,
        0x7ff0000000000000, /* infinity */
        0x7ff0000000000001, /* NaNs: signalling, quiet */
        0xfff8000000000000,
        0x0010000000000000, /* least normal, greatest denormal */
        0x000fffffffffffff,
        0x7fefffffffffffff, /* greatest */
        0x3ff0000000000000,
        0xbff0000000000001,
        0x7f8000007f800001, /* the same of floats */
        0x007fffff00800000,
        0xff7fffff3f800001,
        0xffc0000080000001,
    };

    return rnd() % 2 ? rnd() : limits[rnd() % (sizeof(limits) / 8)];
}

/* No random unit runs ahead. */
uint64_t mem_copy_ahead(struct cpu *cpu, uint64_t to, uint64_t from,
                        uint64_t most, uint32_t memop, uint64_t steps)
{
    (void)cpu, (void)to, (void)from, (void)most, (void)memop, (void)steps;
    return 0;
}

uint64_t mem_fill_ahead(struct cpu *cpu, uint64_t to, uint64_t value,
                        uint64_t most, uint32_t memop, uint64_t steps)
{
    (void)cpu, (void)to, (void)value, (void)most, (void)memop, (void)steps;
    return 0;
}

/* -- Random units: the same choices for the same seed ---------------------- */

#define POOL 12

struct gen {
    struct ir_builder b;
    ir_ref i32[POOL], i64[POOL], v[POOL];
};

static ir_ref pick(const ir_ref *pool)
{
    return pool[rnd() % POOL];
}

static void put(struct gen *g, ir_ref ref)
{
    enum ir_type type = ir_type_of(g->b.unit, ref);

    (type == IR_I32   ? g->i32
     : type == IR_I64 ? g->i64
                      : g->v)[rnd() % POOL] = ref;
}

static ir_ref operand(struct gen *g, char letter, enum ir_type type)
{
    switch (letter) {
    case 'W':
        return pick(type == IR_I64 ? g->i64 : g->i32);
    case 'I':
        return pick(g->i32);
    case 'L':
        return pick(g->i64);
    case 'V':
        return pick(g->v);
    default:
        return IR_NONE;
    }
}

static void gen_pure(struct gen *g)
{
    enum ir_op op = IR_add + rnd() % (IR_sqrtps - IR_add);
    const struct ir_op_row *row = &ir_op_rows[op];
    enum ir_type type = rnd() % 2 ? IR_I32 : IR_I64;
    uint32_t imm = rnd() % 16;

    if (op >= IR_fl_add && op <= IR_fl_logic) {
        imm = type == IR_I64 ? 64 : 8u << rnd() % 3;
    }
    if (!strchr("W", row->arg[0]) && row->arg[1] != 'W') {
        type = row->result == 'I'   ? IR_I32
               : row->result == 'L' ? IR_I64
                                    : IR_V128;
    }
    put(g, ir_emit(&g->b, op, type, operand(g, row->arg[0], type),
                   operand(g, row->arg[1], type), operand(g, row->arg[2], type),
                   IR_NONE, imm));
}

/* An address that rarely faults, depending on state. */
static ir_ref address(struct gen *g)
{
    ir_ref base = ir_get(&g->b, (uint32_t)(rnd() % 4));

    return ir_bin(&g->b, IR_and, ir_bin(&g->b, IR_add, base, pick(g->i64)),
                  ir_const_i64(&g->b, rnd() % 3 ? 0x7f : 0xff));
}

static void gen_memory(struct gen *g)
{
    unsigned size = rnd() % 5;
    enum ir_type type = size == 4   ? IR_V128
                        : size == 3 ? IR_I64
                        : rnd() % 2 ? IR_I64
                                    : IR_I32;
    uint32_t memop = size | (size < 4 && rnd() % 2 ? MO_SIGN : 0);

    if (rnd() % 2) {
        put(g, ir_load(&g->b, type, address(g), memop));
    } else {
        ir_store(&g->b, address(g),
                 type == IR_V128  ? pick(g->v)
                 : type == IR_I64 ? pick(g->i64)
                                  : pick(g->i32),
                 memop & MO_SIZE_MASK);
    }
}

static void gen_float(struct gen *g)
{
    enum ir_op op = IR_sqrtps + rnd() % (IR_OP_COUNT - IR_sqrtps);
    const struct ir_op_row *row = &ir_op_rows[op];
    enum ir_type type = rnd() % 2 ? IR_I32 : IR_I64;

    if (row->result == 'I' || (row->result == 'V' && row->arg[1] == 'V')) {
        type = row->result == 'I' ? IR_I32 : IR_V128;
    }
    put(g, ir_emit(&g->b, op, type, operand(g, row->arg[0], type),
                   operand(g, row->arg[1], type), IR_NONE, IR_NONE, rnd() % 8));
}

static void gen_sets(struct gen *g)
{
    for (unsigned n = rnd() % 3; n; n--) {
        gen_float(g);
    }
    for (unsigned n = rnd() % 4; n; n--) {
        uint32_t slot = rnd() % N_SLOTS;

        ir_set(&g->b, slot,
               slots[slot].type == IR_I64   ? pick(g->i64)
               : slots[slot].type == IR_I32 ? pick(g->i32)
                                            : pick(g->v));
        if (rnd() % 3 == 0) {
            put(g, ir_get(&g->b, rnd() % N_SLOTS));
        }
    }
}

static ir_ref gen_condition(struct gen *g)
{
    return ir_cc(
        &g->b,
        ir_flags(&g->b, IR_fl_sub, 64, pick(g->i64), pick(g->i64), IR_NONE),
        rnd() % 16);
}

static void gen_insn(struct gen *g, uint64_t pc)
{
    ir_insn(&g->b, pc);
    for (unsigned n = 2 + rnd() % 6; n; n--) {
        switch (rnd() % 8) {
        case 0:
            gen_memory(g);
            break;
        case 1:
            put(g, ir_get(&g->b, rnd() % N_SLOTS));
            break;
        case 2:
            put(g, ir_call(&g->b, 0, pick(g->i64), pick(g->i64), 0, 0));
            put(g, ir_call(&g->b, 2, pick(g->v), 0, 0, 0));
            break;
        case 3:
            if (rnd() % 8 == 0) {
                ir_fault_if(&g->b, pick(g->i32), 4, (uint32_t)rnd());
            } else if (rnd() % 4 == 0) {
                ir_fault_if(&g->b, gen_condition(g), 4, (uint32_t)rnd());
            }
            break;
        default:
            gen_pure(g);
        }
    }
    gen_sets(g);
    if (rnd() % 6 == 0) {
        ir_call(&g->b, 1, 0, 0, 0, 0);
        gen_sets(g);
    }
    if (rnd() % 5 == 0) {
        ir_exit_if(&g->b, gen_condition(g), 0x1000 + rnd() % 64);
    }
}

static void generate(struct ir_unit *unit, uint64_t seed, bool fold)
{
    struct gen g;

    state = seed * 0x9e3779b97f4a7c15ull | 1;
    ir_unit_clear(unit);
    ir_begin(&g.b, unit);
    g.b.fold = fold;
    for (unsigned i = 0; i < POOL; i++) {
        g.i32[i] = ir_const_i32(&g.b, (uint32_t)rnd() % (i + 2) - 1);
        g.i64[i] = ir_const_i64(&g.b, rnd() % (i + 2) - 1);
        g.v[i] = ir_const_v128(&g.b, number(), i % 2 ? number() : i);
    }
    for (unsigned n = 1 + rnd() % 12, pc = 0; n; n--, pc += 4) {
        gen_insn(&g, 0x400000 + pc);
    }
    ir_exit(&g.b, pick(g.i64), (enum ir_exit_kind)(rnd() % 4));
    ir_end(&g.b);
}

/* -- Running --------------------------------------------------------------- */

struct outcome {
    struct toy toy;
    uint64_t count, pc;
    int end; /* exit kind, or 100 + the reason it was left for */
};

static struct toy_cpu cpu;

/* Random state; no page is in the TLB. */
static void prepare(uint64_t seed)
{
    state = seed | 1;
    cpu.cpu.guest = &guest;
    cpu.cpu.count = 1000;
    memset(cpu.cpu.read_tlb, 0xff, sizeof(cpu.cpu.read_tlb));
    memset(cpu.cpu.write_tlb, 0xff, sizeof(cpu.cpu.write_tlb));
    memset(&cpu.toy, 0, sizeof(cpu.toy));
    for (unsigned i = 0; i < MEMORY; i++) {
        cpu.toy.memory[i] = (uint8_t)rnd();
    }
    for (unsigned i = 0; i < 4; i++) {
        cpu.toy.r[i] = rnd() >> rnd() % 64;
        cpu.toy.v[i / 2].v64[i % 2] = number();
    }
    cpu.toy.mxcsr = (uint32_t)rnd() & 0xffff;
    cpu.toy.flags = FL_ONE | ((uint32_t)rnd() & FL_ALL);
    cpu.toy.narrow = (uint8_t)rnd();
}

static void run(const struct ir_unit *unit, uint64_t seed,
                struct outcome *outcome)
{
    int why;

    prepare(seed);
    memset(outcome, 0, sizeof(*outcome));
    why = setjmp(cpu.cpu.leave);
    outcome->end = why ? 100 + why : (int)ir_interpret(&cpu.cpu, unit);
    outcome->toy = cpu.toy;
    outcome->count = cpu.cpu.count;
    outcome->pc = why ? cpu.cpu.insn_pc : cpu.toy.pc;
}
