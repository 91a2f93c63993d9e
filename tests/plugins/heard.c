/* The events of a run as callbacks hear them. */
#include "events.h"
#include "plugin/mutant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct listing *to;
static enum listener listening;
static char owner;

void list_event(struct listing *listing, const struct event *event)
{
    if (listing->n == listing->capacity) {
        listing->capacity = listing->capacity ? 2 * listing->capacity : 4096;
        listing->event = realloc(listing->event,
                                 listing->capacity * sizeof(*event));
        if (!listing->event) {
            abort();
        }
    }
    listing->event[listing->n++] = *event;
    listing->kinds |= KIND_BIT(event->kind);
}

static void tell(unsigned kind, uint64_t pc, uint64_t address, size_t size,
                 uint64_t value)
{
    const struct event event = {
        kind, (uint32_t)size, rr_get_guest_instr_count(), pc, address, value};

    list_event(to, &event);
}

/* -- Callbacks ------------------------------------------------------------- */

static void switch_something(void);

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    tell(PANDA_CB_BEFORE_BLOCK_EXEC, panda_current_pc(cpu), tb->pc, tb->size,
         tb->icount);
    if (toy_of(cpu->env_ptr)->pc != tb->pc) {
        tell(PANDA_CB_BEFORE_BLOCK_EXEC, 0, 0, 0, 0); /* must not be */
    }
    if (listening == SWITCH) {
        switch_something();
    }
}

static void on_start(CPUState *cpu, TranslationBlock *tb)
{
    tell(PANDA_CB_START_BLOCK_EXEC, panda_current_pc(cpu), tb->pc, tb->size,
         tb->icount);
}

static void on_end(CPUState *cpu, TranslationBlock *tb)
{
    tell(PANDA_CB_END_BLOCK_EXEC, panda_current_pc(cpu), tb->pc, tb->size,
         tb->icount);
}

static void on_block_end(CPUState *cpu, TranslationBlock *tb, uint8_t code)
{
    (void)code;
    tell(PANDA_CB_AFTER_BLOCK_EXEC, panda_current_pc(cpu), tb->pc, tb->size,
         tb->icount);
}

static bool on_question(CPUState *cpu, TranslationBlock *tb)
{
    tell(PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT, panda_current_pc(cpu),
         tb->pc, tb->size, tb->icount);
    return true;
}

static bool all_insns(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu, (void)pc;
    return true;
}

static int on_insn(CPUState *cpu, target_ptr_t pc)
{
    tell(PANDA_CB_INSN_EXEC, panda_current_pc(cpu) == pc ? pc : 1, 0, 0, 0);
    return 0;
}

static int on_insn_end(CPUState *cpu, target_ptr_t pc)
{
    tell(PANDA_CB_AFTER_INSN_EXEC, panda_current_pc(cpu) == pc ? pc : 1, 0, 0,
         0);
    return 0;
}

static uint64_t value_in(const uint8_t *buf)
{
    uint64_t value;

    memcpy(&value, buf, 8);
    return value;
}

#define BEFORE_READ(name, kind) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size) \
    { \
        (void)cpu; \
        tell(kind, pc, addr, size, 0); \
    }
BEFORE_READ(before_read, PANDA_CB_VIRT_MEM_BEFORE_READ)
BEFORE_READ(phys_before_read, PANDA_CB_PHYS_MEM_BEFORE_READ)

#define ON_ACCESS(name, kind) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size, uint8_t *buf) \
    { \
        (void)cpu; \
        tell(kind, pc, addr, size, value_in(buf)); \
    }
ON_ACCESS(after_read, PANDA_CB_VIRT_MEM_AFTER_READ)
ON_ACCESS(before_write, PANDA_CB_VIRT_MEM_BEFORE_WRITE)
ON_ACCESS(after_write, PANDA_CB_VIRT_MEM_AFTER_WRITE)
ON_ACCESS(phys_after_read, PANDA_CB_PHYS_MEM_AFTER_READ)
ON_ACCESS(phys_before_write, PANDA_CB_PHYS_MEM_BEFORE_WRITE)
ON_ACCESS(phys_after_write, PANDA_CB_PHYS_MEM_AFTER_WRITE)

/* -- Registering ----------------------------------------------------------- */

