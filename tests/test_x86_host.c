/*
 * x86 against the host CPU: for every row of opcodes.def that user code can
 * run in a straight line, random encodings on random state, natively and in
 * the interpreter; registers, defined flags and memory must be equal, and a
 * division faults on both sides or on neither.
 *
 * The data page lies at one address on both sides. `loose` lists the flags
 * that the manual leaves undefined, with the reason.
 */
#include "exec/machine.h"
#include "guest/x86/decode.h"
#include "guest/x86/state.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <signal.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DATA 0x20000000ul  /* what the instruction may touch */
#define DATA_SIZE 0x2000u
#define SAVE 0x20010000ul  /* registers, for the native side */
#define CODE 0x20020000ul
#define CASES 400u         /* a row */

#define CF 1u
#define PF 4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define DF 0x400u
#define OF 0x800u
#define ALL (CF | PF | AF | ZF | SF | OF)

static int passed, failed;
static uint64_t state = 0x853c49e6748fea9bull;

static void expect(bool good, const char *what, const char *encoding)
{
    printf("%s %s (%s)\n", good ? "ok    " : "FAILED", what, encoding);
    good ? passed++ : failed++;
}

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t interesting(void)
{
    static const uint64_t base[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000,
                                    0xffff, 0x7fffffff, 0x80000000,
                                    0xffffffff, ~0ull >> 1, 1ull << 63, ~0ull};

    return rnd() % 2 ? rnd() >> rnd() % 64 : base[rnd() % 14];
}

/* Also numbers that are floats and doubles of moderate size, and special. */
static uint64_t floating(void)
{
    static const uint64_t special[] = {
        0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
        0x7ff0000000000001, 0x8000000000000000, 0x0000000000000001,
        0x7f8000007f800000, 0x7fc000007f800001, 0x8000000000000001,
        0x3ff0000000000000, 0x3f80000040000000, 0x000fffffffffffff};
    double d = (double)(int64_t)rnd() / (double)(1 + rnd() % 1000000);
    float f[2] = {(float)(int32_t)rnd() / 1000, (float)(int16_t)rnd()};
    uint64_t bits;

    switch (rnd() % 5) {
    case 0:
        memcpy(&bits, &d, 8);
        return bits;
    case 1:
        memcpy(&bits, f, 8);
        return bits;
    case 2:
        return special[rnd() % 12];
    default:
        return interesting();
    }
}

struct registers {
    uint64_t gpr[16], flags, fault;
    uint32_t mxcsr, unused;
    union ir_value xmm[16];
};

/* -- The native side ------------------------------------------------------- */

struct save {
    struct registers in, out;
    uint64_t host_sp;
    uint32_t host_mxcsr;
};
static struct save *const save = (struct save *)SAVE;
static sigjmp_buf native_fault;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    siglongjmp(native_fault, signal);
}

/* mov register, [absolute] and back. */
static uint8_t *move(uint8_t *at, bool to_memory, unsigned number,
                     const void *memory)
{
    uint32_t address = (uint32_t)(uintptr_t)memory;

    *at++ = (uint8_t)(0x48 | (number >> 3) << 2);
    *at++ = to_memory ? 0x89 : 0x8b;
    *at++ = (uint8_t)(4 | (number & 7) << 3);
    *at++ = 0x25;
    memcpy(at, &address, 4);
    return at + 4;
}

/* movdqu register, [absolute] and back. */
static uint8_t *move_xmm(uint8_t *at, bool to_memory, unsigned number,
                         const void *memory)
{
    uint32_t address = (uint32_t)(uintptr_t)memory;

    *at++ = 0xf3;
    *at++ = (uint8_t)(0x40 | (number >> 3) << 2);
    *at++ = 0x0f;
    *at++ = to_memory ? 0x7f : 0x6f;
    *at++ = (uint8_t)(4 | (number & 7) << 3);
    *at++ = 0x25;
    memcpy(at, &address, 4);
    return at + 4;
}

