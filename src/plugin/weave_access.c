/*
 * What woven code does to tell of accesses; and first of all, of registers.
 *
 * Those that plugins see are brought up to date by the unit itself where that
 * can be, so that the function which is called has little to do:
 *
 *     where flags have been set since: the flags
 *     once a unit, and behind C code that writes state: are the copies good?
 *     the call, at its pc
 */
#include "plugin/weaver.h"

#include "ir/build.h"

/* -- Registers as plugins see them ----------------------------------------- */

void weave_set(struct weaver *w, uint32_t slot)
{
    const struct guest_plugin *guest = w->to->guest->plugin;

    w->flags_shown &= !guest->weave_shows || !guest->weave_shows(slot);
    w->current &= slot != w->slot[CURRENT];
}

void weave_changed(struct weaver *w)
{
    weave_put(w, IR_set, IR_VOID, weave_constant(w, IR_I64, 0), 0, 0,
              w->slot[CURRENT]);
    w->current = w->flags_shown = false;
    w->changed = true;
}

bool weave_show_flags(struct weaver *w)
{
    const struct guest_plugin *guest = w->to->guest->plugin;

    if (!w->flags_shown) {
        w->flags_shown = guest->weave_show &&
                         guest->weave_show(w->to, w->key->mode);
    }
    return w->flags_shown;
}

bool weave_show(struct weaver *w)
{
    if (weave_show_flags(w) && !w->current) {
        weave_call_unless(w, WOVEN_SHOW, &w->p->machine->cpu->shown_current,
                          weave_constant(w, IR_I64, 1));
        w->current = true;
    }
    return w->flags_shown;
}

/* -- Telling --------------------------------------------------------------- */

/* When one of many has been told and the instruction begins again, those
 * before it must not have been left out, so a filter is for instructions with
 * few. */
unsigned weave_count_accesses(const struct weaver *w, uint32_t at)
{
    unsigned n = 0;

    while (++at < w->from->n_ins && w->from->ins[at].op != IR_insn) {
        unsigned op = w->from->ins[at].op;

        n += op == IR_ld || op == IR_st;
    }
    return n;
}

static ir_ref as_i64(struct weaver *w, ir_ref value)
{
    return ir_type_of(w->to, value) == IR_I32
               ? weave_put(w, IR_zext32, IR_I64, value, 0, 0, 0)
               : value;
}

static void tell_filtered(struct weaver *w, ir_ref address, ir_ref value,
                          uint32_t how)
{
    struct ir_ins filtered = {
        .op = IR_call_if_byte,
        .type = IR_VOID,
        .a = address,
        .b = as_i64(w, value),
        .c = weave_constant(w, IR_I32, how),
        .d = weave_constant(w, IR_I64, (uint64_t)(uintptr_t)w->p->bytes),
        .imm = w->to->guest->n_helpers + WOVEN_ACCESS_FILTERED};

    ir_unit_append(w->to, &filtered);
}

/* To one function, most likely: it gets the size from above. */
static bool tell_only(struct weaver *w, ir_ref address, ir_ref value,
                      uint32_t how)
{
    static const enum woven_helper helpers[N_ACCESS_KINDS] = {
        [ACCESS_KIND(ACCESS_WRITE)] = WOVEN_BEFORE_WRITE,
        [ACCESS_KIND(ACCESS_AFTER)] = WOVEN_AFTER_READ,
        [ACCESS_KIND(ACCESS_WRITE | ACCESS_AFTER)] = WOVEN_AFTER_WRITE,
    };
    unsigned kind = ACCESS_KIND(how);

    if (!w->p->only_access[kind] || !weave_show(w)) {
        return false;
    }
    weave_call(w, helpers[kind], address, as_i64(w, value),
               weave_constant(w, IR_I32, how | MO_SIZE(how) << ACCESS_SIZE));
    return true;
}

static void tell(struct weaver *w, const struct ir_ins *ins, ir_ref value,
                 uint32_t how)
{
    unsigned kind = virtual_kind(how);

    if (!weave_told_of_insn(w, KIND_BIT(kind) | KIND_BIT(kind + 2),
                            MO_SIZE(ins->imm))) {
        return;
    }
    w->told = true;
    how |= ins->imm;
    if (value == IR_NONE) {
        value = weave_constant(w, ins->type == IR_V128 ? IR_V128 : IR_I64, 0);
    }
    if (ir_type_of(w->to, value) == IR_V128) {
        weave_call(w, WOVEN_ACCESS_V, ins->a, value,
                   weave_constant(w, IR_I32, how));
    } else if (weave_wants(w, ONLY_BYTES) && w->accesses <= 2) {
        tell_filtered(w, ins->a, value, how);
    } else if (!tell_only(w, ins->a, value, how)) {
        weave_call(w, WOVEN_ACCESS, ins->a, as_i64(w, value),
                   weave_constant(w, IR_I32, how));
    }
}

ir_ref weave_access(struct weaver *w, const struct ir_ins *ins)
{
    uint32_t write = ins->op == IR_st ? ACCESS_WRITE : 0;
    ir_ref ref;

    if (ins->imm & MO_PROBE) {
        return ir_unit_append(w->to, ins);
    }
    tell(w, ins, write ? ins->b : IR_NONE, write);
    ref = ir_unit_append(w->to, ins);
    tell(w, ins, write ? ins->b : ref, write | ACCESS_AFTER);
    return ref;
}
