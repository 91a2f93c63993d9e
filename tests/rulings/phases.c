/*
 * Counts stores by one instruction, or calls inserted before it, in the three
 * phases that the guest marks; built as several plugins:
 *
 *     NEVER    does not know of panda_enable_memcb()
 *     LATE     enables memory callbacks in the second phase
 *     EARLY    in init_plugin(), and disables them in the second
 *     INSERT   inserts a call; disables its callback in the second phase, and
 *              unregisters all in the third
 *     UNLOAD   besides: and is unloaded then
 *     WRITE    besides: the call writes RAX, which the instruction stores
 *     LEAVE    besides: the call ends the replay
 */
#include "panda/plugin.h"
#include "panda/tcg-utils.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static unsigned phase, counts[3];
static target_ulong where;

#ifdef INSERT
static panda_cb codegen;
static void *plugin;

static void inserted(void *count)
{
    ((unsigned *)count)[phase]++;
#ifdef WRITE
    ((CPUX86State *)first_cpu->env_ptr)->regs[R_EAX] = 0x4242;
#endif
#ifdef LEAVE
    if (rr_in_replay()) {
        panda_replay_end();
    }
#endif
}

static void before_tcg_codegen(CPUState *cpu, TranslationBlock *tb)
{
    TCGOp *op = find_guest_insn_by_addr(where);

    (void)cpu, (void)tb;
    if (op) {
        insert_call_1p(&op, inserted, counts);
    }
}
#else
static void on_write(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                     size_t size, uint8_t *buf)
{
    (void)cpu, (void)addr, (void)size, (void)buf;
    counts[phase] += pc == where;
}
#endif

static void next_phase(void)
{
    phase++;
#if defined(INSERT)
    if (phase == 1) {
        panda_disable_callback(plugin, PANDA_CB_BEFORE_TCG_CODEGEN, codegen);
    }
#elif defined(LATE)
    if (phase == 1) {
        panda_enable_memcb();
    }
#elif defined(EARLY)
    if (phase == 1) {
        panda_disable_memcb();
    }
#endif
}

static bool on_hypercall(CPUState *cpu)
{
    const CPUX86State *env = cpu->env_ptr;

    if ((uint32_t)env->regs[R_EAX] == 0x52554c45u &&
        (env->regs[R_EBX] == 2 || env->regs[R_EBX] == 3)) {
        next_phase();
#ifdef INSERT
        if (phase == 2) {
#ifdef UNLOAD
            panda_unload_plugin(plugin);
#else
            panda_unregister_callbacks(plugin);
#endif
        }
#endif
    }
    return false;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);
    panda_cb pcb;

    where = panda_parse_ulong_req(args, "pc", "of an instruction");
    panda_free_args(args);
    pcb.guest_hypercall = on_hypercall;
    panda_register_callback(self, PANDA_CB_GUEST_HYPERCALL, pcb);
#ifdef INSERT
    plugin = self;
    codegen.before_tcg_codegen = before_tcg_codegen;
    panda_register_callback(self, PANDA_CB_BEFORE_TCG_CODEGEN, codegen);
#else
    pcb.virt_mem_after_write = on_write;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
#endif
#ifdef EARLY
    panda_enable_memcb();
#endif
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf(PLUGIN_NAME ": %u %u %u\n", counts[0], counts[1], counts[2]);
}
