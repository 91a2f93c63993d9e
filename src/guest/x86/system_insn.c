/*
 * Instructions whose work is done in C (transfer.c, system.c). Most of them
 * end the unit: the mode, the mappings or what interrupts may do can be other
 * ones afterwards.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

#define CALL(t, name, ...) CALL_(t, name, ##__VA_ARGS__, 0, 0, 0, 0)
#define CALL_(t, name, a, b_, c, d, ...) \
    ir_call((t)->b, X86_HELPER_##name, a, b_, c, d)
#define I32(value) ir_const_i32(t->b, (uint32_t)(value))
#define NEXT ir_const_i64(t->b, t->next_pc)

/* On to the next instruction, with everything looked at anew. */
static bool end(struct x86_translator *t, enum ir_exit_kind kind)
{
    x86_exit(t, ir_const_i64(t->b, t->next_pc), kind);
    return true;
}

/* On to where the helper has set RIP. */
static bool end_there(struct x86_translator *t)
{
    x86_exit(t, CALL(t, linear_pc), IR_EXIT_POLL);
    return true;
}

static bool is_cpl0(const struct x86_translator *t)
{
    return t->mode_word & X86_MODE_CPL0;
}

/* The next instruction's offset in CS. */
static ir_ref next_rip(struct x86_translator *t)
{
    ir_ref next = ir_const_i64(t->b, t->next_pc);

    if (t->mode == X86_MODE_64) {
        return next;
    }
    next = ir_bin(t->b, IR_sub, next, ir_get(t->b, X86_SLOT_cs_base));
    return x86_to_i64(t, x86_to_i32(t, next));
}

/* -- Control, debug and model-specific registers --------------------------- */

static unsigned reg_field(const struct x86_translator *t)
{
    return (t->insn.modrm >> 3 & 7) | (t->insn.rex & 4u) << 1;
}

static unsigned rm_field(const struct x86_translator *t)
{
    return (t->insn.modrm & 7) | (t->insn.rex & 1u) << 3;
}

static unsigned wide(const struct x86_translator *t)
{
    return t->mode == X86_MODE_64 ? 8 : 4;
}

static bool undefined(struct x86_translator *t)
{
    CALL(t, exception, I32(X86_UD));
    return end(t, IR_EXIT_LOOKUP);
}

static bool valid_cr(unsigned number)
{
    return number == 0 || (number >= 2 && number <= 4) || number == 8;
}

bool x86_tr_mov_from_cr(struct x86_translator *t)
{
    if (!valid_cr(reg_field(t))) {
        return undefined(t);
    }
    ir_ref value = CALL(t, read_cr, I32(reg_field(t)));
    x86_set_gpr(t, rm_field(t), wide(t),
                wide(t) == 8 ? value : x86_to_i32(t, value));
    return false;
}

bool x86_tr_mov_to_cr(struct x86_translator *t)
{
    if (!valid_cr(reg_field(t))) {
        return undefined(t);
    }
    CALL(t, write_cr, I32(reg_field(t)),
         x86_to_i64(t, x86_get_gpr(t, rm_field(t), wide(t))));
    return end(t, IR_EXIT_POLL);
}

bool x86_tr_mov_from_dr(struct x86_translator *t)
{
    ir_ref value;

    if (reg_field(t) > 7) {
        return x86_tr_undefined(t);
    }
    value = CALL(t, read_dr, I32(reg_field(t)));
    x86_set_gpr(t, rm_field(t), wide(t),
                wide(t) == 8 ? value : x86_to_i32(t, value));
    return false;
}

bool x86_tr_mov_to_dr(struct x86_translator *t)
{
    if (reg_field(t) > 7) {
        return x86_tr_undefined(t);
    }
    CALL(t, write_dr, I32(reg_field(t)),
         x86_to_i64(t, x86_get_gpr(t, rm_field(t), wide(t))));
    return end(t, IR_EXIT_LOOKUP);
}

bool x86_tr_clts(struct x86_translator *t)
{
    ir_ref value = CALL(t, read_cr, I32(0));

    CALL(t, write_cr, I32(0),
         ir_bin(t->b, IR_and, value, ir_const_i64(t->b, ~8ull)));
    return end(t, IR_EXIT_LOOKUP);
}

bool x86_tr_smsw(struct x86_translator *t)
{
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        t->insn.operand[0].size = 2;
    }
    ir_ref value = ir_get(t->b, X86_SLOT_cr0);
    x86_write(t, 0,
              t->insn.operand[0].size == 8 ? value : x86_to_i32(t, value));
    return false;
}

/* PE can be set by it and not cleared. */
bool x86_tr_lmsw(struct x86_translator *t)
{
    ir_ref old = ir_get(t->b, X86_SLOT_cr0), from;

    CALL(t, need_kernel);
    from = ir_bin(t->b, IR_and, x86_to_i64(t, x86_read(t, 0)),
                  ir_const_i64(t->b, 15));
    CALL(t, write_cr, I32(0),
         ir_bin(t->b, IR_or, from,
                ir_bin(t->b, IR_and, old, ir_const_i64(t->b, ~14ull))));
    return end(t, IR_EXIT_LOOKUP);
}

