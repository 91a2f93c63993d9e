/*
 * The interpreter and the pass over dead records on units in text: what a
 * run must leave behind, and which records must go or stay.
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ir_unit *parsed(const char *text)
{
    struct ir_unit *unit = ir_unit_new(&fake_guest);
    char *message = NULL;

    if (!ir_parse(unit, text, &message)) {
        printf("  %s\n", message);
        abort();
    }
    if (!verifies(unit)) {
        abort();
    }
    return unit;
}

static struct outcome run(const char *text)
{
    struct ir_unit *unit = parsed(text);
    struct outcome outcome;
    struct fake state;

    memset(&state, 0, sizeof(state));
    for (unsigned i = 0; i < 4; i++) {
        state.r[i] = 0x1111111111111111 * (i + 1);
    }
    for (unsigned i = 0; i < MEMORY; i++) {
        state.memory[i] = (uint8_t)(i ^ 0x80);
    }
    state.v[0] = (union ir_value){.v64 = {0x100, 0x200}};
    state.v[1] = (union ir_value){.v64 = {0x300, 0x400}};
    fake_run_from(unit, &state, &outcome);
    ir_unit_free(unit);
    return outcome;
}

static void test_exits(void)
{
    struct outcome o = run("%1 = insn void i64:0x10, #0\n"
                           "%2 = insn void i64:0x14, #1\n"
                           "%3 = insn void i64:0x18, #2\n"
                           "%4 = get i64 @r1\n"
                           "%5 = exit void %4, #2\n");

    expect(o.count == 1003 && o.pc == 0x2222222222222222 &&
               o.end == IR_EXIT_LOOKUP,
           "three instructions and a computed pc");
    o = run("%1 = insn void i64:0x10, #0\n"
            "%2 = set void i64:1, @r0\n"
            "%3 = exit_if void i32:0, i64:0x50, #0\n"
            "%4 = insn void i64:0x14, #1\n"
            "%5 = set void i64:2, @r0\n"
            "%6 = exit_if void i32:0x100, i64:0x60, #0\n"
            "%7 = set void i64:3, @r0\n"
            "%8 = insn void i64:0x18, #2\n"
            "%9 = exit void i64:0x70, #3\n");
    expect(o.count == 1002 && o.pc == 0x60 && o.end == IR_EXIT_LINK &&
               o.state.r[0] == 2,
           "a conditional exit retires its instruction");
}

static void test_faults(void)
{
    struct outcome o = run("%1 = insn void i64:0x10, #0\n"
                           "%2 = set void i64:1, @r0\n"
                           "%3 = insn void i64:0x14, #1\n"
                           "%4 = set void i64:2, @r0\n"
                           "%5 = insn void i64:0x18, #2\n"
                           "%6 = ld i64 i64:0xf0, #3\n"
                           "%7 = set void %6, @r0\n"
                           "%8 = exit void i64:0x1c, #0\n");

    expect(o.end == 100 + CPU_LEAVE_EXCEPTION && o.count == 1002 &&
               o.pc == 0x18 && o.state.r[0] == 2 && o.state.pc == 0,
           "a fault leaves count and pc at its instruction");
    o = run("%1 = insn void i64:0x10, #0\n"
            "%2 = call void i32:3, @touch\n"
            "%3 = exit void i64:0x14, #0\n");
    expect(o.end == 100 + CPU_LEAVE_REQUEST && o.count == 1000 && o.pc == 0x10,
           "so does a helper that leaves");
    o = run("%1 = insn void i64:0x10, #0\n"
            "%2 = fault_if void i32:0, i32:3, @touch\n"
            "%3 = insn void i64:0x14, #1\n"
            "%4 = fault_if void i32:0x100, i32:3, @touch\n"
            "%5 = set void i64:3, @r0\n"
            "%6 = exit void i64:0x18, #0\n");
    expect(o.end == 100 + CPU_LEAVE_REQUEST && o.count == 1001 &&
               o.pc == 0x14 && o.state.r[0] != 3,
           "and a condition that faults");
}

static void test_helpers(void)
{
    struct outcome o = run(
        "%1 = insn void i64:0x10, #0\n"
        "%2 = call i64 i64:1, i32:0x80000000, i64:3, i32:0xffffffff, @sum\n"
        "%3 = get v128 @v0\n"
        "%4 = call v128 %3, i64:0x5, i32:0x6, v128:0x70:0x80, @mix\n"
        "%5 = call i32 @peek\n"
        "%6 = zext32 i64 %5, #0\n"
        "%7 = set void %2, @r0\n"
        "%8 = set void %6, @r1\n"
        "%9 = set void %4, @v1\n"
        "%10 = exit void i64:0x14, #0\n");

    expect(o.state.r[0] == 1 + 3 * 0x80000000ull + 15 + 7 * 0xffffffffull,
           "arguments come in order and zero-extended");
    expect(o.state.v[1].v64[0] == 0x205 && o.state.v[1].v64[1] == 0x76,
           "vectors go by address, and so does the result");
    expect(o.state.r[1] ==
               (uint32_t)(0x2222222222222222 ^ 0x3333333333333333ull << 7),
           "an i32 result is cut to its type");
}

static void test_slots(void)
{
    struct outcome o = run("%1 = insn void i64:0x10, #0\n"
                           "%2 = set void i64:0x123456789abcdef0, @half\n"
                           "%3 = set void i32:0x12345678, @word\n"
                           "%4 = set void i32:0x12345678, @byte\n"
                           "%5 = get i64 @half\n"
                           "%6 = get i32 @word\n"
                           "%7 = zext32 i64 %6, #0\n"
                           "%8 = set void %5, @r0\n"
                           "%9 = set void %7, @r1\n"
                           "%10 = exit void i64:0x14, #0\n");

    expect(o.state.half == 0x9abcdef0 && o.state.r[0] == 0x9abcdef0 &&
               o.state.word == 0x5678 && o.state.r[1] == 0x5678 &&
               o.state.byte == 0x78,
           "a set cuts, and a get zero-extends");
}

static void test_memory(void)
{
    struct outcome o = run("%1 = insn void i64:0x10, #0\n"
                           "%2 = ld i32 i64:0x10, #0x8\n"  /* signed byte */
                           "%3 = ld i64 i64:0x10, #0x19\n" /* signed, BE */
                           "%4 = st i64 i64:0x20, i64:0x1122334455667788, "
                           "#0x12\n" /* 4 bytes, BE */
                           "%5 = zext32 i64 %2, #0\n"
                           "%6 = set void %5, @r0\n"
                           "%7 = set void %3, @r1\n"
                           "%8 = exit void i64:0x14, #0\n");
    static const uint8_t stored[] = {0x55, 0x66, 0x77, 0x88, 0xa4};

    expect(o.state.r[0] == 0xffffff90, "an i32 load is cut to its type");
    expect(o.state.r[1] == 0xffffffffffff9091, "an i64 load keeps its sign");
    expect(!memcmp(o.state.memory + 0x20, stored, 5),
           "a store writes what its size says");
}

