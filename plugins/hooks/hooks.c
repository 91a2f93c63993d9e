/* Calls functions of other plugins when the guest gets to an address. See
 * README.md. */
#include "panda/filter.h"
#include "panda/plugin.h"

#include "hooks/hooks_int_fns.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define BUCKETS 4096u

static void *this_plugin;
static bool hooking = true;

struct entry {
    struct hook hook;
    TranslationBlock tb; /* that the address was last translated in */
    struct entry *next;
};
static struct entry *buckets[BUCKETS];
static unsigned walks; /* under way */
static bool sweep;

/* -- The table ------------------------------------------------------------- */

static struct entry **bucket_of(target_ulong addr)
{
    return &buckets[((uint64_t)addr * 0x9e3779b97f4a7c15ull) >> 52];
}

static void remove_disabled(void)
{
    sweep = false;
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct entry **link = &buckets[i];

        while (*link) {
            struct entry *entry = *link;

            if (entry->hook.enabled) {
                link = &entry->next;
            } else {
                *link = entry->next;
                free(entry);
            }
        }
    }
}

static bool fits(CPUState *cpu, const struct entry *entry, target_ulong addr,
                 panda_cb_type type)
{
    const struct hook *h = &entry->hook;

    return h->addr == addr && h->type == type && h->enabled &&
           (!h->asid || h->asid == panda_current_asid(cpu)) &&
           (h->km == MODE_ANY ||
            (h->km == MODE_KERNEL_ONLY) == panda_in_kernel(cpu));
}

/* Functions may add hooks, which are put in front, and disable any. */
#define CALL_HOOKS(address, TYPE, RESULT, member, ...) \
    do { \
        if (!hooking) { \
            break; \
        } \
        walks++; \
        for (struct entry *e = *bucket_of(address); e; e = e->next) { \
            if (fits(cpu, e, address, PANDA_CB_##TYPE)) { \
                RESULT e->hook.cb.member(cpu, __VA_ARGS__, &e->hook); \
                sweep |= !e->hook.enabled; \
            } \
        } \
        if (!--walks && sweep) { \
            remove_disabled(); \
        } \
    } while (0)

/* -- Blocks ---------------------------------------------------------------- */

static void before_block_translate(CPUState *cpu, target_ptr_t pc)
{
    CALL_HOOKS(pc, BEFORE_BLOCK_TRANSLATE, , before_block_translate, pc);
}

static bool before_block_exec_invalidate_opt(CPUState *cpu,
                                             TranslationBlock *tb)
{
    bool again = false;

    CALL_HOOKS(tb->pc, BEFORE_BLOCK_EXEC_INVALIDATE_OPT, again |=,
               before_block_exec_invalidate_opt, tb);
    return again;
}

static void before_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    CALL_HOOKS(tb->pc, BEFORE_BLOCK_EXEC, , before_block_exec, tb);
}

static void after_block_exec(CPUState *cpu, TranslationBlock *tb,
                             uint8_t exit_code)
{
    CALL_HOOKS(tb->pc, AFTER_BLOCK_EXEC, , after_block_exec, tb, exit_code);
}

static void start_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    CALL_HOOKS(tb->pc, START_BLOCK_EXEC, , start_block_exec, tb);
}

static void end_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    CALL_HOOKS(tb->pc, END_BLOCK_EXEC, , end_block_exec, tb);
}

/* -- Instructions ---------------------------------------------------------- */

/* Only hooked instructions are told of when they run. */
static bool insn_translate(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu;
    for (const struct entry *e = *bucket_of(pc); e; e = e->next) {
        if (e->hook.addr == pc && e->hook.type == PANDA_CB_BEFORE_TCG_CODEGEN) {
            return true;
        }
    }
    return false;
}

static void after_block_translate(CPUState *cpu, TranslationBlock *tb)
{
    for (target_ulong pc = tb->pc; pc < tb->pc + tb->size; pc++) {
        for (struct entry *e = *bucket_of(pc); e; e = e->next) {
            if (e->hook.addr == pc) {
                e->tb = *tb;
            }
        }
    }
    CALL_HOOKS(tb->pc, AFTER_BLOCK_TRANSLATE, , after_block_translate, tb);
}