static void set_pair(struct x86_translator *t, ir_ref value)
{
    x86_set_gpr(t, 0, 4, x86_to_i32(t, value));
    x86_set_gpr(t, 2, 4, x86_to_i32(t, ir_bin(t->b, IR_shr, value, I32(32))));
}

bool x86_tr_rdmsr(struct x86_translator *t)
{
    set_pair(t, CALL(t, rdmsr));
    return false;
}

bool x86_tr_wrmsr(struct x86_translator *t)
{
    CALL(t, wrmsr);
    return end(t, IR_EXIT_POLL);
}

bool x86_tr_rdtsc(struct x86_translator *t)
{
    enum { RDTSC, RDTSCP, RDPMC } kind = (unsigned)t->insn.row->argument;

    if (kind == RDPMC) {
        set_pair(t, CALL(t, rdpmc));
        return false;
    }
    if (!is_cpl0(t)) {
        CALL(t, check_rdtsc);
    }
    set_pair(t, CALL(t, rdtsc));
    if (kind == RDTSCP) {
        x86_set_gpr(t, 1, 4, x86_to_i32(t, ir_get(t->b, X86_SLOT_tsc_aux)));
    }
    return false;
}

bool x86_tr_cpuid(struct x86_translator *t)
{
    CALL(t, cpuid);
    return end(t, IR_EXIT_LINK); /* plugins may write registers there */
}

bool x86_tr_swapgs(struct x86_translator *t)
{
    ir_ref base, other;

    if (!is_cpl0(t)) {
        CALL(t, need_kernel);
    }
    base = ir_get(t->b, X86_SLOT_gs_base);
    other = ir_get(t->b, X86_SLOT_kernel_gs_base);
    ir_set(t->b, X86_SLOT_gs_base, other);
    ir_set(t->b, X86_SLOT_kernel_gs_base, base);
    ir_set(t->b, X86_SLOT_current, ir_const_i64(t->b, 0));
    return false;
}

/* -- Tables and segments --------------------------------------------------- */

bool x86_tr_load_table(struct x86_translator *t)
{
    ir_ref address, limit, base;

    CALL(t, need_kernel);
    address = x86_address(t);
    limit = x86_to_i64(t, x86_load(t, address, 2));
    base = x86_load(t, ir_bin(t->b, IR_add, address, ir_const_i64(t->b, 2)),
                    wide(t));
    base = x86_to_i64(t, base);
    if (t->mode != X86_MODE_64 && t->insn.size == 2) {
        base = ir_bin(t->b, IR_and, base, ir_const_i64(t->b, 0xffffff));
    }
    CALL(t, load_table, I32(t->insn.row->argument), limit, base);
    return false;
}

bool x86_tr_store_table(struct x86_translator *t)
{
    ir_ref address = x86_address(t), which = I32(t->insn.row->argument);
    ir_ref limit = CALL(t, table, which, I32(0));
    ir_ref base = CALL(t, table, which, I32(1));

    x86_store(t, address, 2, x86_to_i32(t, limit));
    x86_store(t, ir_bin(t->b, IR_add, address, ir_const_i64(t->b, 2)), wide(t),
              wide(t) == 8 ? base : x86_to_i32(t, base));
    return false;
}

bool x86_tr_mov_to_segment(struct x86_translator *t)
{
    unsigned number = t->insn.operand[0].number;

    if (number > 5 || number == X86_CS) {
        return undefined(t);
    }
    t->no_trap = number == X86_SS;
    CALL(t, load_segment, I32(number), x86_read(t, 1));
    return end(t, IR_EXIT_LOOKUP);
}

/* Memory gets two bytes, a register all of them. */
bool x86_tr_mov_from_segment(struct x86_translator *t)
{
    ir_ref value;

    if (t->insn.operand[1].number > 5) {
        return undefined(t);
    }
    value = CALL(t, selector, I32(t->insn.operand[1].number));
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        t->insn.operand[0].size = 2;
    }
    x86_write(t, 0,
              t->insn.operand[0].size == 8 ? x86_to_i64(t, value) : value);
    return false;
}

bool x86_tr_push_segment(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref value = CALL(t, selector, I32(t->insn.row->argument));
    ir_ref pointer = x86_stack_moved(t, -(int64_t)size);

    x86_store(t, x86_stack_address(t, pointer), size,
              size == 8 ? x86_to_i64(t, value) : value);
    x86_set_stack(t, pointer);
    return false;
}