/* -- Dead records ---------------------------------------------------------- */

/* Every record of the text whose line ends in `; dead` goes, and no other. */
static void dead(const char *text, const char *what)
{
    struct ir_unit *unit = parsed(text);
    const char *line = text;
    bool good = true;

    ir_pass_dead(unit);
    for (uint32_t i = 1; i < unit->n_ins; i++) {
        const char *end = strchr(line, '\n');

        good = good &&
               (unit->ins[i].op == IR_nop) == !strncmp(end - 6, "; dead", 6);
        line = end + 1;
    }
    expect(good && verifies(unit), "dead: %s", what);
    if (!good) {
        ir_print(unit, stdout);
    }
    ir_unit_free(unit);
}

static void test_dead_values(void)
{
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = get i64 @r0 ; dead\n"
         "%3 = add i64 %2, i64:1, #0 ; dead\n"
         "%4 = get i64 @r1\n"
         "%5 = add i64 %4, i64:1, #0\n"
         "%6 = set void %5, @r0\n"
         "%7 = exit void i64:0x14, #0\n",
         "chains that nobody uses");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = ld i64 i64:8, #3\n"
         "%3 = call i64 i64:8, @maybe\n"
         "%4 = call i32 @peek\n"
         "%5 = exit void i64:0x14, #0\n",
         "no load, no call with effects");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = get i64 @r0 ; dead\n"
         "%3 = call i64 %2, i32:1, i64:2, i32:3, @sum ; dead\n"
         "%4 = exit void i64:0x14, #0\n",
         "a pure call that nobody uses");
}

static void test_dead_sets(void)
{
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = set void i64:1, @r0 ; dead\n"
         "%3 = set void i64:1, @r1\n"
         "%4 = insn void i64:0x14, #1\n"
         "%5 = set void i64:2, @r0\n"
         "%6 = exit void i64:0x18, #0\n",
         "a set that another follows");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = set void i64:1, @r0\n"
         "%3 = insn void i64:0x14, #1\n"
         "%4 = ld i64 i64:8, #3\n"
         "%5 = set void %4, @r0\n"
         "%6 = exit_if void i32:1, i64:0x20, #0\n"
         "%7 = insn void i64:0x18, #2\n"
         "%8 = set void i64:3, @r0\n"
         "%9 = exit void i64:0x18, #0\n",
         "not before a load or an exit");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = set void i64:1, @r0\n"
         "%3 = get i64 @r0\n"
         "%4 = set void i64:2, @r0\n"
         "%5 = set void %3, @r1\n"
         "%6 = exit void i64:0x18, #0\n",
         "not before a get that is used");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = set void i64:1, @r0 ; dead\n"
         "%3 = get i64 @r0 ; dead\n"
         "%4 = set void i64:2, @r0\n"
         "%5 = exit void i64:0x18, #0\n",
         "a set before a get that is not");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = set void i64:1, @r1\n"
         "%3 = call i32 @peek\n"
         "%4 = set void i64:2, @r1\n"
         "%5 = exit void i64:0x18, #0\n",
         "not before a call that reads");
    dead("%1 = insn void i64:0x10, #0\n"
         "%2 = set void i64:1, @r1\n"
         "%3 = insn void i64:0x14, #1\n"
         "%4 = call i64 i64:1, @maybe\n"
         "%5 = set void i64:2, @r1\n"
         "%6 = exit void i64:0x18, #0\n",
         "not before a call that may leave");
}

void test_runs(void)
{
    test_exits();
    test_faults();
    test_helpers();
    test_slots();
    test_memory();
    test_dead_values();
    test_dead_sets();
}
