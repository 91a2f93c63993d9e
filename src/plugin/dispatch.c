/*
 * What woven code calls: blocks, instructions, accesses.
 */
#include "plugin/raise.h"
#include "plugin/weaver.h"

#include "mem/mem.h"

/* -- Blocks ---------------------------------------------------------------- */

static TranslationBlock *shown(uint64_t block)
{
    block &= ~(uint64_t)(BLOCK_TRANSFERS | WOVEN_SHOWN);
    return &((struct block *)(uintptr_t)block)->shown;
}

/* WOVEN_SHOWN: the rest. */
static inline void show_unless(uint64_t bits, struct plugins *p,
                               struct cpu *cpu, uint64_t pc, bool within)
{
    show_place(p, pc, cpu->count + within);
    if (unlikely(!(bits & WOVEN_SHOWN))) {
        cpu->guest->plugin->show(cpu, pc, p->cache);
    }
}

/* A block begins: the last moment for what an earlier one asked for. What
 * was asked for while this one was translated waits for the next. */
static void leave_if_requested(struct cpu *cpu)
{
    if (cpu->request && cpu->machine->requested_at != cpu->count) {
        cpu_leave(cpu, CPU_LEAVE_REQUEST);
    }
}

/* Asked whether to translate anew. If so, the units go, and the step begins
 * again with another block at its place. */
static void invalidate_opt(struct plugins *p, struct cpu *cpu,
                           TranslationBlock *tb)
{
    if (RAISE_CPU(p, BEFORE_BLOCK_EXEC_INVALIDATE_OPT, (uintptr_t)tb)) {
        p->flush = true;
        plugins_request(p);
        cpu_leave(cpu, CPU_LEAVE_REQUEST);
    }
}

static void before_block_exec(struct plugins *p, uint64_t block)
{
    struct block *b = (struct block *)(uintptr_t)block;
    uint64_t bit = p->machine->cpu->asid_bit;

    if (!heard(p, PANDA_CB_BEFORE_BLOCK_EXEC)) {
        return;
    }
    if (p->filters) { /* else the block itself need not be looked at */
        p->block_is_new = !(b->seen & bit);
        b->seen |= bit;
    }
    RAISE_CPU(p, BEFORE_BLOCK_EXEC, (uintptr_t)&b->shown);
}

/* Nobody wants to know but of a block that is new in its address space. Not
 * counted as an event: begun again, it is not raised again. */
static void block_new(struct cpu *cpu, uint64_t block)
{
    struct plugins *p = plugins_of(cpu);

    leave_if_requested(cpu);
    show(p, cpu, cpu->insn_pc, false);
    before_block_exec(p, block);
    steer_before_insn(p);
}

__attribute__((noinline)) static void
block_start_slow(struct plugins *p, struct cpu *cpu, uint64_t block)
{
    TranslationBlock *tb = shown(block);

    leave_if_requested(cpu);
    if (heard(p, PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT) && fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, false);
        invalidate_opt(p, cpu, tb);
    }
    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, false);
        before_block_exec(p, block);
        if (heard(p, PANDA_CB_START_BLOCK_EXEC)) {
            RAISE_CPU(p, START_BLOCK_EXEC, (uintptr_t)tb);
        }
    }
    steer_before_insn(p);
}

/* The block's address as woven code has it, with these bits set. */
static inline void start_only(struct plugins *p, const struct subscription *s,
                              uint64_t block, unsigned bits)
{
    block += offsetof(struct block, shown) - bits;
    p->calling = s;
    s->function.plain.before_block_exec(&p->cpu,
                                        (TranslationBlock *)(uintptr_t)block);
    steer_returned(p, NULL);
    steer_before_insn(p);
}

__attribute__((noinline)) static void
start_only_shown(struct plugins *p, struct cpu *cpu, uint64_t block)
{
    cpu->guest->plugin->show(cpu, cpu->insn_pc, p->cache);
    start_only(p, p->only_start, block & ~(uint64_t)WOVEN_SHOWN, 0);
}

/* What is rare is done elsewhere, so that nothing is saved for it here. With
 * WOVEN_SHOWN all is shown but the copies. */
