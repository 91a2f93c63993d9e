/*
 * Random units out of all that the verifier allows, more than a translator
 * would write: sets and calls anywhere, all records of one unit pure or all
 * with effects. For each one:
 *
 *   - with folds and without, it leaves the same behind
 *   - the pass over dead records changes nothing that can be seen
 *   - what prints, parses to an equal unit
 *   - damaged text is refused or is a unit that can be checked, and, if it
 *     is right, be run
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL 8

struct gen {
    struct ir_builder b;
    ir_ref pool[4][POOL]; /* by type */
    bool written;         /* R1: no op that may leave any more */
    unsigned pure;        /* of 8 records, how many are pure */
};

static ir_ref pick(struct gen *g, enum ir_type type)
{
    return type == IR_VOID ? IR_NONE : g->pool[type][below(POOL)];
}

static void put(struct gen *g, ir_ref ref)
{
    enum ir_type type = ir_type_of(g->b.unit, ref);

    g->pool[type][below(POOL)] = ref;
}

static enum ir_type type_of_letter(char letter, enum ir_type wide)
{
    return letter == 'W'   ? wide
           : letter == 'I' ? IR_I32
           : letter == 'L' ? IR_I64
           : letter == 'V' ? IR_V128
                           : IR_VOID;
}

/* Pure, or floating point. */
static void gen_pure(struct gen *g)
{
    enum ir_op op = IR_add + below(IR_OP_COUNT - IR_add);
    const struct ir_op_row *row = &ir_op_rows[op];
    enum ir_type wide = IR_I32 + below(2), type;
    uint32_t imm = below(2);
    ir_ref ref[3];

    type = memchr(row->arg, 'W', 4) ? wide : type_of_letter(row->result, wide);
    g->written = g->written || row->effect != IR_PURE;
    if (op >= IR_fl_add && op <= IR_fl_logic) {
        imm = type == IR_I64 ? 8u << below(4) : 8u << below(3);
    } else if (op == IR_fl_cc) {
        imm = below(16);
    } else if (op >= IR_vshufd && op <= IR_vbsrli) {
        imm = below(256);
    }
    for (unsigned k = 0; k < 3; k++) {
        ref[k] = pick(g, type_of_letter(row->arg[k], wide));
    }
    put(g, ir_emit(&g->b, op, type, ref[0], ref[1], ref[2], 0, imm));
}

/* An address that faults one time in a few, often as the state has it. */
static ir_ref address(struct gen *g)
{
    ir_ref base = below(2) ? ir_get(&g->b, below(4)) : pick(g, IR_I64);
    ir_ref mask = ir_const_i64(&g->b, below(4) ? 0x7f : 0xff);

    return ir_bin(&g->b, IR_and, base, mask);
}

static void gen_memory(struct gen *g)
{
    uint32_t size = below(5);
    enum ir_type type = size == 4   ? IR_V128
                        : size == 3 ? IR_I64
                                    : IR_I32 + below(2);
    uint32_t memop = size | (below(2) ? MO_BE : 0);
    ir_ref at = address(g);

    if (below(2)) {
        memop |= size < 4 && below(2) ? MO_SIGN : 0;
        put(g, ir_load(&g->b, type, at, memop));
    } else {
        ir_store(&g->b, at, pick(g, type), memop);
    }
}

static void gen_call(struct gen *g)
{
    uint32_t id = below(N_HELPERS);
    const struct guest_helper *helper = &fake_guest.helpers[id];
    ir_ref ref[4], result;

    if ((helper->effects & HELPER_FAULTS) && g->written) {
        return;
    }
    for (unsigned k = 0; k < 4; k++) {
        ref[k] = k < helper->n_args ? pick(g, (enum ir_type)helper->args[k])
                                    : IR_NONE;
    }
    if (id == HELP_MAYBE && below(4)) { /* else most would fault */
        ref[0] = ir_const_i64(&g->b, 2 * below(100));
    }
    result = ir_call(&g->b, id, ref[0], ref[1], ref[2], ref[3]);
    if (helper->result != IR_VOID) {
        put(g, result);
    }
    g->written = g->written || (helper->effects & HELPER_WRITES);
}

static void gen_record(struct gen *g)
{
    uint32_t slot = below(N_SLOTS);

    if (below(8) < g->pure) {
        gen_pure(g);
        return;
    }
    switch (below(6)) {
    case 0:
        put(g, ir_get(&g->b, slot));
        break;
    case 1:
        ir_set(&g->b, slot, pick(g, (enum ir_type)fake_guest.slots[slot].type));
        g->written = true;
        break;
    case 2:
        gen_call(g);
        break;
    case 3:
        if (below(3) == 0) {
            ir_exit_if(&g->b, pick(g, IR_I32), 0x9000 + slot);
        }
        break;
    default:
        if (!g->written) {
            gen_memory(g);
        }
    }
}

