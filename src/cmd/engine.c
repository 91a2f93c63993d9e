#include "cmd/engine.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "exec/chaos.h"
#include "exec/lockstep.h"
#include "exec/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCKSTEP_STEP 100000u

struct engine {
    const struct options *options;
    struct machine *machine;
    struct lockstep *lockstep; /* or NULL */
};

/* -- Texts of options ------------------------------------------------------ */

/* Does `*text` begin with this word, alone or before a comma or `=`? Then it
 * is gone past. */
static bool word(const char **text, const char *name)
{
    size_t n = strlen(name);

    if (strncmp(*text, name, n) || ((*text)[n] && !strchr(",=", (*text)[n]))) {
        return false;
    }
    *text += n;
    return true;
}

static uint64_t number(const char *option, const char **text)
{
    char *end;
    uint64_t value = strtoull(*text, &end, 0);

    if (end == *text || (*end && *end != ',') || **text == '-') {
        panda_fatal("%s: '%s' is not a number", option, *text);
    }
    *text = end;
    return value;
}

struct accel {
    enum { ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP } kind;
    uint64_t step;
};

/* interp, jit or lockstep[,step=N] */
static struct accel parse_accel(const char *option)
{
    struct accel accel = {ACCEL_LOCKSTEP, LOCKSTEP_STEP};
    const char *text = option;

    if (word(&text, "interp") && !*text) {
        accel.kind = ACCEL_INTERP;
        return accel;
    }
    if (word(&text, "jit") && !*text) {
        accel.kind = ACCEL_JIT;
        return accel;
    }
    if (word(&text, "lockstep") && !strncmp(text, ",step=", 6)) {
        text += 6;
        accel.step = number("-accel lockstep,step", &text);
    }
    if (*text || !accel.step) {
        panda_fatal("-accel: '%s' is none of interp, jit, lockstep, "
                    "lockstep,step=N",
                    option);
    }
    return accel;
}

struct jit_words {
    bool chaos, perf_map;
    uint64_t seed;
    char broken[16]; /* an op to miscompile: for tests, so not in the help */
    uint64_t first, last; /* in which of its uses */
};

/* perfmap, chaos=SEED, broken=OP, first=N, last=N, with commas between */
static struct jit_words parse_jit(const char *option)
{
    struct jit_words words = {.last = UINT64_MAX};
    const char *text = option;

    while (*text) {
        if (word(&text, "chaos") && *text == '=') {
            text++;
            words.chaos = true;
            words.seed = number("-jit chaos", &text);
        } else if (word(&text, "perfmap") && *text != '=') {
            words.perf_map = true;
        } else if (word(&text, "broken") && *text == '=') {
            size_t n = strcspn(++text, ",");

            snprintf(words.broken, sizeof(words.broken), "%.*s", (int)n, text);
            text += n;
        } else if (word(&text, "first") && *text == '=') {
            text++;
            words.first = number("-jit first", &text);
        } else if (word(&text, "last") && *text == '=') {
            text++;
            words.last = number("-jit last", &text);
        } else {
            panda_fatal("-jit: '%s' is neither chaos=SEED nor perfmap", option);
        }
        text += *text == ',';
    }
    return words;
}

void engine_check(const struct options *o)
{
    const char *text = o->hash_at;
    uint64_t last = 0;

    parse_jit(o->jit);
    if (parse_accel(o->accel).kind == ACCEL_INTERP && *o->jit) {
        panda_fatal("-jit goes with generated code, not with -accel interp");
    }
    if (o->trace && parse_accel(o->accel).kind != ACCEL_INTERP) {
        panda_fatal("-trace is written by the interpreter: add -accel interp");
    }
    while (*text) {
        uint64_t at = number("-hash-at", &text);

        if (at <= last) {
            panda_fatal("-hash-at: the counts are to ascend");
        }
        last = at;
        text += *text == ',';
    }
}

/* -- The machine's engine -------------------------------------------------- */

static void use_code(struct machine *m, const struct options *o)
{
    struct jit_words words = parse_jit(o->jit);

    m->chaos = words.chaos ? chaos_new(words.seed) : NULL;
    if (!machine_use_jit(m)) {
        panda_fatal("no memory for generated code: try -accel interp");
    }
    if (words.perf_map && !machine_perf_map(m)) {
        panda_fatal("-jit perfmap: /tmp/perf-PID.map: %s", strerror(errno));
    }
    if (*words.broken &&
        !chaos_break(m, words.broken, words.first, words.last)) {
        panda_fatal("-jit broken: there is no op '%s'", words.broken);
    }
}

void engine_choose(struct machine *m, const struct options *o)
{
    m->unit_insns = (unsigned)o->unit_insns;
    if (parse_accel(o->accel).kind != ACCEL_INTERP) {
        use_code(m, o);
    }
}

struct engine *engine_new(struct machine *m, const struct options *o)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    struct accel accel = parse_accel(o->accel);

    if (!engine) {
        panda_bug("out of memory");
    }
    engine->options = o;
    engine->machine = m;
    engine_choose(m, o);
    if (o->trace && !trace_open(m, o->trace)) {
        panda_fatal("-trace: %s: %s", o->trace, strerror(errno));
    }
    if (accel.kind == ACCEL_LOCKSTEP) {
        engine->lockstep = lockstep_new(m, accel.step);
    }
    return engine;
}

/* -- Runs ------------------------------------------------------------------ */

static enum run_end run_to(struct engine *engine, uint64_t limit)
{
    enum run_end end;

    if (!engine->lockstep) {
        return machine_run(engine->machine, limit);
    }
    end = lockstep_run(engine->lockstep, limit);
    if (engine_differed(engine)) {
        fprintf(stderr, "\nlockstep: %s", engine->lockstep->report);
    }
    return end;
}

enum run_end engine_run(struct engine *engine)
{
    const struct cpu *cpu = engine->machine->cpu;
    uint64_t limit = engine->options->limit;
    const char *text = engine->options->hash_at;
    enum run_end end = RUN_LIMIT;

    while (*text && end == RUN_LIMIT) {
        uint64_t at = number("-hash-at", &text);

        text += *text == ',';
        if (at > limit || at < cpu->count) {
            continue;
        }
        end = run_to(engine, at);
        if (cpu->count == at && !engine_differed(engine)) {
            printf("count %" PRIu64 " hash %016" PRIx64 "\n", at,
                   hash_state(engine->machine));
            fflush(stdout);
        }
    }
    return end == RUN_LIMIT ? run_to(engine, limit) : end;
}

bool engine_differed(const struct engine *engine)
{
    return engine->lockstep && engine->lockstep->report;
}

void engine_free(struct engine *engine)
{
    lockstep_free(engine->lockstep);
    free(engine);
}