static void block_start(struct cpu *cpu, uint64_t block)
{
    struct plugins *p = plugins_of(cpu);
    const struct subscription *s = p->only_start;

    if (unlikely(!s || cpu->request || !begins(p, cpu))) {
        block_start_slow(p, cpu, block & ~(uint64_t)WOVEN_SHOWN);
        return;
    }
    show_place(p, cpu->insn_pc, cpu->count);
    if (unlikely(!(block & WOVEN_SHOWN & cpu->shown_current))) {
        start_only_shown(p, cpu, block);
        return;
    }
    start_only(p, s, block, WOVEN_SHOWN);
}

static void tell_end(struct plugins *p, panda_cb_type kind,
                     TranslationBlock *tb)
{
    if (heard(p, kind)) {
        plugins_raise(
            p, kind, (const uint64_t[6]){(uintptr_t)&p->cpu, (uintptr_t)tb, 0});
    }
}

__attribute__((noinline)) static void
block_end_slow(struct plugins *p, struct cpu *cpu, uint64_t block, uint64_t pc)
{
    if (fresh(p, cpu)) {
        show_unless(block, p, cpu, pc, true);
        p->transfer = block & BLOCK_TRANSFERS;
        tell_end(p, PANDA_CB_END_BLOCK_EXEC, shown(block));
        tell_end(p, PANDA_CB_AFTER_BLOCK_EXEC, shown(block));
    }
}

static inline void end_only(struct plugins *p, const struct subscription *s,
                            uint64_t block)
{
    p->calling = s;
    s->function.plain.after_block_exec(&p->cpu, shown(block), 0);
    steer_returned(p, NULL);
}

__attribute__((noinline)) static void
end_only_shown(struct plugins *p, struct cpu *cpu, uint64_t block, uint64_t pc)
{
    cpu->guest->plugin->show(cpu, pc, p->cache);
    end_only(p, p->only_end[END_OF(block)], block);
}

/* How the block ends is in the lowest bits of its address: the block itself
 * may lie in no cache. To one who is alone, in few steps. */
static void block_end(struct cpu *cpu, uint64_t block, uint64_t pc)
{
    struct plugins *p = plugins_of(cpu);
    const struct subscription *s = p->only_end[END_OF(block)];

    if (unlikely(!s || !begins(p, cpu))) {
        block_end_slow(p, cpu, block, pc);
        return;
    }
    show_place(p, pc, cpu->count + 1);
    if (unlikely(!(block & WOVEN_SHOWN))) {
        end_only_shown(p, cpu, block, pc);
        return;
    }
    end_only(p, s, block);
}

static void block_end_if(struct cpu *cpu, uint32_t condition, uint64_t block,
                         uint64_t pc)
{
    if (condition) {
        block_end(cpu, block, pc);
    }
}

static void block_cut(struct cpu *cpu, uint64_t block, uint32_t position)
{
    struct plugins *p = plugins_of(cpu);

    block_goes_on(
        p,
        p->broken == cpu->count + 1 ? NULL : (struct block *)(uintptr_t)block,
        cpu->count + 1 - position);
}

/* -- Instructions ---------------------------------------------------------- */

static const struct answer *answer_at(uint64_t address)
{
    address &= ~(uint64_t)WOVEN_SHOWN;
    return (const struct answer *)(uintptr_t)address;
}

static void insn_exec_slow(struct plugins *p, struct cpu *cpu, uint64_t answer)
{
    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, true);
        p->answer = answer_at(answer);
        RAISE_CPU(p, INSN_EXEC, cpu->insn_pc);
    }
    steer_before_insn(p);
}

static void insn_exec(struct cpu *cpu, uint64_t answer)
{
    struct plugins *p = plugins_of(cpu);
    const struct subscription *s = p->only[PANDA_CB_INSN_EXEC];

    if (unlikely(!s || answer_at(answer)->owner[0] != s->owner ||
                 p->steer.armed || !begins(p, cpu))) {
        insn_exec_slow(p, cpu, answer);
        return;
    }
    show_unless(answer, p, cpu, cpu->insn_pc, true);
    p->calling = s;
    s->function.plain.insn_exec(&p->cpu, cpu->insn_pc);
    steer_returned(p, NULL);
    steer_before_insn(p);
}

/* All that comes before the instruction has been told. */
static void told(struct cpu *cpu)
{
    steer_told(plugins_of(cpu), cpu);
}

/* What was written by or behind the last instruction, is to take effect. */
static void leave(struct cpu *cpu)
{
    if (plugins_of(cpu)->watch.pending) {
        cpu_leave(cpu, CPU_LEAVE_REQUEST);
    }
}

