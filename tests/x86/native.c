/* See narrow.h; the way there and back is told in narrow.c. */
#include "narrow.h"

#include <asm/ldt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAVE 0x20030000u /* struct save, and above it a low stack */
#define STACK_TOP 0x20032000u
#define THUNK 0x20040000u        /* code that is not in an LDT segment */
#define EPILOGUE (THUNK + 0x400) /* one for each place to go on */
#define EPILOGUE_SIZE 0x100u
#define USER_CS32 0x23u
#define USER_DS 0x2bu

struct save {
    uint32_t in_gpr[8], in_flags, out_gpr[8], out_flags;
    uint32_t place; /* which epilogue it was */
    uint32_t user_sel, data_sel, stack_sel;
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) entry;
    uint64_t host_sp;
};
static struct save *const save = (struct save *)(uintptr_t)SAVE;

uint8_t *narrow_data(void)
{
    return (uint8_t *)(uintptr_t)NARROW_DATA;
}

/* -- Emission -------------------------------------------------------------- */

static uint8_t *at; /* where code is written */

static void bytes(const char *text, size_t size)
{
    memcpy(at, text, size);
    at += size;
}
#define BYTES(text) bytes(text, sizeof(text) - 1)

static void word(uint32_t value)
{
    memcpy(at, &value, 4);
    at += 4;
}

/* An opcode with ModRM for [absolute], in 32-bit code. */
static void absolute(uint8_t opcode, unsigned reg, const void *memory)
{
    *at++ = opcode;
    *at++ = (uint8_t)(5 | reg << 3);
    word((uint32_t)(uintptr_t)memory);
}

static void far_jump(uint32_t offset, uint16_t selector)
{
    *at++ = 0xea;
    word(offset);
    memcpy(at, &selector, 2);
    at += 2;
}

static uint16_t ldt(unsigned entry)
{
    return (uint16_t)(entry << 3 | 7);
}

/* 64-bit: rsp is kept in memory, the call pushes on the low stack. */
static void emit_thunk(void)
{
    at = (uint8_t *)(uintptr_t)THUNK;
    BYTES("\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57"); /* push rbx ... */
    BYTES("\x48\x89\x24\x25");                         /* mov [], rsp */
    word((uint32_t)(uintptr_t)&save->host_sp);
    *at++ = 0xbc; /* mov esp, */
    word(STACK_TOP);
    BYTES("\xff\x1c\x25"); /* call far [] */
    word((uint32_t)(uintptr_t)&save->entry);
    BYTES("\x48\x8b\x24\x25"); /* mov rsp, [] */
    word((uint32_t)(uintptr_t)&save->host_sp);
    BYTES("\xfc\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3");
}

static void emit_prologue(unsigned code_entry)
{
    at = (uint8_t *)(uintptr_t)(THUNK + 0x100);
    BYTES("\xb8\x2b\x00\x00\x00\x8e\xd8"); /* ds = USER_DS */
    absolute(0xff, 6, &save->in_flags);    /* push */
    *at++ = 0x9d;                          /* popfd */
    absolute(0x8e, 0, &save->data_sel);
    absolute(0x8e, 2, &save->stack_sel);
    absolute(0x8b, 4, &save->in_gpr[4]);
    for (unsigned i = 0; i < 8; i++) {
        if (i != 4) {
            absolute(0x8b, i, &save->in_gpr[i]);
        }
    }
    absolute(0x8e, 3, &save->data_sel);
    far_jump(NARROW_IP, ldt(code_entry));
}

static void emit_epilogue(unsigned place)
{
    at = (uint8_t *)(uintptr_t)(EPILOGUE + place * EPILOGUE_SIZE);
    *at++ = 0x2e; /* no other segment can be read */
    absolute(0x8e, 3, &save->user_sel);
    for (unsigned i = 0; i < 8; i++) {
        absolute(0x89, i, &save->out_gpr[i]);
    }
    absolute(0x8e, 2, &save->user_sel);
    *at++ = 0xbc; /* mov esp, */
    word(STACK_TOP - 8);
    *at++ = 0x9c; /* pushfd */
    absolute(0x8f, 0, &save->out_flags);
    absolute(0xc7, 0, &save->place);
    word(place);
    absolute(0x8e, 0, &save->user_sel);
    *at++ = 0xcb; /* retf */
}

