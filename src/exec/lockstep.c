#include "exec/lockstep.h"

#include "base/error.h"

#include <stdlib.h>

static void keep_choices(struct lockstep *l)
{
    l->unit_insns = l->code->unit_insns;
    if (l->code->chaos) {
        l->chaos_then = *l->code->chaos;
    }
}

struct lockstep *lockstep_new(struct machine *m, uint64_t step)
{
    struct lockstep *l = calloc(1, sizeof(*l));

    if (!l) {
        panda_bug("out of memory");
    }
    l->code = m;
    l->step = step;
    l->interpreter = state_clone(m);
    l->agreed = checkpoint_new(m, l->interpreter);
    crossings_listen(&l->crossings, m);
    playback_begin(&l->second, l->interpreter, &l->crossings);
    keep_choices(l);
    return l;
}

void lockstep_free(struct lockstep *l)
{
    if (l) {
        crossings_free(&l->crossings);
        checkpoint_free(l->agreed);
        l->second.boundary.ops->free(&l->second.boundary);
        machine_free(l->interpreter);
        free(l->report);
        free(l);
    }
}

bool lockstep_follow(struct lockstep *l)
{
    l->second.target = l->code->cpu->count;
    machine_run(l->interpreter, UINT64_MAX);
    return !l->second.mismatch && state_equal(l->code, l->interpreter);
}

static void agree(struct lockstep *l)
{
    checkpoint_move(l->agreed, l->interpreter, l->code);
    state_clear_changed(l->code, l->interpreter);
    crossings_clear(&l->crossings);
    playback_seek(&l->second, 0);
    keep_choices(l);
}

enum run_end lockstep_run(struct lockstep *l, uint64_t limit)
{
    struct cpu *cpu = l->code->cpu;
    enum run_end end = RUN_LIMIT;

    while (end == RUN_LIMIT && cpu->count < limit) {
        uint64_t left = limit - cpu->count;

        end = machine_run(l->code,
                          cpu->count + (left < l->step ? left : l->step));
        if (!lockstep_follow(l)) {
            l->report = lockstep_find(l);
            machine_stop(l->code, "generated code and the interpreter "
                                  "differ");
            return RUN_STOP;
        }
        agree(l);
    }
    return end;
}