static uint8_t *bytes(uint8_t *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

/* ldmxcsr (modrm 0x14) or stmxcsr (0x1c) [absolute] */
static uint8_t *mxcsr(uint8_t *at, uint8_t modrm, const void *memory)
{
    uint32_t address = (uint32_t)(uintptr_t)memory;

    *at++ = 0x0f;
    *at++ = 0xae;
    *at++ = modrm;
    *at++ = 0x25;
    memcpy(at, &address, 4);
    return at + 4;
}

/* push [absolute] or pop [absolute] */
static uint8_t *stack(uint8_t *at, bool push, const void *memory)
{
    uint32_t address = (uint32_t)(uintptr_t)memory;

    at = push ? bytes(at, "\xff\x34\x25", 3) : bytes(at, "\x8f\x04\x25", 3);
    memcpy(at, &address, 4);
    return at + 4;
}

#define SAVED "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57"
#define RESTORED "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3"

static void emit_native(const uint8_t *insn, unsigned length)
{
    uint8_t *at = (uint8_t *)CODE;

    at = bytes(at, SAVED, sizeof(SAVED) - 1);
    at = move(at, true, 4, &save->host_sp);
    at = stack(at, true, &save->in.flags);
    *at++ = 0x9d; /* popfq */
    for (unsigned i = 0; i < 16; i++) {
        at = move_xmm(at, false, i, &save->in.xmm[i]);
    }
    at = mxcsr(at, 0x14, &save->in.mxcsr);
    for (unsigned i = 0; i < 16; i++) {
        at = move(at, false, i, &save->in.gpr[i]);
    }
    memcpy(at, insn, length);
    at += length;
    for (unsigned i = 0; i < 16; i++) {
        at = move(at, true, i, &save->out.gpr[i]);
        at = move_xmm(at, true, i, &save->out.xmm[i]);
    }
    at = mxcsr(at, 0x1c, &save->out.mxcsr);
    at = mxcsr(at, 0x14, &save->host_mxcsr);
    at = move(at, false, 4, &save->host_sp);
    *at++ = 0x9c; /* pushfq */
    at = stack(at, false, &save->out.flags);
    *at++ = 0xfc; /* cld */
    bytes(at, RESTORED, sizeof(RESTORED) - 1);
}

static void run_native(const uint8_t *insn, unsigned length,
                       const struct registers *in, struct registers *out)
{
    void (*run)(void);
    uintptr_t address = CODE;

    emit_native(insn, length);
    save->in = *in;
    save->host_mxcsr = 0x1f80;
    memcpy(&run, &address, sizeof(run));
    save->out = *in;
    int signal = sigsetjmp(native_fault, 1);

    if (signal == 0) {
        run();
        save->out.fault = 0;
    } else {
        save->out = *in;
        save->out.fault = signal == SIGFPE || signal == SIGILL ? 1 : 2;
    }
    *out = save->out;
    out->flags &= ALL;
}

/* -- Our side -------------------------------------------------------------- */

static struct machine *machine;

static bool run_ours(const uint8_t *insn, unsigned length,
                     const struct registers *in, struct registers *out)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);
    struct ir_unit *unit = ir_unit_new(&x86_guest);
    struct ir_builder b;
    char *message = NULL;
    bool good;

    ir_begin(&b, unit);
    good = x86_translate(&b, X86_MODE_64 | (in->flags & DF ? X86_MODE_DF : 0),
                         CODE, insn, length, 1) == length;
    ir_end(&b);
    good = good && ir_verify(unit, &message);
    if (good) {
        ir_pass_dead(unit);
        memcpy(x86->gpr, in->gpr, sizeof(x86->gpr));
        memcpy(x86->xmm, in->xmm, sizeof(x86->xmm));
        x86_set_eflags(x86, (uint32_t)in->flags);
        x86->mxcsr = in->mxcsr;
        out->fault = setjmp(machine->cpu->leave) ? 1 : 0;
        if (!out->fault) {
            machine->cpu->alone = true;
            do { /* a repeated instruction comes back to itself */
                ir_interpret(machine->cpu, unit);
            } while (x86->rip == CODE);
            good = x86->rip == CODE + length;
        }
        memcpy(out->gpr, x86->gpr, sizeof(x86->gpr));
        memcpy(out->xmm, x86->xmm, sizeof(x86->xmm));
        out->flags = x86_get_eflags(x86) & ALL;
        out->mxcsr = x86->mxcsr;
    } else {
        printf("  %s\n", message ? message : "not translated as one");
    }
    free(message);
    ir_unit_free(unit);
    return good;
}

