/*
 * A plugin for tests/plugins.py: a digest over every event with its count,
 * pc, arguments and bytes, and how long each address space ran, by block.
 * It listens while a recording is made or replayed, else always if told to.
 */
#include "panda/plugin.h"

static uint64_t digest, n_events, n_blocks;
static bool always;

#define SPACES 4096
static struct {
    target_ulong asid;
    uint64_t insns;
} spaces[SPACES];

static void add(uint64_t x)
{
    digest = (digest ^ x) * 0x9e3779b97f4a7c15ull;
    digest ^= digest >> 29;
}

static bool begin(CPUState *cpu, unsigned kind, target_ulong pc)
{
    CPUArchState *env = (CPUArchState *)cpu->env_ptr;

    if (!always && !rr_on()) {
        return false;
    }
    n_events++;
    add(kind);
    add(rr_get_guest_instr_count());
    add(pc);
    add(env->regs[R_ESP] ^ env->regs[R_EAX] << 7 ^ env->eflags << 40);
    add(env->cr[3] ^ env->segs[R_GS].base ^ env->hflags);
    add(env->segs[R_CS].base + env->eip ^ panda_current_pc(cpu));
    return true;
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    unsigned i = panda_current_asid(cpu) >> 12 & (SPACES - 1);

    if (begin(cpu, PANDA_CB_BEFORE_BLOCK_EXEC, tb->pc)) {
        add(tb->size ^ (uint64_t)tb->icount << 32);
        n_blocks++;
        spaces[i].asid = panda_current_asid(cpu);
        spaces[i].insns += tb->icount;
    }
}

static void on_block_end(CPUState *cpu, TranslationBlock *tb, uint8_t code)
{
    (void)code;
    if (begin(cpu, PANDA_CB_AFTER_BLOCK_EXEC, tb->pc)) {
        add(panda_current_pc(cpu));
    }
}

static bool is_wanted(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu;
    return pc % 3 == 0; /* some */
}

static int on_insn(CPUState *cpu, target_ptr_t pc)
{
    begin(cpu, PANDA_CB_INSN_EXEC, pc);
    return 0;
}

static int on_insn_end(CPUState *cpu, target_ptr_t pc)
{
    begin(cpu, PANDA_CB_AFTER_INSN_EXEC, pc);
    return 0;
}

static void tell_access(CPUState *cpu, unsigned kind, target_ptr_t pc,
                        target_ptr_t addr, size_t size, const uint8_t *buf)
{
    uint64_t value = 0;

    if (buf) {
        memcpy(&value, buf, size);
    }
    if (begin(cpu, kind, pc)) {
        add(addr);
        add(size);
        add(value);
    }
}

#define ACCESS(name, kind) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size, uint8_t *buf) \
    { \
        tell_access(cpu, kind, pc, addr, size, buf); \
    }
#define READ(name, kind) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size) \
    { \
        tell_access(cpu, kind, pc, addr, size, NULL); \
    }
READ(virt_before_read, PANDA_CB_VIRT_MEM_BEFORE_READ)
ACCESS(virt_after_read, PANDA_CB_VIRT_MEM_AFTER_READ)
ACCESS(virt_before_write, PANDA_CB_VIRT_MEM_BEFORE_WRITE)
ACCESS(virt_after_write, PANDA_CB_VIRT_MEM_AFTER_WRITE)
READ(phys_before_read, PANDA_CB_PHYS_MEM_BEFORE_READ)
ACCESS(phys_after_write, PANDA_CB_PHYS_MEM_AFTER_WRITE)

static bool on_asid(CPUState *cpu, target_ptr_t old, target_ptr_t now)
{
    if (begin(cpu, PANDA_CB_ASID_CHANGED, old)) {
        add(now);
    }
    return false;
}

static int on_command(Monitor *mon, const char *command)
{
    panda_monitor_print(mon, "listener heard '%s'\n", command);
    return 0;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("listener");
    panda_cb pcb;

    always = panda_parse_bool_opt(args, "always", "also live");
    panda_parse_uint32_opt(args, "number", 0, "is not used");
    panda_free_args(args);
    panda_enable_memcb();
#define REGISTER(KIND, member, function) \
    pcb.member = function; \
    panda_register_callback(self, PANDA_CB_##KIND, pcb)
    REGISTER(BEFORE_BLOCK_EXEC, before_block_exec, on_block);
    REGISTER(AFTER_BLOCK_EXEC, after_block_exec, on_block_end);
    REGISTER(INSN_TRANSLATE, insn_translate, is_wanted);
    REGISTER(INSN_EXEC, insn_exec, on_insn);
    REGISTER(AFTER_INSN_TRANSLATE, after_insn_translate, is_wanted);
    REGISTER(AFTER_INSN_EXEC, after_insn_exec, on_insn_end);
    REGISTER(VIRT_MEM_BEFORE_READ, virt_mem_before_read, virt_before_read);
    REGISTER(VIRT_MEM_AFTER_READ, virt_mem_after_read, virt_after_read);
    REGISTER(VIRT_MEM_BEFORE_WRITE, virt_mem_before_write, virt_before_write);
    REGISTER(VIRT_MEM_AFTER_WRITE, virt_mem_after_write, virt_after_write);
    REGISTER(PHYS_MEM_BEFORE_READ, phys_mem_before_read, phys_before_read);
    REGISTER(PHYS_MEM_AFTER_WRITE, phys_mem_after_write, phys_after_write);
    REGISTER(ASID_CHANGED, asid_changed, on_asid);
    REGISTER(MONITOR, monitor, on_command);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr,
            "listener: digest %016" PRIx64 " events %" PRIu64 " blocks %" PRIu64
            "\n",
            digest, n_events, n_blocks);
    for (unsigned i = 0; i < SPACES; i++) {
        if (spaces[i].insns) {
            fprintf(stderr, "listener: space %" PRIx64 " %" PRIu64 "\n",
                    spaces[i].asid, spaces[i].insns);
        }
    }
}
