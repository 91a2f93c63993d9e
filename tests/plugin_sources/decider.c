/*
 * A plugin for tests/steer.py whose results steer the guest of
 * callbacks/events.c, each in a way that its output tells of. With `differ`
 * it wants other things.
 */
#include "panda/plugin.h"

#define MARK 0x4d41524bu

static bool differs;
static uint64_t digest, n[7];

static void note(unsigned kind, uint64_t x)
{
    digest = (digest ^ x ^ rr_get_guest_instr_count() << 8 ^ kind) *
             0x9e3779b97f4a7c15ull;
    digest ^= digest >> 29;
    n[kind]++;
}

static CPUArchState *env_of(CPUState *cpu)
{
    return (CPUArchState *)cpu->env_ptr;
}

/* Every part but the unnamed is answered. */
static bool on_hypercall(CPUState *cpu)
{
    CPUArchState *env = env_of(cpu);

    note(0, env->regs[R_EAX] ^ env->regs[R_EBX] << 32);
    if (env->regs[R_EAX] != MARK || !env->regs[R_EBX]) {
        return differs;
    }
    env->regs[R_EAX] = 0x600d + differs;
    env->regs[R_ECX] = 0;
    env->regs[R_EDX] = 1;
    return true;
}

/* An undefined instruction before INC is gone past; a division by zero
 * becomes an undefined instruction. */
static int32_t on_exception(CPUState *cpu, int32_t number)
{
    uint8_t code[4] = {0};

    note(1, (uint32_t)number);
    panda_virtual_memory_read(cpu, panda_current_pc(cpu), code, 4);
    if (number == 6 && !memcmp(code, "\x0f\x0b\xff\xc0", 4)) {
        env_of(cpu)->eip += 2;
        return differs ? 6 : -1;
    }
    return number == 0 ? differs ? 13 : 6 : number;
}

static int32_t on_interrupt(CPUState *cpu, int32_t vector)
{
    (void)cpu;
    note(2, (uint32_t)vector);
    return vector + 1 + differs;
}

static void on_read(CPUState *cpu, target_ptr_t physical, target_ptr_t at,
                    size_t size, uint64_t *val)
{
    (void)cpu, (void)at, (void)size;
    note(3, physical ^ *val << 12);
    *val ^= 0x5000 + differs;
}

static void on_write(CPUState *cpu, target_ptr_t physical, target_ptr_t at,
                     size_t size, uint64_t *val)
{
    (void)cpu, (void)at, (void)size;
    note(4, physical ^ *val << 12);
    *val ^= 0x50 + 16 * differs;
}

static bool on_asid(CPUState *cpu, target_ptr_t from, target_ptr_t to)
{
    (void)cpu;
    note(5, from ^ to << 12);
    return (to & 8 && !differs) || (from & 8 && differs);
}

static bool on_hole(CPUState *cpu, target_ptr_t pc, hwaddr addr, size_t size,
                    uint64_t *val)
{
    (void)cpu, (void)pc, (void)addr, (void)size;
    note(6, pc);
    *val = 0x1234;
    return true;
}

#define REGISTER(NAME, member, function) \
    do { \
        panda_cb pcb_; \
        pcb_.member = function; \
        panda_register_callback(self, PANDA_CB_##NAME, pcb_); \
    } while (0)

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);

    differs = panda_parse_bool(args, "differ");
    REGISTER(GUEST_HYPERCALL, guest_hypercall, on_hypercall);
    REGISTER(BEFORE_HANDLE_EXCEPTION, before_handle_exception, on_exception);
    REGISTER(BEFORE_HANDLE_INTERRUPT, before_handle_interrupt, on_interrupt);
    REGISTER(MMIO_AFTER_READ, mmio_after_read, on_read);
    REGISTER(MMIO_BEFORE_WRITE, mmio_before_write, on_write);
    REGISTER(ASID_CHANGED, asid_changed, on_asid);
    REGISTER(UNASSIGNED_IO_READ, unassigned_io_read, on_hole);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr, "decider: digest %016" PRIx64 " of", digest);
    for (unsigned i = 0; i < 7; i++) {
        fprintf(stderr, " %" PRIu64, n[i]);
    }
    fprintf(stderr, "\n");
}
