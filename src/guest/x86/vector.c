/* SSE and SSE2: moves, integer vectors, shuffles. */
#include "guest/x86/vector.h"

#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/segment.h"

/* -- Operands -------------------------------------------------------------- */

bool x86_sse_off(struct x86_translator *t)
{
    enum x86_vector vector;

    if (!(t->mode_word & (X86_MODE_NO_SSE | X86_MODE_TS))) {
        return false;
    }
    vector = t->mode_word & X86_MODE_NO_SSE ? X86_UD : X86_NM;
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, vector), IR_NONE,
            IR_NONE, IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
    return true;
}

static uint32_t memop(const struct x86_translator *t, bool aligned)
{
    return x86_memop(t, 16) | (aligned ? MO_ALIGN16 : 0);
}

ir_ref x86_get_xmm(struct x86_translator *t, unsigned place)
{
    return ir_get(t->b, X86_SLOT_xmm0 + t->insn.operand[place].number);
}

void x86_set_xmm(struct x86_translator *t, unsigned place, ir_ref value)
{
    ir_set(t->b, X86_SLOT_xmm0 + t->insn.operand[place].number, value);
}

ir_ref x86_read_vector(struct x86_translator *t, unsigned place, bool aligned)
{
    const struct x86_operand *operand = &t->insn.operand[place];

    if (operand->kind == X86_OPERAND_XMM) {
        return x86_get_xmm(t, place);
    }
    if (operand->size == 16) {
        ir_ref address = x86_address(t);

        x86_guard(t, address, 16, false);
        return ir_load(t->b, IR_V128, address, memop(t, aligned));
    }
    return ir_un(t->b, IR_vzext, x86_load(t, x86_address(t), operand->size));
}

static void write_vector(struct x86_translator *t, unsigned place, ir_ref value,
                         bool aligned)
{
    if (t->insn.operand[place].kind == X86_OPERAND_XMM) {
        x86_set_xmm(t, place, value);
    } else {
        ir_ref address = x86_address(t);

        x86_guard(t, address, 16, true);
        ir_store(t->b, address, value, memop(t, aligned));
    }
}

static ir_ref lane(struct x86_translator *t, enum ir_op op, ir_ref vector,
                   unsigned number)
{
    return ir_emit(t->b, op, op == IR_vlane64 ? IR_I64 : IR_I32, vector, 0, 0,
                   0, number);
}

static ir_ref insert(struct x86_translator *t, enum ir_op op, ir_ref vector,
                     ir_ref value, unsigned number)
{
    return ir_emit(t->b, op, IR_V128, vector, value, 0, 0, number);
}

/* The element of a scalar operand: i32 or i64. */
static ir_ref scalar(struct x86_translator *t, unsigned place)
{
    unsigned size = t->insn.operand[place].size;

    if (t->insn.operand[place].kind == X86_OPERAND_MEMORY) {
        return x86_load(t, x86_address(t), size);
    }
    return lane(t, size == 8 ? IR_vlane64 : IR_vlane32, x86_get_xmm(t, place),
                0);
}

/* -- Moves ----------------------------------------------------------------- */

bool x86_tr_move_vector(struct x86_translator *t)
{
    bool aligned = t->insn.row->argument;

    if (x86_sse_off(t)) {
        return true;
    }
    write_vector(t, 0, x86_read_vector(t, 1, aligned), aligned);
    return false;
}

/* From memory the rest becomes 0, from a register it stays. */
bool x86_tr_load_scalar(struct x86_translator *t)
{
    bool memory = t->insn.operand[1].kind == X86_OPERAND_MEMORY;
    ir_ref value;

    if (x86_sse_off(t)) {
        return true;
    }
    value = scalar(t, 1);
    if (memory) {
        x86_set_xmm(t, 0, ir_un(t->b, IR_vzext, value));
    } else {
        x86_set_xmm(t, 0,
                    insert(t,
                           t->insn.operand[1].size == 8 ? IR_vins64 : IR_vins32,
                           x86_get_xmm(t, 0), value, 0));
    }
    return false;
}

bool x86_tr_store_scalar(struct x86_translator *t)
{
    unsigned size = t->insn.operand[0].size;
    ir_ref value;

    if (x86_sse_off(t)) {
        return true;
    }
    value = scalar(t, 1);
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        x86_store(t, x86_address(t), size, value);
    } else {
        x86_set_xmm(t, 0,
                    insert(t, size == 8 ? IR_vins64 : IR_vins32,
                           x86_get_xmm(t, 0), value, 0));
    }
    return false;
}

bool x86_tr_movd(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    x86_set_xmm(t, 0, ir_un(t->b, IR_vzext, x86_read(t, 1)));
    return false;
}

bool x86_tr_movd_store(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    x86_write(t, 0,
              lane(t, t->insn.operand[0].size == 8 ? IR_vlane64 : IR_vlane32,
                   x86_get_xmm(t, 1), 0));
    return false;
}

bool x86_tr_movq(struct x86_translator *t)
{
    ir_ref value;

    if (x86_sse_off(t)) {
        return true;
    }
    value = scalar(t, 1);
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        x86_store(t, x86_address(t), 8, value);
    } else {
        x86_set_xmm(t, 0, ir_un(t->b, IR_vzext, value));
    }
    return false;
}

/* Into the low or high half. Between registers the names change: MOVHLPS
 * takes the other's high half into the low one, MOVLHPS the reverse. */