/* -- Flags that the manual leaves undefined -------------------------------- */

static const struct {
    const char *mnemonic;
    uint32_t flags;
    const char *reason;
} loose[] = {
    {"mul", SF | ZF | AF | PF, "only CF and OF are defined"},
    {"imul", SF | ZF | AF | PF, "only CF and OF are defined"},
    {"div", ALL, "all undefined"},
    {"idiv", ALL, "all undefined"},
    {"bsf", ALL & ~ZF, "only ZF is defined"},
    {"bsr", ALL & ~ZF, "only ZF is defined"},
    {"shld", AF, "undefined when the count is not 0"},
    {"shrd", AF, "undefined when the count is not 0"},
    {"bt", ALL & ~(CF | ZF), "only CF is defined, ZF stays"},
    {"bts", ALL & ~(CF | ZF), "only CF is defined, ZF stays"},
    {"btr", ALL & ~(CF | ZF), "only CF is defined, ZF stays"},
    {"btc", ALL & ~(CF | ZF), "only CF is defined, ZF stays"},
    {"shl", AF, "undefined when the count is not 0"},
    {"shr", AF, "undefined when the count is not 0"},
    {"sar", AF, "undefined when the count is not 0"},
};

static uint32_t defined_flags(const struct x86_insn *insn,
                              const struct registers *in)
{
    uint32_t mask = ALL;
    const struct x86_row *row = insn->row;
    const struct x86_operand *by =
        &insn->operand[insn->operand[2].kind ? 2 : 1];
    uint64_t count = by->kind == X86_OPERAND_REGISTER ? in->gpr[1]
                                                      : by->value;
    unsigned bits = 8u * insn->operand[0].size;

    for (unsigned i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
        if (!strcmp(loose[i].mnemonic, row->mnemonic)) {
            mask &= ~loose[i].flags;
        }
    }
    count &= bits == 64 ? 63 : 31;
    if (!strncmp(row->mnemonic, "sh", 2) || !strcmp(row->mnemonic, "sar") ||
        !strncmp(row->mnemonic, "ro", 2) || !strncmp(row->mnemonic, "rc", 2)) {
        mask &= count == 1 ? ~0u : ~OF; /* defined for 1 only */
        if (count >= bits && row->mnemonic[0] == 's') {
            mask &= ~CF; /* undefined from the width on */
        }
        if (count == 0) {
            mask = ALL;
        }
    }
    return mask;
}

/* -- Random cases ---------------------------------------------------------- */

/* Left out here: what leaves the line, or uses what the host side needs. */
static bool skipped(const struct x86_row *row)
{
    return (row->attributes & (X86_END | X86_N64 | X86_SYS)) != 0;
}

/* ModRM, SIB and displacement: a register, or an address in the data page
 * through a register that the case sets up. */
static unsigned put_modrm(uint8_t *at, const struct x86_row *row,
                          unsigned *base)
{
    uint8_t reg = row->digit >= 0 ? (uint8_t)row->digit : rnd() & 7;
    uint8_t rm = rnd() & 7;
    /* Often aligned, as some instructions ask for it. */
    uint8_t displacement = rnd() & (rnd() % 2 ? 0xf0 : 0xff);
    bool memory = row->operands[0] == 'M' || strchr(row->operands, 'M') ||
                  rnd() % 2;

    if (row->fixed_modrm) {
        at[0] = row->modrm_value;
        return 1;
    }
    if (!memory) {
        at[0] = (uint8_t)(0xc0 | reg << 3 | rm);
        return 1;
    }
    *base = rm;
    at[0] = (uint8_t)(0x40 | reg << 3 | rm);
    if (rm == 4) {
        at[1] = (uint8_t)(0x20 | (rnd() & 7)); /* no index */
        *base = at[1] & 7;
        at[2] = displacement;
        return 3;
    }
    at[1] = displacement;
    return 2;
}

