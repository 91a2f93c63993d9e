/*
 * Register allocation, forward and in one pass: a value gets a register where
 * it is defined; when none is free, the one whose last use is farthest away
 * moves to the frame, where it stays. A value that is in the frame is loaded
 * into a scratch register for each use.
 */
#include "host/x86_64/lower.h"

#include "guest/guest.h"

#include <string.h>

static const uint8_t allocatable[] = {RBP, R12, R14, R15, RSI,
                                      RDI, R8,  R9,  R10, R11};
#define N_ALLOCATABLE sizeof(allocatable)
static const uint8_t vector_registers[] = {2, 3,  4,  5,  6,  7,  8,
                                           9, 10, 11, 12, 13, 14, 15};
#define N_VECTORS sizeof(vector_registers)
/* The first four of the general ones survive a C call, no vector does. */
#define N_PRESERVED 4

static const struct ir_const *constant(const struct lowering *l, ir_ref ref)
{
    return &l->unit->consts[ref & ~IR_CONST_BIT];
}

bool lower_imm(const struct lowering *l, ir_ref ref, int32_t *value)
{
    uint64_t bits;

    if (!ir_is_const(ref)) {
        return false;
    }
    bits = constant(l, ref)->value.u64;
    *value = (int32_t)bits;
    return constant(l, ref)->type == IR_I32 ||
           (uint64_t)(int64_t)*value == bits;
}

/* -- Last uses ------------------------------------------------------------- */

static void use_until(struct lowering *l, ir_ref ref, uint32_t at)
{
    if (ref != IR_NONE && !ir_is_const(ref) && l->last_use[ref] < at) {
        l->last_use[ref] = at;
    }
}

/* What a flags op needs, wherever it is made good. */
static void keep_flags(struct lowering *l, ir_ref flags, uint32_t until)
{
    const struct ir_ins *ins = &l->unit->ins[flags];

    use_until(l, ins->a, until);
    use_until(l, ins->b, until);
    use_until(l, ins->c, until);
}

static void count_use(struct lowering *l, ir_ref ref, uint32_t at)
{
    if (ref == IR_NONE || ir_is_const(ref)) {
        return;
    }
    use_until(l, ref, at);
    l->uses[ref] += l->uses[ref] < 255;
    /* Flags are made anew at each use. */
    if (lower_is_flags(l, ref)) {
        keep_flags(l, ref, at);
    }
}

static void keep_condition(struct lowering *l, const struct ir_ins *condition,
                           uint32_t until)
{
    use_until(l, condition->a, until);
    use_until(l, condition->b, until);
    if (lower_is_flags(l, condition->a)) {
        keep_flags(l, condition->a, until);
    }
}

void lower_prepare(struct lowering *l)
{
    const struct ir_unit *unit = l->unit;
    ir_ref waiting = IR_NONE;

    for (uint32_t at = 1; at < unit->n_ins; at++) {
        const struct ir_ins *ins = &unit->ins[at];
        const ir_ref refs[4] = {ins->a, ins->b, ins->c, ins->d};

        for (unsigned k = 0; k < 4; k++) {
            count_use(l, refs[k], at);
        }
        if (waiting != IR_NONE) {
            keep_flags(l, waiting, at);
        }
        if (ins->op == IR_set && ins->imm == l->jit->flags_slot) {
            waiting = lower_is_flags(l, ins->a) ? ins->a : IR_NONE;
        }
    }
    /* A condition that is made where it is used keeps its operands. */
    for (uint32_t at = 1; at < unit->n_ins; at++) {
        ir_ref condition = unit->ins[at].a;

        if (lower_takes_condition(&unit->ins[at]) &&
            lower_made_at_use(l, condition)) {
            keep_condition(l, &unit->ins[condition], at);
        }
    }
    for (uint32_t at = 1; at < unit->n_ins; at++) {
        l->ends[l->last_use[at]] = 1;
    }
}

/* -- Registers ------------------------------------------------------------- */

int32_t lower_new_slot(struct lowering *l, int32_t size)
{
    int32_t slot = (l->frame_used + size - 1) & -size;

    if (slot + size > FRAME_SIZE) {
        l->failed = true;
        return FRAME_SLOTS;
    }
    l->frame_used = slot + size;
    return slot;
}

/* General registers and vectors are handed out by one rule. */
struct bank {
    const uint8_t *registers;
    unsigned n;
    ir_ref *in; /* in l->places */
    bool vectors;
};

static struct bank general(struct lowering *l)
{
    return (struct bank){allocatable, N_ALLOCATABLE, l->places.in, false};
}

static struct bank vectors(struct lowering *l)
{
    return (struct bank){vector_registers, N_VECTORS, l->places.vector, true};
}

static void free_register(struct lowering *l, const struct bank *bank,
                          unsigned reg)
{
    l->reg[bank->in[reg]] = NO_REGISTER;
    bank->in[reg] = IR_NONE;
}

static void to_frame(struct lowering *l, const struct bank *bank, unsigned reg)
{
    ir_ref value = bank->in[reg];

    if (bank->vectors) {
        lower_vector_in_frame(l, value);
    } else if (!l->slot[value]) {
        l->slot[value] = lower_new_slot(l, 8);
        emit_store(&l->e, reg, RSP, l->slot[value], true);
    }
    free_register(l, bank, reg);
}

