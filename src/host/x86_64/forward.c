/*
 * Before a unit is lowered: values that are another one's register. A value
 * of 32 bits has a clear upper half there, so that to widen it costs nothing;
 * nor to narrow what is known to be clear above. A slot of 64 bits of which
 * only the lower half is asked for is loaded as 32.
 *
 * Afterwards an operand may be an i32 where the table of ops says i64.
 */
#include "host/x86_64/lower.h"

#include "base/error.h"
#include "guest/guest.h"

#include <stdlib.h>

struct forward {
    struct ir_unit *unit;
    ir_ref *same;     /* by value: what stands for it */
    uint16_t *uses;   /* by value */
    uint16_t *halves; /* so many of them are trunc */
    bool *clear;      /* by value: an i64 with a clear upper half */
};

static bool is_value(ir_ref ref)
{
    return ref != IR_NONE && !ir_is_const(ref);
}

static void count(struct forward *f, const struct ir_ins *ins)
{
    const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};

    for (unsigned k = 0; k < 4; k++) {
        if (is_value(refs[k])) {
            f->uses[refs[k]]++;
            f->halves[refs[k]] += ins->op == IR_trunc;
        }
    }
}

static bool is_clear(const struct forward *f, ir_ref ref)
{
    uint64_t value;

    return ir_const_value(f->unit, ref, &value) ? value <= UINT32_MAX
                                                : f->clear[ref];
}

/* Whether a record's result has a clear upper half. */
static bool clears(const struct forward *f, const struct ir_ins *ins)
{
    uint64_t count;

    switch (ins->op) {
    case IR_get:
        return f->unit->guest->slots[ins->imm].size <= 4;
    case IR_ld:
        return !(ins->imm & MO_SIGN) && (ins->imm & MO_SIZE_MASK) <= 2;
    case IR_and:
        return is_clear(f, ins->a) || is_clear(f, ins->b);
    case IR_shr:
        return ir_const_value(f->unit, ins->b, &count) && (count & 63) >= 32;
    case IR_zext8:
    case IR_zext16:
        return true;
    default:
        return false;
    }
}

static ir_ref same(const struct forward *f, ir_ref ref)
{
    return is_value(ref) ? f->same[ref] : ref;
}

static void one(struct forward *f, uint32_t at)
{
    struct ir_ins *ins = &f->unit->ins[at];

    ins->a = same(f, ins->a);
    ins->b = same(f, ins->b);
    ins->c = same(f, ins->c);
    ins->d = same(f, ins->d);
    f->same[at] = (ir_ref)at;
    if (ins->op == IR_get && ins->type == IR_I64 &&
        f->uses[at] == f->halves[at]) {
        ins->type = IR_I32;
    }
    f->clear[at] = ir_result_type(ins) == IR_I32 ||
                   (ir_result_type(ins) == IR_I64 && clears(f, ins));
    if (is_value(ins->a) && (ins->op == IR_zext32 || ins->op == IR_trunc) &&
        f->clear[ins->a]) {
        f->same[at] = ins->a;
        *ins = (struct ir_ins){.op = IR_nop};
    }
}

void lower_forward(struct ir_unit *unit)
{
    uint32_t n = unit->n_ins;
    struct forward f = {
        .unit = unit,
        .same = panda_must(calloc(n, sizeof(*f.same))),
        .uses = panda_must(calloc(n, sizeof(*f.uses))),
        .halves = panda_must(calloc(n, sizeof(*f.halves))),
        .clear = panda_must(calloc(n, sizeof(*f.clear))),
    };

    for (uint32_t at = 1; at < n; at++) {
        count(&f, &unit->ins[at]);
    }
    for (uint32_t at = 1; at < n; at++) {
        one(&f, at);
    }
    free(f.same);
    free(f.uses);
    free(f.halves);
    free(f.clear);
}
