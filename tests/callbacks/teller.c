/*
 * A plugin for tests/callbacks.py: a line to a file for each event, with the
 * count, the pc and every argument.
 *
 *     file=FILE    where to
 *     woven=yes    also blocks, instructions and accesses
 *     engine=yes   also what the engine does by itself
 *     digest=yes   instead one line, a digest of what the guest does: of
 *                  callbacks 2, 4, 5, 7, 9 to 19, 22, 27 and 47 to 50
 *     from=COUNT   nothing of what comes before
 *     filter=yes   those are filtered, by first_pc, last_pc, first, last, asid,
 *                  where, sizes
 *     answer=yes   hypercalls are answered: RAX 1, RBX RBX + 1, RDX 7
 *     steer=yes    the guest is made to see other values; see steer()
 */
#include "panda/filter.h"
#include "panda/plugin.h"

#include <stdarg.h>

static FILE *file;
static bool answers, steers, digests;
static uint64_t digest, n_events;
static uint64_t part, from;

#define MARK 0x4d41524b

/* Only what the guest does goes into the digest. */
static void tell(const char *what, CPUState *cpu, const char *format, ...)
{
    char line[256];
    va_list list;
    int n;

    if (rr_get_guest_instr_count() < from) {
        return;
    }
    n = snprintf(line, sizeof(line), "%s %" PRIu64 " %" PRIx64, what,
                 rr_get_guest_instr_count(),
                 cpu ? (uint64_t)panda_current_pc(cpu) : 0);
    if (cpu) {
        CPUArchState *env = (CPUArchState *)cpu->env_ptr;

        if (env->segs[R_CS].base + env->eip != panda_current_pc(cpu)) {
            fprintf(file, "torn pc\n");
        }
    }
    va_start(list, format);
    vsnprintf(line + n, sizeof(line) - (size_t)n, format, list);
    va_end(list);
    if (!digests) {
        fprintf(file, "%s\n", line);
    } else if (strncmp(line, "unassigned", 10) && strncmp(line, "replay", 6) &&
               !strstr(what, "translate")) {
        n_events++;
        for (const char *c = line; *c; c++) {
            digest = (digest ^ (uint8_t)*c) * 0x100000001b3;
        }
    }
}

#define X " %" PRIx64
#define U(x) ((uint64_t)(x))

/* -- Blocks, instructions, accesses ---------------------------------------- */

