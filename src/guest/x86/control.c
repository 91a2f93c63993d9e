/* Jumps, calls, returns, and what depends on a condition. */
#include "guest/x86/translate.h"
#include "guest/x86/rows.h"
#include "guest/x86/segment.h"

static ir_ref condition(struct x86_translator *t)
{
    return ir_cc(t->b, x86_get_flags(t), (unsigned)t->insn.row->argument);
}

/*
 * Offsets and addresses: the unit's pc is linear, what the guest pushes, pops
 * and jumps to is an offset in CS. The base is a value of the running guest,
 * and zero where the mode word says so. A target of 16 bits wraps around
 * within the segment, so that above a base it is no constant.
 */
static bool has_base(const struct x86_translator *t)
{
    return t->mode != X86_MODE_64 && (t->mode_word & X86_MODE_BASES);
}

static ir_ref from_offset(struct x86_translator *t, ir_ref offset)
{
    if (t->insn.size == 2) {
        offset = x86_zero_extend(t, offset, 16);
    }
    return x86_segment_address(t, X86_CS, x86_to_i64(t, offset));
}

/* The offset of the next instruction plus `by`, of the operand's size. */
static ir_ref next_offset(struct x86_translator *t, uint64_t by)
{
    unsigned size = t->insn.size;
    ir_ref next = x86_constant(t, size, t->next_pc + by);

    if (!has_base(t)) {
        return next;
    }
    return ir_bin(t->b, IR_sub, next,
                  x86_to_i32(t, ir_get(t->b, X86_SLOT_cs_base)));
}

static bool is_fixed(const struct x86_translator *t)
{
    return t->insn.size != 2 || !has_base(t);
}

static uint64_t fixed_target(const struct x86_translator *t)
{
    uint64_t pc = t->next_pc + t->insn.operand[0].value;

    return t->insn.size == 2 ? (uint16_t)pc : x86_pc(t, pc);
}

/*
 * Where control cannot go it does not: the transfer faults, not what would
 * come next. In 64-bit mode a target must be canonical, else it must lie
 * within the limit of CS, which is asked where it may be below 4 GiB. All of
 * this comes before anything is set.
 */
static void check_target(struct x86_translator *t, ir_ref offset, ir_ref taken)
{
    ir_ref bits = ir_const_i32(t->b, 16), cut;

    offset = x86_to_i64(t, offset);
    if (t->mode == X86_MODE_64) {
        cut = ir_bin(t->b, IR_sar, ir_bin(t->b, IR_shl, offset, bits), bits);
        ir_fault_if(t->b, ir_bin(t->b, IR_ne, cut, offset),
                    X86_HELPER_exception, X86_GP);
    } else if (t->mode_word & X86_MODE_LIMITS) {
        if (t->insn.size == 2) {
            offset = ir_un(t->b, IR_zext16, offset);
        }
        ir_call(t->b, X86_HELPER_check_target, taken, offset, IR_NONE, IR_NONE);
    }
}

static void check_relative(struct x86_translator *t, ir_ref taken)
{
    if (t->mode != X86_MODE_64) {
        check_target(t, next_offset(t, t->insn.operand[0].value), taken);
    } else if (!x86_canonical(fixed_target(t))) {
        ir_fault_if(t->b, taken, X86_HELPER_exception, X86_GP);
    }
}

static ir_ref always(struct x86_translator *t)
{
    return ir_const_i32(t->b, 1);
}

/* To an offset in CS. */
static void jump_to(struct x86_translator *t, ir_ref offset)
{
    x86_exit(t, from_offset(t, offset), IR_EXIT_INDIRECT);
}

static void jump_relative(struct x86_translator *t)
{
    if (is_fixed(t)) {
        x86_exit(t, ir_const_i64(t->b, fixed_target(t)), IR_EXIT_LINK);
    } else {
        jump_to(t, next_offset(t, t->insn.operand[0].value));
    }
}

