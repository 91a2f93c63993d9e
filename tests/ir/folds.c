/*
 * Folds, one at a time. Soundness: every pure op on every pattern of
 * operands that a fold could look at (unknowns, special constants, the same
 * value twice, an op on its own result), built with folds and without, must
 * come to equal states. Effect: a list of what has to vanish.
 */
#include "fake.h"

#include <stdio.h>

/* -- Soundness ------------------------------------------------------------- */

static const uint64_t special[] = {
    0,    1,      2,          8,          31,         32,         64,
    0xff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 63, ~0ull};
#define N_SPECIAL (sizeof(special) / sizeof(special[0]))
#define N_PATTERNS (2 + N_SPECIAL) /* unknown, another unknown, constants */

static ir_ref operand(struct ir_builder *b, char letter, enum ir_type type,
                      unsigned pattern)
{
    uint64_t value = pattern < 2 ? 0 : special[pattern - 2];

    switch (letter) {
    case 'V':
        return pattern < 2 ? ir_get(b, SLOT_V0 + pattern)
                           : ir_const_v128(b, value, ~value);
    case 'W':
        if (type == IR_I64) {
            break;
        }
        /* fall through */
    case 'I':
        return pattern < 2 ? ir_un(b, IR_trunc, ir_get(b, SLOT_R0 + pattern))
                           : ir_const_i32(b, (uint32_t)value);
    case '-':
        return IR_NONE;
    }
    return pattern < 2 ? ir_get(b, SLOT_R0 + pattern) : ir_const_i64(b, value);
}

static void keep(struct ir_builder *b, unsigned at, ir_ref value)
{
    enum ir_type type = ir_type_of(b->unit, value);

    ir_set(b,
           type == IR_V128  ? SLOT_V0 + at
           : type == IR_I64 ? SLOT_R2 + at
           : at             ? SLOT_FLAGS
                            : SLOT_WORD,
           value);
}

/* The op on the patterns, and, where the types allow it, on its result. */
static void build(struct ir_unit *unit, bool fold, unsigned op,
                  enum ir_type type, const unsigned pattern[3])
{
    const struct ir_op_row *row = &ir_op_rows[op];
    struct ir_builder b;
    uint32_t imm = op >= IR_fl_add && op <= IR_fl_logic
                       ? (type == IR_I64 ? 64 : 16)
                       : pattern[0] % 2;
    ir_ref ref[3], r;

    ir_unit_clear(unit);
    ir_begin(&b, unit);
    b.fold = fold;
    ir_insn(&b, 0x1000);
    for (unsigned k = 0; k < 3; k++) {
        ref[k] = operand(&b, row->arg[k], type, pattern[k]);
    }
    r = ir_emit(&b, op, type, ref[0], ref[1], ref[2], IR_NONE, imm);
    keep(&b, 0, r);
    if (ir_type_of(unit, r) == ir_type_of(unit, ref[0])) {
        keep(&b, 1, ir_emit(&b, op, type, r, ref[1], ref[2], IR_NONE, imm));
    }
    ir_exit(&b, ir_const_i64(&b, 0x1004), IR_EXIT_LINK);
    ir_end(&b);
}

static enum ir_type result_letter(char letter)
{
    return letter == 'I' ? IR_I32 : letter == 'L' ? IR_I64 : IR_V128;
}

static bool type_fits(const struct ir_op_row *row, enum ir_type type)
{
    bool wide = row->result == 'W';

    for (unsigned k = 0; k < 3; k++) {
        wide = wide || row->arg[k] == 'W';
    }
    return wide ? type != IR_V128 : type == result_letter(row->result);
}

static bool sound(struct ir_unit *plain, struct ir_unit *folded, unsigned op,
                  enum ir_type type)
{
    const struct ir_op_row *row = &ir_op_rows[op];
    unsigned n[3], p[3];
    struct outcome x, y;

    for (unsigned k = 0; k < 3; k++) {
        n[k] = row->arg[k] == '-' ? 1 : N_PATTERNS;
    }
    for (unsigned i = 0; i < n[0] * n[1] * n[2]; i++) {
        p[0] = i % n[0];
        p[1] = i / n[0] % n[1];
        p[2] = i / n[0] / n[1];
        build(plain, false, op, type, p);
        build(folded, true, op, type, p);
        if (!verifies(plain) || !verifies(folded)) {
            return false;
        }
        for (uint64_t seed = 0; seed < 6; seed++) {
            fake_run(plain, i + seed, &x);
            fake_run(folded, i + seed, &y);
            if (!outcome_equal(&x, &y)) {
                ir_print(plain, stdout);
                ir_print(folded, stdout);
                return false;
            }
        }
    }
    return true;
}