static int insn_exec(CPUState *cpu, target_ptr_t pc)
{
    CALL_HOOKS(pc, BEFORE_TCG_CODEGEN, , before_tcg_codegen, &e->tb);
    return 0;
}

/* -- Registering ----------------------------------------------------------- */

/* The engine's callbacks: registered when the first hook needs them, for the
 * range that all of them lie in. */
static struct source {
    panda_cb_type type;
    panda_cb cb;
    bool registered, filtered;
    target_ulong low, high;
} sources[10];
static unsigned n_sources;

static void use_source(panda_cb_type type, panda_cb cb, bool filtered,
                       target_ulong addr)
{
    struct source *source = sources;
    panda_filter filter = {.first_pc = addr, .last_pc = addr};

    while (source < sources + n_sources && source->type != type) {
        source++;
    }
    if (source == sources + n_sources) {
        *source = (struct source){type, cb, true, filtered, addr, addr};
        n_sources++;
        panda_register_callback(this_plugin, type, cb);
    } else if (!filtered || (addr >= source->low && addr <= source->high)) {
        return;
    }
    if (filtered) {
        source->low = filter.first_pc = MIN(source->low, addr);
        source->high = filter.last_pc = MAX(source->high, addr);
        panda_set_filter(this_plugin, type, cb, &filter);
    }
}

/* False: there are no hooks of that type. */
static bool use_type(panda_cb_type type, target_ulong addr)
{
    panda_cb cb;

#define BLOCK_TYPE(NAME, member, filtered) \
    case PANDA_CB_##NAME: \
        cb.member = member; \
        use_source(type, cb, filtered, addr); \
        return true
    switch ((int)type) {
        BLOCK_TYPE(BEFORE_BLOCK_TRANSLATE, before_block_translate, false);
        BLOCK_TYPE(AFTER_BLOCK_TRANSLATE, after_block_translate, false);
        BLOCK_TYPE(BEFORE_BLOCK_EXEC_INVALIDATE_OPT,
                   before_block_exec_invalidate_opt, true);
        BLOCK_TYPE(BEFORE_BLOCK_EXEC, before_block_exec, true);
        BLOCK_TYPE(AFTER_BLOCK_EXEC, after_block_exec, true);
        BLOCK_TYPE(START_BLOCK_EXEC, start_block_exec, true);
        BLOCK_TYPE(END_BLOCK_EXEC, end_block_exec, true);
    case PANDA_CB_BEFORE_TCG_CODEGEN:
        cb.insn_translate = insn_translate;
        use_source(PANDA_CB_INSN_TRANSLATE, cb, false, addr);
        cb.after_block_translate = after_block_translate;
        use_source(PANDA_CB_AFTER_BLOCK_TRANSLATE, cb, false, addr);
        cb.insn_exec = insn_exec;
        use_source(PANDA_CB_INSN_EXEC, cb, true, addr);
        panda_do_flush_tb(); /* the address may be translated already */
        return true;
    default:
        return false;
    }
#undef BLOCK_TYPE
}

void add_hook(struct hook *h)
{
    struct entry *entry = calloc(1, sizeof(*entry)), **bucket;

    if (!entry) {
        LOG_ERROR("out of memory");
        abort();
    }
    entry->hook = *h;
    entry->tb.pc = h->addr;
    bucket = bucket_of(h->addr);
    for (const struct entry *e = *bucket; e; e = e->next) {
        if (e->hook.addr == h->addr) { /* its code tells already */
            entry->tb = e->tb;
        }
    }
    entry->next = *bucket;
    *bucket = entry;
    if (!use_type(h->type, h->addr)) {
        LOG_ERROR("a hook of type %d at " TARGET_FMT_lx
                  ": there are none of that type",
                  (int)h->type, h->addr);
        *bucket = entry->next;
        free(entry);
    }
}

void enable_hooking(void)
{
    hooking = true;
}

void disable_hooking(void)
{
    hooking = false;
}

/* -- Start and end --------------------------------------------------------- */

bool init_plugin(void *self)
{
    this_plugin = self;
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (buckets[i]) {
            struct entry *entry = buckets[i];

            buckets[i] = entry->next;
            free(entry);
        }
    }
}
