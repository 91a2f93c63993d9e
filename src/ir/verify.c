/* Checks R1..R4 of types.h, and the types that ops.def gives. */
#include "ir/build.h"
#include "ir/ir.h"

#include "base/error.h"
#include "guest/guest.h"

#include <string.h>

struct check {
    const struct ir_unit *unit;
    uint32_t at; /* the record looked at */
    uint32_t n_insns;
    bool written; /* state, in this guest instruction */
    const char *fault;
};

static void fail(struct check *c, const char *what)
{
    if (!c->fault) {
        c->fault = what;
    }
}

static bool is_integer(unsigned type)
{
    return type == IR_I32 || type == IR_I64;
}

/* The type that operand k must have; IR_VOID: it must be absent. */
static enum ir_type wanted(struct check *c, const struct ir_ins *ins,
                           unsigned k)
{
    const struct guest *guest = c->unit->guest;
    const struct guest_helper *helper;

    switch (ir_op_rows[ins->op].arg[k]) {
    case 'W':
        if (!is_integer(ins->type)) {
            fail(c, "the type must be i32 or i64");
        }
        return (enum ir_type)ins->type;
    case 'I':
        return IR_I32;
    case 'L':
        return IR_I64;
    case 'V':
        return IR_V128;
    case '-':
        return IR_VOID;
    }
    if (ins->op == IR_set) {
        return (enum ir_type)guest->slots[ins->imm].type;
    }
    if (ins->op == IR_st) {
        return (enum ir_type)ins->type;
    }
    helper = ir_helper(c->unit, ins->imm);
    return k < helper->n_args ? (enum ir_type)helper->args[k] : IR_VOID;
}

/* Where no operand is W, the record's type is that of its result. */
static void check_type(struct check *c, const struct ir_ins *ins)
{
    const struct ir_op_row *row = &ir_op_rows[ins->op];

    if (row->result != 'X' && ins->op != IR_st &&
        !memchr(row->arg, 'W', sizeof(row->arg)) &&
        ins->type != ir_result_type(ins)) {
        fail(c, "the type is not that of the result");
    }
    if (row->result == 'W' && !is_integer(ins->type)) {
        fail(c, "the type must be i32 or i64");
    }
    if (row->effect == IR_FLOAT_EFFECT && !c->unit->guest->mxcsr_slot) {
        fail(c, "the guest has no MXCSR");
    }
}

/* R2. */
static void check_operands(struct check *c, const struct ir_ins *ins)
{
    const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};

    for (unsigned k = 0; k < 4 && !c->fault; k++) {
        uint32_t n = refs[k] & ~IR_CONST_BIT;

        if (ir_is_const(refs[k]) ? n >= c->unit->n_consts
                                 : refs[k] >= c->at && refs[k]) {
            fail(c, "an operand is not defined before its use");
        } else if (ir_type_of(c->unit, refs[k]) != wanted(c, ins, k)) {
            fail(c, "an operand has the wrong type");
        }
    }
}

/* Of fault_if: the helper does nothing else. */
static bool faults(const struct ir_unit *unit, const struct ir_ins *ins)
{
    const struct guest_helper *helper;

    if (ins->imm >= unit->guest->n_helpers + unit->n_more_helpers) {
        return false;
    }
    helper = ir_helper(unit, ins->imm);
    return helper->result == IR_VOID && helper->n_args == 1 &&
           helper->args[0] == IR_I32 && helper->effects & HELPER_FAULTS &&
           ir_is_const(ins->b);
}