static void test_sound(void)
{
    struct ir_unit *plain = ir_unit_new(&fake_guest);
    struct ir_unit *folded = ir_unit_new(&fake_guest);

    for (unsigned op = IR_add; op < IR_sqrtps; op++) {
        bool good = true;

        for (enum ir_type type = IR_I32; type <= IR_V128; type++) {
            if (type_fits(&ir_op_rows[op], type)) {
                good = good && sound(plain, folded, op, type);
            }
        }
        expect(good, "folds of %s", ir_op_rows[op].name);
    }
    ir_unit_free(plain);
    ir_unit_free(folded);
}

/* -- Soundness of one unary op on another -------------------------------- */

static bool is_unary(unsigned op)
{
    return ir_op_rows[op].arg[0] == 'W' && ir_op_rows[op].arg[1] == '-' &&
           ir_op_rows[op].result == 'W';
}

static void build_pair(struct ir_unit *unit, bool fold, unsigned inner,
                       unsigned outer, bool wide)
{
    struct ir_builder b;
    ir_ref x;

    ir_unit_clear(unit);
    ir_begin(&b, unit);
    b.fold = fold;
    ir_insn(&b, 0x1000);
    x = ir_get(&b, SLOT_R0);
    x = ir_un(&b, inner, wide ? x : ir_un(&b, IR_trunc, x));
    x = ir_un(&b, outer, x);
    ir_set(&b, wide ? SLOT_R1 : SLOT_FLAGS, x);
    if (!wide) { /* and through the changes of width */
        ir_set(&b, SLOT_R2, ir_un(&b, IR_sext32, x));
        x = ir_un(&b, IR_zext32, x);
        ir_set(&b, SLOT_R3, x);
        ir_set(&b, SLOT_WORD, ir_un(&b, IR_trunc, ir_un(&b, outer, x)));
    }
    ir_exit(&b, ir_const_i64(&b, 0x1004), IR_EXIT_LINK);
    ir_end(&b);
}

static bool pair_sound(struct ir_unit *plain, struct ir_unit *folded,
                       unsigned inner, unsigned outer)
{
    struct outcome x, y;
    bool good = true;

    for (uint64_t seed = 0; seed < 60 && good; seed++) {
        build_pair(plain, false, inner, outer, seed % 2);
        build_pair(folded, true, inner, outer, seed % 2);
        fake_run(plain, seed, &x);
        fake_run(folded, seed, &y);
        good = verifies(plain) && verifies(folded) && outcome_equal(&x, &y);
    }
    return good;
}

static void test_pairs(void)
{
    struct ir_unit *plain = ir_unit_new(&fake_guest);
    struct ir_unit *folded = ir_unit_new(&fake_guest);

    for (unsigned outer = IR_add; outer < IR_OP_COUNT; outer++) {
        bool good = true;

        if (!is_unary(outer)) {
            continue;
        }
        for (unsigned inner = IR_add; inner < IR_OP_COUNT; inner++) {
            good = good && (!is_unary(inner) ||
                            pair_sound(plain, folded, inner, outer));
        }
        expect(good, "folds of %s on each unary op", ir_op_rows[outer].name);
    }
    ir_unit_free(plain);
    ir_unit_free(folded);
}

/* -- Effect ---------------------------------------------------------------- */

static struct ir_builder b;
static ir_ref x, y; /* unknown i64 */
static uint32_t mark;

/* Opens a unit of one instruction with x and y at hand. */
static void open_unit(struct ir_unit *unit)
{
    ir_unit_clear(unit);
    ir_begin(&b, unit);
    ir_insn(&b, 0x1000);
    x = ir_get(&b, SLOT_R0);
    y = ir_get(&b, SLOT_R1);
    mark = unit->n_ins;
}

/* `got` is what was hoped for, and `n` records came since open_unit(). */
static void close_unit(ir_ref got, ir_ref hoped, unsigned n, const char *what)
{
    expect(got == hoped && b.unit->n_ins == mark + n, "%s", what);
    ir_end(&b);
}

