/*
 * The host's side. A case is a call of generated code:
 *
 *     thunk      keeps rsp, loads all state, jumps to INSN (far, for 32 bits)
 *     INSN       the instruction, then a jump to
 *     epilogue   which stores all state and returns
 *
 * The rest of the code page is INT3: where a branch went, the SIGTRAP tells.
 * A signal handler stores the state that the signal found, and has the thread
 * go on at the end of the epilogue.
 */
#include "host.h"

#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define THUNK (SAVE + 0x1000u)
#define EPILOGUE (SAVE + 0x1400u)

struct save {
    struct state in, out;
    uint64_t host_sp, entry, resume;
    uint32_t host_mxcsr, flags_in, user_ds;
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) far_entry;
};
static struct save *const save = (struct save *)(uintptr_t)SAVE;

static const struct encoding *prepared;
static bool changes_gs, has_32;

/* -- Emission -------------------------------------------------------------- */

static uint8_t *at;

static void bytes(const char *text, size_t size)
{
    memcpy(at, text, size);
    at += size;
}
#define BYTES(text) bytes(text, sizeof(text) - 1)

/* ModRM and SIB for [absolute], with a digit or register. */
static void absolute(unsigned reg, const void *memory)
{
    uint32_t address = (uint32_t)(uintptr_t)memory;

    *at++ = (uint8_t)(4 | (reg & 7) << 3);
    *at++ = 0x25;
    memcpy(at, &address, 4);
    at += 4;
}

static void move(bool to_memory, unsigned reg, const void *memory)
{
    *at++ = (uint8_t)(0x48 | (reg >> 3) << 2);
    *at++ = to_memory ? 0x89 : 0x8b;
    absolute(reg, memory);
}

static void store_selector(unsigned number, const void *memory)
{
    *at++ = 0x8c;
    absolute(number, memory);
}

static void load_selector(unsigned number, const void *memory)
{
    *at++ = 0x8e;
    absolute(number, memory);
}

enum { ES, CS, SS, DS, FS, GS };

static void emit_thunk(bool wide)
{
    at = (uint8_t *)(uintptr_t)(THUNK + (wide ? 0 : 0x200));
    BYTES("\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57"); /* push rbx ... */
    move(true, 4, &save->host_sp);
    load_selector(DS, &save->user_ds);
    load_selector(ES, &save->user_ds);
    BYTES("\x48\x0f\xae"); /* fxrstor64 */
    absolute(1, save->in.fx);
    BYTES("\xff"); /* push; popfq */
    absolute(6, &save->in.flags);
    BYTES("\x9d");
    for (unsigned i = 0; i < 16; i++) {
        move(false, i, &save->in.gpr[i]);
    }
    BYTES("\xff"); /* jmp, far or near */
    absolute(wide ? 4 : 5,
             wide ? (void *)&save->entry : (void *)&save->far_entry);
}

static void emit_epilogue(void)
{
    at = (uint8_t *)(uintptr_t)EPILOGUE;
    for (unsigned i = 0; i < 16; i++) {
        move(true, i, &save->out.gpr[i]);
    }
    BYTES("\x48\x0f\xae"); /* fxsave64 */
    absolute(0, save->out.fx);
    move(false, 4, &save->host_sp);
    BYTES("\x9c\x8f"); /* pushfq; pop */
    absolute(0, &save->out.flags);
    store_selector(DS, &save->out.ds);
    store_selector(ES, &save->out.es);
    store_selector(SS, &save->out.ss);
    store_selector(GS, &save->out.gs);
    save->resume = (uint64_t)(uintptr_t)at;
    BYTES("\x6a\x02\x9d");     /* push 2; popfq */
    BYTES("\xdb\xe3\x0f\xae"); /* fninit; ldmxcsr */
    absolute(2, &save->host_mxcsr);
    BYTES("\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3");
}

static void emit_insn(const struct encoding *e)
{
    static unsigned last = 32;
    uint8_t *start = (uint8_t *)(uintptr_t)INSN;

    memset(start, 0xcc, last);
    at = start;
    bytes((const char *)e->bytes, e->insn.length);
    if (e->mode == X86_MODE_64) {
        BYTES("\xff"); /* jmp [] */
        absolute(4, &save->in.rip);
    } else {
        const uint32_t epilogue = EPILOGUE;

        BYTES("\xea"); /* jmp far */
        memcpy(at, &epilogue, 4);
        at += 4;
        BYTES("\x33\x00");
    }
    last = (unsigned)(at - start);
}

/* -- Signals --------------------------------------------------------------- */

static volatile sig_atomic_t running;

