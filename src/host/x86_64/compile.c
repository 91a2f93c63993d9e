/* A unit, record by record; then its cold code. */
#include "host/x86_64/lower.h"

#include "base/error.h"
#include "guest/guest.h"
#include "host/x86_64/perf_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* No unit needs more: 64 instructions with all their cold code. */
#define UNIT_CODE_MAX (256u << 10)
#define COMMON_CODE 0x18000u

/* -- Common code ----------------------------------------------------------- */

static const uint8_t saved[] = {RBX, RBP, R12, R13, R14, R15};

static void push(struct emit *e, unsigned reg)
{
    if (reg >= 8) {
        emit_byte(e, 0x41);
    }
    emit_byte(e, (uint8_t)(0x50 | (reg & 7)));
}

static void pop(struct emit *e, unsigned reg)
{
    if (reg >= 8) {
        emit_byte(e, 0x41);
    }
    emit_byte(e, (uint8_t)(0x58 | (reg & 7)));
}

/*
 * rax: offset of the entry; rcx: the tag wanted. Z: found; both ways' entries
 * have changed places, since what is used now is soon used again, and rax is
 * the addend. No other register changes.
 */
static void second_way(struct emit *e, int32_t first)
{
    int32_t second = first + TLB_SIZE * (int32_t)sizeof(struct tlb_entry);
    uint8_t *missed;

    _Static_assert(JIT_MMU_MAX == MMU_MAX, "a look-up each");
    emit_rx(e, 0, 0x3b, RCX, RBX, RAX, second, true, false);
    missed = emit_jcc(e, 5);
    push(e, RDX);
    emit_rx(e, 0, 0x8b, RDX, RBX, RAX, first, true, false);
    emit_rx(e, 0, 0x89, RDX, RBX, RAX, second, true, false);
    emit_rx(e, 0, 0x89, RCX, RBX, RAX, first, true, false);
    emit_rx(e, 0, 0x8b, RDX, RBX, RAX, first + 8, true, false);
    emit_rx(e, 0, 0x8b, RCX, RBX, RAX, second + 8, true, false);
    emit_rx(e, 0, 0x89, RDX, RBX, RAX, second + 8, true, false);
    emit_rx(e, 0, 0x89, RCX, RBX, RAX, first + 8, true, false);
    emit_mov(e, RAX, RCX, true);
    pop(e, RDX);
    emit_here(e, missed);
    emit_return(e);
}

/* uint64_t enter(cpu, budget, code, uint64_t *pc) */
static void emit_common(struct jit *jit)
{
    struct emit e = {jit->memory.write, jit->memory.write + COMMON_CODE, false};

    jit->enter = (void *)(uintptr_t)code_runs_at(&jit->memory, e.at);
    for (unsigned i = 0; i < sizeof(saved); i++) {
        push(&e, saved[i]);
    }
    push(&e, RCX);
    emit_alu_imm(&e, ALU_SUB, RSP, FRAME_SIZE, true);
    emit_rm(&e, 0, 0x8d, RBX, RDI, CPU_BIAS, true, false);
    emit_mov(&e, R13, RSI, true);
    emit_rm(&e, 0, 0xc7, 0, RSP, FRAME_FLOATS, false, false);
    emit_32(&e, 0);
    emit_byte(&e, 0xff); /* jmp rdx */
    emit_byte(&e, 0xe2);
    jit->leave = e.at;
    floats_out(&e, jit->guest, 0, RCX);
    emit_load(&e, RCX, RBX, AT(deadline), true);
    emit_alu(&e, ALU_SUB, RCX, R13, true);
    emit_store(&e, RCX, RBX, AT(count), true);
    emit_alu_imm(&e, ALU_ADD, RSP, FRAME_SIZE, true);
    pop(&e, RCX);
    emit_store(&e, RDX, RCX, 0, true);
    for (unsigned i = sizeof(saved); i-- > 0;) {
        pop(&e, saved[i]);
    }
    emit_return(&e);
    for (unsigned i = 0; i < 2 * MMU_MAX; i++) {
        jit->second[i / MMU_MAX][i % MMU_MAX] = e.at;
        second_way(&e, lower_tlb(i / MMU_MAX, i % MMU_MAX));
    }
    jit->miss = e.at;
    emit_mov_imm(&e, RAX, HOST_RETURN_KIND + IR_EXIT_INDIRECT);
    emit_jmp_to(&e, jit->leave);
    floats_common(&e, jit);
    jit->stubs_at = e.at;
    jit->stubs_end = e.end;
    jit_flush(jit);
}