static void test_identities(struct ir_unit *unit)
{
    static const struct {
        const char *what;
        enum ir_op op;
        uint64_t constant;
        bool is_x; /* else the constant zero or all ones that it names */
        uint64_t result;
    } rows[] = {
        {"x + 0 is x", IR_add, 0, true, 0},
        {"x - 0 is x", IR_sub, 0, true, 0},
        {"x * 1 is x", IR_mul, 1, true, 0},
        {"x * 0 is 0", IR_mul, 0, false, 0},
        {"x & -1 is x", IR_and, ~0ull, true, 0},
        {"x & 0 is 0", IR_and, 0, false, 0},
        {"x | 0 is x", IR_or, 0, true, 0},
        {"x | -1 is -1", IR_or, ~0ull, false, ~0ull},
        {"x ^ 0 is x", IR_xor, 0, true, 0},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_unit(unit);
        close_unit(
            ir_bin(&b, rows[i].op, x, ir_const_i64(&b, rows[i].constant)),
            rows[i].is_x ? x : ir_const_i64(&b, rows[i].result), 0,
            rows[i].what);
    }
    open_unit(unit);
    close_unit(ir_bin(&b, IR_sub, x, x), ir_const_i64(&b, 0), 0, "x - x is 0");
    open_unit(unit);
    close_unit(ir_bin(&b, IR_shl, x, ir_const_i32(&b, 0)), x, 0, "x << 0 is x");
    open_unit(unit);
    close_unit(ir_bin(&b, IR_add, ir_const_i64(&b, 0), x), x, 0, "0 + x is x");
    open_unit(unit);
    close_unit(ir_select(&b, ir_const_i32(&b, 0), x, y), y, 0,
               "select by a constant");
    open_unit(unit);
    close_unit(ir_bin(&b, IR_add, ir_const_i64(&b, ~0ull), ir_const_i64(&b, 3)),
               ir_const_i64(&b, 2), 0, "constants add");
}

static void test_sharing(struct ir_unit *unit)
{
    ir_ref sum;

    open_unit(unit);
    sum = ir_bin(&b, IR_add, x, y);
    close_unit(ir_bin(&b, IR_add, y, x), sum, 1,
               "equal pure records are one, also with operands swapped");
    open_unit(unit);
    sum = ir_bin(&b, IR_sub, x, y);
    close_unit(ir_bin(&b, IR_sub, y, x), sum + 1, 2,
               "a difference is not the one turned round");
    open_unit(unit);
    sum = ir_emit(&b, IR_vzext, IR_I64, x, 0, 0, 0, 0);
    sum = ir_emit(&b, IR_vshufd, IR_V128, sum, 0, 0, 0, 1);
    close_unit(ir_emit(&b, IR_vshufd, IR_V128, sum - 1, 0, 0, 0, 2), sum + 1, 3,
               "records of unequal immediates are two");
}

static void test_slots(struct ir_unit *unit)
{
    open_unit(unit);
    close_unit(ir_get(&b, SLOT_R0), x, 0, "a second get is the first");
    open_unit(unit);
    ir_set(&b, SLOT_R0, y);
    close_unit(ir_get(&b, SLOT_R0), y, 1, "a get after a set is its value");
    open_unit(unit);
    ir_set(&b, SLOT_R0, x);
    close_unit(x, x, 0, "a set of what is there vanishes");
    open_unit(unit);
    ir_call(&b, HELP_ROTATE, 0, 0, 0, 0);
    close_unit(ir_get(&b, SLOT_R0), x + 3, 2,
               "a call that writes makes the get anew");
    open_unit(unit);
    ir_set(&b, SLOT_R0, y);
    ir_call(&b, HELP_PEEK, 0, 0, 0, 0);
    close_unit(ir_get(&b, SLOT_R0), y, 2, "a call that reads does not");
    open_unit(unit);
    ir_set(&b, SLOT_HALF, x);
    close_unit(ir_get(&b, SLOT_HALF), mark + 1, 2,
               "a slot narrower than its type is read back");
    expect(unit->n_insns == 1, "one instruction was counted");
}

void test_folds(void)
{
    struct ir_unit *unit = ir_unit_new(&fake_guest);

    test_sound();
    test_pairs();
    test_identities(unit);
    test_sharing(unit);
    test_slots(unit);
    ir_unit_free(unit);
}
