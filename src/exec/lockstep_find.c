/*
 * Which instruction was it? Both machines go back to the last state that they
 * had in common, and through the same crossings again:
 *
 *   1. the code unit by unit, compared after each: this finds the unit
 *   2. from its start, translated anew with 1, 2, 3, ... instructions: the
 *      first length that differs ends with the instruction
 *   3. when 1 sees nothing (it takes chained units, or chance): bisection of
 *      the count up to which both are run
 */
#include "exec/lockstep.h"

#include "base/error.h"
#include "exec/translate.h"
#include "host/x86_64/compile.h"
#include "ir/ir.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct search {
    struct lockstep *l;
    struct machine *code, *interpreter;
    struct playback first; /* the boundary of the code */
    struct chaos *chaos;
    unsigned unit_insns;
    uint64_t end;        /* the count at which they were seen to differ */
    size_t unit;         /* the next crossing where the unit begins, ... */
    uint64_t unit_count; /* ... the count there (interrupts come first), */
    size_t unit_end;     /* ... and the next crossing where it ends */
    FILE *out;
};

/* -- Running again --------------------------------------------------------- */

static void go_back(struct search *s, size_t crossing)
{
    checkpoint_restore(s->l->agreed, s->code, s->interpreter);
    playback_seek(&s->first, crossing);
    playback_seek(&s->l->second, crossing);
    s->l->second.end = SIZE_MAX;
    s->first.target = s->end;
}

/* The interpreter goes up to where the code is, and no further. */
static bool same(struct search *s)
{
    s->l->second.end = s->first.next;
    return lockstep_follow(s->l) && !s->first.mismatch;
}

/* The interpreter alone, up to a count and a crossing. */
static void interpret_to(struct search *s, size_t from, uint64_t count,
                         size_t crossing)
{
    go_back(s, from);
    s->l->second.end = crossing;
    s->l->second.target = count;
    machine_run(s->interpreter, UINT64_MAX);
}

/* -- Saying it ------------------------------------------------------------- */

static void say_differences(const struct search *s)
{
    const char *mismatch = s->l->second.mismatch ? s->l->second.mismatch
                                                 : s->first.mismatch;

    if (mismatch) {
        fprintf(s->out, "    %s: %s\n",
                s->l->second.mismatch ? "interpreter" : "code", mismatch);
    }
    state_print_differences(s->code, "code", s->interpreter, "interpreter",
                            s->out);
}

/* The instruction that the interpreter is about to run. */
static void say_instruction(const struct search *s)
{
    const struct cpu *cpu = s->interpreter->cpu;
    uint64_t pc = cpu->guest->get_pc(cpu);
    uint64_t mode = cpu->guest->mode(cpu);
    char text[128] = "?";
    struct mem_code at;

    fprintf(s->out, "at count %" PRIu64 ", pc 0x%" PRIx64 ": ", cpu->count, pc);
    if (cpu->guest->disassemble &&
        mem_fetch(s->interpreter->cpu, pc, cpu->guest->mmu_index(mode), &at) &&
        at.block &&
        !cpu->guest->disassemble(mode, pc, at.block->host + at.offset,
                                 at.block->size - at.offset, text,
                                 sizeof(text))) {
        snprintf(text, sizeof(text), "(not an instruction)");
    }
    fprintf(s->out, "%s\n", text);
}

static void say_unit(const struct search *s)
{
    const struct unit *unit;

    if (setjmp(s->interpreter->cpu->leave)) {
        return; /* the fetch faults */
    }
    unit = unit_at_pc(s->interpreter, s->unit_insns);
    if (unit && unit->ir) {
        fprintf(s->out, "the unit there, of %u instructions, as built:\n",
                unit->steps);
        ir_print(unit->ir, s->out);
    }
}

/* -- 1: the unit ----------------------------------------------------------- */

static void unlink_unit(void *opaque, struct unit *unit)
{
    (void)opaque;
    if (unit->host) {
        jit_unit_unlink(unit->host);
    }
}

static bool find_unit(struct search *s)
{
    enum run_end end;

    go_back(s, 0);
    unit_cache_each(s->code->units, unlink_unit, NULL);
    jump_cache_clear(&s->code->cpu->jump_cache);
    s->code->last_exit = NULL;
    s->code->one_unit = true;
    do {
        s->unit = s->first.next;
        s->unit_count = s->code->cpu->count;
        end = machine_run(s->code, UINT64_MAX);
        if (!same(s)) {
            s->unit_end = s->first.next;
            return !s->first.mismatch; /* else it goes another way now */
        }
    } while (end == RUN_LIMIT);
    return false;
}