static uint32_t find_flags(const struct guest *guest)
{
    for (uint32_t i = 0; i < guest->n_slots; i++) {
        if (!strcmp(guest->slots[i].name, "flags")) {
            return i;
        }
    }
    return UINT32_MAX;
}

bool jit_open(struct jit *jit, const struct guest *guest, size_t size)
{
    if (!__builtin_cpu_supports("sse4.1") ||
        !__builtin_cpu_supports("popcnt")) { /* of a processor before 2008 */
        errno = ENOTSUP;
        return false;
    }
    if (!code_memory_open(&jit->memory, size)) {
        return false;
    }
    jit->guest = guest;
    jit->flags_slot = find_flags(guest);
    jit->has_bmi2 = __builtin_cpu_supports("bmi2");
    jit->lowering = panda_must(calloc(1, sizeof(*jit->lowering)));
    emit_common(jit);
    return true;
}

void jit_close(struct jit *jit)
{
    perf_map_close(jit->perf_map);
    free(jit->lowering);
    code_memory_close(&jit->memory);
}

void jit_flush(struct jit *jit)
{
    jit->memory.used = COMMON_CODE;
    jit->memory.cold_used = jit->memory.cold_start;
    jit->n_flushes++;
}

uint64_t jit_run(struct jit *jit, struct cpu *cpu, const uint8_t *entry,
                 uint64_t *pc)
{
    uint64_t (*enter)(struct cpu *, uint64_t, const uint8_t *, uint64_t *);

    memcpy(&enter, &jit->enter, sizeof(enter));
    return enter(cpu, cpu->deadline - cpu->count, entry, pc);
}

/* -- Units ----------------------------------------------------------------- */

static void lower_head(struct lowering *l)
{
    emit_alu_imm(&l->e, ALU_SUB, R13, (int32_t)l->unit->n_insns, true);
    lower_new_cold(l, COLD_BUDGET)->from[0] = emit_jcc(&l->e, 12);
}

/* Not enough steps are left. */
static void cold_budget(struct lowering *l, struct cold *cold)
{
    emit_here(&l->e, cold->from[0]);
    emit_alu_imm(&l->e, ALU_ADD, R13, (int32_t)l->unit->n_insns, true);
    emit_mov_imm(&l->e, RDX, l->unit_pc);
    emit_mov_imm(&l->e, RAX, HOST_RETURN_BUDGET);
    emit_jmp_to(&l->e, l->jit->leave);
}

static void lower_record(struct lowering *l, const struct ir_ins *ins)
{
    /* Flags whose value is asked for as a number get a register. */
    if (lower_is_flags(l, (ir_ref)l->at)) {
        if (l->uses[l->at] && l->flags_number[l->at]) {
            unsigned to;

            lower_flags_value(l, &l->places, (ir_ref)l->at);
            to = lower_define(l, IR_NONE);
            emit_mov(&l->e, to, RAX, false);
        }
        return;
    }
    if (ins->op == IR_exit) {
        lower_exit(l, ins);
    } else if (ins->op == IR_exit_if) {
        lower_exit_if(l, ins);
    } else if (!lower_state(l, ins) && !lower_int(l, ins) &&
               !lower_vec(l, ins) && !lower_float(l, ins)) {
        panda_bug("op %s is not lowered", ir_op_rows[ins->op].name);
    }
}

bool jit_break(struct jit *jit, const char *op, uint64_t first, uint64_t last)
{
    for (unsigned i = 1; i < IR_OP_COUNT; i++) {
        if (!strcmp(ir_op_rows[i].name, op)) {
            jit->broken_op = i;
            jit->broken_first = first;
            jit->broken_last = last;
            return true;
        }
    }
    return false;
}

