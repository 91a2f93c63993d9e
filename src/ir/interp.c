/*
 * The interpreter: the oracle that the code generators are measured against.
 * It runs a unit as it was built, record by record, in the order of the
 * text, with every value in an array. Nothing here is clever.
 */
#include "ir/build.h"
#include "ir/float.h"
#include "ir/ir.h"

#include "base/error.h"
#include "exec/byte_filter.h"
#include "exec/cpu.h"
#include "mem/mem.h"

#include <string.h>

struct run {
    struct cpu *cpu;
    const struct ir_unit *unit;
    uint64_t first_count; /* before the unit */
    union ir_value *value;
};

static const union ir_value *operand(const struct run *run, ir_ref ref)
{
    static const union ir_value zero;

    if (ref == IR_NONE) {
        return &zero;
    }
    return ir_is_const(ref) ? &run->unit->consts[ref & ~IR_CONST_BIT].value
                            : &run->value[ref];
}

/* -- Slots: little-endian in the CPU's struct, as on the host ------------- */

static void get(const struct run *run, uint32_t slot, union ir_value *value)
{
    const struct guest_slot *row = &run->cpu->guest->slots[slot];

    memset(value, 0, sizeof(*value));
    memcpy(value, (const uint8_t *)run->cpu + row->offset, row->size);
}

static void set(const struct run *run, uint32_t slot,
                const union ir_value *value)
{
    const struct guest_slot *row = &run->cpu->guest->slots[slot];

    memcpy((uint8_t *)run->cpu + row->offset, value, row->size);
}

/* -- Calls ----------------------------------------------------------------- */

/* Surplus arguments are ignored by the callee, as the host's ABI allows. */
typedef uint64_t helper_function(struct cpu *, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t);

static void call(struct run *run, const struct ir_ins *ins,
                 union ir_value *value)
{
    const struct guest_helper *helper = ir_helper(run->unit, ins->imm);
    const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};
    uint64_t args[5] = {0}, result;

    for (unsigned i = 0; i < helper->n_args; i++) {
        const union ir_value *from = operand(run, refs[i]);

        args[i] = helper->args[i] == IR_V128  ? (uint64_t)(uintptr_t)from
                  : helper->args[i] == IR_I64 ? from->u64
                                              : from->u32;
    }
    memset(value, 0, sizeof(*value));
    if ((helper->effects & HELPER_AT_PC) && run->cpu->guest->pc_slot) {
        union ir_value pc = {.v64 = {run->cpu->insn_pc, 0}};

        set(run, run->cpu->guest->pc_slot, &pc);
    }
    args[helper->n_args] = (uint64_t)(uintptr_t)value;
    result = ((helper_function *)helper->function)(run->cpu, args[0], args[1],
                                                   args[2], args[3], args[4]);
    if (helper->result == IR_I64) {
        value->u64 = result;
    } else if (helper->result == IR_I32) {
        value->u64 = (uint32_t)result;
    }
}

/* -- Records --------------------------------------------------------------- */

static enum ir_exit_kind leave(struct run *run, uint64_t pc,
                               enum ir_exit_kind kind)
{
    run->cpu->guest->set_pc(run->cpu, pc);
    run->cpu->count++; /* an exit retires its instruction */
    return kind;
}

/* The flags that it raises stay. */
static void run_float(const struct run *run, const struct ir_ins *ins,
                      union ir_value *value)
{
    uint32_t slot = run->cpu->guest->mxcsr_slot;
    union ir_value mxcsr;

    get(run, slot, &mxcsr);
    memset(value, 0, sizeof(*value));
    mxcsr.u32 |= ir_eval_float(ins, operand(run, ins->a), operand(run, ins->b),
                               mxcsr.u32, value);
    set(run, slot, &mxcsr);
}

/* Runs one record that is no exit. */
static void step(struct run *run, uint32_t at)
{
    const struct ir_ins *ins = &run->unit->ins[at];
    union ir_value *value = &run->value[at];

    switch (ins->op) {
    case IR_nop:
        break;
    case IR_insn:
        run->cpu->insn_pc = operand(run, ins->a)->u64;
        run->cpu->count = run->first_count + ins->imm;
        if (run->cpu->insn_begun) {
            run->cpu->insn_begun(run->cpu);
        }
        break;
    case IR_get:
        get(run, ins->imm, value);
        break;
    case IR_set:
        set(run, ins->imm, operand(run, ins->a));
        break;
    case IR_ld:
        mem_load(run->cpu, operand(run, ins->a)->u64, ins->imm, value);
        if (ins->type == IR_I32) {
            value->u64 = value->u32;
        }
        break;
    case IR_st:
        mem_store(run->cpu, operand(run, ins->a)->u64, ins->imm,
                  operand(run, ins->b));
        break;
    case IR_copy_ahead:
    case IR_fill_ahead:
        memset(value, 0, sizeof(*value));
        break;
    case IR_call:
        call(run, ins, value);
        break;
    case IR_fault_if:
        if (operand(run, ins->a)->u32) {
            ((helper_function *)ir_helper(run->unit, ins->imm)->function)(
                run->cpu, operand(run, ins->b)->u32, 0, 0, 0, 0);
        }
        break;
    case IR_call_unless:
        if (!(*(const uint64_t *)(uintptr_t)operand(run, ins->a)->u64 &
              operand(run, ins->b)->u64)) {
            call(run, ins, value);
        }
        break;
    case IR_sqrtps ... IR_cvtsi2sd:
        run_float(run, ins, value);
        break;
    case IR_call_if_byte:
        if (byte_filter_passes(
                (const void *)(uintptr_t)operand(run, ins->d)->u64,
                run->cpu->insn_pc, operand(run, ins->b)->u64,
                MO_SIZE(operand(run, ins->c)->u32))) {
            call(run, ins, value);
        }
        break;
    default:
        ir_eval(ins, operand(run, ins->a), operand(run, ins->b),
                operand(run, ins->c), value);
    }
}

enum ir_exit_kind ir_interpret(struct cpu *cpu, const struct ir_unit *unit)
{
    union ir_value value[unit->n_ins];
    struct run run = {cpu, unit, cpu->count, value};

    for (uint32_t at = 1; at < unit->n_ins; at++) {
        const struct ir_ins *ins = &unit->ins[at];

        if (ins->op == IR_exit) {
            return leave(&run, operand(&run, ins->a)->u64,
                         (enum ir_exit_kind)ins->imm);
        }
        if (ins->op != IR_exit_if) {
            step(&run, at);
        } else if (operand(&run, ins->a)->u32) {
            return leave(&run, operand(&run, ins->b)->u64,
                         (enum ir_exit_kind)ins->imm);
        }
    }
    panda_bug("a unit without an exit ran");
}
