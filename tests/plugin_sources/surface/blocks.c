/*
 * Blocks: translated, run, left; and switching callbacks on and off.
 *
 * > blocks: 64 rounds of the first loop, 64 of them in 17 bytes or less
 * > blocks: the 5 of INT alone have a start and no end
 * > blocks: each was translated before it first ran
 * > blocks: a disabled callback is silent, an enabled one is not
 * > blocks: a flush brings translations back
 */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define SEEN 64

static target_ulong translated[SEEN];
static unsigned n_translated, n_asked, again;
static unsigned before, after, starts, ends, loops, small, unknown;
static unsigned quiet, loud, bad_exits;
static void *plugin;

static bool is_known(target_ulong pc)
{
    for (unsigned i = 0; i < n_translated; i++) {
        if (translated[i] == pc) {
            return true;
        }
    }
    return false;
}

static void before_block_translate(CPUState *env, target_ptr_t pc)
{
    assert(env == first_cpu && env == current_cpu);
    n_asked += pc != 0;
}

static void after_block_translate(CPUState *env, TranslationBlock *tb)
{
    assert(env && tb->size > 0 && tb->icount > 0 && !tb->invalid);
    again += is_known(tb->pc);
    translated[n_translated++ % SEEN] = tb->pc;
}

static bool invalidate_opt(CPUState *env, TranslationBlock *tb)
{
    return env == NULL || tb->was_split;
}

static void sometimes(CPUState *env, TranslationBlock *tb)
{
    assert(env && tb);
    loud++;
}

static void before_block_exec(CPUState *env, TranslationBlock *tb)
{
    panda_cb pcb = {.before_block_exec = sometimes};

    before++;
    unknown += !is_known(tb->pc);
    assert(tb->cs_base == 0 && (tb->flags & HF_PE_MASK));
    assert((tb->cflags & (CF_LAST_IO | CF_NOCACHE)) == 0 &&
           (tb->cflags & CF_COUNT_MASK) <= tb->icount &&
           !(tb->cflags & (CF_USE_ICOUNT | CF_IGNORE_ICOUNT)));
    if (tb->icount >= 5 && tb->pc < 0x101046) {
        loops++;
        small += tb->size <= 17;
    }
    if (before == 10) {
        panda_disable_callback(plugin, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
        assert(!panda_is_callback_enabled(plugin, PANDA_CB_BEFORE_BLOCK_EXEC,
                                          pcb));
        quiet = loud;
    } else if (before == 20) {
        quiet = loud - quiet;
        panda_enable_callback(plugin, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
        assert(
            panda_is_callback_enabled(plugin, PANDA_CB_BEFORE_BLOCK_EXEC, pcb));
    } else if (before == 100) {
        panda_do_flush_tb();
    }
    (void)env;
}

static void after_block_exec(CPUState *env, TranslationBlock *tb,
                             uint8_t exitCode)
{
    assert(env && tb);
    after += exitCode <= TB_EXIT_IDX1;
    bad_exits += exitCode != TB_EXIT_IDX0 && exitCode != TB_EXIT_IDX1 &&
                 exitCode != TB_EXIT_ICOUNT_EXPIRED &&
                 exitCode != TB_EXIT_REQUESTED;
}

static void start_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    starts += panda_current_pc(cpu) == tb->pc;
}

static void end_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    assert(cpu && tb);
    ends++;
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    plugin = self;
    assert(first_cpu == NULL && current_cpu == NULL);
    panda_disable_tb_chaining();
    assert(!panda_tb_chaining);
    panda_enable_tb_chaining();
    pcb.before_block_translate = before_block_translate;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_TRANSLATE, pcb);
    pcb.after_block_translate = after_block_translate;
    panda_register_callback(self, PANDA_CB_AFTER_BLOCK_TRANSLATE, pcb);
    pcb.before_block_exec_invalidate_opt = invalidate_opt;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT,
                            pcb);
    pcb.before_block_exec = before_block_exec;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.before_block_exec = sometimes;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.after_block_exec = after_block_exec;
    panda_register_callback(self, PANDA_CB_AFTER_BLOCK_EXEC, pcb);
    pcb.start_block_exec = start_block_exec;
    panda_register_callback(self, PANDA_CB_START_BLOCK_EXEC, pcb);
    pcb.end_block_exec = end_block_exec;
    panda_register_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self))
{
    printf("blocks: %u rounds of the first loop, %u of them in 17 bytes or "
           "less\n",
           loops, small);
    if (starts == before && ends == after && !bad_exits) {
        printf("blocks: the %u of INT alone have a start and no end\n",
               starts - ends);
    }
    if (!unknown && n_asked == n_translated) {
        printf("blocks: each was translated before it first ran\n");
    }
    if (!quiet && loud > 100) {
        printf("blocks: a disabled callback is silent, an enabled one is "
               "not\n");
    }
    if (again > 0) {
        printf("blocks: a flush brings translations back\n");
    }
    fprintf(stderr, "%u %u %u %u %u %u %u %u %u\n", starts, ends, before, after,
            unknown, n_asked, n_translated, quiet, loud);
}
