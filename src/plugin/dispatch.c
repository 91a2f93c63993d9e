/*
 * Where events come in, from woven code and from the engine, and the walks
 * over who wants to hear of them.
 *
 * An instruction that is left and begun again (to run alone, say) raises its
 * events again, in the same order. They are counted a step, and those that
 * were given already are not given twice.
 */
#include "plugin/plugins.h"

#include "mem/mem.h"

#include <string.h>

/* Calls everybody who hears of a kind. Functions may register, enable and
 * disable on the way. RESULT is told what one returned. */
#define WALK(p, KIND, member, RESULT, ...) \
    do { \
        (p)->walks++; \
        for (struct subscription *s = (p)->kinds[KIND]; s; s = s->next) { \
            if (!s->on) { \
                continue; \
            } \
            if (s->has_context) { \
                RESULT s->function.with.member(s->context __VA_OPT__(, ) \
                                                   __VA_ARGS__); \
            } else { \
                RESULT s->function.plain.member(__VA_ARGS__); \
            } \
        } \
        (p)->walks--; \
    } while (0)

static bool heard(const struct plugins *p, panda_cb_type kind)
{
    return p->active & KIND_BIT(kind);
}

/* -- Before any walk ------------------------------------------------------- */

/* What plugins read: the CPU with its pc there, and the count. */
static void show(struct plugins *p, struct cpu *cpu, uint64_t pc, bool within)
{
    p->within = within;
    p->cpu.panda_guest_pc = pc;
    p->cpu.rr_guest_instr_count = cpu->count - p->count_base + within;
    p->cpu.env_ptr = cpu->guest->plugin->show(cpu, pc, p->cache);
}

/* False: this event of the step was given before. */
static bool fresh(struct plugins *p, const struct cpu *cpu)
{
    if (p->step != cpu->count) {
        p->step = cpu->count;
        p->given = p->skip = 0;
    }
    return p->given++ >= p->skip;
}

static struct plugins *plugins_of(const struct cpu *cpu)
{
    return (struct plugins *)cpu->machine->watch;
}

/* -- Blocks ---------------------------------------------------------------- */

static TranslationBlock *shown(uint64_t block)
{
    return &((struct block *)(uintptr_t)block)->shown;
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
    bool again = false;

    WALK(p, PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT,
         before_block_exec_invalidate_opt, again |=, &p->cpu, tb);
    if (again) {
        p->flush = true;
        plugins_request(p);
        cpu_leave(cpu, CPU_LEAVE_REQUEST);
    }
}

/* The walk of before_block_exec, which minds the filter. */
static void before_block_exec(struct plugins *p, uint64_t block)
{
    struct block *b = (struct block *)(uintptr_t)block;
    uint64_t bit = p->machine->cpu->asid_bit;
    bool is_new = !(b->seen & bit);

    b->seen |= bit;
    p->walks++;
    for (struct subscription *s = p->kinds[PANDA_CB_BEFORE_BLOCK_EXEC]; s;
         s = s->next) {
        if (!s->on || (s->once && !is_new)) {
            continue;
        }
        if (s->has_context) {
            s->function.with.before_block_exec(s->context, &p->cpu, &b->shown);
        } else {
            s->function.plain.before_block_exec(&p->cpu, &b->shown);
        }
    }
    p->walks--;
}

/* Nobody wants to know but of a block that is new in its address space. Not
 * counted as an event: begun again, it is not raised again. */
static void block_new(struct cpu *cpu, uint64_t block)
{
    struct plugins *p = plugins_of(cpu);

    leave_if_requested(cpu);
    show(p, cpu, cpu->insn_pc, false);
    before_block_exec(p, block);
}

static void block_start(struct cpu *cpu, uint64_t block)
{
    struct plugins *p = plugins_of(cpu);
    TranslationBlock *tb = shown(block);

    leave_if_requested(cpu);
    if (heard(p, PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT) && fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, false);
        invalidate_opt(p, cpu, tb);
    }
    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, false);
        before_block_exec(p, block);
        WALK(p, PANDA_CB_START_BLOCK_EXEC, start_block_exec, , &p->cpu, tb);
    }
}

static void block_end(struct cpu *cpu, uint64_t block, uint64_t pc)
{
    struct plugins *p = plugins_of(cpu);
    TranslationBlock *tb = shown(block);

    if (fresh(p, cpu)) {
        show(p, cpu, pc, true);
        WALK(p, PANDA_CB_END_BLOCK_EXEC, end_block_exec, , &p->cpu, tb);
        WALK(p, PANDA_CB_AFTER_BLOCK_EXEC, after_block_exec, , &p->cpu, tb, 0);
    }
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

static void insn_exec(struct cpu *cpu)
{
    struct plugins *p = plugins_of(cpu);

    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, true);
        WALK(p, PANDA_CB_INSN_EXEC, insn_exec, , &p->cpu, cpu->insn_pc);
    }
}