/* -- 2: the instruction ---------------------------------------------------- */

/* One unit of at most n instructions; a redo counts for nothing. */
static void run_unit(struct search *s, unsigned n)
{
    s->code->unit_insns = n;
    go_back(s, s->unit);
    for (unsigned i = 0; i < 3 && s->code->cpu->count <= s->unit_count; i++) {
        machine_run(s->code, UINT64_MAX);
    }
}

static bool find_instruction(struct search *s)
{
    unsigned n = 0;
    uint64_t after, start;

    interpret_to(s, 0, s->unit_count, s->unit);
    checkpoint_move(s->l->agreed, s->interpreter, s->code);
    do {
        if (++n == s->unit_insns) {
            return false;
        }
        run_unit(s, n);
    } while (same(s));

    after = s->code->cpu->count;
    interpret_to(s, s->unit, after - 1, s->unit_end);
    say_instruction(s);
    run_unit(s, n);
    same(s);
    say_differences(s);
    interpret_to(s, s->unit, s->unit_count, s->unit_end);
    start = s->interpreter->cpu->count;
    fprintf(s->out, "instruction %" PRIu64 " of the unit that begins ",
            after - start);
    say_instruction(s);
    say_unit(s);
    return true;
}

/* Shorter translations of it are right, or do not differ from here on. */
static void say_whole_unit(struct search *s, const char *differences)
{
    interpret_to(s, s->unit, s->unit_count, s->unit_end);
    fprintf(s->out, "only as a whole, the unit that begins ");
    say_instruction(s);
    fprintf(s->out, "%s", differences);
    say_unit(s);
}

/* -- 3: bisection ---------------------------------------------------------- */

static bool differ_by(struct search *s, uint64_t count)
{
    go_back(s, 0);
    if (s->chaos) {
        *s->chaos = s->l->chaos_then;
    }
    s->first.target = count;
    machine_run(s->code, UINT64_MAX);
    return !same(s) && !s->first.mismatch;
}

/* Where the interpreter first did otherwise; it was before that. */
static void say_not_again(struct search *s)
{
    fprintf(s->out, "run again, the code does what the interpreter does\n");
    interpret_to(s, 0, s->end, SIZE_MAX);
    if (s->l->second.mismatch) {
        fprintf(s->out, "the interpreter parted before or ");
        say_instruction(s);
        say_differences(s);
    }
}

static void bisect(struct search *s)
{
    uint64_t good = s->l->agreed->count, bad = s->end;

    s->code->one_unit = false;
    s->code->chaos = s->chaos;
    if (!differ_by(s, bad)) {
        say_not_again(s);
        return;
    }
    while (bad - good > 1) {
        uint64_t middle = good + (bad - good) / 2;

        if (differ_by(s, middle)) {
            bad = middle;
        } else {
            good = middle;
        }
    }
    interpret_to(s, 0, good, SIZE_MAX);
    fprintf(s->out, "only where units are chained, before or ");
    say_instruction(s);
    say_unit(s);
    differ_by(s, bad);
    say_differences(s);
}

/* -------------------------------------------------------------------------- */

static void find(struct search *s)
{
    char *differences = NULL;
    size_t size;
    FILE *out = s->out;

    if (!find_unit(s)) {
        bisect(s);
        return;
    }
    s->out = open_memstream(&differences, &size);
    say_differences(s);
    fclose(s->out);
    s->out = out;
    if (!find_instruction(s)) {
        say_whole_unit(s, differences);
    }
    free(differences);
}

char *lockstep_find(struct lockstep *l)
{
    struct search s = {.l = l,
                       .code = l->code,
                       .interpreter = l->interpreter,
                       .chaos = l->code->chaos,
                       .unit_insns = l->unit_insns,
                       .end = l->code->cpu->count};
    struct boundary *boundary = l->code->boundary;
    char *report = NULL;
    size_t size;

    l->code->witness = NULL;
    l->code->chaos = NULL;
    l->code->unit_insns = l->unit_insns;
    s.out = open_memstream(&report, &size);
    if (!s.out) {
        panda_bug("out of memory");
    }
    fprintf(s.out,
            "generated code and the interpreter agree at count %" PRIu64
            " and differ at count %" PRIu64 ":\n",
            l->agreed->count, s.end);
    say_differences(&s);
    playback_begin(&s.first, l->code, &l->crossings);
    s.first.same_deadlines = true;
    find(&s);
    fclose(s.out);
    l->code->boundary = boundary;
    l->code->chaos = s.chaos;
    l->code->one_unit = false;
    free(s.first.mismatch);
    return report;
}