static unsigned make(const struct x86_row *row, uint8_t *insn, unsigned *base)
{
    unsigned n = 0;
    uint8_t rex = rnd() % 2 ? (uint8_t)(0x40 | (rnd() & 0xd)) : 0;

    if ((row->attributes & X86_REP) && rnd() % 3) {
        insn[n++] = rnd() % 2 ? 0xf2 : 0xf3;
    }
    if (row->prefix > 1) {
        insn[n++] = row->prefix;
    } else if (row->prefix == 0 && rnd() % 4 == 0) {
        insn[n++] = 0x66;
    }
    if (rex) {
        insn[n++] = rex;
    }
    if (row->map) {
        insn[n++] = 0x0f;
    }
    insn[n++] = (uint8_t)(row->opcode + rnd() % row->registers);
    *base = 16;
    if (row->modrm) {
        n += put_modrm(insn + n, row, base);
        *base |= *base < 16 && (rex & 1) ? 8 : 0;
    }
    while (n < 15) { /* immediates */
        insn[n++] = rnd() % 3 ? (uint8_t)rnd() : (uint8_t)(rnd() % 40);
    }
    return n;
}

/* The one place where the whole offset is in the instruction. */
static void fix_offset(struct x86_insn *insn, uint8_t *bytes)
{
    uint64_t address = DATA + 0x800 + rnd() % 256;

    if (strchr(insn->row->operands, 'O')) {
        memcpy(bytes + insn->length - 8, &address, 8);
    }
}

static void fill(struct registers *in, const struct x86_row *row,
                 unsigned base)
{
    for (unsigned i = 0; i < 16; i++) {
        in->gpr[i] = interesting();
        in->xmm[i].v64[0] = rnd() % 4 ? floating() : rnd() % 70;
        in->xmm[i].v64[1] = floating();
    }
    in->gpr[4] = DATA + 0x1000 + 8 * (rnd() % 16);
    in->gpr[5] = DATA + 0x1400 + 8 * (rnd() % 16); /* for LEAVE */
    if (strstr(row->encoding, "0F A3") || strstr(row->encoding, "0F AB") ||
        strstr(row->encoding, "0F B3") || strstr(row->encoding, "0F BB")) {
        for (unsigned i = 0; i < 16; i++) { /* bit numbers within the page */
            in->gpr[i] = i == 4 || i == 5 ? in->gpr[i] : rnd() % 4000;
        }
    }
    if (base < 16) {
        in->gpr[base] = DATA + 0x1000 +
                        (rnd() & (rnd() % 2 ? 0x1f0 : 0x1ff));
    }
    if (row->attributes & X86_REP) {
        in->gpr[1] = rnd() % 20;
        in->gpr[6] = DATA + 0x800 + rnd() % 512;
        in->gpr[7] = DATA + 0x800 + rnd() % 512;
        in->gpr[0] = rnd() % 2 ? 0 : in->gpr[0];
    }
    in->flags = 0x202 | (rnd() & ALL);
    if ((row->attributes & X86_REP) && rnd() % 2) {
        in->flags |= DF;
    }
    in->fault = 0;
    /* Any rounding, sometimes FTZ and DAZ; exceptions masked. */
    in->mxcsr = 0x1f80 | (rnd() % 4) << 13 | (rnd() % 64) |
                (rnd() % 4 ? 0 : (rnd() & 0x8040));
}

