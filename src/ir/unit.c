/* Units: memory, constants, and what a reference means. */
#include "ir/build.h"
#include "ir/ir.h"

#include "base/error.h"
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

struct ir_unit *ir_unit_new(const struct guest *guest)
{
    struct ir_unit *unit = calloc(1, sizeof(*unit));

    if (!unit) {
        panda_bug("out of memory");
    }
    unit->guest = guest;
    unit->n_ins = 1;
    return unit;
}

void ir_unit_free(struct ir_unit *unit)
{
    if (unit) {
        free(unit->ins);
        free(unit->consts);
        free(unit);
    }
}

void ir_unit_clear(struct ir_unit *unit)
{
    unit->n_ins = 1;
    unit->n_consts = 0;
    unit->n_insns = 0;
    unit->n_in_mode = 0;
}

ir_ref ir_unit_append(struct ir_unit *unit, const struct ir_ins *ins)
{
    panda_assert(unit->n_ins <= IR_MAX_INS);
    if (unit->n_ins >= unit->cap_ins) {
        unit->cap_ins = unit->cap_ins ? unit->cap_ins * 2 : 128;
        unit->ins = realloc(unit->ins, unit->cap_ins * sizeof(*ins));
        if (!unit->ins) {
            panda_bug("out of memory");
        }
        memset(&unit->ins[0], 0, sizeof(*ins));
    }
    unit->ins[unit->n_ins] = *ins;
    if (ins->op == IR_insn) {
        unit->n_insns++;
    }
    return (ir_ref)unit->n_ins++;
}

ir_ref ir_unit_const(struct ir_unit *unit, enum ir_type type,
                     const union ir_value *value)
{
    struct ir_const *at;

    for (uint32_t i = 0; i < unit->n_consts; i++) {
        at = &unit->consts[i];
        if (at->type == type && !memcmp(&at->value, value, sizeof(*value))) {
            return (ir_ref)(IR_CONST_BIT | i);
        }
    }
    panda_assert(unit->n_consts < IR_CONST_BIT);
    if (unit->n_consts == unit->cap_consts) {
        unit->cap_consts = unit->cap_consts ? unit->cap_consts * 2 : 32;
        unit->consts = realloc(unit->consts,
                               unit->cap_consts * sizeof(*unit->consts));
        if (!unit->consts) {
            panda_bug("out of memory");
        }
    }
    at = &unit->consts[unit->n_consts];
    at->type = type;
    at->value = *value;
    return (ir_ref)(IR_CONST_BIT | unit->n_consts++);
}

/* The type of a record's result: `type` means the operands' for some ops. */
enum ir_type ir_result_type(const struct ir_ins *ins)
{
    switch (ir_op_rows[ins->op].result) {
    case 'I':
        return IR_I32;
    case 'L':
        return IR_I64;
    case 'V':
        return IR_V128;
    case '-':
        return IR_VOID;
    default:
        return (enum ir_type)ins->type;
    }
}

enum ir_type ir_type_of(const struct ir_unit *unit, ir_ref ref)
{
    if (ref == IR_NONE) {
        return IR_VOID;
    }
    if (ir_is_const(ref)) {
        return unit->consts[ref & ~IR_CONST_BIT].type;
    }
    return ir_result_type(&unit->ins[ref]);
}

bool ir_const_value(const struct ir_unit *unit, ir_ref ref, uint64_t *value)
{
    if (!ir_is_const(ref)) {
        return false;
    }
    *value = unit->consts[ref & ~IR_CONST_BIT].value.u64;
    return true;
}
