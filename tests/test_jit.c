/*
 * Generated code against the interpreter, on random units (random_units.h):
 * equal state, memory, count, exit and pc, also when an access faults, and
 * with accesses that hit the TLB; then what a unit does when its budget is
 * too small, and that links lead where they should.
 */
#include "random_units.h"

#include "host/x86_64/compile.h"

static struct jit jit;

/* The toy's memory, where an access goes that the TLB knows of: its page is
 * mapped to the bytes themselves, but only below the faulting addresses. */
static void run_code(struct host_unit *host, uint64_t seed,
                     struct outcome *outcome)
{
    uint64_t why;

    prepare(seed);
    memset(outcome, 0, sizeof(*outcome));
    cpu.cpu.deadline = cpu.cpu.count + 100;
    jump_cache_clear(&cpu.cpu.jump_cache);
    outcome->end = setjmp(cpu.cpu.leave);
    if (outcome->end) {
        outcome->end += 100;
        outcome->pc = cpu.cpu.insn_pc;
    } else {
        why = jit_run(&jit, &cpu.cpu, host->entry, &outcome->pc);
        outcome->end = why < HOST_RETURN_BUDGET ? (int)(why - HOST_RETURN_KIND)
                                                : IR_EXIT_LINK;
        cpu.toy.pc = outcome->pc;
    }
    outcome->toy = cpu.toy;
    outcome->count = cpu.cpu.count;
}

static bool equal(struct outcome *a, struct outcome *b)
{
    /* A computed pc that could have been linked goes by the jump cache. */
    if (a->end == IR_EXIT_LINK && b->end == IR_EXIT_INDIRECT) {
        b->end = IR_EXIT_LINK;
    }
    /* After a fault the pc is not in the state yet. */
    if (a->end > 100) {
        a->toy.pc = b->toy.pc = 0;
    }
    return !memcmp(a, b, sizeof(*a));
}

static void test_random(bool fold, uint64_t seeds, const char *what)
{
    struct ir_unit *unit = ir_unit_new(&guest);
    bool good = true;

    for (uint64_t seed = 1; seed <= seeds && good; seed++) {
        struct host_unit *host;
        struct outcome a, b;

        generate(unit, seed, fold);
        run(unit, seed, &a);
        if (fold) {
            ir_pass_dead(unit);
        }
        jit_flush(&jit);
        host = jit_compile(&jit, unit, 0x400000, 0, &cpu);
        if (!host) {
            printf("  seed %llu was not compiled\n", (unsigned long long)seed);
            good = false;
            break;
        }
        run_code(host, seed, &b);
        good = equal(&a, &b);
        if (!good) {
            printf("  seed %llu: end %d %d, pc %llx %llx, count %llu %llu\n",
                   (unsigned long long)seed, a.end, b.end,
                   (unsigned long long)a.pc, (unsigned long long)b.pc,
                   (unsigned long long)a.count, (unsigned long long)b.count);
            for (unsigned i = 0; i < 4; i++) {
                printf("  r%u %016llx %016llx\n", i,
                       (unsigned long long)a.toy.r[i],
                       (unsigned long long)b.toy.r[i]);
            }
            printf("  flags %x %x narrow %x %x mxcsr %x %x\n", a.toy.flags,
                   b.toy.flags, a.toy.narrow, b.toy.narrow, a.toy.mxcsr,
                   b.toy.mxcsr);
            ir_print(unit, stdout);
        }
        jit_unit_free(host);
    }
    expect(good, what);
    ir_unit_free(unit);
}

int main(void)
{
    if (!jit_open(&jit, &guest, 4u << 20)) {
        printf("FAILED no code memory\n0 passed, 1 failed\n");
        return 1;
    }
    test_random(false, 20000, "20000 units as built");
    test_random(true, 20000, "20000 units, folded and without the dead");
    jit.has_bmi2 = false;
    test_random(true, 5000, "5000 units, for a processor without BMI2");
    jit_close(&jit);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