/* True: the unit ends here, whatever the condition. */
static bool branch(struct x86_translator *t, ir_ref taken)
{
    ir_ref target;

    if (is_fixed(t)) {
        return x86_exit_if(t, taken, fixed_target(t), t->next_pc);
    }
    target = from_offset(t, next_offset(t, t->insn.operand[0].value));
    x86_exit(t, ir_select(t->b, taken, target, ir_const_i64(t->b, t->next_pc)),
             IR_EXIT_INDIRECT);
    return true;
}

/* The unit goes on where the branch is not taken. */
bool x86_tr_jcc(struct x86_translator *t)
{
    ir_ref taken = condition(t);

    check_relative(t, taken);
    return branch(t, taken);
}

bool x86_tr_setcc(struct x86_translator *t)
{
    x86_write(t, 0, condition(t));
    return false;
}

/* The source is always read, and four bytes always written. */
bool x86_tr_cmov(struct x86_translator *t)
{
    ir_ref from = x86_read(t, 1), old = x86_read(t, 0);

    x86_write(t, 0, ir_select(t->b, condition(t), from, old));
    return false;
}

bool x86_tr_jmp(struct x86_translator *t)
{
    check_relative(t, always(t));
    jump_relative(t);
    return true;
}

bool x86_tr_jmp_indirect(struct x86_translator *t)
{
    ir_ref to = x86_read(t, 0);

    check_target(t, to, always(t));
    jump_to(t, to);
    return true;
}

static void check_call(struct x86_translator *t, ir_ref to)
{
    if (to == IR_NONE) {
        check_relative(t, always(t));
    } else {
        check_target(t, to, always(t));
    }
}

/* In 64-bit mode processors push first, and then look where to. */
bool x86_tr_call(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    bool direct = t->insn.operand[0].kind == X86_OPERAND_RELATIVE;
    bool push_first = t->mode == X86_MODE_64;
    ir_ref to = direct ? IR_NONE : x86_read(t, 0);
    ir_ref pointer = x86_stack_moved(t, -(int64_t)size);

    if (!push_first) {
        check_call(t, to);
    }
    x86_store(t, x86_stack_address(t, pointer), size, next_offset(t, 0));
    if (push_first) {
        check_call(t, to);
    }
    x86_set_stack(t, pointer);
    if (direct) {
        jump_relative(t);
    } else {
        jump_to(t, to);
    }
    return true;
}

bool x86_tr_ret(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    uint64_t more = (uint16_t)t->insn.operand[0].value;
    ir_ref pc = x86_load(t, x86_stack_address(t, x86_stack_moved(t, 0)), size);

    check_target(t, pc, always(t));
    x86_set_stack(t, x86_stack_moved(t, (int64_t)(size + more)));
    jump_to(t, pc);
    return true;
}

/* LOOPNE, LOOPE, LOOP, JRCXZ: by the count of the address size. */
bool x86_tr_loop(struct x86_translator *t)
{
    enum { LOOPNE, LOOPE, LOOP, JRCXZ } kind = (unsigned)t->insn.row->argument;
    unsigned size = t->insn.address_size;
    ir_ref zero = x86_constant(t, size, 0), count, taken;

    count = x86_get_gpr(t, 1, size);
    if (kind != JRCXZ) {
        count = ir_bin(t->b, IR_sub, count, x86_constant(t, size, 1));
    }
    taken = ir_bin(t->b, kind == JRCXZ ? IR_eq : IR_ne,
                   x86_zero_extend(t, count, 8 * size), zero);
    if (kind == LOOPNE || kind == LOOPE) {
        taken = ir_bin(t->b, IR_and, taken,
                       ir_cc(t->b, x86_get_flags(t), kind == LOOPE ? 4 : 5));
    }
    check_relative(t, taken);
    if (kind != JRCXZ) {
        x86_set_gpr(t, 1, size, count);
    }
    return branch(t, taken);
}
