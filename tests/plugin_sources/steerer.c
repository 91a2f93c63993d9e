/*
 * A plugin for tests/steer.py: writes into the guest of recording/guest.S at
 * all kinds of callbacks, and what it does follows from the count alone. The
 * guest draws random numbers in ESI and writes 1 MiB at FIELD with them, so
 * that nothing it could be given there breaks it.
 */
#include "panda/plugin.h"

#define FIELD 0x300000u
#define SUM 0x280008u

static const char *kinds;
static uint64_t differ, every, n, last;

static bool wanted(char kind)
{
    return strchr(kinds, kind) && rr_on();
}

/* A number that all runs draw alike, 0 most of the time. */
static uint32_t draw(uint32_t kind)
{
    uint64_t count = rr_get_guest_instr_count();
    uint64_t x = (count ^ (uint64_t)kind << 56) * 0x9e3779b97f4a7c15ull;

    x ^= x >> 31;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 29;
    if (x % every) {
        return 0;
    }
    n++;
    last = count;
    return (uint32_t)(x >> 32 | 1) ^ (uint32_t)(count >= differ);
}

static CPUArchState *env_of(CPUState *cpu)
{
    return (CPUArchState *)cpu->env_ptr;
}

static void write_some(CPUState *cpu, uint32_t x)
{
    uint32_t seen, at = FIELD + (x & 0xffffc);
    target_ulong before = env_of(cpu)->regs[R_ESI];

    switch (x >> 20 & 3) {
    case 0:
        env_of(cpu)->regs[R_ESI] = (uint32_t)(before * 3 + x);
        break;
    case 1: /* what was written is read back, by its writer */
        panda_virtual_memory_write(cpu, at, (uint8_t *)&x, 4);
        panda_physical_memory_read(at, (uint8_t *)&seen, 4);
        assert(seen == x);
        break;
    case 2:
        panda_physical_memory_read(SUM, (uint8_t *)&seen, 4);
        seen = seen * 5 + x;
        panda_physical_memory_rw(SUM, (uint8_t *)&seen, 4, true);
        break;
    default:
        env_of(cpu)->regs[R_ESI] = (uint32_t)(before + x);
        panda_physical_memory_write(at, (uint8_t *)&before, 4);
        panda_physical_memory_write(at + 2, (uint8_t *)&x, 4);
        env_of(cpu)->segs[R_GS].base = x;
    }
}

/* The loop is at home where its variables are. */
static bool in_loop(CPUState *cpu)
{
    uint32_t esp = (uint32_t)env_of(cpu)->regs[R_ESP];

    return esp == 0x280000;
}

static void steer(CPUState *cpu, char letter, uint32_t kind)
{
    uint32_t x;

    if (wanted(letter) && in_loop(cpu) && (x = draw(kind))) {
        write_some(cpu, x);
    }
}

/* Registers that this guest has no use for: they stay as they are written. */
static void write_float(CPUState *cpu)
{
    static uint64_t expected[2];
    CPUArchState *env = env_of(cpu);
    uint32_t x;

    assert(differ != UINT64_MAX || !expected[0] ||
           (env->xmm_regs[expected[0] & 7].ZMM_Q(1) == expected[1] &&
            env->mxcsr == (0x1f80 | (expected[0] & 0x3f)) &&
            env->fpstt == (expected[0] & 7) &&
            env->fpuc == 0x300 + (expected[0] & 0x3f) &&
            !memcmp(&env->fpregs[3], &expected[1], 8)));
    if ((x = draw(12))) {
        env->xmm_regs[x & 7].ZMM_Q(1) = (uint64_t)x << 20;
        env->mxcsr = 0x1f80 | (x & 0x3f);
        env->fpstt = x & 7;
        env->fpuc = (uint16_t)(0x300 + (x & 0x3f));
        expected[0] = x;
        expected[1] = (uint64_t)x << 20;
        memcpy(&env->fpregs[3], &expected[1], 8);
    }
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    uint32_t x;

    if (wanted('x') && in_loop(cpu)) {
        write_float(cpu);
    }
    steer(cpu, 'b', 1);
    /* The loop's first block is begun again a few instructions later. */
    if (wanted('p') && in_loop(cpu) && tb->icount > 14 && (x = draw(2))) {
        env_of(cpu)->eip += 2 + 3 + 2;
        panda_do_break_exec();
    }
    if (wanted('r') && in_loop(cpu) && (x = draw(11))) {
        assert(panda_write_control_register(cpu, 2, x) == 0);
        assert(panda_write_debug_register(cpu, x & 3, x) == 0);
        assert(panda_write_msr(cpu, 0xc0000102, x) == 0);
        assert(panda_write_control_register(cpu, 1, 0) == -1 &&
               panda_write_control_register(cpu, 4, UINT64_MAX) == -1 &&
               panda_write_debug_register(cpu, 7, UINT64_MAX) == -1 &&
               panda_write_debug_register(cpu, 4, 0) == -1 &&
               panda_write_msr(cpu, 0xc0000102, 1ull << 63) == -1 &&
               panda_write_msr(cpu, 12345, 0) == -1);
    }
}