static void after_insn(struct cpu *cpu, uint64_t pc)
{
    struct plugins *p = plugins_of(cpu);

    if (fresh(p, cpu)) {
        show(p, cpu, pc, true);
        WALK(p, PANDA_CB_AFTER_INSN_EXEC, after_insn_exec, , &p->cpu, pc);
    }
}

/* -- Accesses -------------------------------------------------------------- */

struct access {
    uint64_t pc, address;
    size_t size;
    uint32_t how;
    uint64_t value; /* in host order */
};

static void tell_virtual(struct plugins *p, struct access *a)
{
    uint8_t *buf = (uint8_t *)&a->value;

    switch (a->how & (ACCESS_AFTER | ACCESS_WRITE)) {
    case 0:
        WALK(p, PANDA_CB_VIRT_MEM_BEFORE_READ, virt_mem_before_read, , &p->cpu,
             a->pc, a->address, a->size);
        break;
    case ACCESS_WRITE:
        WALK(p, PANDA_CB_VIRT_MEM_BEFORE_WRITE, virt_mem_before_write, ,
             &p->cpu, a->pc, a->address, a->size, buf);
        break;
    case ACCESS_AFTER:
        WALK(p, PANDA_CB_VIRT_MEM_AFTER_READ, virt_mem_after_read, , &p->cpu,
             a->pc, a->address, a->size, buf);
        break;
    default:
        WALK(p, PANDA_CB_VIRT_MEM_AFTER_WRITE, virt_mem_after_write, , &p->cpu,
             a->pc, a->address, a->size, buf);
    }
}

static void tell_physical(struct plugins *p, struct access *a)
{
    uint8_t *buf = (uint8_t *)&a->value;

    switch (a->how & (ACCESS_AFTER | ACCESS_WRITE)) {
    case 0:
        WALK(p, PANDA_CB_PHYS_MEM_BEFORE_READ, phys_mem_before_read, , &p->cpu,
             a->pc, a->address, a->size);
        break;
    case ACCESS_WRITE:
        WALK(p, PANDA_CB_PHYS_MEM_BEFORE_WRITE, phys_mem_before_write, ,
             &p->cpu, a->pc, a->address, a->size, buf);
        break;
    case ACCESS_AFTER:
        WALK(p, PANDA_CB_PHYS_MEM_AFTER_READ, phys_mem_after_read, , &p->cpu,
             a->pc, a->address, a->size, buf);
        break;
    default:
        WALK(p, PANDA_CB_PHYS_MEM_AFTER_WRITE, phys_mem_after_write, , &p->cpu,
             a->pc, a->address, a->size, buf);
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
            tell_physical(p, &part);
        }
        done += part.size;
    }
}

static const uint64_t physical_kinds = KIND_BIT(PANDA_CB_PHYS_MEM_BEFORE_READ) |
                                       KIND_BIT(
                                           PANDA_CB_PHYS_MEM_BEFORE_WRITE) |
                                       KIND_BIT(PANDA_CB_PHYS_MEM_AFTER_READ) |
                                       KIND_BIT(PANDA_CB_PHYS_MEM_AFTER_WRITE);

static void tell_piece(struct plugins *p, struct cpu *cpu, struct access *a)
{
    if (a->size < 8) {
        a->value &= (1ull << 8 * a->size) - 1;
    }
    if (p->active & physical_kinds) {
        struct access copy = *a; /* a plugin may write into the buffer */

        tell_virtual(p, &copy);
        tell_pages(p, cpu, a);
    } else {
        tell_virtual(p, a);
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
        cpu->shown_stale = 1;
    }
    show(p, cpu, pc, true);
    cpu->shown_stale |= !cpu->machine->in_unit;
    for (unsigned at = 0; at < size; at += 8) {
        struct access a = {pc, address + at, size < 8 ? size : 8, how,
                           value->v64[at / 8]};

        tell_piece(p, cpu, &a);
    }
}

/* The common case in few steps: one plugin wants virtual accesses. */
static bool tell_only(struct plugins *p, struct access *a)
{
    static const panda_cb_type first[] = {PANDA_CB_VIRT_MEM_BEFORE_READ,
                                          PANDA_CB_VIRT_MEM_AFTER_READ};
    unsigned kind = first[(a->how & ACCESS_AFTER) != 0] +
                    ((a->how & ACCESS_WRITE) != 0);
    const struct subscription *s = p->only[kind];

    if (!s || (p->active & physical_kinds) ||
        kind == PANDA_CB_VIRT_MEM_BEFORE_READ) {
        return false;
    }
    if (a->size < 8) {
        a->value &= (1ull << 8 * a->size) - 1;
    }
    p->walks++; /* the three have one signature */
    s->function.plain.virt_mem_after_read(&p->cpu, a->pc, a->address, a->size,
                                          (uint8_t *)&a->value);
    p->walks--;
    return true;
}

static void access_64(struct cpu *cpu, uint64_t address, uint64_t value,
                      uint32_t how)
{
    struct plugins *p = plugins_of(cpu);
    struct access a = {cpu->insn_pc, address, MO_SIZE(how), how, value};

    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, true);
        if (!tell_only(p, &a)) {
            tell_piece(p, cpu, &a);
        }
    }
}

