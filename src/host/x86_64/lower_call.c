/*
 * Calls of C.
 *
 * A function with effects finds in the CPU where it was called: the count, the
 * pc, and, unless it only reads, the unit. So that the places of calls stay
 * short, each such function has a stub in the common code, which notes that:
 *
 *     eax   steps of the unit that have not run; so the count is
 *           deadline - (r13 + rax)
 *     r10   the unit, a struct unit; of functions that only read: anything
 *     r11   the pc
 *     rsi, rdx, rcx, r8, r9: what the function is given, behind the CPU
 */
#include "host/x86_64/lower.h"

#include "base/error.h"
#include "guest/guest.h"

static const uint8_t argument[] = {RSI, RDX, RCX, R8, R9};

/* -- Stubs ----------------------------------------------------------------- */

static void emit_stub(struct emit *e, const struct jit *jit,
                      const void *function, unsigned effects)
{
    emit_load(e, RDI, RBX, AT(deadline), true);
    emit_alu(e, ALU_SUB, RDI, R13, true);
    emit_alu(e, ALU_SUB, RDI, RAX, true);
    emit_store(e, RDI, RBX, AT(count), true);
    emit_store(e, R11, RBX, AT(insn_pc), true);
    if ((effects & HELPER_AT_PC) && jit->guest->pc_slot) {
        emit_store(e, R11, RBX,
                   (int32_t)jit->guest->slots[jit->guest->pc_slot].offset -
                       CPU_BIAS,
                   true);
    }
    if (effects & ~(HELPER_READS | HELPER_AT_PC)) {
        emit_store(e, R10, RBX, AT(running), true);
    }
    floats_out(e, jit->guest, 8, R11);
    emit_rm(e, 0, 0x8d, RDI, RBX, -CPU_BIAS, true, false);
    emit_mov_imm(e, RAX, (uint64_t)(uintptr_t)function);
    emit_byte(e, 0xff); /* jmp rax */
    emit_byte(e, 0xe0);
}

static const uint8_t *stub(struct jit *jit, const void *function,
                           unsigned effects)
{
    uint64_t key = (uint64_t)(uintptr_t)function;
    unsigned place = (unsigned)(key * 0x9e3779b97f4a7c15ull >> 54);
    struct emit e = {(uint8_t *)jit->stubs_at, jit->stubs_end, false};

    _Static_assert(JIT_STUBS_MAX == 1u << (64 - 54), "ten bits of the hash");
    while (jit->stubs[place].function &&
           (jit->stubs[place].function != function ||
            jit->stubs[place].effects != effects)) {
        place = (place + 1) % JIT_STUBS_MAX;
    }
    if (!jit->stubs[place].function) {
        jit->stubs[place] = (struct jit_stub){function, effects, jit->stubs_at};
        emit_stub(&e, jit, function, effects);
        panda_assert(!e.full && ++jit->n_stubs < JIT_STUBS_MAX);
        jit->stubs_at = e.at;
    }
    return jit->stubs[place].code;
}

/* At that instruction of the unit. The arguments are in their registers. */
static void call_at(struct lowering *l, uint32_t insn, uint64_t pc,
                    const void *function, unsigned effects)
{
    emit_mov_imm(&l->e, RAX, l->unit->n_insns - insn);
    emit_mov_imm(&l->e, R11, pc);
    if (effects & ~(HELPER_READS | HELPER_AT_PC)) {
        emit_mov_imm(&l->e, R10, (uint64_t)(uintptr_t)l->running);
    }
    emit_call_to(&l->e, stub(l->jit, function, effects));
}

void lower_call_cold(struct lowering *l, const struct cold *cold,
                     const void *function, unsigned effects)
{
    call_at(l, cold->insn, cold->pc, function, effects);
    if (cold->floats) {
        emit_call_to(&l->e, l->jit->floats_in);
    }
}

void lower_call_c(struct lowering *l, const void *function)
{
    emit_rm(&l->e, 0, 0x8d, RDI, RBX, -CPU_BIAS, true, false);
    emit_mov_imm(&l->e, RAX, (uint64_t)(uintptr_t)function);
    emit_call_to(&l->e, l->jit->call);
}

/* -- Helpers --------------------------------------------------------------- */

/* After lower_save() all values lie where no argument does: in the frame or
 * in registers that survive the call. */
