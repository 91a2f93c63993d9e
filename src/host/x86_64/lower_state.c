/* Guest state, memory, calls of helpers. */
#include "host/x86_64/lower.h"

#include "guest/guest.h"
#include "mem/mem.h"

/* -- Slots ----------------------------------------------------------------- */

static void get(struct lowering *l, const struct ir_ins *ins)
{
    const struct guest_slot *slot = &l->jit->guest->slots[ins->imm];
    int32_t at = lower_slot(l, ins->imm);
    unsigned to;

    if (ins->imm == l->jit->flags_slot) { /* a folding builder leaves none */
        lower_pending(l, &l->places, l->pending);
        l->pending = IR_NONE;
    }
    if (ins->imm && ins->imm == l->jit->guest->mxcsr_slot) {
        lower_floats_out(l);
    }
    if (slot->type == IR_V128) {
        emit_vector_load(&l->e, lower_define_vector(l, IR_NONE), RBX, at);
        return;
    }
    to = lower_define(l, IR_NONE);
    if (slot->size >= 4) {
        emit_load(&l->e, to, RBX, at, slot->size == 8 && ins->type == IR_I64);
    } else {
        emit_rm(&l->e, 0, slot->size == 1 ? 0x0fb6 : 0x0fb7, to, RBX, at, false,
                false);
    }
}

static void set(struct lowering *l, const struct ir_ins *ins)
{
    const struct guest_slot *slot = &l->jit->guest->slots[ins->imm];
    int32_t at = lower_slot(l, ins->imm);
    unsigned from;
    int32_t value;

    if (ins->imm == l->jit->flags_slot) {
        l->pending = lower_is_flags(l, ins->a) ? ins->a : IR_NONE;
        if (l->pending != IR_NONE) {
            return;
        }
    }
    if (ins->imm && ins->imm == l->jit->guest->mxcsr_slot) {
        lower_floats_out(l);
    }
    if (slot->type == IR_V128) {
        emit_vector_store(&l->e, lower_use_vector(l, ins->a, 0), RBX, at);
        return;
    }
    if (slot->size >= 4 && lower_imm(l, ins->a, &value)) {
        emit_rm(&l->e, 0, 0xc7, 0, RBX, at, slot->size == 8, false);
        emit_32(&l->e, (uint32_t)value);
        return;
    }
    from = lower_use(l, ins->a, RAX);
    if (slot->size >= 4) {
        emit_store(&l->e, from, RBX, at, slot->size == 8);
    } else if (slot->size == 2) {
        emit_rm(&l->e, 0x66, 0x89, from, RBX, at, false, false);
    } else {
        emit_rm(&l->e, 0, 0x88, from, RBX, at, false, true);
    }
}

/* -- Position: what C code finds in the CPU -------------------------------- */

/* cpu->count = deadline - (budget + steps not yet run), and the pc. */
void lower_position(struct lowering *l, uint32_t insn, uint64_t pc)
{
    emit_load(&l->e, RAX, RBX, AT(deadline), true);
    emit_alu(&l->e, ALU_SUB, RAX, R13, true);
    emit_alu_imm(&l->e, ALU_SUB, RAX, (int32_t)(l->unit->n_insns - insn), true);
    emit_store(&l->e, RAX, RBX, AT(count), true);
    emit_mov_imm(&l->e, RAX, pc);
    emit_store(&l->e, RAX, RBX, AT(insn_pc), true);
    emit_mov_imm(&l->e, RAX, (uint64_t)(uintptr_t)l->running);
    emit_store(&l->e, RAX, RBX, AT(running), true);
}

void lower_call_c(struct lowering *l, const void *function, bool floats)
{
    emit_mov_imm(&l->e, RAX, (uint64_t)(uintptr_t)function);
    emit_call_to(&l->e, l->jit->call);
    if (floats) {
        emit_call_to(&l->e, l->jit->floats_in);
    }
}

/* -- Memory: the fast path ------------------------------------------------- */

