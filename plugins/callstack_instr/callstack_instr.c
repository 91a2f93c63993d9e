/* Which functions run, and who called them. See README.md. */
#include "panda/plugin.h"

#include "callstack_instr/callstack_instr.h"
#include "callstack_instr/callstack_instr_int_fns.h"
#include "callstack_instr/stacks.h"
#include "callstack_instr/threads.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

PPP_PROT_REG_CB(on_call)
PPP_CB_BOILERPLATE(on_call)
PPP_PROT_REG_CB(on_ret)
PPP_CB_BOILERPLATE(on_ret)

static stack_type kind;
static bool verbose;
static target_ulong asid;
static bool asid_is_known;

/* -- Where the guest is ---------------------------------------------------- */

static target_ulong stack_pointer(const CPUState *cpu)
{
#ifdef TARGET_I386
    return ((const CPUX86State *)cpu->env_ptr)->regs[R_ESP];
#else
    return panda_current_sp(cpu);
#endif
}

/* What the running stack is filed under. All of the kernel's are its own,
 * when stacks are told apart. */
static target_ulong key(CPUState *cpu)
{
    if (kind == STACK_THREADED) {
        return thread_key(thread_now(cpu), panda_in_kernel(cpu));
    }
    if (kind == STACK_HEURISTIC && panda_in_kernel(cpu)) {
        return 0;
    }
    if (!asid_is_known) {
        asid = panda_current_asid(cpu);
        asid_is_known = true;
    }
    return asid;
}

/* Told before the change, which somebody may still forbid. */
static bool on_asid(CPUState *cpu, target_ptr_t from, target_ptr_t to)
{
    (void)cpu, (void)from, (void)to;
    asid_is_known = false;
    return false;
}

static void on_start(CPUState *cpu)
{
    (void)cpu;
    asid_is_known = false;
}

/* -- Calls and returns ----------------------------------------------------- */

/* Drops the frames that lie below a stack pointer. */
static void drop(CPUState *cpu, struct lane *lane, target_ulong sp)
{
    while (lane->n && lane->frame[lane->n - 1].slot < sp) {
        target_ulong func = lane->frame[--lane->n].func;

        if (verbose) {
            fprintf(stderr, PANDA_MSG " ret from " TARGET_FMT_lx "\n", func);
        }
        PPP_RUN_CB(on_ret, cpu, func);
    }
}

/* The return address has been pushed, and the function is about to run. */
static void after_call(CPUState *cpu, TranslationBlock *tb, uint8_t exit_code)
{
    target_ulong sp = stack_pointer(cpu), func = cpu->panda_guest_pc;
    struct lane *lane = lane_of(key(cpu), sp);

    (void)exit_code;
    drop(cpu, lane, sp + 1); /* another frame had this slot */
    lane_push(lane, sp, tb->pc + tb->size, func);
    if (verbose) {
        fprintf(stderr, PANDA_MSG " call of " TARGET_FMT_lx "\n", func);
    }
    PPP_RUN_CB(on_call, cpu, func);
}

static void after_return(CPUState *cpu, TranslationBlock *tb)
{
    target_ulong sp = stack_pointer(cpu);

    (void)tb;
    drop(cpu, lane_of(key(cpu), sp), sp);
}

/* -- For other plugins ----------------------------------------------------- */

/* Walks over frames, the newest one first. */
struct walk {
    const struct lane *lane; /* the running one; NULL: none */
    size_t left;             /* frames of it */
    target_ulong key;
    uint64_t before; /* others: older than that */
};

static void walk_start(struct walk *walk, CPUState *cpu)
{
    target_ulong sp = stack_pointer(cpu);

    walk->key = key(cpu);
    walk->lane = lane_find(walk->key, sp);
    walk->left = walk->lane ? lane_live(walk->lane, sp) : 0;
    walk->before = UINT64_MAX;
}

/* The newest frame of the other stacks in the address space that is older
 * than all that were given: below the kernel's frames are its caller's. */
