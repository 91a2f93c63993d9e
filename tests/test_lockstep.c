/*
 * Lockstep on random programs of the made-up guest, with a device: it agrees
 * where there is nothing to find, whatever the engine chooses; a miscompiled
 * op is found, named by its first effect, and whatever the step is.
 */
#include "exec/lockstep.h"
#include "gadget.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 30000u

static int passed, failed;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

struct how {
    uint64_t step;
    unsigned unit_insns;
    bool chaos;
    const char *broken; /* or NULL */
    uint64_t first, last;
};

/* The report of a difference, to be freed, or NULL; what the run came to. */
static char *run(uint64_t seed, const struct how *how, enum run_end *end)
{
    struct machine *m = toy_machine(seed);
    struct lockstep *lockstep;
    struct gadget gadget;
    char *report;

    gadget_attach(&gadget, m);
    m->unit_insns = how->unit_insns;
    if (how->chaos) {
        m->chaos = chaos_new(seed);
        m->chaos->longest = 200;
    }
    if (!machine_use_jit(m) ||
        (how->broken && !chaos_break(m, how->broken, how->first, how->last))) {
        printf("FAILED no generated code\n0 passed, 1 failed\n");
        exit(1);
    }
    lockstep = lockstep_new(m, how->step);
    *end = lockstep_run(lockstep, STEPS);
    report = lockstep->report;
    lockstep->report = NULL;
    lockstep_free(lockstep);
    live_free(gadget.live);
    machine_free(m);
    return report;
}

static void test_agrees(const char *what, const struct how *how)
{
    bool good = true;

    for (uint64_t seed = 1; seed <= 12 && good; seed++) {
        enum run_end end;
        char *report = run(seed, how, &end);

        good = !report && end == RUN_LIMIT;
        if (report) {
            printf("  seed %" PRIu64 ": %s", seed, report);
        }
        free(report);
    }
    expect(good, what);
}

/* The difference that `result` of the report's instruction shows is the lowest
 * bit of a register, the one that was spoiled. */
static bool names_register(const char *report)
{
    const char *at = strstr(report, "\nat count ");
    unsigned long long code, interpreter;
    unsigned reg;

    at = at ? strchr(at + 1, '\n') : NULL;
    return at &&
           sscanf(at + 1, " r%u code %llx, interpreter %llx", &reg, &code,
                  &interpreter) == 3 &&
           code == (interpreter ^ 1);
}

/* In how many of the seeds' runs it was found, and exactly. */
static void test_finds(const char *what, const struct how *how)
{
    unsigned found = 0, named = 0, units = 0;

    for (uint64_t seed = 1; seed <= 12; seed++) {
        enum run_end end;
        char *report = run(seed, how, &end);

        if (report) {
            found++;
            named += names_register(report);
            units += strstr(report, "= mul ") != NULL;
        }
        free(report);
    }
    printf("  %u found, %u named, in %u units\n", found, named, units);
    expect(found >= 8 && named == found && units == found, what);
}

/* Only one unit has it. These programs overwrite themselves; so the unit may
 * be gone when the stretch is run again, and its successor is right. */
static void test_finds_unit(void)
{
    const struct how how = {5000, 64, false, "mul", 3, 3};
    unsigned found = 0, named = 0;

    for (uint64_t seed = 1; seed <= 12; seed++) {
        enum run_end end;
        char *report = run(seed, &how, &end);

        if (report) {
            found++;
            named += strstr(report, "run again, the code does what") ||
                     (strstr(report, "only as a whole") &&
                      strstr(report, "= mul "));
        }
        free(report);
    }
    expect(found >= 6 && named == found, "one wrong unit is found");
}

int main(void)
{
    test_agrees("agrees", &(struct how){5000, 64, false, NULL, 0, 0});
    test_agrees("agrees, often asked",
                &(struct how){13, 64, false, NULL, 0, 0});
    test_agrees("agrees, 1 instruction a unit",
                &(struct how){5000, 1, false, NULL, 0, 0});
    test_agrees("agrees, chaos", &(struct how){1777, 64, true, NULL, 0, 0});
    test_finds("a wrong op is found and named",
               &(struct how){5000, 64, false, "mul", 3, UINT64_MAX});
    test_finds("the same, often asked",
               &(struct how){101, 64, false, "mul", 3, UINT64_MAX});
    test_finds_unit();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
