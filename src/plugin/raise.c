#include "plugin/raise.h"

#include "plugin/filter.h"
#include "plugin/mutant.h"

enum result { RESULT_void, RESULT_bool, RESULT_int, RESULT_int32_t };

static const uint8_t results[PANDA_CB_LAST] = {
#define PANDA_CALLBACK(number, NAME, member, state, result, ...) \
    [number] = RESULT_##result,
#define PANDA_CALLBACK_NONE PANDA_CALLBACK
#include "panda/callbacks.def"
#undef PANDA_CALLBACK
#undef PANDA_CALLBACK_NONE
};

typedef uint64_t plain_function(uint64_t, uint64_t, uint64_t, uint64_t,
                                uint64_t, uint64_t);
typedef uint64_t context_function(void *, uint64_t, uint64_t, uint64_t,
                                  uint64_t, uint64_t, uint64_t);

static uint64_t call(const struct subscription *s, const uint64_t *a)
{
    const uint64_t old[6] = {a[0], a[4], a[1], a[2], (uint32_t)a[3]};

    a = s->old_dma ? old : a;
    return s->has_context ? ((context_function *)s->function.with.cbaddr)(
                                s->context, a[0], a[1], a[2], a[3], a[4], a[5])
                          : ((plain_function *)s->function.plain.cbaddr)(
                                a[0], a[1], a[2], a[3], a[4], a[5]);
}

uint64_t plugins_walk(struct plugins *p, panda_cb_type kind,
                      const uint64_t a[6])
{
    enum result how = (enum result)results[kind];
    uint64_t all = how == RESULT_int32_t ? a[1] : 0, one;
    void *yes[2] = {NULL, NULL};

    p->walks++;
    for (const struct subscription *s = p->kinds[kind]; s; s = s->next) {
        if (!s->on || (s->once && !p->block_is_new) ||
            (s->transfers && !(s->transfers & p->transfer)) ||
            (s->filter && !filter_passes(p, s->filter, kind, a))) {
            continue;
        }
        one = call(s, a);
        if (how == RESULT_bool && (uint8_t)one) {
            yes[all != 0] = s->owner;
            all++;
        } else if (how == RESULT_int32_t && all == a[1]) {
            all = (uint32_t)one;
        }
    }
    p->walks--;
    p->yes[0] = yes[0];
    p->yes[1] = yes[1];
    return how == RESULT_bool ? all != 0 : all;
}

uint64_t plugins_raise(struct plugins *p, panda_cb_type kind,
                       const uint64_t arguments[6])
{
    if (p->mutant && p->mutant_kind == (int)kind) {
        return mutant_raise(p, arguments);
    }
    return plugins_walk(p, kind, arguments);
}

/* -- Events of C code ------------------------------------------------------ */

void show_at(struct plugins *p, uint64_t pc, bool within)
{
    struct cpu *cpu = p->machine->cpu;

    plugins_set_current(p);
    cpu->shown_stale = 1; /* by code that is not woven, too */
    show(p, cpu, pc, within);
}

void show_here(struct plugins *p)
{
    const struct cpu *cpu = p->machine->cpu;
    bool in = p->machine->in_unit;

    show_at(p, in ? cpu->insn_pc : cpu->guest->get_pc(cpu), in);
}