static void after_insn(struct cpu *cpu, uint64_t pc, uint64_t answer)
{
    struct plugins *p = plugins_of(cpu);

    if (fresh(p, cpu)) {
        show(p, cpu, pc, true);
        p->answer = answer_at(answer);
        RAISE_CPU(p, AFTER_INSN_EXEC, pc);
    }
}

/* -- Accesses -------------------------------------------------------------- */

struct access {
    uint64_t pc, address;
    size_t size;
    uint32_t how;
    uint64_t value; /* in host order */
};

static void tell(struct plugins *p, panda_cb_type kind, struct access *a)
{
    const uint64_t arguments[6] = {(uintptr_t)&p->cpu, a->pc, a->address,
                                   a->size, (uintptr_t)&a->value};

    if (heard(p, kind)) {
        plugins_raise(p, kind, arguments);
    }
}

/* By page; a part that is not mapped is not told. */
static void tell_pages(struct plugins *p, struct cpu *cpu,
                       const struct access *whole)
{
    size_t done = 0;

    while (done < whole->size) {
        struct access part = *whole;
        struct walk_result walk;
        uint64_t at = whole->address + done;
        size_t rest = PAGE_SIZE_ - (at & ~PAGE_MASK_);

        part.size = whole->size - done < rest ? whole->size - done : rest;
        part.value = whole->value >> (8 * done);
        if (part.size < 8) {
            part.value &= (1ull << 8 * part.size) - 1;
        }
        if (cpu->guest->walk(cpu, at, MEM_READ, MO_MMU(whole->how), true,
                             &walk)) {
            part.address = walk.physical;
            tell(p, virtual_kind(part.how) + 2, &part);
        }
        done += part.size;
    }
}

static void tell_piece(struct plugins *p, struct cpu *cpu, struct access *a)
{
    if (a->size < 8) {
        a->value &= (1ull << 8 * a->size) - 1;
    }
    if (p->active & PHYSICAL_ACCESS_KINDS) {
        struct access copy = *a; /* a plugin may write into the buffer */

        tell(p, virtual_kind(a->how), &copy);
        tell_pages(p, cpu, a);
    } else {
        tell(p, virtual_kind(a->how), a);
    }
}

void dispatch_access(struct cpu *cpu, uint64_t address,
                     const union ir_value *value, uint32_t how)
{
    struct plugins *p = plugins_of(cpu);
    unsigned size = MO_SIZE(how);
    uint64_t pc = cpu->insn_pc;

    if (!fresh(p, cpu)) {
        return;
    }
    if (!cpu->machine->in_unit) { /* a delivery, in the midst of it */
        pc = cpu->guest->get_pc(cpu);
        cpu->shown_current = 0;
    }
    show(p, cpu, pc, true);
    cpu->shown_current &= cpu->machine->in_unit;
    for (unsigned at = 0; at < size; at += 8) {
        struct access a = {pc, address + at, size < 8 ? size : 8, how,
                           value->v64[at / 8]};

        tell_piece(p, cpu, &a);
    }
}

static void access_64(struct cpu *cpu, uint64_t address, uint64_t value,
                      uint32_t how)
{
    struct plugins *p = plugins_of(cpu);
    struct access a = {cpu->insn_pc, address, MO_SIZE(how), how, value};

    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, true);
        tell_piece(p, cpu, &a);
    }
}

/* What the unit does not do by itself. */
static void show_copies(struct cpu *cpu)
{
    cpu->guest->plugin->show(cpu, cpu->insn_pc, plugins_of(cpu)->cache);
}

/* One function hears of the kind; the three kinds have one signature. What
 * comes behind the value is not told. */
static inline void call_only(struct plugins *p, struct cpu *cpu,
                             const struct subscription *s, uint64_t address,
                             uint64_t value, uint32_t how)
{
    show_place(p, cpu->insn_pc, cpu->count + 1);
    p->calling = s;
    s->function.plain.virt_mem_after_read(
        &p->cpu, cpu->insn_pc, address, how >> ACCESS_SIZE, (uint8_t *)&value);
    steer_returned(p, NULL);
}

/* Many hear of it, or it is not the step's first event, or registers are
 * compared. */
__attribute__((noinline)) static void access_slow(struct plugins *p,
                                                  struct cpu *cpu,
                                                  uint64_t address,
                                                  uint64_t value, uint32_t how)
{
    const struct subscription *s = p->only_access[ACCESS_KIND(how)];

    if (!s) {
        access_64(cpu, address, value, how);
    } else if (fresh(p, cpu)) {
        steer_call(p, s);
        call_only(p, cpu, s, address, value, how);
    }
}