static void on_block_end(CPUState *cpu, TranslationBlock *tb)
{
    (void)tb;
    steer(cpu, 'e', 3);
}

static bool is_wanted(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu;
    return pc % 3 == 0; /* as the listener */
}

static int on_insn(CPUState *cpu, target_ptr_t pc)
{
    uint32_t x;

    (void)pc;
    steer(cpu, 'i', 4);
    if (wanted('f') && in_loop(cpu) && (x = draw(5))) {
        env_of(cpu)->eflags ^= 0xd5 & x; /* je and jnz take another way */
    }
    return 0;
}

static int on_insn_end(CPUState *cpu, target_ptr_t pc)
{
    (void)pc;
    steer(cpu, 'a', 6);
    return 0;
}

static void on_access(CPUState *cpu, uint32_t kind, target_ptr_t addr)
{
    steer(cpu, 'm', kind ^ (uint32_t)addr << 8);
}

static void before_read(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                        size_t size)
{
    (void)pc, (void)size;
    on_access(cpu, 7, addr);
}

static void after_read(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                       size_t size, uint8_t *buf)
{
    (void)pc, (void)size, (void)buf;
    on_access(cpu, 8, addr);
}

static void before_write(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                         size_t size, uint8_t *buf)
{
    (void)pc, (void)size, (void)buf;
    on_access(cpu, 9, addr);
}

static void after_write(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                        size_t size, uint8_t *buf)
{
    (void)pc, (void)size, (void)buf;
    on_access(cpu, 10, addr);
}

#define REGISTER(NAME, member, function) \
    do { \
        panda_cb pcb_ = {.member = function}; \
        panda_register_callback(self, PANDA_CB_##NAME, pcb_); \
    } while (0)

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);

    kinds = panda_parse_string_opt(args, "kinds", "bpxreifam",
                                   "where to write");
    every = panda_parse_uint64_opt(args, "every", 997, "one of so many events");
    differ = panda_parse_uint64_opt(args, "differ", UINT64_MAX,
                                    "count from which other values are "
                                    "written");
    if (strpbrk(kinds, "bpxr")) {
        REGISTER(BEFORE_BLOCK_EXEC, before_block_exec, on_block);
    }
    if (strchr(kinds, 'e')) {
        REGISTER(END_BLOCK_EXEC, end_block_exec, on_block_end);
    }
    if (strpbrk(kinds, "if")) {
        REGISTER(INSN_TRANSLATE, insn_translate, is_wanted);
        REGISTER(INSN_EXEC, insn_exec, on_insn);
    }
    if (strchr(kinds, 'a')) {
        REGISTER(AFTER_INSN_TRANSLATE, after_insn_translate, is_wanted);
        REGISTER(AFTER_INSN_EXEC, after_insn_exec, on_insn_end);
    }
    if (strchr(kinds, 'm')) {
        REGISTER(VIRT_MEM_BEFORE_READ, virt_mem_before_read, before_read);
        REGISTER(VIRT_MEM_AFTER_READ, virt_mem_after_read, after_read);
        REGISTER(VIRT_MEM_BEFORE_WRITE, virt_mem_before_write, before_write);
        REGISTER(VIRT_MEM_AFTER_WRITE, virt_mem_after_write, after_write);
    }
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr, "steerer: wrote %" PRIu64 " times, last at %" PRIu64 "\n",
            n, last);
}
