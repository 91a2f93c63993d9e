/* Registers, memory operands, addresses, and the stack pointer. */
#include "guest/x86/translate.h"

#include "base/error.h"
#include "guest/x86/helpers.h"

/* -- Values ---------------------------------------------------------------- */

ir_ref x86_constant(struct x86_translator *t, unsigned size, uint64_t value)
{
    return size == 8 ? ir_const_i64(t->b, value)
                     : ir_const_i32(t->b, (uint32_t)value);
}

ir_ref x86_to_i64(struct x86_translator *t, ir_ref value)
{
    return ir_type_of(t->b->unit, value) == IR_I64
               ? value
               : ir_un(t->b, IR_zext32, value);
}

ir_ref x86_to_i32(struct x86_translator *t, ir_ref value)
{
    return ir_type_of(t->b->unit, value) == IR_I32
               ? value
               : ir_un(t->b, IR_trunc, value);
}

ir_ref x86_zero_extend(struct x86_translator *t, ir_ref value, unsigned bits)
{
    return bits == 8    ? ir_un(t->b, IR_zext8, value)
           : bits == 16 ? ir_un(t->b, IR_zext16, value)
                        : value;
}

ir_ref x86_sign_extend(struct x86_translator *t, ir_ref value, unsigned bits)
{
    return bits == 8    ? ir_un(t->b, IR_sext8, value)
           : bits == 16 ? ir_un(t->b, IR_sext16, value)
                        : value;
}

uint64_t x86_pc(const struct x86_translator *t, uint64_t pc)
{
    return t->mode == X86_MODE_64 ? pc : (uint32_t)pc;
}

/* -- Registers ------------------------------------------------------------- */

ir_ref x86_get_gpr(struct x86_translator *t, unsigned number, unsigned size)
{
    ir_ref whole = ir_get(t->b, X86_SLOT_rax + number);

    return size == 8 ? whole : ir_un(t->b, IR_trunc, whole);
}

/* Four bytes clear the upper half; one and two keep the rest. */
void x86_set_gpr(struct x86_translator *t, unsigned number, unsigned size,
                 ir_ref value)
{
    uint32_t slot = X86_SLOT_rax + number;
    ir_ref whole = x86_to_i64(t, value);

    if (size < 4) {
        whole = ir_bin(t->b, size == 1 ? IR_dep8 : IR_dep16, ir_get(t->b, slot),
                       whole);
    }
    ir_set(t->b, slot, whole);
}

ir_ref x86_get_register(struct x86_translator *t,
                        const struct x86_operand *operand)
{
    ir_ref value = x86_get_gpr(t, operand->number, operand->size);

    return operand->high ? ir_bin(t->b, IR_shr, value, ir_const_i32(t->b, 8))
                         : value;
}

void x86_set_register(struct x86_translator *t,
                      const struct x86_operand *operand, ir_ref value)
{
    uint32_t slot = X86_SLOT_rax + operand->number;

    if (operand->high) {
        ir_set(
            t->b, slot,
            ir_bin(t->b, IR_dep8h, ir_get(t->b, slot), x86_to_i64(t, value)));
    } else {
        x86_set_gpr(t, operand->number, operand->size, value);
    }
}

/* -- Addresses ------------------------------------------------------------- */

ir_ref x86_cut_address(struct x86_translator *t, ir_ref address)
{
    switch (t->insn.address_size) {
    case 2:
        return ir_un(t->b, IR_zext16, address);
    case 4:
        return x86_to_i64(t, x86_to_i32(t, address));
    default:
        return address;
    }
}

ir_ref x86_effective_address(struct x86_translator *t)
{
    const struct x86_insn *insn = &t->insn;
    uint64_t displacement = (uint64_t)insn->displacement;
    ir_ref sum = IR_NONE, index;

    if (insn->base == X86_RIP) {
        displacement += t->next_pc;
    } else if (insn->base != X86_NO_REGISTER) {
        sum = ir_get(t->b, X86_SLOT_rax + insn->base);
    }
    if (insn->index != X86_NO_REGISTER) {
        index = ir_bin(t->b, IR_shl, ir_get(t->b, X86_SLOT_rax + insn->index),
                       ir_const_i32(t->b, insn->scale));
        sum = sum == IR_NONE ? index : ir_bin(t->b, IR_add, sum, index);
    }
    if (sum == IR_NONE) {
        sum = ir_const_i64(t->b, displacement);
    } else {
        sum = ir_bin(t->b, IR_add, sum, ir_const_i64(t->b, displacement));
    }
    return x86_cut_address(t, sum);
}

ir_ref x86_segment_address(struct x86_translator *t, unsigned segment,
                           ir_ref at)
{
    t->segment = segment;
    if (segment < X86_FS &&
        (t->mode == X86_MODE_64 || !(t->mode_word & X86_MODE_BASES))) {
        return at;
    }
    at = ir_bin(t->b, IR_add, at, ir_get(t->b, X86_SLOT_es_base + segment));
    return t->mode == X86_MODE_64 ? at : x86_to_i64(t, x86_to_i32(t, at));
}

ir_ref x86_address(struct x86_translator *t)
{
    if (t->address == IR_NONE) {
        t->address = x86_segment_address(t, t->insn.segment,
                                         x86_effective_address(t));
    }
    t->segment = t->insn.segment;
    return t->address;
}

/* -- Memory ---------------------------------------------------------------- */

