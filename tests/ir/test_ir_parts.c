/*
 * The parts of the IR, one file each. Arguments: first seed and number of
 * random units, to go on where the default run ends.
 */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
static uint64_t state = 1;

void expect(bool good, const char *format, ...)
{
    va_list args;

    printf("%s ", good ? "ok    " : "FAILED");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    good ? passed++ : failed++;
}

/* -- Random numbers (splitmix64: any seed is good) --------------------------
 */

void rnd_seed(uint64_t seed)
{
    state = seed;
}

uint64_t rnd(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint32_t below(uint32_t n)
{
    return (uint32_t)(rnd() % n);
}

uint64_t interesting(void)
{
    uint64_t limit = 1ull << below(64), value = rnd();

    switch (below(4)) {
    case 0:
        return limit - 1;
    case 1:
        return -limit;
    case 2:
        return value & (limit - 1);
    default:
        return value;
    }
}

/* -- Units ----------------------------------------------------------------- */

char *text_of(const struct ir_unit *unit)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    ir_print(unit, out);
    fclose(out);
    return text;
}

bool verifies(const struct ir_unit *unit)
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

/* Equal in every record: the constants by value, since their places in the
 * pool may differ. */
static bool units_equal(const struct ir_unit *x, const struct ir_unit *y)
{
    bool equal = x->n_ins == y->n_ins && x->n_insns == y->n_insns;

    for (uint32_t i = 1; equal && i < x->n_ins; i++) {
        const struct ir_ins *p = &x->ins[i], *q = &y->ins[i];
        const ir_ref left[] = {p->a, p->b, p->c, p->d};
        const ir_ref right[] = {q->a, q->b, q->c, q->d};

        equal = p->op == q->op && p->type == q->type && p->imm == q->imm;
        for (unsigned k = 0; k < 4; k++) {
            equal = equal && ir_is_const(left[k]) == ir_is_const(right[k]);
            if (equal && ir_is_const(left[k])) {
                equal = !memcmp(&x->consts[left[k] & ~IR_CONST_BIT],
                                &y->consts[right[k] & ~IR_CONST_BIT],
                                sizeof(union ir_value)) &&
                        ir_type_of(x, left[k]) == ir_type_of(y, right[k]);
            } else {
                equal = equal && left[k] == right[k];
            }
        }
    }
    return equal;
}

bool reparses(const struct ir_unit *unit)
{
    struct ir_unit *copy = ir_unit_new(&fake_guest);
    char *text = text_of(unit), *message = NULL;
    bool good = ir_parse(copy, text, &message) && units_equal(unit, copy);

    if (!good) {
        printf("  %s\n%s", message ? message : "another unit", text);
    }
    free(text);
    free(message);
    ir_unit_free(copy);
    return good;
}

int main(int argc, char **argv)
{
    if (argc > 2) {
        test_random(strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0));
    } else {
        test_values();
        test_folds();
        test_runs();
        test_rules();
        test_text();
        test_random(1, 20000);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