static void arguments(struct lowering *l, const struct places *saved,
                      const struct ir_ins *ins,
                      const struct guest_helper *helper)
{
    const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};

    for (unsigned i = 0; i < helper->n_args; i++) {
        if (helper->args[i] == IR_V128) {
            emit_rm(&l->e, 0, 0x8d, argument[i], RSP,
                    lower_vector_in_frame(l, refs[i]), true, false);
        } else {
            lower_into_saved(l, saved, argument[i], refs[i]);
        }
    }
}

static void integer_result(struct lowering *l, const struct places *before,
                           enum ir_type type)
{
    unsigned to;

    emit_mov(&l->e, RAX, RAX, type == IR_I64);
    emit_store(&l->e, RAX, RSP, FRAME_VALUE, true);
    lower_restore(l, before);
    to = lower_define(l, IR_NONE);
    emit_load(&l->e, to, RSP, FRAME_VALUE, true);
}

void lower_call(struct lowering *l, const struct ir_ins *ins)
{
    const struct guest_helper *helper = ir_helper(l->unit, ins->imm);
    struct places before = l->places;
    int32_t slot = 0;

    lower_save(l, &before);
    if (helper->effects) {
        lower_pending(l, &l->places, l->pending);
        l->pending = IR_NONE;
    }
    arguments(l, &before, ins, helper);
    if (helper->result == IR_V128) {
        slot = lower_new_slot(l, 16);
        emit_rm(&l->e, 0, 0x8d, argument[helper->n_args], RSP, slot, true,
                false);
    }
    if (helper->effects) {
        call_at(l, l->insn, l->pc, (const void *)helper->function,
                helper->effects);
    } else {
        lower_call_c(l, (const void *)helper->function);
    }
    l->floats = false;
    if (helper->result == IR_I32 || helper->result == IR_I64) {
        integer_result(l, &before, (enum ir_type)helper->result);
        return;
    }
    lower_restore(l, &before);
    if (helper->result == IR_V128) {
        emit_vector_load(&l->e, lower_define_vector(l, IR_NONE), RSP, slot);
    }
}

/* The call itself is cold code. */
void lower_call_unless(struct lowering *l, const struct ir_ins *ins)
{
    uint64_t address = 0;
    struct cold *cold;
    int32_t value;

    ir_const_value(l->unit, ins->a, &address);
    emit_mov_imm(&l->e, RAX, address);
    if (lower_imm(l, ins->b, &value)) { /* test */
        emit_rm(&l->e, 0, 0xf7, 0, RAX, 0, true, false);
        emit_32(&l->e, (uint32_t)value);
    } else {
        emit_rm(&l->e, 0, 0x85, lower_use(l, ins->b, RCX), RAX, 0, true, false);
    }
    cold = lower_new_cold(l, COLD_CALL);
    cold->from[0] = emit_jcc(&l->e, 4); /* zero */
    cold->back = l->e.at;
}

void lower_fault_if(struct lowering *l, const struct ir_ins *ins)
{
    unsigned condition = lower_condition(l, ins->a);
    struct cold *cold = lower_new_cold(l, COLD_FAULT);

    cold->from[0] = emit_jcc(&l->e, condition);
}

/* What the call in cold code is given, after lower_save(). */
static void cold_arguments(struct lowering *l, const struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];

    lower_into_saved(l, &cold->places, RSI, ins->a);
    if (ins->op == IR_call_if_byte) {
        lower_into_saved(l, &cold->places, RDX, ins->b);
        lower_into_saved(l, &cold->places, RCX, ins->c);
    }
}

void lower_cold_call(struct lowering *l, struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];
    const struct guest_helper *helper = ir_helper(l->unit, ins->imm);

    emit_here(&l->e, cold->from[0]);
    if (cold->from[1]) {
        emit_here(&l->e, cold->from[1]);
    }
    lower_save(l, &cold->places);
    lower_pending(l, &cold->places, cold->pending);
    cold_arguments(l, cold);
    lower_call_cold(l, cold, (const void *)helper->function, helper->effects);
    lower_restore(l, &cold->places);
    emit_jmp_to(&l->e, cold->back);
}

/* Of fault_if: it does not come back. */
void lower_cold_fault(struct lowering *l, struct cold *cold)
{
    const struct ir_ins *ins = &l->unit->ins[cold->at];
    const struct guest_helper *helper = ir_helper(l->unit, ins->imm);
    uint64_t code = 0;

    ir_const_value(l->unit, ins->b, &code);
    emit_here(&l->e, cold->from[0]);
    lower_pending(l, &cold->places, cold->pending);
    emit_mov_imm(&l->e, RSI, code);
    lower_call_cold(l, cold, (const void *)helper->function, helper->effects);
}