/* -- The table of helpers -------------------------------------------------- */

#define HELPER(function, n, ...) \
    { \
#function, (void (*)(void))function, IR_VOID, n, \
            {__VA_ARGS__ }, HELPER_READS \
    }

const struct guest_helper woven_helpers[N_WOVEN_HELPERS] = {
    [WOVEN_BLOCK_START] = {"block_start",
                           (void (*)(void))block_start,
                           IR_VOID,
                           1,
                           {IR_I64},
                           HELPER_READS | HELPER_FAULTS},
    [WOVEN_BLOCK_NEW] = {"block_new",
                         (void (*)(void))block_new,
                         IR_VOID,
                         1,
                         {IR_I64},
                         HELPER_READS | HELPER_FAULTS},
    [WOVEN_BLOCK_END] = HELPER(block_end, 2, IR_I64, IR_I64),
    [WOVEN_BLOCK_END_IF] = HELPER(block_end_if, 3, IR_I32, IR_I64, IR_I64),
    [WOVEN_BLOCK_CUT] = HELPER(block_cut, 2, IR_I64, IR_I32),
    [WOVEN_INSN_EXEC] = HELPER(insn_exec, 0, 0),
    [WOVEN_AFTER_INSN] = HELPER(after_insn, 1, IR_I64),
    [WOVEN_ACCESS] = HELPER(access_64, 3, IR_I64, IR_I64, IR_I32),
    [WOVEN_ACCESS_V] = HELPER(dispatch_access, 3, IR_I64, IR_V128, IR_I32),
};

/* -- Events of the engine -------------------------------------------------- */

void show_here(struct plugins *p)
{
    struct cpu *cpu = p->machine->cpu;
    bool in = p->machine->in_unit;

    plugins_set_current(p);
    cpu->shown_stale = 1; /* by code that is not woven, too */
    show(p, cpu, in ? cpu->insn_pc : cpu->guest->get_pc(cpu), in);
}

bool dispatch_asid_changed(struct watch *watch, uint64_t from, uint64_t to)
{
    struct plugins *p = (struct plugins *)watch;
    bool veto = false;

    show_here(p);
    WALK(p, PANDA_CB_ASID_CHANGED, asid_changed, veto |=, &p->cpu, from, to);
    if (!veto && !p->machine->cpu->request) {
        p->machine->cpu->asid_bit = block_asid_bit(p, to);
    }
    return veto;
}

void dispatch_block_translate(struct plugins *p, uint64_t pc)
{
    if (heard(p, PANDA_CB_BEFORE_BLOCK_TRANSLATE)) {
        show_here(p);
        WALK(p, PANDA_CB_BEFORE_BLOCK_TRANSLATE, before_block_translate, ,
             &p->cpu, pc);
    }
}

void dispatch_block_translated(struct plugins *p, struct block *block)
{
    if (heard(p, PANDA_CB_AFTER_BLOCK_TRANSLATE)) {
        show_here(p);
        WALK(p, PANDA_CB_AFTER_BLOCK_TRANSLATE, after_block_translate, ,
             &p->cpu, &block->shown);
    }
}

bool dispatch_insn_translate(struct plugins *p, panda_cb_type kind, uint64_t pc)
{
    bool wanted = false;

    if (!heard(p, kind)) {
        return false;
    }
    show_here(p);
    if (kind == PANDA_CB_INSN_TRANSLATE) {
        WALK(p, PANDA_CB_INSN_TRANSLATE, insn_translate, wanted |=, &p->cpu,
             pc);
    } else {
        WALK(p, PANDA_CB_AFTER_INSN_TRANSLATE, after_insn_translate, wanted |=,
             &p->cpu, pc);
    }
    return wanted;
}

void dispatch_simple(struct plugins *p, panda_cb_type kind)
{
    plugins_set_current(p);
    switch ((int)kind) {
    case PANDA_CB_AFTER_MACHINE_INIT:
        show_here(p);
        WALK(p, PANDA_CB_AFTER_MACHINE_INIT, after_machine_init, , &p->cpu);
        break;
    case PANDA_CB_AFTER_LOADVM:
        show_here(p);
        WALK(p, PANDA_CB_AFTER_LOADVM, after_loadvm, , &p->cpu);
        break;
    case PANDA_CB_MAIN_LOOP_WAIT:
        WALK(p, PANDA_CB_MAIN_LOOP_WAIT, main_loop_wait, );
        break;
    case PANDA_CB_PRE_SHUTDOWN:
        WALK(p, PANDA_CB_PRE_SHUTDOWN, pre_shutdown, );
        break;
    }
}

void dispatch_monitor(struct plugins *p, Monitor *mon, const char *command)
{
    plugins_set_current(p);
    if (p->machine) {
        show_here(p);
    }
    WALK(p, PANDA_CB_MONITOR, monitor, , mon, command);
}