static const struct frame *older(const struct walk *walk)
{
    const struct frame *best = NULL;

    for (const struct lane *lane = lanes_of(walk->key); lane;
         lane = lane->next) {
        size_t low = 0, high = lane->n;

        while (low < high) { /* how many are older */
            size_t middle = (low + high) / 2;

            if (lane->frame[middle].when < walk->before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low && lane != walk->lane &&
            (!best || lane->frame[low - 1].when > best->when)) {
            best = &lane->frame[low - 1];
        }
    }
    return best;
}

static const struct frame *walk_next(struct walk *walk)
{
    const struct frame *frame = NULL;

    if (walk->left) {
        frame = &walk->lane->frame[--walk->left];
    } else if (kind == STACK_ASID) {
        frame = older(walk);
    }
    if (frame) {
        walk->before = frame->when;
    }
    return frame;
}

/* Up to n, the innermost first: who was called, or where each returns to. */
static uint32_t list(target_ulong to[], uint32_t n, CPUState *cpu, bool callers)
{
    const struct frame *frame;
    struct walk walk;
    uint32_t i = 0;

    walk_start(&walk, cpu);
    while (i < n && (frame = walk_next(&walk))) {
        to[i++] = callers ? frame->back : frame->func;
    }
    return i;
}

uint32_t get_callers(target_ulong callers[], uint32_t n, CPUState *cpu)
{
    return list(callers, n, cpu, true);
}

uint32_t get_functions(target_ulong functions[], uint32_t n, CPUState *cpu)
{
    return list(functions, n, cpu, false);
}

/* The return address that a frame pointer leads to, or 0. */
static target_ulong guess_caller(CPUState *cpu)
{
    target_ulong caller = 0;
#ifdef TARGET_I386
    const CPUX86State *env = cpu->env_ptr;
    int word = TARGET_LONG_BITS == 64 && env->hflags & HF_CS64_MASK ? 8 : 4;

    if (panda_virtual_memory_read(cpu, env->regs[R_EBP] + (unsigned)word,
                                  (uint8_t *)&caller, word)) {
        caller = 0;
    }
#else
    (void)cpu;
#endif
    return caller;
}

void get_prog_point(CPUState *cpu, prog_point *p)
{
    const struct frame *frame;
    struct walk walk;

    walk_start(&walk, cpu);
    frame = walk_next(&walk);
    memset(p, 0, sizeof(*p));
    p->pc = panda_current_pc(cpu);
    p->caller = frame ? frame->back : guess_caller(cpu);
    p->sidFirst = walk.key;
    p->sidSecond = kind == STACK_HEURISTIC && walk.lane ? walk.lane->base : 0;
    p->isKernelMode = panda_in_kernel(cpu);
    p->stackKind = kind;
    if (kind == STACK_THREADED) {
        struct thread thread = thread_now(cpu);

        p->sidFirst = (target_ulong)thread.pid;
        p->sidSecond = (target_ulong)thread.tid;
    }
}

/* -- Start and end --------------------------------------------------------- */

static bool choose_kind(const char *name)
{
    if (!strcmp(name, "asid")) {
        kind = STACK_ASID;
    } else if (!strcmp(name, "heuristic")) {
        kind = STACK_HEURISTIC;
    } else if (!strcmp(name, "threaded")) {
        kind = STACK_THREADED;
        return panda_help_wanted || threads_open();
    } else {
        fprintf(stderr,
                PANDA_MSG " stack_type=%s: choose asid, heuristic or "
                          "threaded\n",
                name);
        return false;
    }
    return true;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("callstack_instr");
    bool threads = panda_os_name && threads_are_known();
    panda_cb pcb;
    bool good;

    verbose = panda_parse_bool_opt(args, "verbose", "tell of calls at once");
    good = choose_kind(panda_parse_string_opt(
        args, "stack_type", threads ? "threaded" : "asid",
        "what a stack belongs to: asid, heuristic, "
        "threaded"));
    panda_free_args(args);

    pcb.after_block_exec = after_call;
    panda_register_callback(self, PANDA_CB_AFTER_BLOCK_EXEC, pcb);
    panda_filter_callback(self, PANDA_CB_AFTER_BLOCK_EXEC, pcb, PANDA_ON_CALL);
    pcb.end_block_exec = after_return;
    panda_register_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb);
    panda_filter_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb, PANDA_ON_RETURN);
    pcb.asid_changed = on_asid;
    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    pcb.after_loadvm = on_start;
    panda_register_callback(self, PANDA_CB_AFTER_LOADVM, pcb);
    return good;
}

void uninit_plugin(void *self)
{
    (void)self;
    lanes_free();
}