bool x86_tr_half_load(struct x86_translator *t)
{
    unsigned high = (unsigned)t->insn.row->argument;
    ir_ref value;

    if (x86_sse_off(t)) {
        return true;
    }
    value = t->insn.operand[1].kind == X86_OPERAND_MEMORY
                ? x86_load(t, x86_address(t), 8)
                : lane(t, IR_vlane64, x86_get_xmm(t, 1), !high);
    x86_set_xmm(t, 0, insert(t, IR_vins64, x86_get_xmm(t, 0), value, high));
    return false;
}

bool x86_tr_half_store(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    x86_store(t, x86_address(t), 8,
              lane(t, IR_vlane64, x86_get_xmm(t, 1),
                   (unsigned)t->insn.row->argument));
    return false;
}

/* -- Integer vectors ------------------------------------------------------- */

bool x86_tr_vector(struct x86_translator *t)
{
    ir_ref y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, true);
    x86_set_xmm(t, 0,
                ir_emit(t->b, (enum ir_op)t->insn.row->argument, IR_V128,
                        x86_get_xmm(t, 0), y, 0, 0, 0));
    return false;
}

bool x86_tr_shuffle(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    x86_set_xmm(t, 0,
                ir_emit(t->b, (enum ir_op)t->insn.row->argument, IR_V128,
                        x86_read_vector(t, 1, true), 0, 0, 0,
                        (uint8_t)t->insn.operand[2].value));
    return false;
}

/* MOVDDUP and the like: the argument is that of PSHUFD. */
bool x86_tr_duplicate(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    x86_set_xmm(t, 0,
                ir_emit(t->b, IR_vshufd, IR_V128, x86_read_vector(t, 1, true),
                        0, 0, 0, (uint32_t)t->insn.row->argument));
    return false;
}

bool x86_tr_shuffle_pair(struct x86_translator *t)
{
    ir_ref y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, true);
    x86_set_xmm(t, 0,
                ir_emit(t->b, (enum ir_op)t->insn.row->argument, IR_V128,
                        x86_get_xmm(t, 0), y, 0, 0,
                        (uint8_t)t->insn.operand[2].value));
    return false;
}

/* These have no form with memory. */
static bool needs_register(struct x86_translator *t, unsigned place)
{
    if (t->insn.operand[place].kind != X86_OPERAND_MEMORY) {
        return x86_sse_off(t);
    }
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, X86_UD), IR_NONE,
            IR_NONE, IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
    return true;
}

bool x86_tr_shift_immediate(struct x86_translator *t)
{
    ir_ref count;

    if (needs_register(t, 0)) {
        return true;
    }
    count = ir_const_v128(t->b, (uint8_t)t->insn.operand[1].value, 0);
    x86_set_xmm(t, 0,
                ir_emit(t->b, (enum ir_op)t->insn.row->argument, IR_V128,
                        x86_get_xmm(t, 0), count, 0, 0, 0));
    return false;
}

bool x86_tr_shift_bytes(struct x86_translator *t)
{
    if (needs_register(t, 0)) {
        return true;
    }
    x86_set_xmm(t, 0,
                ir_emit(t->b, (enum ir_op)t->insn.row->argument, IR_V128,
                        x86_get_xmm(t, 0), 0, 0, 0,
                        (uint8_t)t->insn.operand[1].value));
    return false;
}

bool x86_tr_pinsrw(struct x86_translator *t)
{
    ir_ref value;

    if (x86_sse_off(t)) {
        return true;
    }
    value = x86_read(t, 1);
    x86_set_xmm(t, 0,
                insert(t, IR_vins16, x86_get_xmm(t, 0), value,
                       t->insn.operand[2].value & 7));
    return false;
}

bool x86_tr_pextrw(struct x86_translator *t)
{
    unsigned number = t->insn.operand[2].value & 7;
    ir_ref value;

    if (needs_register(t, 1)) {
        return true;
    }
    value = lane(t, IR_vlane32, x86_get_xmm(t, 1), number / 2);
    value = ir_bin(t->b, IR_shr, value, ir_const_i32(t->b, number % 2 * 16));
    x86_set_gpr(t, t->insn.operand[0].number, 4, x86_zero_extend(t, value, 16));
    return false;
}

bool x86_tr_mask(struct x86_translator *t)
{
    if (needs_register(t, 1)) {
        return true;
    }
    x86_set_gpr(t, t->insn.operand[0].number, 4,
                ir_emit(t->b, (enum ir_op)t->insn.row->argument, IR_I32,
                        x86_get_xmm(t, 1), 0, 0, 0, 0));
    return false;
}

/* -- MXCSR, cache lines ---------------------------------------------------- */

void x86_helper_ldmxcsr(struct cpu *cpu, uint32_t value)
{
    if (value & ~0xffffu) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    x86_of(cpu)->mxcsr = value;
}

bool x86_tr_ldmxcsr(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    ir_call(t->b, X86_HELPER_ldmxcsr, x86_read(t, 0), IR_NONE, IR_NONE,
            IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->next_pc), IR_EXIT_LOOKUP);
    return true;
}

bool x86_tr_stmxcsr(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    x86_write(t, 0, ir_get(t->b, X86_SLOT_mxcsr));
    return false;
}

/* A load that is thrown away: it faults like one. */
bool x86_tr_clflush(struct x86_translator *t)
{
    x86_read(t, 0);
    return false;
}
