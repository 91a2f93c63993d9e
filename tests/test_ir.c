/*
 * The IR as a whole, on random units (random_units.h):
 *
 *   - the same translation built with and without folds, and with dead
 *     records removed, leaves equal state, memory, count and exit, also when
 *     an access in the middle faults
 *   - what prints, parses to an equal unit
 *   - the verifier accepts all of these and refuses each of a list of wrongs
 */
#include "random_units.h"

static bool accepted(const struct ir_unit *unit)
{
    char *message = NULL;
    bool good = ir_verify(unit, &message);

    if (!good) {
        printf("  %s\n", message);
        ir_print(unit, stdout);
    }
    free(message);
    return good;
}

static char *text_of(const struct ir_unit *unit)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    ir_print(unit, out);
    fclose(out);
    return text;
}

static bool reparses(const struct ir_unit *unit)
{
    struct ir_unit *copy = ir_unit_new(&guest);
    char *text = text_of(unit), *message = NULL, *again;
    bool good = ir_parse(copy, text, &message);

    again = good ? text_of(copy) : NULL;
    good = good && accepted(copy) && copy->n_ins == unit->n_ins &&
           copy->n_insns == unit->n_insns && !strcmp(text, again);
    if (message) {
        printf("  %s\n", message);
    }
    free(text);
    free(again);
    free(message);
    ir_unit_free(copy);
    return good;
}

static void test_random(void)
{
    struct ir_unit *plain = ir_unit_new(&guest);
    struct ir_unit *folded = ir_unit_new(&guest);
    bool verified = true, folds = true, dead = true, text = true;
    unsigned faults = 0, shorter = 0;

    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct outcome a, b;

        generate(plain, seed, false);
        generate(folded, seed, true);
        verified = verified && accepted(plain) && accepted(folded);
        if (seed % 10 == 0) {
            text = text && reparses(plain) && reparses(folded);
        }
        run(plain, seed, &a);
        run(folded, seed, &b);
        folds = folds && !memcmp(&a, &b, sizeof(a));
        shorter += folded->n_ins < plain->n_ins;
        ir_pass_dead(folded);
        verified = verified && accepted(folded);
        run(folded, seed, &b);
        dead = dead && !memcmp(&a, &b, sizeof(a));
        faults += a.end > 100;
    }
    expect(verified, "20000 random units: all verify");
    expect(folds, "folds change nothing that can be seen");
    expect(dead, "removing the dead changes nothing that can be seen");
    expect(text, "what prints, parses to an equal unit");
    printf("  %u faulted, %u shorter\n", faults, shorter);
    expect(faults > 500 && faults < 15000, "many of them fault, many do not");
    expect(shorter > 15000, "folds make most units shorter");
    ir_unit_free(plain);
    ir_unit_free(folded);
}

/* -- Wrong units ----------------------------------------------------------- */

static void refused(const char *text, const char *why)
{
    struct ir_unit *unit = ir_unit_new(&guest);
    char *message = NULL;
    bool bad = !ir_parse(unit, text, &message) || !ir_verify(unit, &message);

    expect(bad && message && strstr(message, why), why);
    if (message && !strstr(message, why)) {
        printf("  said: %s\n", message);
    }
    free(message);
    ir_unit_free(unit);
}

#define HEAD "%1 = insn void i64:0x10, #0\n"
#define TAIL "= exit void i64:0x14, #0\n"

static void test_wrong(void)
{
    refused("", "empty");
    refused("%1 = frob void #0\n", "no such op");
    refused("%1 = get i64 @rip\n", "no such slot");
    refused("%2 = get i64 @r0\n", "next record's number");
    refused("%1 = add i64 %1, i64:1, #0\n", "no such value");
    refused("%1 " TAIL, "R4");
    refused(HEAD "%2 = nop void #0\n", "R3");
    refused(HEAD "%2 " TAIL "%3 " TAIL, "R3");
    refused(HEAD "%2 = insn void i64:0x14, #5\n%3 " TAIL, "R4");
    refused(HEAD "%2 = set void i64:1, @r0\n"
                 "%3 = ld i64 i64:8, #3\n%4 " TAIL,
            "R1");
    refused(HEAD "%2 = addsd v128 v128:1:0, v128:2:0, #0\n"
                 "%3 = ld i64 i64:8, #3\n%4 " TAIL,
            "R1");
    refused(HEAD "%2 = cvtsd2si v128 v128:1:0, #0\n%3 " TAIL, "i32 or i64");
    refused(HEAD "%2 = set void i64:1, @r0\n"
                 "%3 = call void @refuse\n%4 " TAIL,
            "R1");
    refused(HEAD "%2 = add i64 i32:1, i64:2, #0\n%3 " TAIL, "wrong type");
    refused(HEAD "%2 = add i64 i64:1, #0\n%3 " TAIL, "wrong type");
    refused(HEAD "%2 = not i32 i32:1, i32:1, #0\n%3 " TAIL, "wrong type");
    refused(HEAD "%2 = add v128 i64:1, i64:1, #0\n%3 " TAIL, "i32 or i64");
    refused(HEAD "%2 = set void i32:1, @r0\n%3 " TAIL, "wrong type");
    refused(HEAD "%2 = get i32 @r0\n%3 " TAIL, "no such slot of that type");
    refused(HEAD "%2 = ld i32 i64:1, #3\n%3 " TAIL, "does not fit the type");
    refused(HEAD "%2 = ld v128 i64:1, #3\n%3 " TAIL, "does not fit");
    refused(HEAD "%2 = fl_add i32 i32:1, i32:1, #64\n%3 " TAIL, "width");
    refused(HEAD "%2 = fl_add i32 i32:1, i32:1, #7\n%3 " TAIL, "width");
    refused(HEAD "%2 = exit void i64:1, #9\n", "kind of exit");
    refused(HEAD "%2 = get i64 @r0\n%3 = exit_if void i32:1, %2, #0\n%4 " TAIL,
            "constant");
    refused(HEAD "%2 = call i32 i64:1, i64:1, @pure\n%3 " TAIL,
            "no such helper with");
    refused(HEAD "%2 = call i64 i64:1, @pure\n%3 " TAIL, "wrong type");
    refused(HEAD "%2 " TAIL "junk", "next record's number");
}

int main(void)
{
    test_random();
    test_wrong();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