bool x86_tr_pop_segment(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref value = x86_load(t, x86_stack_address(t, x86_stack_moved(t, 0)),
                            size);

    t->no_trap = t->insn.row->argument == X86_SS;
    CALL(t, load_segment, I32(t->insn.row->argument), x86_to_i32(t, value));
    x86_set_stack(t, x86_stack_moved(t, size));
    return end(t, IR_EXIT_LOOKUP);
}

bool x86_tr_load_system(struct x86_translator *t)
{
    CALL(t, need_protected);
    CALL(t, need_kernel);
    CALL(t, load_system, I32(t->insn.row->argument), x86_read(t, 0));
    return false;
}

bool x86_tr_store_system(struct x86_translator *t)
{
    ir_ref value;

    CALL(t, need_protected);
    value = CALL(t, selector, I32(6 + t->insn.row->argument));
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        t->insn.operand[0].size = 2;
    }
    x86_write(t, 0,
              t->insn.operand[0].size == 8 ? x86_to_i64(t, value) : value);
    return false;
}

/* -- Transfers ------------------------------------------------------------- */

/* selector:offset behind a memory operand. */
static ir_ref far_pointer(struct x86_translator *t, ir_ref *selector)
{
    ir_ref address = x86_address(t);
    unsigned size = t->insn.size;
    ir_ref offset = x86_load(t, address, size);

    *selector = x86_load(
        t, ir_bin(t->b, IR_add, address, ir_const_i64(t->b, size)), 2);
    return x86_to_i64(t, size == 2 ? x86_zero_extend(t, offset, 16) : offset);
}

static bool far(struct x86_translator *t, ir_ref selector, ir_ref offset)
{
    if (t->insn.row->argument) {
        ir_call(t->b, X86_HELPER_far_call, selector, offset, next_rip(t),
                I32(t->insn.size));
    } else {
        CALL(t, far_jump, selector, offset);
    }
    return end_there(t);
}

bool x86_tr_far_memory(struct x86_translator *t)
{
    ir_ref selector, offset = far_pointer(t, &selector);

    return far(t, selector, offset);
}

bool x86_tr_far_immediate(struct x86_translator *t)
{
    uint64_t mask = t->insn.size == 2 ? 0xffff : 0xffffffffu;

    return far(t, I32(t->insn.operand[1].value & 0xffff),
               ir_const_i64(t->b, t->insn.operand[0].value & mask));
}

bool x86_tr_far_return(struct x86_translator *t)
{
    CALL(t, far_return, I32(t->insn.size),
         I32(t->insn.operand[0].value & 0xffff));
    return end_there(t);
}

bool x86_tr_iret(struct x86_translator *t)
{
    CALL(t, iret, I32(t->insn.size));
    return end_there(t);
}

bool x86_tr_syscall(struct x86_translator *t)
{
    t->no_trap = true; /* the helper looks at TF as it is afterwards */
    CALL(t, syscall, next_rip(t));
    return end_there(t);
}

bool x86_tr_sysret(struct x86_translator *t)
{
    t->no_trap = true;
    CALL(t, sysret, I32(t->insn.size));
    return end_there(t);
}

bool x86_tr_sysenter(struct x86_translator *t)
{
    CALL(t, sysenter);
    return end_there(t);
}

bool x86_tr_sysexit(struct x86_translator *t)
{
    CALL(t, sysexit);
    return end_there(t);
}

bool x86_tr_interrupt(struct x86_translator *t)
{
    unsigned vector = t->insn.operand[0].kind == X86_OPERAND_IMMEDIATE
                          ? (uint8_t)t->insn.operand[0].value
                          : (unsigned)t->insn.row->argument;

    if (t->insn.row->opcode == 0xf1) {
        vector |= X86_INT1_BIT;
    }
    CALL(t, interrupt, I32(vector), next_rip(t));
    return end(t, IR_EXIT_LOOKUP);
}

bool x86_tr_into(struct x86_translator *t)
{
    CALL(t, into, ir_cc(t->b, x86_get_flags(t), 0), next_rip(t));
    return false;
}

bool x86_tr_undefined(struct x86_translator *t)
{
    return undefined(t);
}

/* -- The rest ------------------------------------------------------------- */

bool x86_tr_hlt(struct x86_translator *t)
{
    CALL(t, halt, next_rip(t));
    return end(t, IR_EXIT_POLL);
}

/* INVLPG, WBINVD and the like: nothing is cached that could be seen. */
bool x86_tr_kernel_only(struct x86_translator *t)
{
    if (!is_cpl0(t)) {
        CALL(t, need_kernel);
    }
    return false;
}

/* LDS and the like: an offset and a segment register. */
bool x86_tr_load_far(struct x86_translator *t)
{
    ir_ref selector, offset = far_pointer(t, &selector);

    CALL(t, load_segment, I32(t->insn.row->argument | X86_LOAD_NO_SHADOW),
         selector);
    x86_write(t, 0, t->insn.size == 8 ? offset : x86_to_i32(t, offset));
    return end(t, IR_EXIT_LOOKUP);
}
