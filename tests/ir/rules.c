/*
 * The verifier and the text form on wrong input: rules that tests/test_ir.c
 * does not touch, and that a wrong unit can be printed, since that is when
 * one wants to see it.
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "%1 = insn void i64:0x10, #0\n"
#define TAIL "= exit void i64:0x14, #0\n"

/* -- Verifier -------------------------------------------------------------- */

static void rule(const char *text, const char *why)
{
    struct ir_unit *unit = ir_unit_new(&fake_guest);
    char *message = NULL;
    bool parses = ir_parse(unit, text, &message);
    bool good = parses && ir_verify(unit, &message);

    if (why) {
        expect(parses && !good && strstr(message, why), "refused: %s", why);
    } else {
        text += sizeof(HEAD) - 1;
        expect(good, "accepted: %.*s", (int)strcspn(text, "\n"), text);
    }
    if (message) {
        printf("  %s\n", message);
    }
    free(message);
    ir_unit_free(unit);
}

static void test_order(void)
{
    rule(HEAD "%2 = call void @rotate\n"
              "%3 = ld i64 i64:8, #3\n%4 " TAIL,
         "R1");
    rule(HEAD "%2 = call void i32:2, @touch\n"
              "%3 = st i64 i64:8, i64:1, #3\n%4 " TAIL,
         "R1");
    rule(HEAD "%2 = set void i64:1, @r0\n"
              "%3 = call void i32:2, @touch\n%4 " TAIL,
         "R1");
    rule(HEAD "%2 = set void i64:1, @r0\n"
              "%3 = fault_if void i32:0, i32:4, @touch\n%4 " TAIL,
         "R1");
    rule(HEAD "%2 = fault_if void i32:0, i32:4, @touch\n%3 " TAIL, NULL);
    rule(HEAD "%2 = fault_if void i32:0, i32:4, @peek\n%3 " TAIL,
         "helper that faults");
    rule(HEAD "%2 = get i32 @flags\n"
              "%3 = fault_if void i32:0, %2, @touch\n%4 " TAIL,
         "no constant for it");
    rule(HEAD "%2 = call void i32:2, @touch\n"
              "%3 = set void i64:1, @r0\n%4 " TAIL,
         NULL);
    rule(HEAD "%2 = call void @clear\n"
              "%3 = insn void i64:0x14, #1\n"
              "%4 = ld i64 i64:8, #3\n%5 " TAIL,
         NULL);
    rule(HEAD "%2 = set void i64:1, @r0\n"
              "%3 = call i32 @peek\n"
              "%4 = exit_if void %3, i64:0x20, #0\n%5 " TAIL,
         NULL);
}

/* The type of a record without W operands is its result's. */
static void test_types(void)
{
    rule(HEAD "%2 = trunc i64 i64:1, #0\n%3 " TAIL, "result");
    rule(HEAD "%2 = zext32 void i32:1, #0\n%3 " TAIL, "result");
    rule(HEAD "%2 = paddb i32 v128:1:1, v128:1:1, #0\n%3 " TAIL, "result");
    rule(HEAD "%2 = vlane64 v128 v128:1:1, #0\n%3 " TAIL, "result");
    rule(HEAD "%2 = set i64 i64:1, @r0\n%3 " TAIL, "result");
    rule(HEAD "%2 = eq i64 i64:1, i64:1, #0\n%3 " TAIL, NULL);
    rule(HEAD "%2 = vzext i32 i32:1, #0\n%3 " TAIL, NULL);
    rule(HEAD "%2 = vlane64 i64 v128:1:1, #1\n%3 " TAIL, NULL);
}

/* Random bits in every field: no answer is wrong, but it has to be one. */
static void test_garbage(void)
{
    struct ir_unit *unit = ir_unit_new(&fake_guest);
    union ir_value value = {.v64 = {1, 0}};
    unsigned refused = 0;

    for (uint64_t seed = 0; seed < 20000; seed++) {
        char *message = NULL;

        rnd_seed(seed);
        ir_unit_clear(unit);
        ir_unit_const(unit, IR_I64, &value);
        for (unsigned n = 1 + below(6); n; n--) {
            uint64_t words[2];
            struct ir_ins ins;

            words[0] = rnd();
            words[1] = rnd();
            memcpy(&ins, words, sizeof(ins));
            ins.op = below(8) ? (uint16_t)below(IR_OP_COUNT) : ins.op;
            ins.type = below(8) ? (uint8_t)below(4) : ins.type;
            ins.a = below(2) ? ins.a % 8 : ins.a;
            ins.imm = below(2) ? ins.imm % 16 : ins.imm;
            ir_unit_append(unit, &ins);
        }
        refused += !ir_verify(unit, &message);
        free(message);
        free(text_of(unit));
    }
    expect(refused > 19000, "units of random bits: verified and printed");
    ir_unit_free(unit);
}

void test_rules(void)
{
    test_order();
    test_types();
    test_garbage();
}

/* -- Text ------------------------------------------------------------------ */

static void text(const char *line, const char *why)
{
    struct ir_unit *unit = ir_unit_new(&fake_guest);
    char *message = NULL;
    bool good = ir_parse(unit, line, &message);

    if (why) {
        expect(!good && message && strstr(message, why), "text: %s", why);
        printf("  %s\n", message ? message : line);
    } else {
        expect(good && reparses(unit), "text: accepted");
    }
    free(message);
    ir_unit_free(unit);
}

/* A unit of 0x7fff records cannot have 0x8001 constants, but for calls. */
static void test_many_constants(void)
{
    struct ir_unit *unit = ir_unit_new(&fake_guest);
    char *lines = NULL, *message = NULL;
    size_t size;
    FILE *out = open_memstream(&lines, &size);

    for (unsigned i = 1; i < 9000; i++) {
        fprintf(out, "%%%u = call i64 i64:%u, i64:%u, i64:%u, i64:%u, @sum\n",
                i, 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3);
    }
    fclose(out);
    expect(!ir_parse(unit, lines, &message) && message &&
               strstr(message, "constants"),
           "text: too many constants");
    free(lines);
    free(message);
    ir_unit_free(unit);
}

void test_text(void)
{
    text("\n ; nothing\n" HEAD "%2 " TAIL, NULL);
    text(HEAD "%2 = set void v128:0xffffffffffffffff:0x1, @v0\n", NULL);
    text(HEAD "%2 = get i64 #0x3\n", NULL);
    text(HEAD "%2 = add i64 %0, i64:1, #0\n", "no such value");
    text(HEAD "%2 = add i64 i64:1, i64:1, @r0\n", "no name");
    text(HEAD "%2 = neg i32 i32:0x100000000, #0\n", "32 bits");
    text(HEAD "%2 = neg i64 i64:0x10000000000000000, #0\n", "64 bits");
    text(HEAD "%2 = neg i64 i64:08, #0\n", "comma");
    text(HEAD "%2 = neg i64 i64:1, #-1\n", "number");
    text(HEAD "%2 = call i64 i64:1, i64:1, i64:1, i64:1, i64:1, @sum\n",
         "comma");
    test_many_constants();
}
