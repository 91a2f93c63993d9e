/*
 * MMX: the lower half of a vector, by the ops of SSE2. Its registers are the
 * significands of the x87's. Every instruction waits for a pending exception,
 * and leaves TOP 0 and all registers valid; a written one has an exponent of
 * all ones.
 */
#include "guest/x86/vector.h"

#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/segment.h"
#include "mem/mem.h"

/* -- Around an instruction ------------------------------------------------- */

static bool ends_in(struct x86_translator *t, enum x86_vector vector)
{
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, vector), IR_NONE,
            IR_NONE, IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
    return true;
}

/* True: MMX is off in this mode. Else the check for what is pending. */
static bool begin(struct x86_translator *t)
{
    if (t->mode_word & X86_MODE_EM) {
        return ends_in(t, X86_UD);
    }
    if (t->mode_word & X86_MODE_TS) {
        return ends_in(t, X86_NM);
    }
    ir_call(t->b, X86_HELPER_x87_pending, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    return false;
}

/* After all that may fault. */
static void end(struct x86_translator *t)
{
    ir_set(t->b, X86_SLOT_x87_top, ir_const_i32(t->b, 0));
    ir_set(t->b, X86_SLOT_x87_valid, ir_const_i32(t->b, 0xff));
}

static ir_ref get_mm(struct x86_translator *t, unsigned place)
{
    return ir_get(t->b, X86_SLOT_mm0 + t->insn.operand[place].number);
}

static void set_mm(struct x86_translator *t, unsigned place, ir_ref value)
{
    unsigned number = t->insn.operand[place].number;

    end(t);
    ir_set(t->b, X86_SLOT_mm0 + number, value);
    ir_set(t->b, X86_SLOT_mm0_exponent + number, ir_const_i32(t->b, 0xffff));
}

/* A register or memory: 64 bits as a number. */
static ir_ref source(struct x86_translator *t, unsigned place)
{
    const struct x86_operand *operand = &t->insn.operand[place];

    if (operand->kind == X86_OPERAND_MM) {
        return get_mm(t, place);
    }
    return x86_to_i64(t, operand->kind == X86_OPERAND_MEMORY
                             ? x86_load(t, x86_address(t), operand->size)
                             : x86_read(t, place));
}

static ir_ref vector(struct x86_translator *t, ir_ref value)
{
    return ir_un(t->b, IR_vzext, value);
}

static ir_ref half(struct x86_translator *t, ir_ref vector, unsigned number)
{
    return ir_emit(t->b, IR_vlane64, IR_I64, vector, 0, 0, 0, number);
}

static ir_ref operate(struct x86_translator *t, enum ir_op op, ir_ref x,
                      ir_ref y)
{
    return ir_emit(t->b, op, IR_V128, x, y, 0, 0, 0);
}

static enum ir_op op_of(const struct x86_translator *t)
{
    return (enum ir_op)t->insn.row->argument;
}

/* -- Arithmetic ------------------------------------------------------------ */

bool x86_tr_mmx(struct x86_translator *t)
{
    ir_ref y;

    if (begin(t)) {
        return true;
    }
    y = vector(t, source(t, 1));
    set_mm(t, 0, half(t, operate(t, op_of(t), vector(t, get_mm(t, 0)), y), 0));
    return false;
}

/* Both operands beside each other are the first one of the wide form. */
bool x86_tr_mmx_pack(struct x86_translator *t)
{
    ir_ref both, y;

    if (begin(t)) {
        return true;
    }
    y = source(t, 1);
    both = ir_emit(t->b, IR_vins64, IR_V128, vector(t, get_mm(t, 0)), y, 0, 0,
                   1);
    set_mm(t, 0, half(t, operate(t, op_of(t), both, both), 0));
    return false;
}

/* The wide form of the lower halves gives both results, low and high. */
bool x86_tr_mmx_unpack(struct x86_translator *t)
{
    bool high = t->insn.row->opcode >= 0x68;
    ir_ref y;

    if (begin(t)) {
        return true;
    }
    y = vector(t, source(t, 1));
    set_mm(t, 0,
           half(t, operate(t, op_of(t), vector(t, get_mm(t, 0)), y), high));
    return false;
}

bool x86_tr_mmx_shift(struct x86_translator *t)
{
    ir_ref count;

    if (begin(t)) {
        return true;
    }
    count = ir_const_v128(t->b, (uint8_t)t->insn.operand[1].value, 0);
    set_mm(t, 0,
           half(t, operate(t, op_of(t), vector(t, get_mm(t, 0)), count), 0));
    return false;
}

/* -- Moves ----------------------------------------------------------------- */

bool x86_tr_mmx_move(struct x86_translator *t)
{
    const struct x86_operand *to = &t->insn.operand[0];
    ir_ref value;

    if (begin(t)) {
        return true;
    }
    value = source(t, 1);
    if (to->kind == X86_OPERAND_MM) {
        set_mm(t, 0, value);
        return false;
    }
    value = to->size == 8 ? value : x86_to_i32(t, value);
    x86_write(t, 0, value);
    end(t);
    return false;
}

bool x86_tr_mmx_to_xmm(struct x86_translator *t)
{
    if (x86_sse_off(t) || begin(t)) {
        return true;
    }
    x86_set_xmm(t, 0, vector(t, get_mm(t, 1)));
    end(t);
    return false;
}

bool x86_tr_mmx_from_xmm(struct x86_translator *t)
{
    if (x86_sse_off(t) || begin(t)) {
        return true;
    }
    set_mm(t, 0, half(t, x86_get_xmm(t, 1), 0));
    return false;
}

bool x86_tr_mmx_shuffle(struct x86_translator *t)
{
    ir_ref y;

    if (begin(t)) {
        return true;
    }
    y = ir_emit(t->b, IR_vshuflw, IR_V128, vector(t, source(t, 1)), 0, 0, 0,
                (uint8_t)t->insn.operand[2].value);
    set_mm(t, 0, half(t, y, 0));
    return false;
}

bool x86_tr_mmx_insert(struct x86_translator *t)
{
    ir_ref value;

    if (begin(t)) {
        return true;
    }
    value = x86_read(t, 1);
    value = ir_emit(t->b, IR_vins16, IR_V128, vector(t, get_mm(t, 0)), value, 0,
                    0, t->insn.operand[2].value & 3);
    set_mm(t, 0, half(t, value, 0));
    return false;
}

bool x86_tr_mmx_extract(struct x86_translator *t)
{
    ir_ref value;

    if (begin(t)) {
        return true;
    }
    value = ir_bin(t->b, IR_shr, get_mm(t, 1),
                   ir_const_i32(t->b, (t->insn.operand[2].value & 3) * 16));
    x86_set_gpr(t, t->insn.operand[0].number, 4,
                x86_to_i32(t, ir_un(t->b, IR_zext16, value)));
    end(t);
    return false;
}

bool x86_tr_mmx_mask(struct x86_translator *t)
{
    if (begin(t)) {
        return true;
    }
    x86_set_gpr(t, t->insn.operand[0].number, 4,
                ir_un(t->b, IR_vmovmskb, vector(t, get_mm(t, 1))));
    end(t);
    return false;
}

/* -- Bytes under a mask ---------------------------------------------------- */

/* All bytes must be writable before the first is written. */
void x86_helper_mask_move(struct cpu *cpu, uint64_t address,
                          const union ir_value *from,
                          const union ir_value *mask)
{
    unsigned cpl = x86_of(cpu)->cpl;
    uint32_t mmu = cpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
    uint32_t memop = MO_RMW | MO_PROBE | mmu << MO_MMU_SHIFT;
    union ir_value unused;

    for (unsigned i = 0; i < 16; i++) {
        if (mask->v8[i] & 0x80) {
            mem_load(cpu, address + i, memop, &unused);
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        if (mask->v8[i] & 0x80) {
            x86_write_implied(cpu, address + i, 1, from->v8[i], cpl);
        }
    }
}

static void mask_move(struct x86_translator *t, ir_ref from, ir_ref mask)
{
    ir_ref rdi = x86_cut_address(t, ir_get(t->b, X86_SLOT_rdi));
    ir_ref address = x86_segment_address(t, t->insn.segment, rdi);

    x86_guard(t, address, t->insn.operand[0].size, true);
    ir_call(t->b, X86_HELPER_mask_move, address, from, mask, IR_NONE);
}

bool x86_tr_mmx_mask_move(struct x86_translator *t)
{
    if (begin(t)) {
        return true;
    }
    mask_move(t, vector(t, get_mm(t, 0)), vector(t, get_mm(t, 1)));
    end(t);
    return false;
}

bool x86_tr_mask_move(struct x86_translator *t)
{
    if (x86_sse_off(t)) {
        return true;
    }
    mask_move(t, x86_get_xmm(t, 0), x86_get_xmm(t, 1));
    return false;
}

/* -- Conversions ----------------------------------------------------------- */

static ir_ref convert(struct x86_translator *t, ir_ref from)
{
    return x86_float(t, (enum ir_op)t->insn.row->argument, from, from, 0);
}

/* The wide conversion: the two elements that are not there are zeros. From
 * memory, no register of MMX is touched, nor its state. */
bool x86_tr_mmx_to_fp(struct x86_translator *t)
{
    bool doubles = t->insn.row->argument == IR_cvtdq2pd;
    bool apart = t->insn.operand[1].kind == X86_OPERAND_MEMORY;
    ir_ref result;

    if (x86_sse_off(t) || (!apart && begin(t))) {
        return true;
    }
    result = convert(t, vector(t, source(t, 1)));
    if (!doubles) {
        result = ir_emit(t->b, IR_vins64, IR_V128, x86_get_xmm(t, 0),
                         half(t, result, 0), 0, 0, 0);
    }
    x86_set_xmm(t, 0, result);
    if (!apart) {
        end(t);
    }
    return false;
}

bool x86_tr_mmx_from_fp(struct x86_translator *t)
{
    ir_ref from;

    if (x86_sse_off(t) || begin(t)) {
        return true;
    }
    from = x86_read_vector(t, 1, true);
    if (t->insn.operand[1].size == 8) {
        from = vector(t, half(t, from, 0));
    }
    set_mm(t, 0, half(t, convert(t, from), 0));
    return false;
}

bool x86_tr_emms(struct x86_translator *t)
{
    if (begin(t)) {
        return true;
    }
    end(t);
    ir_set(t->b, X86_SLOT_x87_valid, ir_const_i32(t->b, 0));
    return false;
}