static void generate(struct ir_unit *unit, uint64_t seed, bool fold)
{
    struct gen g = {.written = false};
    uint64_t value;
    ir_ref pc_value;

    rnd_seed(seed);
    ir_unit_clear(unit);
    ir_begin(&g.b, unit);
    g.b.fold = fold;
    g.pure = below(8);
    for (unsigned i = 0; i < POOL; i++) {
        value = i % 2 ? below(3) - 1ull : interesting();
        g.pool[IR_I32][i] = ir_const_i32(&g.b, (uint32_t)value);
        g.pool[IR_I64][i] = ir_const_i64(&g.b, value);
        g.pool[IR_V128][i] = ir_const_v128(&g.b, value, i);
    }
    for (unsigned n = 1 + below(8), pc = 0x4000; n; n--, pc += 4) {
        ir_insn(&g.b, pc);
        g.written = false;
        for (unsigned k = below(12); k; k--) {
            gen_record(&g);
        }
    }
    pc_value = pick(&g, IR_I64);
    ir_exit(&g.b, pc_value, IR_EXIT_INDIRECT + below(3));
    ir_end(&g.b);
}

/* -- Properties ------------------------------------------------------------ */

struct tally {
    bool verify, fold, dead, text;
    unsigned left, shorter, removed, refused, run;
};

static bool same_end(const struct ir_unit *unit, uint64_t seed,
                     const struct outcome *hoped)
{
    struct outcome outcome;

    fake_run(unit, seed, &outcome);
    return outcome_equal(&outcome, hoped);
}

static unsigned nops(const struct ir_unit *unit)
{
    unsigned n = 0;

    for (uint32_t i = 1; i < unit->n_ins; i++) {
        n += unit->ins[i].op == IR_nop;
    }
    return n;
}

/* A few bytes changed, taken away or doubled. */
static void damage(char *text)
{
    static const char bytes[] = "%=@#:,-;x0123456789abcdef iv\n";
    size_t size = strlen(text);

    for (unsigned n = 1 + below(3); n && size > 2; n--) {
        size_t at = below((uint32_t)size - 1);

        switch (below(3)) {
        case 0:
            text[at] = bytes[below(sizeof(bytes) - 1)];
            break;
        case 1:
            memmove(text + at, text + at + 1, size - at);
            size--;
            break;
        default:
            text[at + 1] = text[at];
        }
    }
}

static void test_damaged(const struct ir_unit *unit, struct ir_unit *copy,
                         uint64_t seed, struct tally *tally)
{
    char *text = text_of(unit), *message = NULL;
    struct outcome outcome;

    rnd_seed(~seed);
    damage(text);
    if (ir_parse(copy, text, &message) && ir_verify(copy, &message)) {
        fake_run(copy, seed, &outcome);
        ir_pass_dead(copy);
        tally->dead = tally->dead && same_end(copy, seed, &outcome);
        tally->run++;
    } else {
        tally->text = tally->text && message;
        tally->refused++;
    }
    free(message);
    free(text);
}

static void test_one(struct ir_unit *const unit[3], uint64_t seed,
                     struct tally *t)
{
    struct ir_unit *plain = unit[0], *folded = unit[1];
    struct outcome outcome;

    generate(plain, seed, false);
    generate(folded, seed, true);
    t->shorter += folded->n_ins < plain->n_ins;
    t->verify = t->verify && verifies(plain) && verifies(folded);
    fake_run(plain, seed, &outcome);
    t->left += outcome.end >= 100;
    t->fold = t->fold && same_end(folded, seed, &outcome);
    if (seed % 4 == 0) {
        t->text = t->text && reparses(plain) && reparses(folded);
        test_damaged(plain, unit[2], seed, t);
    }
    ir_pass_dead(plain);
    ir_pass_dead(folded);
    t->removed += nops(plain) > 0;
    t->verify = t->verify && verifies(plain) && verifies(folded);
    t->dead = t->dead && same_end(plain, seed, &outcome) &&
              same_end(folded, seed, &outcome);
    if (!t->fold || !t->dead) {
        printf("  seed %llu\n", (unsigned long long)seed);
    }
}

void test_random(uint64_t first, uint64_t n)
{
    struct tally t = {.verify = true, .fold = true, .dead = true, .text = true};
    struct ir_unit *const unit[3] = {ir_unit_new(&fake_guest),
                                     ir_unit_new(&fake_guest),
                                     ir_unit_new(&fake_guest)};

    for (uint64_t seed = first;
         seed < first + n && t.verify && t.fold && t.dead && t.text; seed++) {
        test_one(unit, seed, &t);
    }
    expect(t.verify, "random units: all verify, before and after passes");
    expect(t.fold, "random units: folds change nothing to be seen");
    expect(t.dead, "random units: nothing that was dead is missed");
    expect(t.text, "random units: text comes back, damaged text is judged");
    expect(t.left > n / 20 && t.left < n - n / 4 && t.shorter > n / 2 &&
               t.removed > n / 2 && t.refused > n / 100 && t.run > n / 1000,
           "random units: of %llu, %u left, %u shrank, %u had dead records",
           (unsigned long long)n, t.left, t.shorter, t.removed);
    for (unsigned i = 0; i < 3; i++) {
        ir_unit_free(unit[i]);
    }
}