static const struct {
    panda_cb_type kind;
    panda_cb cb;
} all[] = {
    {PANDA_CB_INSN_EXEC, {.insn_exec = on_insn}},
    {PANDA_CB_AFTER_BLOCK_EXEC, {.after_block_exec = on_block_end}},
    {PANDA_CB_VIRT_MEM_BEFORE_READ, {.virt_mem_before_read = before_read}},
    {PANDA_CB_VIRT_MEM_AFTER_READ, {.virt_mem_after_read = after_read}},
    {PANDA_CB_VIRT_MEM_BEFORE_WRITE, {.virt_mem_before_write = before_write}},
    {PANDA_CB_VIRT_MEM_AFTER_WRITE, {.virt_mem_after_write = after_write}},
    {PANDA_CB_PHYS_MEM_BEFORE_READ, {.phys_mem_before_read = phys_before_read}},
    {PANDA_CB_PHYS_MEM_AFTER_READ, {.phys_mem_after_read = phys_after_read}},
    {PANDA_CB_PHYS_MEM_BEFORE_WRITE,
     {.phys_mem_before_write = phys_before_write}},
    {PANDA_CB_PHYS_MEM_AFTER_WRITE, {.phys_mem_after_write = phys_after_write}},
    {PANDA_CB_START_BLOCK_EXEC, {.start_block_exec = on_start}},
    {PANDA_CB_END_BLOCK_EXEC, {.end_block_exec = on_end}},
    {PANDA_CB_AFTER_INSN_EXEC, {.after_insn_exec = on_insn_end}},
    {PANDA_CB_INSN_TRANSLATE, {.insn_translate = all_insns}},
    {PANDA_CB_AFTER_INSN_TRANSLATE, {.after_insn_translate = all_insns}},
};
#define N_ALL (sizeof(all) / sizeof(all[0]))
#define N_SWITCHED (N_ALL - 2)

static void register_all(void)
{
    panda_cb pcb = {.before_block_exec = on_block};

    panda_register_callback(&owner, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    if (listening == INVALIDATE) {
        pcb.before_block_exec_invalidate_opt = on_question;
        panda_register_callback(&owner,
                                PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT, pcb);
        return;
    }
    for (unsigned i = 0; i < N_ALL; i++) {
        panda_register_callback(&owner, all[i].kind, all[i].cb);
    }
}

/* The block callback alone stays as it is. */
static void switch_something(void)
{
    uint64_t draw = mix(rr_get_guest_instr_count() * 77);
    unsigned i = draw % 256;

    if (i < N_SWITCHED) {
        panda_disable_callback(&owner, all[i].kind, all[i].cb);
    } else if (i < 2 * N_SWITCHED) {
        i -= N_SWITCHED;
        panda_enable_callback(&owner, all[i].kind, all[i].cb);
    } else if (i == 60) {
        panda_do_flush_tb();
    } else if (i == 61 && draw >> 32 & 1) {
        panda_unregister_callbacks(&owner);
        register_all();
    }
}

/* -- Runs ------------------------------------------------------------------ */

void list_heard(uint64_t seed, uint64_t steps, const struct how *how,
                enum listener listener, struct listing *listing)
{
    struct machine *m = outside_machine(seed, how->flush_every);
    struct plugins *p = plugins_new();
    char *message;

    to = listing;
    listening = listener;
    plugins_set_current(p);
    m->unit_insns = how->unit_insns;
    if (how->code && !machine_use_jit(m)) {
        printf("  no code memory\n");
        exit(1);
    }
    if (listener != SILENT) {
        register_all();
    }
    if (how->mutant && !mutant_set(p, how->mutant, &message)) {
        printf("  %s\n", message);
        exit(1);
    }
    plugins_attach(p, m, RR_OFF);
    while (m->cpu->count < steps) {
        uint64_t until = m->cpu->count + how->piece;

        if (machine_run(m, until < steps ? until : steps) != RUN_LIMIT) {
            printf("  the run broke: %s\n", m->reason ? m->reason : "?");
            break;
        }
    }
    listing->state = outside_state(m);
    registry_unregister(p, &owner);
    plugins_free(p);
    outside_free(m);
}

/* -- Comparing ------------------------------------------------------------- */

static void print_event(const char *who, const struct listing *l, size_t i)
{
    const struct event *e = &l->event[i];

    if (i < l->n) {
        printf("    %s %zu: kind %u count %" PRIu64 " pc %" PRIx64
               " address %" PRIx64 " size %u value %" PRIx64 "\n",
               who, i, e->kind, e->count, e->pc, e->address, e->size, e->value);
    }
}

bool same_listing(const struct listing *x, const struct listing *y)
{
    size_t n = x->n < y->n ? x->n : y->n, i = 0;

    while (i < n && !memcmp(&x->event[i], &y->event[i], sizeof(x->event[i]))) {
        i++;
    }
    if (i == x->n && i == y->n) {
        return true;
    }
    printf("  %zu and %zu events, the first other one is\n", x->n, y->n);
    for (size_t k = i > 3 ? i - 3 : 0; k <= i + 1; k++) {
        print_event("x", x, k);
        print_event("y", y, k);
    }
    return false;
}

bool same_twice(const struct listing *l)
{
    for (size_t i = 0; i + 1 < l->n; i += 2) {
        if (l->event[i].kind != PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT ||
            l->event[i + 1].kind != PANDA_CB_BEFORE_BLOCK_EXEC ||
            l->event[i].count != l->event[i + 1].count ||
            l->event[i].address != l->event[i + 1].address) {
            print_event("x", l, i);
            print_event("x", l, i + 1);
            return false;
        }
    }
    return true;
}