int32_t lower_tlb(bool write, unsigned mmu)
{
    return (write ? AT(write_tlb) : AT(read_tlb)) +
           (int32_t)(mmu * sizeof(struct tlb));
}

/*
 *     rax = address >> 8 & index mask     (16 bytes an entry)
 *     rcx = page of the last byte
 *     compare with the tag of the first way: one compare covers miss,
 *     permission, page crossing, I/O and pages with a flag; the second way is
 *     looked at by cold code, with rax and rcx as they are
 *     rax = addend;  access [rax + address]
 */
static void probe(struct lowering *l, const struct ir_ins *ins, unsigned ea,
                  bool write, struct cold *cold)
{
    int32_t tlb = lower_tlb(write, MO_MMU(ins->imm));
    unsigned size = MO_SIZE(ins->imm);

    if (ins->imm & MO_ALIGN16) {
        emit_rr(&l->e, 0, 0xf7, 0, ea, false, false); /* test ea, 15 */
        emit_32(&l->e, 15);
        cold->from[1] = emit_jcc(&l->e, 5);
    }
    if (l->jit->has_bmi2) {
        emit_rorx(&l->e, RAX, ea, PAGE_BITS - 4, true);
    } else {
        emit_mov(&l->e, RAX, ea, true);
        emit_shift_imm(&l->e, SHIFT_SHR, RAX, PAGE_BITS - 4, true);
    }
    emit_alu_imm(&l->e, ALU_AND, RAX, (TLB_SIZE - 1) << 4, false);
    emit_rm(&l->e, 0, 0x8d, RCX, ea, (int32_t)size - 1, true, false);
    emit_alu_imm(&l->e, ALU_AND, RCX, -(int32_t)PAGE_SIZE_, true);
    emit_rx(&l->e, 0, 0x3b, RCX, RBX, RAX, tlb, true, false);
    cold->from[0] = lower_chance(l, 16) ? emit_jmp(&l->e) : emit_jcc(&l->e, 5);
    emit_rx(&l->e, 0, 0x8b, RAX, RBX, RAX, tlb + 8, true, false);
    cold->hit = l->e.at;
}

static void load_fast(struct lowering *l, const struct ir_ins *ins, unsigned ea,
                      unsigned to)
{
    static const unsigned opcodes[2][3] = {{0x0fb6, 0x0fb7, 0x8b},
                                           {0x0fbe, 0x0fbf, 0x63}};
    unsigned size = ins->imm & MO_SIZE_MASK;
    bool sign = ins->imm & MO_SIGN;
    bool wide = ins->type == IR_I64 && (sign || size == 3);

    if (size == 3) {
        emit_rx(&l->e, 0, 0x8b, to, RAX, ea, 0, true, false);
    } else if (size == 2 && !wide) {
        emit_rx(&l->e, 0, 0x8b, to, RAX, ea, 0, false, false);
    } else {
        emit_rx(&l->e, 0, opcodes[sign][size], to, RAX, ea, 0, wide, false);
    }
}

static void load(struct lowering *l, const struct ir_ins *ins)
{
    struct cold *cold = lower_new_cold(l, COLD_ACCESS);
    bool vector = ins->type == IR_V128;
    unsigned ea = lower_use(l, ins->a, RDX);
    unsigned to = vector ? lower_define_vector(l, IR_NONE)
                         : lower_define(l, IR_NONE);

    cold->places = l->places;
    (vector ? cold->places.vector : cold->places.in)[to] = IR_NONE;
    cold->result = to;
    probe(l, ins, ea, ins->imm & MO_RMW, cold);
    if (vector) {
        emit_rx(&l->e, 0xf3, 0x0f6f, to, RAX, ea, 0, false, false);
    } else {
        load_fast(l, ins, ea, to);
    }
    cold->back = l->e.at;
}