/* jit_break(): the result's lowest bit is the other one. */
static void spoil(struct lowering *l, const struct ir_ins *ins)
{
    struct jit *jit = l->jit;
    unsigned reg = l->reg[l->at];
    uint64_t use;

    if (ins->op != jit->broken_op || reg == NO_REGISTER) {
        return;
    }
    use = jit->broken_uses++;
    if (use >= jit->broken_first && use <= jit->broken_last) {
        emit_alu_imm(&l->e, ALU_XOR, reg, 1, ins->type == IR_I64);
    }
}

/* Is the value of a flags op used other than as flags? */
static void find_flag_numbers(struct lowering *l)
{
    const struct ir_unit *unit = l->unit;

    for (uint32_t at = 1; at < unit->n_ins; at++) {
        const struct ir_ins *ins = &unit->ins[at];
        const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};
        bool as_flags = ins->op == IR_fl_cc ||
                        (ins->op == IR_set && ins->imm == l->jit->flags_slot);

        for (unsigned k = 0; k < 4 && !as_flags; k++) {
            if (lower_is_flags(l, refs[k])) {
                l->flags_number[refs[k]] = 1;
            }
        }
    }
}

static void lower_cold(struct lowering *l, struct cold *cold)
{
    switch (cold->kind) {
    case COLD_ACCESS:
        lower_cold_access(l, cold);
        break;
    case COLD_CALL:
        lower_cold_call(l, cold);
        break;
    case COLD_FAULT:
        lower_cold_fault(l, cold);
        break;
    case COLD_AHEAD:
        lower_cold_ahead(l, cold);
        break;
    case COLD_EXIT:
        lower_cold_exit(l, cold);
        break;
    case COLD_STUB:
        lower_cold_stub(l, cold);
        break;
    case COLD_BUDGET:
        cold_budget(l, cold);
        break;
    case COLD_FLOATS:
        lower_cold_floats(l, cold);
        break;
    }
}

static bool lower_unit(struct lowering *l)
{
    const struct ir_unit *unit = l->unit;

    find_flag_numbers(l);
    lower_prepare(l);
    lower_head(l);
    for (l->at = 1; l->at < unit->n_ins && !l->failed; l->at++) {
        lower_record(l, &unit->ins[l->at]);
        if (l->jit->broken_op) {
            spoil(l, &unit->ins[l->at]);
        }
        lower_release(l);
    }
    l->hot_end = l->e.at;
    l->e.at = l->cold_start;
    l->e.end = l->cold_start + UNIT_CODE_MAX;
    for (unsigned i = 0; i < l->n_cold && !l->failed; i++) {
        lower_cold(l, &l->cold[i]);
    }
    return !l->failed && !l->e.full;
}

/* With room for as many exits as the unit can have. */
static struct host_unit *host_new(struct lowering *l)
{
    struct host_unit *host;

    l->max_exits = 0;
    for (uint32_t at = 1; at < l->unit->n_ins; at++) {
        uint32_t op = l->unit->ins[at].op;

        l->max_exits += op == IR_exit || op == IR_exit_if;
    }
    host = panda_must(
        malloc(sizeof(*host) + l->max_exits * sizeof(host->exits[0])));
    host->incoming = NULL;
    host->n_exits = 0;
    return host;
}

static bool open_lowering(struct lowering *l, struct jit *jit)
{
    size_t n = l->unit->n_ins + 1u;

    if (jit->memory.cold_start - jit->memory.used < UNIT_CODE_MAX ||
        jit->memory.size - jit->memory.cold_used < UNIT_CODE_MAX) {
        return false;
    }
    l->e.at = jit->memory.write + jit->memory.used;
    l->cold_start = jit->memory.write + jit->memory.cold_used;
    l->e.end = l->e.at + UNIT_CODE_MAX;
    l->last_use = panda_must(calloc(n, sizeof(*l->last_use)));
    l->ends = panda_must(calloc(n, 1));
    l->slot = panda_must(calloc(n, sizeof(*l->slot)));
    l->uses = panda_must(calloc(n, 1));
    l->flags_number = panda_must(calloc(n, 1));
    l->reg = panda_must(malloc(n));
    memset(l->reg, NO_REGISTER, n);
    l->frame_used = FRAME_SLOTS;
    l->host = host_new(l);
    l->host->entry = code_runs_at(&jit->memory, l->e.at);
    l->host->pc = l->unit_pc;
    return true;
}