static void check_imm(struct check *c, const struct ir_ins *ins)
{
    const struct guest *guest = c->unit->guest;

    switch (ins->op) {
    case IR_get:
        if (ins->imm >= guest->n_slots ||
            guest->slots[ins->imm].type != ins->type) {
            fail(c, "no such slot of that type");
        }
        break;
    case IR_set:
        if (ins->imm >= guest->n_slots) {
            fail(c, "no such slot");
        }
        break;
    case IR_call:
        if (ins->imm >= guest->n_helpers + c->unit->n_more_helpers ||
            ir_helper(c->unit, ins->imm)->result != ins->type) {
            fail(c, "no such helper with that result");
        }
        break;
    case IR_call_unless:
        if (!ir_is_const(ins->a) || ins->imm < guest->n_helpers ||
            ins->imm >= guest->n_helpers + c->unit->n_more_helpers) {
            fail(c, "only a pass may use it, with a helper of its own");
        }
        break;
    case IR_fault_if:
        if (!faults(c->unit, ins)) {
            fail(c, "no such helper that faults, or no constant for it");
        }
        break;
    case IR_call_if_byte:
        if (!ir_is_const(ins->c) || !ir_is_const(ins->d) ||
            ins->imm < guest->n_helpers ||
            ins->imm >= guest->n_helpers + c->unit->n_more_helpers) {
            fail(c, "only a pass may use it, with a helper of its own");
        }
        break;
    case IR_exit:
        if (ins->imm > IR_EXIT_POLL) {
            fail(c, "no such kind of exit");
        }
        break;
    case IR_exit_if:
    case IR_insn:
        if (!ir_is_const(ins->op == IR_insn ? ins->a : ins->b)) {
            fail(c, "the pc must be a constant");
        }
        break;
    case IR_fl_add ... IR_fl_logic:
        if ((ins->imm != 8 && ins->imm != 16 && ins->imm != 32 &&
             ins->imm != 64) ||
            (ins->imm == 64) != (ins->type == IR_I64 && ins->imm > 32)) {
            fail(c, "the flags' width does not fit the operands");
        }
        break;
    }
}

static void check_memory(struct check *c, const struct ir_ins *ins)
{
    unsigned size;

    if (ins->op != IR_ld && ins->op != IR_st && ins->op != IR_copy_ahead &&
        ins->op != IR_fill_ahead) {
        return;
    }
    size = ins->imm & MO_SIZE_MASK;
    if (ins->type == IR_VOID || size > 4 ||
        (size == 4) != (ins->type == IR_V128) ||
        (size == 3 && ins->type != IR_I64) || MO_MMU(ins->imm) >= 4) {
        fail(c, "the memory operation does not fit the type");
    }
}

static bool may_leave(const struct check *c, const struct ir_ins *ins)
{
    if (ins->op == IR_call) {
        return ir_helper(c->unit, ins->imm)->effects &
               (HELPER_FAULTS | HELPER_IO);
    }
    return ins->op == IR_ld || ins->op == IR_st || ins->op == IR_fault_if;
}

/* A helper that writes slots does what a set does. */
static bool writes_state(const struct check *c, const struct ir_ins *ins)
{
    if (ins->op == IR_call) {
        return ir_helper(c->unit, ins->imm)->effects & HELPER_WRITES;
    }
    if (ins->op == IR_set) {
        return !c->unit->guest->slots[ins->imm].stateless;
    }
    return ir_op_rows[ins->op].effect == IR_FLOAT_EFFECT;
}

/* R1, R3 and R4. */
static void check_order(struct check *c, const struct ir_ins *ins)
{
    if (ins->op == IR_insn) {
        if (ins->imm != c->n_insns++) {
            fail(c, "guest instructions are not counted 0, 1, 2 (R4)");
        }
        c->written = false;
    } else if (c->n_insns == 0) {
        fail(c, "no guest instruction is open (R4)");
    }
    if (c->written && may_leave(c, ins)) {
        fail(c, "an op that may leave follows a write of state (R1)");
    }
    c->written = c->written || writes_state(c, ins);
    if ((ins->op == IR_exit) != (c->at + 1 == c->unit->n_ins)) {
        fail(c, "the last record, and it alone, is an exit (R3)");
    }
}

bool ir_verify(const struct ir_unit *unit, char **message)
{
    struct check c = {.unit = unit};

    if (unit->n_ins < 2) {
        *message = panda_message("the unit is empty");
        return false;
    }
    for (c.at = 1; c.at < unit->n_ins; c.at++) {
        const struct ir_ins *ins = &unit->ins[c.at];

        if (ins->op >= IR_OP_COUNT || ins->type > IR_V128) {
            *message = panda_message("record %u: no such op or type", c.at);
            return false;
        }
        check_imm(&c, ins);
        if (!c.fault) {
            check_operands(&c, ins);
            check_type(&c, ins);
            check_memory(&c, ins);
            check_order(&c, ins);
        }
        if (c.fault) {
            *message = panda_message("record %u (%s): %s", c.at,
                                     ir_op_rows[ins->op].name, c.fault);
            return false;
        }
    }
    return true;
}