static void store(struct lowering *l, const struct ir_ins *ins)
{
    static const unsigned opcodes[] = {0x88, 0x89, 0x89, 0x89};
    unsigned size = ins->imm & MO_SIZE_MASK, value = 0;
    bool vector = ins->type == IR_V128;
    struct cold *cold = lower_new_cold(l, COLD_ACCESS);
    unsigned ea;

    if (vector) {
        value = lower_use_vector(l, ins->b, 1);
    }
    ea = lower_use(l, ins->a, RDX);
    cold->places = l->places;
    cold->result = NO_REGISTER;
    probe(l, ins, ea, true, cold);
    if (vector) {
        emit_rx(&l->e, 0xf3, 0x0f7f, value, RAX, ea, 0, false, false);
    } else {
        value = lower_use(l, ins->b, RCX);
        emit_rx(&l->e, size == 1 ? 0x66 : 0, opcodes[size], value, RAX, ea, 0,
                size == 3, size == 0);
    }
    cold->back = l->e.at;
}

/* -- Memory: the cold path ------------------------------------------------- */

void lower_cold_access(struct lowering *l, struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];
    const void *function = ins->op == IR_ld ? (const void *)mem_load
                                            : (const void *)mem_store;
    bool write = ins->op == IR_st || ins->imm & MO_RMW;

    emit_here(&l->e, cold->from[0]);
    emit_call_to(&l->e, l->jit->second[write][MO_MMU(ins->imm)]);
    emit_jcc_to(&l->e, 4, cold->hit);
    if (cold->from[1]) { /* misaligned */
        emit_here(&l->e, cold->from[1]);
    }
    lower_save(l, &cold->places);
    lower_pending(l, &cold->places, cold->pending);
    lower_position(l, cold->insn, cold->pc);
    if (ins->op == IR_st && ins->type == IR_V128) {
        lower_vector_to_frame_at(l, &cold->places, ins->b, FRAME_VALUE);
    } else if (ins->op == IR_st) {
        lower_into_at(l, &cold->places, RAX, ins->b);
        emit_store(&l->e, RAX, RSP, FRAME_VALUE, true);
    }
    lower_into_at(l, &cold->places, RDX, ins->a);
    emit_mov(&l->e, RSI, RDX, true);
    emit_mov_imm(&l->e, RDX, ins->imm);
    emit_rm(&l->e, 0, 0x8d, RCX, RSP, FRAME_VALUE, true, false);
    emit_rm(&l->e, 0, 0x8d, RDI, RBX, -CPU_BIAS, true, false);
    lower_call_c(l, function, cold->floats);
    lower_restore(l, &cold->places);
    if (ins->op == IR_ld && ins->type == IR_V128) {
        emit_vector_load(&l->e, cold->result, RSP, FRAME_VALUE);
    } else if (ins->op == IR_ld) {
        emit_load(&l->e, cold->result, RSP, FRAME_VALUE, ins->type == IR_I64);
    }
    emit_jmp_to(&l->e, cold->back);
}

/* -- Helpers --------------------------------------------------------------- */

/* After lower_save() all values lie where no argument does: in the frame or
 * in registers that survive the call. */
static void arguments(struct lowering *l, const struct places *saved,
                      const struct ir_ins *ins,
                      const struct guest_helper *helper)
{
    static const uint8_t registers[] = {RSI, RDX, RCX, R8, R9};
    const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};

    for (unsigned i = 0; i < helper->n_args; i++) {
        if (helper->args[i] == IR_V128) {
            emit_rm(&l->e, 0, 0x8d, registers[i], RSP,
                    lower_vector_in_frame(l, refs[i]), true, false);
        } else {
            lower_into_saved(l, saved, registers[i], refs[i]);
        }
    }
}