static void keep_code(const struct lowering *l, struct jit *jit)
{
    const uint8_t *cold = code_runs_at(&jit->memory, l->cold_start);

    if (jit->perf_map) {
        perf_map_add(jit->perf_map, "unit", l->host->entry,
                     (size_t)(l->hot_end - jit->memory.write) -
                         jit->memory.used,
                     l->unit_pc);
        perf_map_add(jit->perf_map, "cold", cold,
                     (size_t)(l->e.at - l->cold_start), l->unit_pc);
    }
    jit->memory.used = ((size_t)(l->hot_end - jit->memory.write) + 15) & ~15ul;
    jit->memory.cold_used = (size_t)(l->e.at - jit->memory.write);
    code_memory_used(&jit->memory);
}

struct host_unit *jit_compile(struct jit *jit, const struct ir_unit *unit,
                              uint64_t pc, uint64_t mode, void *running)
{
    struct lowering *l = jit->lowering;
    struct ir_unit forwarded = *unit;
    struct host_unit *host = NULL;

    memset(l, 0, offsetof(struct lowering, cold));
    forwarded.ins = panda_must(malloc(unit->n_ins * sizeof(*unit->ins)));
    memcpy(forwarded.ins, unit->ins, unit->n_ins * sizeof(*unit->ins));
    lower_forward(&forwarded);
    l->jit = jit;
    l->unit = &forwarded;
    l->unit_pc = pc;
    l->mode = mode;
    l->running = running;
    if (open_lowering(l, jit)) {
        host = l->host;
        if (lower_unit(l)) {
            keep_code(l, jit);
        } else {
            free(host);
            host = NULL;
        }
    }
    free(forwarded.ins);
    free(l->last_use);
    free(l->ends);
    free(l->slot);
    free(l->uses);
    free(l->flags_number);
    free(l->reg);
    return host;
}

/* -- Links ----------------------------------------------------------------- */

static void cross(struct jit *jit, struct host_exit *exit)
{
    exit->next_crossing = jit->crossing;
    exit->crossing = &jit->crossing;
    if (jit->crossing) {
        jit->crossing->crossing = &exit->next_crossing;
    }
    jit->crossing = exit;
}

static void uncross(struct host_exit *exit)
{
    if (exit->crossing) {
        *exit->crossing = exit->next_crossing;
        if (exit->next_crossing) {
            exit->next_crossing->crossing = exit->crossing;
        }
        exit->crossing = NULL;
    }
}

void jit_link(struct jit *jit, struct host_exit *exit, struct host_unit *target,
              bool straddles)
{
    if (!exit->target) {
        jit->n_links++;
        exit->target = target;
        exit->next = target->incoming;
        target->incoming = exit;
        if (straddles || (target->pc ^ exit->owner->pc) >> PAGE_BITS) {
            cross(jit, exit);
        }
        emit_patch(exit->place, code_written_at(&jit->memory, target->entry));
    }
}

static void unlink_exit(struct host_exit *exit)
{
    struct host_exit **at;

    if (!exit->target) {
        return;
    }
    at = &exit->target->incoming;
    while (*at != exit) {
        at = &(*at)->next;
    }
    *at = exit->next;
    exit->target = NULL;
    uncross(exit);
    emit_patch(exit->place, exit->stub);
}

void jit_unlink_crossing(struct jit *jit)
{
    while (jit->crossing) {
        unlink_exit(jit->crossing);
    }
}

void jit_unit_unlink(struct host_unit *unit)
{
    while (unit->incoming) {
        unlink_exit(unit->incoming);
    }
    for (unsigned i = 0; i < unit->n_exits; i++) {
        unlink_exit(&unit->exits[i]);
    }
}

void jit_unit_free(struct host_unit *unit)
{
    if (unit) {
        jit_unit_unlink(unit);
        free(unit);
    }
}