#define ON_BLOCK(name) \
    static void name(CPUState *cpu, TranslationBlock *tb) \
    { \
        tell(#name, cpu, X X X, U(tb->pc), U(tb->size), U(tb->icount)); \
    }
ON_BLOCK(before_block_exec)
ON_BLOCK(start_block_exec)
ON_BLOCK(end_block_exec)
ON_BLOCK(after_block_translate)
ON_BLOCK(before_tcg_codegen)
ON_BLOCK(cpu_restore_state)
static void after_block_exec(CPUState *cpu, TranslationBlock *tb, uint8_t code)
{
    tell("after_block_exec", cpu, X X X X, U(tb->pc), U(tb->size),
         U(tb->icount), U(code));
}

static bool before_block_exec_invalidate_opt(CPUState *cpu,
                                             TranslationBlock *tb)
{
    tell("before_block_exec_invalidate_opt", cpu, X X X, U(tb->pc), U(tb->size),
         U(tb->icount));
    return false;
}

static void before_block_translate(CPUState *cpu, target_ptr_t pc)
{
    tell("before_block_translate", cpu, X, U(pc));
}

#define ON_INSN(result, name) \
    static result name(CPUState *cpu, target_ptr_t pc) \
    { \
        tell(#name, cpu, X, U(pc)); \
        return 1; \
    }
ON_INSN(bool, insn_translate)
ON_INSN(bool, after_insn_translate)
ON_INSN(int, insn_exec)
ON_INSN(int, after_insn_exec)

#define ON_READ(name) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size) \
    { \
        tell(#name, cpu, X X X, U(pc), U(addr), U(size)); \
    }
#define ON_ACCESS(name) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size, uint8_t *buf) \
    { \
        uint64_t value = 0; \
        memcpy(&value, buf, size); \
        tell(#name, cpu, X X X X, U(pc), U(addr), U(size), value); \
    }
ON_READ(virt_mem_before_read)
ON_READ(phys_mem_before_read)
ON_ACCESS(virt_mem_before_write)
ON_ACCESS(phys_mem_before_write)
ON_ACCESS(virt_mem_after_read)
ON_ACCESS(virt_mem_after_write)
ON_ACCESS(phys_mem_after_read)
ON_ACCESS(phys_mem_after_write)

/* -- Other events of the guest --------------------------------------------- */

static void mmio_after_read(CPUState *cpu, target_ptr_t physaddr,
                            target_ptr_t vaddr, size_t size, uint64_t *val)
{
    tell("mmio_after_read", cpu, X X X X, U(physaddr), U(vaddr), U(size), *val);
    if (steers && part == 1) {
        *val = 0x77000000;
    }
}

static void mmio_before_write(CPUState *cpu, target_ptr_t physaddr,
                              target_ptr_t vaddr, size_t size, uint64_t *val)
{
    tell("mmio_before_write", cpu, X X X X, U(physaddr), U(vaddr), U(size),
         *val);
}

static bool guest_hypercall(CPUState *cpu)
{
    CPUArchState *env = (CPUArchState *)cpu->env_ptr;

    tell("guest_hypercall", cpu, X X X, U(env->regs[R_EAX]),
         U(env->regs[R_EBX]), U(env->regs[R_ECX]));
    if (env->regs[R_EAX] != MARK) {
        return false;
    }
    part = env->regs[R_EBX];
    if (answers) {
        env->regs[R_EAX] = 1;
        env->regs[R_EBX]++;
        env->regs[R_EDX] = 7;
    }
    return answers;
}

static bool asid_changed(CPUState *cpu, target_ptr_t from, target_ptr_t to)
{
    tell("asid_changed", cpu, X X X, U(from), U(to),
         U(panda_current_asid(cpu)));
    return steers && (to & 8);
}

static bool unassigned_io_read(CPUState *cpu, target_ptr_t pc, hwaddr addr,
                               size_t size, uint64_t *val)
{
    tell("unassigned_io_read", cpu, X X X, U(pc), U(addr), U(size));
    *val = 0x1234;
    return steers;
}

static bool unassigned_io_write(CPUState *cpu, target_ptr_t pc, hwaddr addr,
                                size_t size, uint64_t val)
{
    tell("unassigned_io_write", cpu, X X X X, U(pc), U(addr), U(size), val);
    return false;
}

/* No #UD where the guest has the part of exceptions: #OF is another. */
static int32_t before_handle_exception(CPUState *cpu, int32_t number)
{
    tell("before_handle_exception", cpu, X, U(number));
    return !steers || part != 3 ? number : number == 6 ? 3 : number;
}

static int32_t before_handle_interrupt(CPUState *cpu, int32_t number)
{
    tell("before_handle_interrupt", cpu, X, U(number));
    return steers && number == 0x20 ? 0x21 : number;
}

/* -- Replay events --------------------------------------------------------- */

static void replay_serial_receive(CPUState *cpu, target_ptr_t fifo,
                                  uint8_t value)
{
    tell("replay_serial_receive", cpu, X X, U(fifo), U(value));
}

static void replay_serial_read(CPUState *cpu, target_ptr_t fifo, uint32_t port,
                               uint8_t value)
{
    tell("replay_serial_read", cpu, X X X, U(fifo), U(port), U(value));
}

static void replay_serial_send(CPUState *cpu, target_ptr_t fifo, uint8_t value)
{
    tell("replay_serial_send", cpu, X X, U(fifo), U(value));
}

static void replay_serial_write(CPUState *cpu, target_ptr_t fifo, uint32_t port,
                                uint8_t value)
{
    tell("replay_serial_write", cpu, X X X, U(fifo), U(port), U(value));
}

static void replay_hd_transfer(CPUState *cpu, uint32_t type, target_ptr_t from,
                               target_ptr_t to, size_t size)
{
    tell("replay_hd_transfer", cpu, X X X X, U(type), U(from), U(to), U(size));
}

static void replay_net_transfer(CPUState *cpu, uint32_t type, uint64_t from,
                                uint64_t to, size_t size)
{
    tell("replay_net_transfer", cpu, X X X X, U(type), from, to, U(size));
}

static void replay_handle_packet(CPUState *cpu, uint8_t *buf, size_t size,
                                 uint8_t direction, uint64_t address)
{
    (void)buf;
    tell("replay_handle_packet", cpu, X X X, U(size), U(direction), address);
}

#define ON_DMA(name) \
    static void name(CPUState *cpu, const uint8_t *buf, hwaddr addr, \
                     size_t size, bool is_write) \
    { \
        (void)buf; \
        tell(#name, cpu, X X X, U(addr), U(size), U(is_write)); \
    }
ON_DMA(replay_before_dma)
ON_DMA(replay_after_dma)

/* -- The engine ------------------------------------------------------------ */

#define ON_CPU(name) \
    static void name(CPUState *cpu) \
    { \
        tell(#name, cpu, X, U(cpu != NULL)); \
    }
ON_CPU(after_cpu_exec_enter)
ON_CPU(after_machine_init)
ON_CPU(after_loadvm)
ON_CPU(top_loop)
static void before_cpu_exec_exit(CPUState *cpu, bool ran)
{
    tell("before_cpu_exec_exit", cpu, X, U(ran));
}

static int before_loadvm(void)
{
    tell("before_loadvm", NULL, "");
    return 0;
}

static void main_loop_wait(void)
{
    tell("main_loop_wait", NULL, "");
}

static int monitor(Monitor *mon, const char *command)
{
    (void)mon;
    tell("monitor", NULL, " %s", command);
    return 0;
}

static void pre_shutdown(void)
{
    tell("pre_shutdown", NULL, "");
}

/* -------------------------------------------------------------------------- */

static bool can_be_filtered(panda_cb_type kind)
{
    return (kind >= PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT &&
            kind <= PANDA_CB_MMIO_BEFORE_WRITE &&
            kind != PANDA_CB_BEFORE_TCG_CODEGEN &&
            kind != PANDA_CB_INSN_TRANSLATE &&
            kind != PANDA_CB_AFTER_INSN_TRANSLATE) ||
           kind == PANDA_CB_START_BLOCK_EXEC || kind == PANDA_CB_END_BLOCK_EXEC;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("teller");
    bool woven = panda_parse_bool_opt(args, "woven", "blocks and the like");
    bool engine = panda_parse_bool_opt(args, "engine", "what the engine does");
    panda_filter filter = {
        .first_pc = panda_parse_uint64_opt(args, "first_pc", 0, "a filter"),
        .last_pc = panda_parse_uint64_opt(args, "last_pc", 0, "a filter"),
        .first = panda_parse_uint64_opt(args, "first", 0, "a filter"),
        .last = panda_parse_uint64_opt(args, "last", 0, "a filter"),
        .asid = panda_parse_uint64_opt(args, "asid", 0, "a filter"),
        .where = (uint8_t)panda_parse_uint32_opt(args, "where", 0, "a filter"),
        .sizes = (uint8_t)panda_parse_uint32_opt(args, "sizes", 0, "a filter"),
    };
    bool filtered = panda_parse_bool_opt(args, "filter", "use the filter");
    panda_cb pcb;

    filter.has_asid = filter.asid != 0;
    digests = panda_parse_bool_opt(args, "digest", "a digest, no lines");
    from = panda_parse_uint64_opt(args, "from", 0, "where to begin");
    answers = panda_parse_bool_opt(args, "answer", "answer hypercalls");
    steers = panda_parse_bool_opt(args, "steer", "steer the guest");
    file = fopen(panda_parse_string_req(args, "file", "where to"), "w");
    panda_free_args(args);
#define REGISTER(KIND, name) \
    pcb.name = name; \
    panda_register_callback(self, PANDA_CB_##KIND, pcb); \
    if (filtered && can_be_filtered(PANDA_CB_##KIND)) { \
        panda_set_filter(self, PANDA_CB_##KIND, pcb, &filter); \
    }
    REGISTER(MMIO_AFTER_READ, mmio_after_read);
    REGISTER(MMIO_BEFORE_WRITE, mmio_before_write);
    REGISTER(GUEST_HYPERCALL, guest_hypercall);
    REGISTER(ASID_CHANGED, asid_changed);
    REGISTER(UNASSIGNED_IO_READ, unassigned_io_read);
    REGISTER(UNASSIGNED_IO_WRITE, unassigned_io_write);
    REGISTER(BEFORE_HANDLE_EXCEPTION, before_handle_exception);
    REGISTER(BEFORE_HANDLE_INTERRUPT, before_handle_interrupt);
    REGISTER(REPLAY_SERIAL_RECEIVE, replay_serial_receive);
    REGISTER(REPLAY_SERIAL_READ, replay_serial_read);
    REGISTER(REPLAY_SERIAL_SEND, replay_serial_send);
    REGISTER(REPLAY_SERIAL_WRITE, replay_serial_write);
    REGISTER(REPLAY_HD_TRANSFER, replay_hd_transfer);
    REGISTER(REPLAY_NET_TRANSFER, replay_net_transfer);
    REGISTER(REPLAY_HANDLE_PACKET, replay_handle_packet);
    REGISTER(REPLAY_BEFORE_DMA, replay_before_dma);
    REGISTER(REPLAY_AFTER_DMA, replay_after_dma);
    if (woven) {
        panda_enable_memcb();
        REGISTER(BEFORE_BLOCK_EXEC_INVALIDATE_OPT,
                 before_block_exec_invalidate_opt);
        REGISTER(BEFORE_BLOCK_EXEC, before_block_exec);
        REGISTER(AFTER_BLOCK_EXEC, after_block_exec);
        REGISTER(START_BLOCK_EXEC, start_block_exec);
        REGISTER(END_BLOCK_EXEC, end_block_exec);
        REGISTER(INSN_TRANSLATE, insn_translate);
        REGISTER(INSN_EXEC, insn_exec);
        REGISTER(AFTER_INSN_TRANSLATE, after_insn_translate);
        REGISTER(AFTER_INSN_EXEC, after_insn_exec);
        REGISTER(VIRT_MEM_BEFORE_READ, virt_mem_before_read);
        REGISTER(VIRT_MEM_BEFORE_WRITE, virt_mem_before_write);
        REGISTER(VIRT_MEM_AFTER_READ, virt_mem_after_read);
        REGISTER(VIRT_MEM_AFTER_WRITE, virt_mem_after_write);
        REGISTER(PHYS_MEM_BEFORE_READ, phys_mem_before_read);
        REGISTER(PHYS_MEM_BEFORE_WRITE, phys_mem_before_write);
        REGISTER(PHYS_MEM_AFTER_READ, phys_mem_after_read);
        REGISTER(PHYS_MEM_AFTER_WRITE, phys_mem_after_write);
    }
    if (engine) {
        REGISTER(BEFORE_BLOCK_TRANSLATE, before_block_translate);
        REGISTER(AFTER_BLOCK_TRANSLATE, after_block_translate);
        REGISTER(BEFORE_TCG_CODEGEN, before_tcg_codegen);
        REGISTER(CPU_RESTORE_STATE, cpu_restore_state);
        REGISTER(AFTER_CPU_EXEC_ENTER, after_cpu_exec_enter);
        REGISTER(BEFORE_CPU_EXEC_EXIT, before_cpu_exec_exit);
        REGISTER(AFTER_MACHINE_INIT, after_machine_init);
        REGISTER(BEFORE_LOADVM, before_loadvm);
        REGISTER(AFTER_LOADVM, after_loadvm);
        REGISTER(TOP_LOOP, top_loop);
        REGISTER(MAIN_LOOP_WAIT, main_loop_wait);
        REGISTER(PRE_SHUTDOWN, pre_shutdown);
        REGISTER(MONITOR, monitor);
    }
    return file != NULL;
}

void uninit_plugin(void *self)
{
    (void)self;
    if (digests) {
        fprintf(file, "%016" PRIx64 " %" PRIu64 "\n", digest, n_events);
    }
    fprintf(file, "uninit\n");
    fclose(file);
}
