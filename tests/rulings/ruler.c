/*
 * A plugin for tests/rulings.py: writes down what it hears between two
 * addresses, and complains where pc or count do not agree.
 *
 *     B pc size icount count    start_block_exec
 *     E pc next                 end_block_exec: the block, and the pc
 *     I pc count                insn_exec
 *     r, w pc address size value, R, W: physical; after the access
 *     d, D address size         a device is read, written
 *     X number pc count         an exception; H: an interrupt
 */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static FILE *out;
static target_ulong first, last;

static bool in(target_ulong pc)
{
    return pc >= first && pc < last;
}

/* The same in all ways to ask; the address. */
static target_ulong pc_of(CPUState *cpu, const char *what, target_ulong pc)
{
    const CPUX86State *env = cpu->env_ptr;
    target_ulong linear = env->segs[R_CS].base + env->eip;

    if (panda_current_pc(cpu) != pc || cpu->panda_guest_pc != pc ||
        linear != pc ||
        cpu->rr_guest_instr_count != rr_get_guest_instr_count()) {
        fprintf(out, "WRONG %s " TARGET_FMT_lx " " TARGET_FMT_lx "\n", what, pc,
                linear);
    }
    return pc;
}

static void on_start(CPUState *cpu, TranslationBlock *tb)
{
    if (in(tb->pc)) {
        fprintf(out, "B %" PRIx64 " %u %u %" PRIu64 "\n",
                (uint64_t)pc_of(cpu, "start", tb->pc), tb->size, tb->icount,
                rr_get_guest_instr_count());
    }
}

static void on_end(CPUState *cpu, TranslationBlock *tb)
{
    pc_of(cpu, "end", panda_current_pc(cpu));
    if (in(tb->pc)) {
        fprintf(out, "E %" PRIx64 " %" PRIx64 "\n", (uint64_t)tb->pc,
                (uint64_t)panda_current_pc(cpu));
    }
}

static bool is_wanted(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu;
    return in(pc);
}

static int on_insn(CPUState *cpu, target_ptr_t pc)
{
    fprintf(out, "I %" PRIx64 " %" PRIu64 "\n",
            (uint64_t)pc_of(cpu, "insn", pc), rr_get_guest_instr_count());
    return 0;
}

static void note(char what, CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                 size_t size, uint8_t *buf)
{
    uint64_t value = 0;

    if (in(pc)) {
        memcpy(&value, buf, size);
        fprintf(out, "%c %" PRIx64 " %" PRIx64 " %zu %" PRIx64 "\n", what,
                (uint64_t)pc_of(cpu, "access", pc), (uint64_t)addr, size,
                value);
        memset(buf, 0x5a, size); /* a copy: nothing comes of it */
    }
}

#define ACCESS(name, what) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size, uint8_t *buf) \
    { \
        note(what, cpu, pc, addr, size, buf); \
    }
ACCESS(on_read, 'r')
ACCESS(on_write, 'w')
ACCESS(on_phys_read, 'R')
ACCESS(on_phys_write, 'W')

static void on_device_read(CPUState *cpu, target_ptr_t physaddr,
                           target_ptr_t vaddr, size_t size, uint64_t *val)
{
    (void)vaddr, (void)val;
    pc_of(cpu, "device", panda_current_pc(cpu));
    fprintf(out, "d %" PRIx64 " %zu\n", (uint64_t)physaddr, size);
}

static void on_device_write(CPUState *cpu, target_ptr_t physaddr,
                            target_ptr_t vaddr, size_t size, uint64_t *val)
{
    (void)vaddr, (void)val;
    pc_of(cpu, "device", panda_current_pc(cpu));
    fprintf(out, "D %" PRIx64 " %zu\n", (uint64_t)physaddr, size);
}

static int32_t on_exception(CPUState *cpu, int32_t number)
{
    fprintf(out, "X %d %" PRIx64 " %" PRIu64 "\n", (int)number,
            (uint64_t)pc_of(cpu, "exception", panda_current_pc(cpu)),
            rr_get_guest_instr_count());
    return number;
}

static int32_t on_interrupt(CPUState *cpu, int32_t number)
{
    fprintf(out, "H %d %" PRIx64 " %" PRIu64 "\n", (int)number,
            (uint64_t)pc_of(cpu, "interrupt", panda_current_pc(cpu)),
            rr_get_guest_instr_count());
    return number;
}

/* Accepted, without effect. */
static void switch_all(void)
{
    panda_enable_precise_pc();
    panda_disable_precise_pc();
    panda_disable_tb_chaining();
    panda_enable_tb_chaining();
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("ruler");
    char *name = panda_parse_string_req(args, "file", "where it goes");
    panda_cb pcb;

    first = panda_parse_ulong_req(args, "first", "address");
    last = panda_parse_ulong_req(args, "last", "address behind");
    if (panda_parse_bool(args, "switches")) {
        switch_all();
    }
    out = fopen(name, "w");
    panda_free_args(args);
#define ON(kind, member, function) \
    pcb.member = function; \
    panda_register_callback(self, PANDA_CB_##kind, pcb)
    ON(START_BLOCK_EXEC, start_block_exec, on_start);
    ON(END_BLOCK_EXEC, end_block_exec, on_end);
    ON(INSN_TRANSLATE, insn_translate, is_wanted);
    ON(INSN_EXEC, insn_exec, on_insn);
    ON(VIRT_MEM_AFTER_READ, virt_mem_after_read, on_read);
    ON(VIRT_MEM_AFTER_WRITE, virt_mem_after_write, on_write);
    ON(PHYS_MEM_AFTER_READ, phys_mem_after_read, on_phys_read);
    ON(PHYS_MEM_AFTER_WRITE, phys_mem_after_write, on_phys_write);
    ON(MMIO_AFTER_READ, mmio_after_read, on_device_read);
    ON(MMIO_BEFORE_WRITE, mmio_before_write, on_device_write);
    ON(BEFORE_HANDLE_EXCEPTION, before_handle_exception, on_exception);
    ON(BEFORE_HANDLE_INTERRUPT, before_handle_interrupt, on_interrupt);
    return out;
}

void uninit_plugin(void *self)
{
    (void)self;
    fclose(out);
}