static void emit_insn(const uint8_t *insn, unsigned length, enum x86_mode mode)
{
    uint8_t *start = (uint8_t *)(uintptr_t)(NARROW_CODE + NARROW_IP);

    memset(start, 0xcc, 0x100);
    memcpy(start, insn, length);
    for (unsigned place = 0; place < 2; place++) {
        at = start + length + 0x40 * place;
        if (mode == X86_MODE_16) {
            *at++ = 0x66;
        }
        far_jump(EPILOGUE + place * EPILOGUE_SIZE, USER_CS32);
    }
}

/* -- Set-up ---------------------------------------------------------------- */

static bool segment(unsigned entry, uint32_t base, bool code, bool wide)
{
    struct user_desc d = {.entry_number = entry,
                          .base_addr = base,
                          .limit = 0xffff,
                          .seg_32bit = wide,
                          .contents = code ? 2 : 0,
                          .useable = 1};

    return syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) == 0;
}

static bool map(uint32_t address, size_t size, int protection)
{
    void *want = (void *)(uintptr_t)address;

    return mmap(want, size, protection,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                0) == want;
}

static sigjmp_buf fault;
static volatile sig_atomic_t running; /* on the host, that is */

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (!running) { /* a fault of ours */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    running = 0;
    siglongjmp(fault, number);
}

static void catch_faults(void)
{
    static uint8_t stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGTRAP};

    sigaltstack(&alternate, NULL);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

bool narrow_init(void)
{
    const int rw = PROT_READ | PROT_WRITE;

    if (!map(NARROW_DATA, NARROW_SIZE, rw) || !map(SAVE, 0x2000, rw) ||
        !map(NARROW_CODE, 0x1000, rw | PROT_EXEC) ||
        !map(THUNK, 0x1000, rw | PROT_EXEC) ||
        !segment(0, NARROW_CODE, true, false) ||
        !segment(1, NARROW_CODE, true, true) ||
        !segment(2, NARROW_DATA, false, false) ||
        !segment(3, NARROW_DATA, false, true)) {
        return false;
    }
    save->user_sel = USER_DS;
    save->data_sel = ldt(3);
    save->entry.offset = THUNK + 0x100;
    save->entry.selector = USER_CS32;
    emit_thunk();
    emit_epilogue(0);
    emit_epilogue(1);
    catch_faults();
    return true;
}

/* -- A case ---------------------------------------------------------------- */

void narrow_native(const uint8_t *insn, unsigned length, enum x86_mode mode,
                   const struct narrow_registers *in,
                   struct narrow_registers *out)
{
    uintptr_t address = THUNK;
    void (*run)(void);
    int number;

    memcpy(&run, &address, sizeof(run));
    emit_insn(insn, length, mode);
    emit_prologue(mode == X86_MODE_32 ? 1 : 0);
    save->stack_sel = ldt(mode == X86_MODE_32 ? 3 : 2);
    memcpy(save->in_gpr, in->gpr, sizeof(save->in_gpr));
    save->in_flags = in->flags;
    *out = *in;
    number = sigsetjmp(fault, 1);
    if (number) {
        __asm__ volatile("cld");
        out->fault = number == SIGFPE   ? NARROW_DIVIDE
                     : number == SIGILL ? NARROW_UNDEFINED
                                        : NARROW_OTHER;
        return;
    }
    running = 1;
    run();
    running = 0;
    memcpy(out->gpr, save->out_gpr, sizeof(out->gpr));
    out->flags = save->out_flags & NARROW_FLAGS;
    out->ip = NARROW_IP + length + 0x40 * save->place;
}