/* The common case in few steps. */
static inline void access_only(struct cpu *cpu, uint64_t address,
                               uint64_t value, uint32_t how, uint32_t kind)
{
    struct plugins *p = plugins_of(cpu);
    const struct subscription *s = p->only_access[ACCESS_KIND(kind)];

    if (unlikely(!s || p->steer.armed || !begins(p, cpu))) {
        access_slow(p, cpu, address, value, how);
        return;
    }
    call_only(p, cpu, s, address, value, how);
}

static void before_write(struct cpu *cpu, uint64_t address, uint64_t value,
                         uint32_t how)
{
    access_only(cpu, address, value, how, ACCESS_WRITE);
}

static void after_read(struct cpu *cpu, uint64_t address, uint64_t value,
                       uint32_t how)
{
    access_only(cpu, address, value, how, ACCESS_AFTER);
}

static void after_write(struct cpu *cpu, uint64_t address, uint64_t value,
                        uint32_t how)
{
    access_only(cpu, address, value, how, ACCESS_WRITE | ACCESS_AFTER);
}

static void access_filtered(struct cpu *cpu, uint64_t address, uint64_t value,
                            uint32_t how)
{
    struct plugins *p = plugins_of(cpu);
    unsigned size = MO_SIZE(how);

    if (byte_filter_passes_too(p->bytes, cpu->insn_pc,
                               cpu->guest->plugin->asid(cpu), value, size)) {
        show_copies(cpu);
        access_slow(p, cpu, address, value, how | size << ACCESS_SIZE);
    }
}

/* -- The table of helpers -------------------------------------------------- */

/* A function of the same name here, and what a unit relies on. */
#define WITH(effects_, function, n, ...) \
    { \
#function, (void (*)(void))function, IR_VOID, n, \
            {__VA_ARGS__ }, effects_ \
    }
#define TELLS(...) WITH(HELPER_READS, __VA_ARGS__)
#define AT_PC(...) WITH(HELPER_READS | HELPER_AT_PC, __VA_ARGS__)
#define LEAVES_AT_PC(...) \
    WITH(HELPER_READS | HELPER_FAULTS | HELPER_AT_PC, __VA_ARGS__)
#define LEAVES(...) WITH(HELPER_READS | HELPER_FAULTS, __VA_ARGS__)

const struct guest_helper woven_helpers[N_WOVEN_HELPERS] = {
    [WOVEN_BLOCK_START] = LEAVES_AT_PC(block_start, 1, IR_I64),
    [WOVEN_BLOCK_NEW] = LEAVES(block_new, 1, IR_I64),
    [WOVEN_BLOCK_END] = TELLS(block_end, 2, IR_I64, IR_I64),
    [WOVEN_BLOCK_END_IF] = TELLS(block_end_if, 3, IR_I32, IR_I64, IR_I64),
    [WOVEN_BLOCK_CUT] = TELLS(block_cut, 2, IR_I64, IR_I32),
    [WOVEN_INSN_EXEC] = LEAVES_AT_PC(insn_exec, 1, IR_I64),
    [WOVEN_INSERTED] = LEAVES(inserted_calls, 1, IR_I64),
    [WOVEN_TOLD] = LEAVES(told, 0, 0),
    [WOVEN_LEAVE] = LEAVES(leave, 1, IR_I64),
    [WOVEN_AFTER_INSN] = TELLS(after_insn, 2, IR_I64, IR_I64),
    [WOVEN_SHOW] = TELLS(show_copies, 1, IR_I64),
    [WOVEN_BEFORE_WRITE] = AT_PC(before_write, 3, IR_I64, IR_I64, IR_I32),
    [WOVEN_AFTER_READ] = AT_PC(after_read, 3, IR_I64, IR_I64, IR_I32),
    [WOVEN_AFTER_WRITE] = AT_PC(after_write, 3, IR_I64, IR_I64, IR_I32),
    [WOVEN_ACCESS] = TELLS(access_64, 3, IR_I64, IR_I64, IR_I32),
    [WOVEN_ACCESS_FILTERED] = TELLS(access_filtered, 3, IR_I64, IR_I64, IR_I32),
    [WOVEN_ACCESS_V] = TELLS(dispatch_access, 3, IR_I64, IR_V128, IR_I32),
};