static void take_registers(const ucontext_t *context, struct state *out)
{
    static const int order[16] = {
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    const greg_t *g = context->uc_mcontext.gregs;

    for (unsigned i = 0; i < 16; i++) {
        out->gpr[i] = (uint64_t)g[order[i]];
    }
    out->rip = (uint64_t)g[REG_RIP];
    out->flags = (uint64_t)g[REG_EFL];
    out->cs = (uint64_t)g[REG_CSGSFS] & 0xffff;
    out->vector = (uint32_t)g[REG_TRAPNO];
    out->error = (uint32_t)g[REG_ERR];
    out->address = out->vector == 14 ? (uint64_t)g[REG_CR2] : 0;
    memcpy(out->fx, context->uc_mcontext.fpregs, FX_END);
    __asm__("mov %%ds, %w0" : "=r"(out->ds));
    __asm__("mov %%es, %w0" : "=r"(out->es));
    __asm__("mov %%gs, %w0" : "=r"(out->gs));
    out->ds &= 0xffff;
    out->es &= 0xffff;
    out->gs &= 0xffff;
    out->ss = (uint64_t)g[REG_CSGSFS] >> 48;
}

/* A branch that led elsewhere: to an INT3, or to where no code is. */
static void find_branch(struct state *out)
{
    bool fetched = out->vector == 14 && out->address == out->rip;

    if (out->vector == 3 && out->rip - CODE <= 0x1000 &&
        out->rip - 1 - INSN >= prepared->insn.length) {
        out->rip--;
        out->vector = NO_FAULT;
    } else if (fetched && out->rip != INSN) {
        out->vector = NO_FAULT;
        out->error = 0;
        out->address = 0;
    }
}

static void on_signal(int number, siginfo_t *info, void *argument)
{
    ucontext_t *context = argument;
    greg_t *g = context->uc_mcontext.gregs;

    (void)info;
    if (!running) { /* a fault of the test itself */
        signal(number, SIG_DFL);
        return;
    }
    running = 0;
    take_registers(context, &save->out);
    find_branch(&save->out);
    g[REG_RIP] = (greg_t)save->resume;
    g[REG_RSP] = (greg_t)save->host_sp;
    g[REG_EFL] = 0x202;
    g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) | USER_CS64;
}

static void catch_signals(void)
{
    static uint8_t stack[1 << 16];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGTRAP};

    if (sigaltstack(&alternate, NULL)) {
        perror("sigaltstack");
        exit(1);
    }
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

/* -- Set-up ---------------------------------------------------------------- */

static bool map_at(uint32_t address, size_t size, int protection)
{
    void *want = (void *)(uintptr_t)address;

    if (mmap(want, size, protection,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE,
             -1, 0) != want) {
        printf("  no memory at 0x%x: %s\n", address, strerror(errno));
        return false;
    }
    return true;
}

/* One page on each side stays without access, so that nothing else of the
 * process comes to lie there. */
static bool map_all(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    bool good = map_at(DATA - 0x10000, 0x10000, PROT_NONE) &&
                map_at(DATA, DATA_SIZE, rw) && map_at(READ_ONLY, 0x1000, rw) &&
                map_at(NOT_MAPPED, 0x10000, PROT_NONE) &&
                map_at(CODE, 0x1000, rw | PROT_EXEC) &&
                map_at(SAVE, 0x2000, rw | PROT_EXEC);

    if (good) {
        memset((void *)(uintptr_t)CODE, 0xcc, 0x1000);
        for (unsigned i = 0; i < 0x1000; i++) {
            ((uint8_t *)(uintptr_t)READ_ONLY)[i] = (uint8_t)(i * 37 >> 3);
        }
        mprotect((void *)(uintptr_t)READ_ONLY, 0x1000, PROT_READ);
    }
    return good;
}

static void set_gs_base(void)
{
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)GS_BASE)) {
        perror("arch_prctl");
        exit(1);
    }
}

/* Not every kernel has segments for 32-bit code: the first NOP tells. */
static void probe_32(void)
{
    struct encoding e = {.mode = X86_MODE_32, .bytes = {0x90}};
    static struct state in, out;

    e.insn.length = 1;
    in.flags = 2;
    in.fx[FX_MXCSR + 1] = 0x1f;
    native_prepare(&e);
    native_run(&in, &out);
    has_32 = out.vector == NO_FAULT;
}

bool native_init(void)
{
    if (!map_all()) {
        return false;
    }
    save->entry = INSN;
    save->far_entry.offset = INSN;
    save->far_entry.selector = USER_CS32;
    save->host_mxcsr = 0x1f80;
    save->user_ds = USER_DS;
    emit_thunk(true);
    emit_thunk(false);
    emit_epilogue();
    catch_signals();
    set_gs_base();
    probe_32();
    return true;
}

bool native_has_32(void)
{
    return has_32;
}

/* -- A case ---------------------------------------------------------------- */

void native_prepare(const struct encoding *e)
{
    const char *operands = e->insn.row ? e->insn.row->operands : "";
    const char *name = e->insn.row ? e->insn.row->mnemonic : "";

    prepared = e;
    changes_gs = !strcmp(name, "lgs") || !strncmp(operands, "S", 1) ||
                 !strcmp(name, "pop");
    emit_insn(e);
}

void native_run(const struct state *in, struct state *out)
{
    uintptr_t address = THUNK + (prepared->mode == X86_MODE_64 ? 0 : 0x200);
    void (*run)(void);

    memcpy(&run, &address, sizeof(run));
    save->in = *in;
    save->in.rip = EPILOGUE;
    memset(&save->out, 0, sizeof(save->out));
    save->out.vector = NO_FAULT;
    save->out.rip = INSN + prepared->insn.length;
    save->out.cs = prepared->mode == X86_MODE_64 ? USER_CS64 : USER_CS32;
    running = 1;
    run();
    running = 0;
    if (changes_gs) {
        set_gs_base(); /* and the selector 0 */
    }
    *out = save->out;
    out->fx[FX_TAGS + 1] = 0;             /* reserved */
    memset(out->fx + FX_MXCSR + 4, 0, 4); /* which bits of MXCSR there are */
}
