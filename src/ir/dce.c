/*
 * One backward walk that turns into nops:
 *
 *   - pure values, calls of pure helpers and gets that nobody uses
 *   - sets that another set of the slot follows, with nothing between
 *     through which the state could be seen: a record that may leave or exit,
 *     or a call that reads state. A get of the slot sees it, too, and a
 *     floating-point op that of MXCSR.
 *
 * References stay as they are: nothing is moved.
 */
#include "ir/build.h"
#include "ir/ir.h"

#include "base/error.h"
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

struct liveness {
    struct ir_unit *unit;
    bool *used;    /* by value */
    bool *overset; /* by slot: a later set hides this one */
};

static bool shows_state(const struct ir_unit *unit, const struct ir_ins *ins)
{
    switch (ins->op) {
    case IR_ld:
    case IR_st:
    case IR_exit:
    case IR_exit_if:
    case IR_call_unless:
    case IR_fault_if:
    case IR_call_if_byte:
        return true;
    case IR_call:
        return ir_helper(unit, ins->imm)->effects != 0;
    default:
        return false;
    }
}

/* Nothing but its value would be missed. */
static bool only_value(const struct ir_unit *unit, const struct ir_ins *ins)
{
    if (ins->op == IR_call) {
        return ir_helper(unit, ins->imm)->effects == 0;
    }
    return ins->op == IR_get || ir_op_rows[ins->op].effect == IR_PURE;
}

static bool is_dead(struct liveness *live, uint32_t at)
{
    const struct ir_ins *ins = &live->unit->ins[at];

    if (ins->op == IR_set) {
        if (live->overset[ins->imm]) {
            return true;
        }
        live->overset[ins->imm] = true;
        return false;
    }
    if (ins->op == IR_get && live->used[at]) {
        live->overset[ins->imm] = false;
    }
    if (ir_op_rows[ins->op].effect == IR_FLOAT_EFFECT) {
        live->overset[live->unit->guest->mxcsr_slot] = false;
    }
    return !live->used[at] && only_value(live->unit, ins);
}

static void use(struct liveness *live, ir_ref ref)
{
    if (ref != IR_NONE && !ir_is_const(ref)) {
        live->used[ref] = true;
    }
}

void ir_pass_dead(struct ir_unit *unit)
{
    struct liveness live = {.unit = unit};
    uint32_t n_slots = unit->guest->n_slots;

    live.used = calloc(unit->n_ins, 1);
    live.overset = calloc(n_slots + 1ul, 1);
    if (!live.used || !live.overset) {
        panda_bug("out of memory");
    }
    for (uint32_t at = unit->n_ins - 1; at > 0; at--) {
        struct ir_ins *ins = &unit->ins[at];

        if (is_dead(&live, at)) {
            *ins = (struct ir_ins){.op = IR_nop};
            continue;
        }
        if (shows_state(unit, ins)) {
            memset(live.overset, 0, n_slots);
        }
        use(&live, ins->a);
        use(&live, ins->b);
        use(&live, ins->c);
        use(&live, ins->d);
    }
    free(live.used);
    free(live.overset);
}
