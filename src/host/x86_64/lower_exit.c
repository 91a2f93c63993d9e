/*
 * Exits. A constant pc leaves by a jump that can be linked to another unit; a
 * computed one looks into the CPU's jump cache; the others go back to C.
 */
#include "host/x86_64/lower.h"

#include "base/error.h"

struct cold *lower_new_cold(struct lowering *l, enum cold_kind kind)
{
    struct cold *cold = &l->cold[l->n_cold];

    if (l->n_cold + 1 < COLD_MAX) {
        l->n_cold++;
    } else {
        l->failed = true;
    }
    *cold = (struct cold){.kind = kind,
                          .at = l->at,
                          .insn = l->insn,
                          .pc = l->pc,
                          .pending = l->pending,
                          .floats = l->floats,
                          .places = l->places,
                          .result = NO_REGISTER};
    return cold;
}

/* The steps of the unit that are not run when it ends with instruction k. */
static void give_back(struct lowering *l, uint32_t insn)
{
    uint32_t rest = l->unit->n_insns - (insn + 1);

    if (rest) {
        emit_alu_imm(&l->e, ALU_ADD, R13, (int32_t)rest, true);
    }
}

/* Back to C with rax telling why; rdx is the pc. */
static void leave(struct lowering *l, uint64_t why)
{
    emit_mov_imm(&l->e, RAX, why);
    emit_jmp_to(&l->e, l->jit->leave);
}

#define ENTRY(member) \
    (AT(jump_cache.entry) + (int32_t)offsetof(struct jump_entry, member))

/* rdx: the pc, of the same mode as the unit's. */
static void exit_indirect(struct lowering *l)
{
    _Static_assert(sizeof(struct jump_entry) == 16, "what is shifted by");
    emit_mov(&l->e, RAX, RDX, false);
    emit_alu_imm(&l->e, ALU_AND, RAX, JUMP_CACHE_SIZE - 1, false);
    emit_shift_imm(&l->e, SHIFT_SHL, RAX, 4, false);
    emit_rx(&l->e, 0, 0x3b, RDX, RBX, RAX, ENTRY(pc), true, false);
    emit_jcc_to(&l->e, 5, l->jit->miss);
    emit_rx(&l->e, 0, 0x81, 7, RBX, RAX, ENTRY(mode), false, false);
    emit_32(&l->e, (uint32_t)l->mode);
    emit_jcc_to(&l->e, 5, l->jit->miss);
    emit_rx(&l->e, 0, 0x8b, RAX, RBX, RAX, ENTRY(code), false, false);
    emit_rm(&l->e, 0, 0x03, RAX, RBX, AT(jump_cache.code_start), true, false);
    emit_byte(&l->e, 0xff); /* jmp rax */
    emit_byte(&l->e, 0xe0);
}

/* Where an exit leads that is not linked. */
static void stub(struct lowering *l, struct host_exit *exit)
{
    emit_here(&l->e, exit->place);
    exit->stub = l->e.at;
    emit_mov_imm(&l->e, RDX, exit->pc);
    leave(l, (uint64_t)(uintptr_t)exit);
}

void lower_cold_stub(struct lowering *l, struct cold *cold)
{
    stub(l, cold->exit);
}

static void exit_to(struct lowering *l, uint64_t pc, bool hot)
{
    struct host_exit *exit;

    if (!jit_linkable(l->unit_pc, pc)) {
        emit_mov_imm(&l->e, RDX, pc);
        exit_indirect(l);
        return;
    }
    panda_assert(l->host->n_exits < l->max_exits);
    exit = &l->host->exits[l->host->n_exits++];
    exit->pc = pc;
    exit->owner = l->host;
    exit->target = NULL;
    exit->next = NULL;
    exit->crossing = NULL;
    exit->never = false;
    exit->place = emit_jmp(&l->e);
    if (hot) {
        lower_new_cold(l, COLD_STUB)->exit = exit;
    } else {
        stub(l, exit);
    }
}

void lower_exit(struct lowering *l, const struct ir_ins *ins)
{
    uint64_t pc;

    lower_pending(l, &l->places, l->pending);
    give_back(l, l->insn);
    if (ins->imm == IR_EXIT_LINK && ir_const_value(l->unit, ins->a, &pc)) {
        exit_to(l, pc, true);
        return;
    }
    lower_into(l, RDX, ins->a);
    if (ins->imm == IR_EXIT_INDIRECT || ins->imm == IR_EXIT_LINK) {
        exit_indirect(l);
    } else {
        leave(l, HOST_RETURN_KIND + ins->imm);
    }
}

void lower_exit_if(struct lowering *l, const struct ir_ins *ins)
{
    unsigned condition = lower_condition(l, ins->a);
    struct cold *cold = lower_new_cold(l, COLD_EXIT);

    cold->from[0] = emit_jcc(&l->e, condition);
}

void lower_cold_exit(struct lowering *l, struct cold *cold)
{
    uint32_t kind = l->unit->ins[cold->at].imm;
    uint64_t pc = 0;

    emit_here(&l->e, cold->from[0]);
    lower_pending(l, &cold->places, cold->pending);
    give_back(l, cold->insn);
    ir_const_value(l->unit, l->unit->ins[cold->at].b, &pc);
    if (kind == IR_EXIT_LINK) {
        exit_to(l, pc, false);
    } else {
        emit_mov_imm(&l->e, RDX, pc);
        leave(l, HOST_RETURN_KIND + kind);
    }
}