uint32_t x86_memop(const struct x86_translator *t, unsigned size)
{
    bool stack = t->mode == X86_MODE_64 && t->segment == X86_SS;

    return (uint32_t)__builtin_ctz(size) | t->mmu << MO_MMU_SHIFT |
           (stack ? X86_MO_STACK : 0);
}

static bool needs_check(const struct x86_translator *t, bool write)
{
    if (t->mode == X86_MODE_64) {
        return false;
    }
    return t->mode_word & (t->segment == X86_FS   ? X86_MODE_FS_LIMITS
                           : t->segment == X86_GS ? X86_MODE_GS_LIMITS
                                                  : X86_MODE_LIMITS) ||
           (write && t->segment == X86_CS);
}

void x86_guard(struct x86_translator *t, ir_ref address, unsigned size,
               bool write)
{
    if (needs_check(t, write)) {
        ir_call(t->b, X86_HELPER_check_segment,
                ir_const_i32(t->b, t->segment | size << 8 |
                                       (write ? X86_CHECK_WRITE : 0)),
                address, IR_NONE, IR_NONE);
    }
    if (t->mode_word & X86_MODE_AC && size > 1 && size <= 8) {
        ir_call(t->b, X86_HELPER_check_aligned, ir_const_i32(t->b, size),
                address, IR_NONE, IR_NONE);
    }
    if (t->mode_word & X86_MODE_BREAK) {
        ir_call(t->b, X86_HELPER_watch, ir_const_i32(t->b, size),
                ir_const_i32(t->b, write), address, IR_NONE);
    }
}

ir_ref x86_load(struct x86_translator *t, ir_ref address, unsigned size)
{
    x86_guard(t, address, size, false);
    return ir_load(t->b, size == 8 ? IR_I64 : IR_I32, address,
                   x86_memop(t, size));
}

void x86_store(struct x86_translator *t, ir_ref address, unsigned size,
               ir_ref value)
{
    x86_guard(t, address, size, true);
    ir_store(t->b, address, value, x86_memop(t, size));
}

/* -- Operands -------------------------------------------------------------- */

unsigned x86_bits(const struct x86_translator *t, unsigned place)
{
    return 8u * t->insn.operand[place].size;
}

static ir_ref read(struct x86_translator *t, unsigned place, uint32_t extra)
{
    const struct x86_operand *operand = &t->insn.operand[place];
    ir_ref address;

    switch (operand->kind) {
    case X86_OPERAND_REGISTER:
        return x86_get_register(t, operand);
    case X86_OPERAND_MEMORY:
        address = x86_address(t);
        x86_guard(t, address, operand->size, extra & MO_RMW);
        return ir_load(t->b, operand->size == 8 ? IR_I64 : IR_I32, address,
                       x86_memop(t, operand->size) | extra);
    case X86_OPERAND_IMMEDIATE:
        return x86_constant(t, operand->size, operand->value);
    default:
        panda_bug("%s: operand %u cannot be read", t->insn.row->mnemonic,
                  place);
    }
}

ir_ref x86_read(struct x86_translator *t, unsigned place)
{
    return read(t, place, 0);
}

ir_ref x86_read_to_write(struct x86_translator *t, unsigned place)
{
    return read(t, place, MO_RMW);
}

void x86_write(struct x86_translator *t, unsigned place, ir_ref value)
{
    const struct x86_operand *operand = &t->insn.operand[place];

    if (operand->kind == X86_OPERAND_MEMORY) {
        x86_store(t, x86_address(t), operand->size, value);
    } else {
        x86_set_register(t, operand, value);
    }
}

/* -- Stack ----------------------------------------------------------------- */

static unsigned stack_size(const struct x86_translator *t)
{
    return t->mode == X86_MODE_64 ? 8 : t->mode_word & X86_MODE_STACK32 ? 4 : 2;
}

ir_ref x86_stack_moved(struct x86_translator *t, int64_t by)
{
    return ir_bin(t->b, IR_add, ir_get(t->b, X86_SLOT_rsp),
                  ir_const_i64(t->b, (uint64_t)by));
}

ir_ref x86_stack_address(struct x86_translator *t, ir_ref pointer)
{
    if (stack_size(t) == 4) {
        pointer = x86_to_i64(t, x86_to_i32(t, pointer));
    } else if (stack_size(t) == 2) {
        pointer = ir_un(t->b, IR_zext16, pointer);
    }
    return x86_segment_address(t, X86_SS, pointer);
}

void x86_set_stack(struct x86_translator *t, ir_ref pointer)
{
    if (stack_size(t) == 8) {
        ir_set(t->b, X86_SLOT_rsp, pointer);
    } else {
        x86_set_gpr(t, 4, stack_size(t), x86_to_i32(t, pointer));
    }
}

/* -- Flags ----------------------------------------------------------------- */

ir_ref x86_flags_with(struct x86_translator *t, ir_ref flags, ir_ref cf,
                      ir_ref of)
{
    ir_ref one = ir_const_i32(t->b, 1);

    flags = ir_bin(t->b, IR_and, flags, ir_const_i32(t->b, ~(FL_CF | FL_OF)));
    cf = ir_bin(t->b, IR_and, x86_to_i32(t, cf), one);
    of = ir_bin(t->b, IR_and, x86_to_i32(t, of), one);
    flags = ir_bin(t->b, IR_or, flags,
                   ir_bin(t->b, IR_shl, cf, ir_const_i32(t->b, 8)));
    return ir_bin(t->b, IR_or, flags, of);
}
