/*
 * The text form, one record a line:
 *
 *     %1 = insn void i64:0x401000, #0x0
 *         %2 = get i64 @rax
 *         %3 = add i64 %2, i64:0x1, #0x0
 *         %4 = set void %3, @rax
 *         %5 = exit void i64:0x401004, #0x0
 *
 * Every record bears its place in the unit, also without a value; `-` is an
 * operand left out before another one; `@` names a slot or helper; `#` is
 * the immediate. parse.c reads it back.
 *
 * A unit that the verifier refuses prints as well, since that is when one
 * wants to see it: what names nothing is shown by number, after a `?`.
 */
#include "ir/ir.h"

#include "guest/guest.h"

#include <inttypes.h>

static const char *const type_names[] = {"void", "i32", "i64", "v128"};

static void print_op(const struct ir_ins *ins, FILE *out)
{
    if (ins->op < IR_OP_COUNT) {
        fprintf(out, "%s ", ir_op_rows[ins->op].name);
    } else {
        fprintf(out, "?%u ", ins->op);
    }
    if (ins->type <= IR_V128) {
        fprintf(out, "%s ", type_names[ins->type]);
    } else {
        fprintf(out, "?%u ", ins->type);
    }
}

static void print_operand(const struct ir_unit *unit, ir_ref ref, FILE *out)
{
    const struct ir_const *constant;

    if (ref == IR_NONE) {
        fputs("-", out);
    } else if (!ir_is_const(ref)) {
        fprintf(out, "%%%u", ref);
    } else if ((ref & ~IR_CONST_BIT) >= unit->n_consts) {
        fprintf(out, "?%u", ref & ~IR_CONST_BIT);
    } else {
        constant = &unit->consts[ref & ~IR_CONST_BIT];
        fprintf(out, "%s:0x%" PRIx64, type_names[constant->type],
                constant->value.v64[0]);
        if (constant->type == IR_V128) {
            fprintf(out, ":0x%" PRIx64, constant->value.v64[1]);
        }
    }
}

static void print_imm(const struct ir_unit *unit, const struct ir_ins *ins,
                      FILE *out)
{
    const struct guest *guest = unit->guest;

    if ((ins->op == IR_get || ins->op == IR_set) && ins->imm < guest->n_slots) {
        fprintf(out, "@%s", guest->slots[ins->imm].name);
    } else if ((ins->op == IR_call || ins->op == IR_call_unless ||
                ins->op == IR_fault_if || ins->op == IR_call_if_byte) &&
               ins->imm < guest->n_helpers + unit->n_more_helpers) {
        fprintf(out, "@%s", ir_helper(unit, ins->imm)->name);
    } else {
        fprintf(out, "#0x%x", ins->imm);
    }
}

void ir_print(const struct ir_unit *unit, FILE *out)
{
    for (uint32_t i = 1; i < unit->n_ins; i++) {
        const struct ir_ins *ins = &unit->ins[i];
        const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};
        unsigned n = 4;

        while (n && refs[n - 1] == IR_NONE) {
            n--;
        }
        fprintf(out, ins->op == IR_insn ? "" : "    ");
        fprintf(out, "%%%u = ", i);
        print_op(ins, out);
        for (unsigned k = 0; k < n; k++) {
            print_operand(unit, refs[k], out);
            fputs(", ", out);
        }
        print_imm(unit, ins, out);
        fputc('\n', out);
    }
}