/* A register moves to the frame; operands of this record stay. */
static unsigned evict(struct lowering *l, const struct bank *bank)
{
    const struct ir_ins *ins = &l->unit->ins[l->at];
    unsigned best = NO_REGISTER;

    for (unsigned i = 0; i < bank->n; i++) {
        unsigned reg = bank->registers[i];
        ir_ref value = bank->in[reg];

        if (value == IR_NONE || value == ins->a || value == ins->b ||
            value == ins->c || value == ins->d) {
            continue;
        }
        if (best == NO_REGISTER ||
            l->last_use[value] > l->last_use[bank->in[best]]) {
            best = reg;
        }
    }
    if (best != NO_REGISTER) { /* else chaos: only operands are there */
        to_frame(l, bank, best);
    }
    return best;
}

static unsigned define(struct lowering *l, struct bank bank, ir_ref dying)
{
    unsigned reg = NO_REGISTER, first = 0;

    if (!lower_chance(l, 4) && dying != IR_NONE && !ir_is_const(dying) &&
        l->reg[dying] != NO_REGISTER && l->last_use[dying] == l->at) {
        reg = l->reg[dying];
        free_register(l, &bank, reg);
    }
    if (lower_chance(l, 8)) {
        reg = reg == NO_REGISTER ? evict(l, &bank) : reg;
    } else if (lower_chance(l, 4)) {
        first = (unsigned)draw_below(l->jit->chaos, bank.n);
    }
    for (unsigned i = 0; i < bank.n && reg == NO_REGISTER; i++) {
        unsigned next = bank.registers[(first + i) % bank.n];

        if (bank.in[next] == IR_NONE) {
            reg = next;
        }
    }
    if (reg == NO_REGISTER) {
        reg = evict(l, &bank);
    }
    bank.in[reg] = (ir_ref)l->at;
    l->reg[l->at] = (uint8_t)reg;
    return reg;
}

unsigned lower_define(struct lowering *l, ir_ref dying)
{
    return define(l, general(l), dying);
}

unsigned lower_define_vector(struct lowering *l, ir_ref dying)
{
    return define(l, vectors(l), dying);
}

static void release(struct lowering *l, struct bank bank)
{
    for (unsigned i = 0; i < bank.n; i++) {
        unsigned reg = bank.registers[i];
        ir_ref value = bank.in[reg];

        if (value != IR_NONE && l->last_use[value] <= l->at) {
            free_register(l, &bank, reg);
        }
    }
}

void lower_release(struct lowering *l)
{
    bool unused = l->reg[l->at] != NO_REGISTER && l->last_use[l->at] <= l->at;

    if (!l->ends[l->at] && !unused) { /* as at most records */
        return;
    }
    release(l, general(l));
    release(l, vectors(l));
}

static unsigned register_at(const struct places *places, ir_ref ref)
{
    for (unsigned i = 0; i < N_ALLOCATABLE; i++) {
        if (places->in[allocatable[i]] == ref) {
            return allocatable[i];
        }
    }
    return NO_REGISTER;
}

void lower_into_at(struct lowering *l, const struct places *places,
                   unsigned reg, ir_ref ref)
{
    unsigned from;

    if (ir_is_const(ref)) {
        emit_mov_imm(&l->e, reg, constant(l, ref)->value.u64);
        return;
    }
    from = register_at(places, ref);
    if (from != NO_REGISTER) {
        emit_mov(&l->e, reg, from, true);
    } else {
        emit_load(&l->e, reg, RSP, l->slot[ref], true);
    }
}

void lower_into(struct lowering *l, unsigned reg, ir_ref ref)
{
    lower_into_at(l, &l->places, reg, ref);
}

unsigned lower_use_at(struct lowering *l, const struct places *places,
                      ir_ref ref, unsigned scratch)
{
    unsigned reg = ir_is_const(ref) ? NO_REGISTER : register_at(places, ref);

    if (reg == NO_REGISTER) {
        lower_into_at(l, places, scratch, ref);
        reg = scratch;
    }
    return reg;
}

int32_t lower_slot(const struct lowering *l, uint32_t slot)
{
    return (int32_t)l->jit->guest->slots[slot].offset - CPU_BIAS;
}

unsigned lower_use(struct lowering *l, ir_ref ref, unsigned scratch)
{
    if (!ir_is_const(ref) && l->reg[ref] != NO_REGISTER) {
        return l->reg[ref];
    }
    lower_into(l, scratch, ref);
    return scratch;
}

/* -- Around C calls -------------------------------------------------------- */

void lower_save(struct lowering *l, const struct places *places)
{
    for (unsigned i = N_PRESERVED; i < N_ALLOCATABLE; i++) {
        if (places->in[allocatable[i]] != IR_NONE) {
            emit_store(&l->e, allocatable[i], RSP, FRAME_SAVED + 8 * (int32_t)i,
                       true);
        }
    }
    lower_save_vectors(l, places);
}

void lower_restore(struct lowering *l, const struct places *places)
{
    for (unsigned i = N_PRESERVED; i < N_ALLOCATABLE; i++) {
        if (places->in[allocatable[i]] != IR_NONE) {
            emit_load(&l->e, allocatable[i], RSP, FRAME_SAVED + 8 * (int32_t)i,
                      true);
        }
    }
    lower_restore_vectors(l, places);
}

void lower_into_saved(struct lowering *l, const struct places *places,
                      unsigned reg, ir_ref ref)
{
    for (unsigned i = N_PRESERVED; i < N_ALLOCATABLE; i++) {
        if (!ir_is_const(ref) && places->in[allocatable[i]] == ref) {
            emit_load(&l->e, reg, RSP, FRAME_SAVED + 8 * (int32_t)i, true);
            return;
        }
    }
    lower_into_at(l, places, reg, ref);
}
