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
    return s->has_context ? ((context_function *)s->function.with.cbaddr)(
                                s->context, a[0], a[1], a[2], a[3], a[4], a[5])
                          : ((plain_function *)s->function.plain.cbaddr)(
                                a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Where the kind's functions write their value; NULL: they have none. */
static const uint64_t *value_of(panda_cb_type kind, const uint64_t a[6])
{
    return kind == PANDA_CB_MMIO_AFTER_READ ||
                   kind == PANDA_CB_MMIO_BEFORE_WRITE ||
                   kind == PANDA_CB_UNASSIGNED_IO_READ
               ? (const uint64_t *)(uintptr_t)a[4]
               : NULL;
}

static bool is_insn_exec(panda_cb_type kind)
{
    return kind == PANDA_CB_INSN_EXEC || kind == PANDA_CB_AFTER_INSN_EXEC;
}

static bool is_insn_translate(panda_cb_type kind)
{
    return kind == PANDA_CB_INSN_TRANSLATE ||
           kind == PANDA_CB_AFTER_INSN_TRANSLATE;
}

uint64_t plugins_walk(struct plugins *p, panda_cb_type kind,
                      const uint64_t a[6])
{
    enum result how = (enum result)results[kind];
    uint64_t all = how == RESULT_int32_t ? a[1] : 0, one;
    const uint64_t *value = value_of(kind, a);
    uint64_t before = value ? *value : 0;
    const struct subscription *outer = p->calling;
    const struct answer *answer = is_insn_exec(kind) ? p->answer : NULL;
    void *yes[2] = {NULL, NULL};

    for (const struct subscription *s = p->kinds[kind]; s; s = s->next) {
        if (!s->on || (s->once && !p->block_is_new) ||
            (s->transfers && !(s->transfers & p->transfer)) ||
            (answer && !answers_has(answer, s->owner)) ||
            (s->filter && !filter_passes(p, s->filter, kind, a))) {
            continue;
        }
        steer_call(p, s);
        one = call(s, a);
        if (value && *value != before) {
            steer_blame(p);
            before = *value;
        }
        if (how == RESULT_bool && (uint8_t)one) {
            yes[all != 0] = s->owner;
            all++;
            steer_blame(p);
            if (is_insn_translate(kind)) {
                answers_yes(p, s->owner);
            }
        } else if (how == RESULT_int32_t && all == a[1]) {
            all = (uint32_t)one;
            if (all != a[1]) {
                steer_blame(p);
            }
        }
        steer_returned(p, outer);
    }
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
    cpu->shown_current = 0; /* by code that is not woven, too */
    show(p, cpu, pc, within);
}

void show_here(struct plugins *p)
{
    const struct cpu *cpu = p->machine->cpu;
    bool in = p->machine->in_unit;

    show_at(p, in ? cpu->insn_pc : cpu->guest->get_pc(cpu), in);
}
