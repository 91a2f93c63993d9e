/*
 * Whether the handler of an interrupt or of an exception runs. See README.md.
 *
 * Each address space has a stack of what was interrupted in it. What was
 * interrupted is known by its stack pointer, which is what a return finds
 * again, wherever it goes on: handlers step over instructions, and look up
 * where a fault is mended.
 */
#include "panda/plugin.h"

#include "track_intexc/track_intexc_int_fns.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

struct entry {
    bool interrupt; /* else an exception */
    int32_t number;
    target_ulong pc, sp; /* of what was interrupted */
};

static GHashTable *stacks; /* by address space: GArray of struct entry */
static bool debug;

/* -- Stacks ---------------------------------------------------------------- */

/* NULL: nothing is interrupted in the address space. */
static GArray *stack_of(CPUState *cpu)
{
    return g_hash_table_lookup(
        stacks, GSIZE_TO_POINTER((gsize)panda_current_asid(cpu)));
}

static GArray *make_stack(CPUState *cpu)
{
    GArray *stack = stack_of(cpu);

    if (!stack) {
        stack = g_array_new(FALSE, FALSE, sizeof(struct entry));
        g_hash_table_insert(
            stacks, GSIZE_TO_POINTER((gsize)panda_current_asid(cpu)), stack);
    }
    return stack;
}

static void drop_stack(gpointer stack)
{
    g_array_free(stack, TRUE);
}

static struct entry *entry_at(GArray *stack, guint i)
{
    return &g_array_index(stack, struct entry, i);
}

static void tell(const char *what, const struct entry *entry, guint depth)
{
    if (debug) {
        fprintf(stderr,
                PANDA_MSG " %" PRIu64 ": %s %s %" PRId32 " at " TARGET_PTR_FMT
                          ", sp " TARGET_PTR_FMT ", depth %u\n",
                rr_get_guest_instr_count(), what,
                entry->interrupt ? "interrupt" : "exception", entry->number,
                entry->pc, entry->sp, depth);
    }
}

/* Down to a depth. */
static void pop(CPUState *cpu, GArray *stack, guint depth)
{
    while (stack->len > depth) {
        tell("end of", entry_at(stack, stack->len - 1), stack->len);
        g_array_set_size(stack, stack->len - 1);
    }
    if (!depth) { /* address spaces come and go */
        g_hash_table_remove(stacks,
                            GSIZE_TO_POINTER((gsize)panda_current_asid(cpu)));
    }
}

/* -- What happens ---------------------------------------------------------- */

/* Programs are never in a handler: whatever is left over has ended. */
static void forget_if_user(CPUState *cpu)
{
    GArray *stack = stack_of(cpu);

    if (stack && !panda_in_kernel(cpu)) {
        pop(cpu, stack, 0);
    }
}

static void push(CPUState *cpu, bool interrupt, int32_t number)
{
    struct entry entry = {.interrupt = interrupt,
                          .number = number,
                          .pc = panda_current_pc(cpu),
                          .sp = panda_current_sp(cpu)};
    const struct entry *last;
    GArray *stack;

    forget_if_user(cpu);
    stack = make_stack(cpu);
    last = stack->len ? entry_at(stack, stack->len - 1) : NULL;
    if (last && last->pc == entry.pc && last->sp == entry.sp) {
        /* A fault of the delivery itself, or a plugin's other number: there
         * is one return from both. */
        g_array_set_size(stack, stack->len - 1);
    }
    g_array_append_val(stack, entry);
    tell("begin of", &entry, stack->len);
}

static int32_t on_interrupt(CPUState *cpu, int32_t number)
{
    push(cpu, true, number);
    return number;
}

static int32_t on_exception(CPUState *cpu, int32_t number)
{
    push(cpu, false, number);
    return number;
}

/* An IRET, SYSRET or SYSEXIT is over. One to somewhere else is none of ours:
 * kernels use it as a jump, too. */
static void on_system_return(CPUState *cpu, TranslationBlock *tb)
{
    target_ulong sp = panda_current_sp(cpu);
    GArray *stack = stack_of(cpu);

    (void)tb;
    if (!panda_in_kernel(cpu)) {
        forget_if_user(cpu);
        return;
    }
    for (guint i = stack ? stack->len : 0; i; i--) {
        if (entry_at(stack, i - 1)->sp == sp) {
            pop(cpu, stack, i - 1);
            return;
        }
    }
}

/* The machine is another. */
static void on_loadvm(CPUState *cpu)
{
    (void)cpu;
    g_hash_table_remove_all(stacks);
}

/* -- For other plugins ----------------------------------------------------- */

static bool in(bool interrupt)
{
    GArray *stack = first_cpu && panda_in_kernel(first_cpu)
                        ? stack_of(first_cpu)
                        : NULL;

    for (guint i = 0; stack && i < stack->len; i++) {
        if (entry_at(stack, i)->interrupt == interrupt) {
            return true;
        }
    }
    return false;
}

bool check_in_interrupt(void)
{
    return in(true);
}

bool check_in_exception(void)
{
    return in(false);
}

/* -- Start and end --------------------------------------------------------- */

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("track_intexc");
    panda_cb pcb;

    debug = panda_parse_bool_opt(args, "debug", "tell of each begin and end");
    panda_free_args(args);
    stacks = g_hash_table_new_full(NULL, NULL, NULL, drop_stack);
    pcb.before_handle_interrupt = on_interrupt;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_INTERRUPT, pcb);
    pcb.before_handle_exception = on_exception;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_EXCEPTION, pcb);
    pcb.end_block_exec = on_system_return;
    panda_register_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb);
    panda_filter_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb,
                          PANDA_ON_SYSTEM_RETURN);
    pcb.after_loadvm = on_loadvm;
    panda_register_callback(self, PANDA_CB_AFTER_LOADVM, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    g_hash_table_destroy(stacks);
}