static void call(struct lowering *l, const struct ir_ins *ins)
{
    static const uint8_t registers[] = {RSI, RDX, RCX, R8, R9};
    const struct guest_helper *helper = ir_helper(l->unit, ins->imm);
    struct places before = l->places;
    int32_t slot = 0;

    lower_save(l, &before);
    if (helper->effects) {
        lower_pending(l, &l->places, l->pending);
        l->pending = IR_NONE;
        lower_position(l, l->insn, l->pc);
    }
    arguments(l, &before, ins, helper);
    if (helper->result == IR_V128) {
        slot = lower_new_slot(l, 16);
        emit_rm(&l->e, 0, 0x8d, registers[helper->n_args], RSP, slot, true,
                false);
    }
    emit_rm(&l->e, 0, 0x8d, RDI, RBX, -CPU_BIAS, true, false);
    lower_call_c(l, (const void *)helper->function, false);
    l->floats = false;
    if (helper->result == IR_I32 || helper->result == IR_I64) {
        unsigned to;

        emit_mov(&l->e, RAX, RAX, helper->result == IR_I64);
        emit_store(&l->e, RAX, RSP, FRAME_VALUE, true);
        lower_restore(l, &before);
        to = lower_define(l, IR_NONE);
        emit_load(&l->e, to, RSP, FRAME_VALUE, true);
    } else {
        lower_restore(l, &before);
    }
    if (helper->result == IR_V128) {
        emit_vector_load(&l->e, lower_define_vector(l, IR_NONE), RSP, slot);
    }
}

/* The call itself is cold code. */
static void call_unless(struct lowering *l, const struct ir_ins *ins)
{
    uint64_t address = 0;
    struct cold *cold;
    unsigned value = lower_use(l, ins->b, RCX);

    ir_const_value(l->unit, ins->a, &address);
    emit_mov_imm(&l->e, RAX, address);
    emit_rm(&l->e, 0, 0x85, value, RAX, 0, true, false); /* test */
    cold = lower_new_cold(l, COLD_CALL);
    cold->from[0] = emit_jcc(&l->e, 4); /* zero */
    cold->back = l->e.at;
}

static void fault_if(struct lowering *l, const struct ir_ins *ins)
{
    unsigned condition = lower_condition(l, ins->a);
    struct cold *cold = lower_new_cold(l, COLD_FAULT);

    cold->from[0] = emit_jcc(&l->e, condition);
}

void lower_cold_call(struct lowering *l, struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];

    emit_here(&l->e, cold->from[0]);
    if (cold->from[1]) {
        emit_here(&l->e, cold->from[1]);
    }
    lower_save(l, &cold->places);
    lower_pending(l, &cold->places, cold->pending);
    lower_position(l, cold->insn, cold->pc);
    lower_call_arguments(l, cold);
    emit_rm(&l->e, 0, 0x8d, RDI, RBX, -CPU_BIAS, true, false);
    lower_call_c(l, (const void *)ir_helper(l->unit, ins->imm)->function,
                 cold->floats);
    lower_restore(l, &cold->places);
    emit_jmp_to(&l->e, cold->back);
}

/* Of fault_if: it does not come back. */
void lower_cold_fault(struct lowering *l, struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];
    uint64_t argument = 0;

    ir_const_value(l->unit, ins->b, &argument);
    emit_here(&l->e, cold->from[0]);
    lower_pending(l, &cold->places, cold->pending);
    lower_position(l, cold->insn, cold->pc);
    emit_mov_imm(&l->e, RSI, argument);
    emit_rm(&l->e, 0, 0x8d, RDI, RBX, -CPU_BIAS, true, false);
    lower_call_c(l, (const void *)ir_helper(l->unit, ins->imm)->function,
                 cold->floats);
}

bool lower_state(struct lowering *l, const struct ir_ins *ins)
{
    switch (ins->op) {
    case IR_nop:
        return true;
    case IR_insn:
        l->insn = ins->imm;
        ir_const_value(l->unit, ins->a, &l->pc);
        return true;
    case IR_get:
        get(l, ins);
        return true;
    case IR_set:
        set(l, ins);
        return true;
    case IR_ld:
        load(l, ins);
        return true;
    case IR_st:
        store(l, ins);
        return true;
    case IR_copy_ahead:
    case IR_fill_ahead:
        lower_ahead(l, ins);
        return true;
    case IR_call:
        call(l, ins);
        return true;
    case IR_call_unless:
        call_unless(l, ins);
        return true;
    case IR_fault_if:
        fault_if(l, ins);
        return true;
    case IR_call_if_byte:
        lower_call_if_byte(l, ins);
        return true;
    default:
        return false;
    }
}