static void show(const struct registers *in, const struct registers *native,
                 const struct registers *ours, const uint8_t *insn,
                 unsigned length)
{
    printf("  bytes:");
    for (unsigned i = 0; i < length; i++) {
        printf(" %02x", insn[i]);
    }
    printf("\n  flags in %03lx native %03lx ours %03lx; faults %lu %lu\n",
           in->flags & ALL, native->flags, ours->flags, native->fault,
           ours->fault);
    printf("  mxcsr in %04x native %04x ours %04x\n", in->mxcsr,
           native->mxcsr, ours->mxcsr);
    for (unsigned i = 0; i < 16; i++) {
        if (native->gpr[i] != ours->gpr[i]) {
            printf("  r%u in %016lx native %016lx ours %016lx\n", i,
                   in->gpr[i], native->gpr[i], ours->gpr[i]);
        }
        if (memcmp(&native->xmm[i], &ours->xmm[i], 16)) {
            printf("  xmm%u native %016lx%016lx ours %016lx%016lx\n", i,
                   native->xmm[i].v64[1], native->xmm[i].v64[0],
                   ours->xmm[i].v64[1], ours->xmm[i].v64[0]);
        }
    }
}

static bool one_case(const struct x86_row *row, unsigned *ran)
{
    static uint8_t before[DATA_SIZE];
    struct mem_block *block = mem_block_at(machine->memory, 0);
    struct registers in, native, ours;
    struct x86_insn decoded;
    uint8_t insn[16];
    unsigned base, size = make(row, insn, &base);
    uint32_t mask;
    bool good;

    if (x86_decode(X86_MODE_64, insn, size, &decoded) != X86_DECODED ||
        decoded.row != row) {
        return true; /* another row's encoding */
    }
    fix_offset(&decoded, insn);
    fill(&in, row, base);
    for (unsigned i = 0; i < DATA_SIZE; i += 8) {
        uint64_t word = floating();

        memcpy(before + i, &word, 8);
    }
    memcpy((void *)DATA, before, DATA_SIZE);
    memcpy(block->host, before, DATA_SIZE);
    run_native(insn, decoded.length, &in, &native);
    if (native.fault == 2) {
        return true; /* an address beyond the page: not what is tested */
    }
    good = run_ours(insn, decoded.length, &in, &ours);
    mask = defined_flags(&decoded, &in);
    good = good && native.fault == ours.fault &&
           !memcmp((void *)DATA, block->host, DATA_SIZE) &&
           !memcmp(native.gpr, ours.gpr, sizeof(ours.gpr)) &&
           !memcmp(native.xmm, ours.xmm, sizeof(ours.xmm)) &&
           (native.fault || native.mxcsr == ours.mxcsr) &&
           (native.fault || !((native.flags ^ ours.flags) & mask));
    if (!good) {
        show(&in, &native, &ours, insn, decoded.length);
    }
    ++*ran;
    return good;
}

static void test_row(const struct x86_row *row)
{
    unsigned ran = 0;
    bool good = true;

    for (unsigned i = 0; i < CASES && good; i++) {
        good = one_case(row, &ran);
    }
    expect(good && ran > CASES / 20, row->mnemonic, row->encoding);
    if (ran <= CASES / 20) {
        printf("  only %u cases reached the row\n", ran);
    }
}

static void map_at(unsigned long address, size_t size, int protection)
{
    if (mmap((void *)address, size, protection,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
        (void *)address) {
        perror("mmap");
        exit(1);
    }
}

int main(void)
{
    static uint8_t stack_of_signals[65536];
    stack_t alternate = {.ss_sp = stack_of_signals,
                         .ss_size = sizeof(stack_of_signals)};
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};

    map_at(DATA, DATA_SIZE, PROT_READ | PROT_WRITE);
    map_at(SAVE, 4096, PROT_READ | PROT_WRITE);
    map_at(CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    sigaltstack(&alternate, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    machine = machine_new(&x86_guest);
    mem_map(machine->memory, DATA, DATA_SIZE,
            mem_add_block(machine->memory, "data", BLOCK_RAM, DATA_SIZE), 0);
    x86_of(machine->cpu)->efer = X86_EFER_LMA;
    x86_of(machine->cpu)->segment[X86_CS].access |= X86_ACCESS_L;
    for (unsigned i = 0; i < x86_n_rows; i++) {
        if (!skipped(&x86_rows[i])) {
            test_row(&x86_rows[i]);
        }
    }
    machine_free(machine);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
