/*
 * Where units begin and end shows nowhere: random instructions in a row give
 * the same state as one folded unit with dead code removed, and one by one as
 * they were emitted; also when one of them faults. And single steps: what a
 * debugger sees of plain, repeated and empty string instructions.
 */
#include "test_x86.h"

#include "exec/machine.h"
#include "guest/x86/state.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM 0x20000u
#define CODE 0x1000u
#define SEQUENCES 3000u
#define LENGTH 8u

static struct machine *machine;
static struct ir_unit *unit;

struct way {
    unsigned insns; /* a unit */
    bool fold, dead;
};

/* -- Running --------------------------------------------------------------- */

/* False: the unit is not well formed. */
static bool translate(const struct way *way, const uint8_t *bytes, size_t size)
{
    struct cpu *cpu = machine->cpu;
    uint64_t pc = x86_guest.get_pc(cpu);
    struct ir_builder b;
    char *message = NULL;
    bool good;

    ir_unit_clear(unit);
    ir_begin(&b, unit);
    b.fold = way->fold;
    good = x86_translate(&b, x86_guest.mode(cpu), pc, bytes + (pc - CODE),
                         size - (pc - CODE), way->insns) != 0;
    ir_end(&b);
    if (good && !ir_verify(unit, &message)) {
        printf("  %s\n", message);
        ir_print(unit, stdout);
        good = false;
    }
    free(message);
    if (good && way->dead) {
        ir_pass_dead(unit);
    }
    return good;
}

/* Until the code is left, something leaves a unit, or it takes too long. */
static bool run(const struct way *way, const uint8_t *bytes, size_t size,
                int *why)
{
    struct cpu *cpu = machine->cpu;
    volatile bool good = true;

    *why = setjmp(cpu->leave);
    if (*why) {
        x86_guest.set_pc(cpu, cpu->insn_pc);
        return true;
    }
    while (good && x86_guest.get_pc(cpu) - CODE < size && cpu->count < 40) {
        good = translate(way, bytes, size);
        if (good) {
            ir_interpret(cpu, unit);
        }
    }
    return good;
}

static void set_mode(enum x86_mode mode)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);
    uint16_t wide = mode == X86_MODE_16 ? 0 : X86_ACCESS_DB;

    x86_guest.reset(machine->cpu);
    machine->cpu->count = 0;
    machine->cpu->alone = false;
    for (unsigned i = 0; i < 6; i++) {
        x86->segment[i].base = 0;
        x86->segment[i].access = (uint16_t)(0x93 | wide);
    }
    x86->segment[X86_CS].access = (uint16_t)(0x9b | wide);
    if (mode == X86_MODE_64) {
        x86->segment[X86_CS].access = 0x9b | X86_ACCESS_L;
        x86->efer = X86_EFER_LMA;
    }
    x86->cr[0] = X86_CR0_PE;
    x86->cr[4] = X86_CR4_OSFXSR;
    x86->rip = CODE;
}

/* -- One way against another ------------------------------------------------
 */

#define STATE_START offsetof(struct x86_cpu, gpr)
#define STATE_SIZE (offsetof(struct x86_cpu, exception) - STATE_START)

struct outcome {
    uint8_t state[STATE_SIZE];
    uint8_t ram[RAM];
    uint64_t count;
    int why;
    unsigned vector;
};

static bool measure(const struct way *way, const uint8_t *bytes, size_t size,
                    struct outcome *outcome)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);
    bool good = run(way, bytes, size, &outcome->why);

    memcpy(outcome->state, (uint8_t *)x86 + STATE_START, STATE_SIZE);
    memcpy(outcome->ram, mem_block_at(machine->memory, 0)->host, RAM);
    outcome->count = machine->cpu->count;
    outcome->vector = x86->exception.vector;
    return good;
}

static bool usable(const struct x86_row *row, enum x86_mode mode)
{
    return !(row->attributes & (X86_SYS | X86_ALONE | X86_END)) &&
           !(row->attributes & (mode == X86_MODE_64 ? X86_N64 : X86_O64)) &&
           strcmp(row->mnemonic, "les") && strcmp(row->mnemonic, "lds");
}

/* Most addresses shall be in RAM: elsewhere the instruction is left. */
static bool near(const struct x86_insn *insn)
{
    bool far = insn->displacement < -0x2000 || insn->displacement > 0x2000;

    return !insn->row->modrm || !(far || insn->scale) || rnd() % 16 == 0;
}

static size_t make_sequence(enum x86_mode mode, uint8_t *bytes)
{
    static const uint8_t legal[] = {0x66, 0x67, 0x36, 0xf0};
    struct x86_insn insn;
    size_t size = 0;

    for (unsigned n = 0; n < LENGTH;) {
        const struct x86_row *row = &x86_rows[rnd() % x86_n_rows];

        make_insn(row, mode, legal, sizeof(legal), bytes + size);
        if (usable(row, mode) &&
            x86_decode(mode, bytes + size, 15, &insn) == X86_DECODED &&
            insn.row == row && near(&insn)) {
            size += insn.length;
            n++;
        }
    }
    return size;
}

static void fill(struct x86_cpu *x86, uint8_t *ram)
{
    for (unsigned i = 0; i < 16; i++) {
        x86->gpr[i] = rnd() % 4 ? 0x4000 + rnd() % 0x8000 : rnd_value();
        x86->xmm[i].v64[0] = rnd_value();
        x86->xmm[i].v64[1] = rnd_value();
    }
    x86->gpr[1] = rnd() % 4; /* of repeated instructions */
    x86->gpr[4] = 0x9000;
    x86_set_eflags(x86, 2 | (rnd() & 0x8d5) | (rnd() & 0x400));
    for (unsigned i = 0; i < RAM; i += 8) {
        uint64_t word = rnd() << 40 ^ rnd();

        memcpy(ram + i, &word, 8);
    }
}

static void show(enum x86_mode mode, const uint8_t *bytes, size_t size,
                 const struct outcome *a, const struct outcome *b)
{
    printf("  mode %d:", 16 << mode);
    for (size_t i = 0; i < size; i++) {
        printf(" %02x", bytes[i]);
    }
    printf("\n  counts %lu %lu, left %d %d, vectors %u %u\n", a->count,
           b->count, a->why, b->why, a->vector, b->vector);
    for (unsigned i = 0; i < STATE_SIZE; i += 8) {
        if (memcmp(a->state + i, b->state + i, 8)) {
            printf("  state differs at gpr + 0x%x\n", i);
        }
    }
}

static bool sequence(enum x86_mode mode, const struct way *way,
                     unsigned *faults)
{
    static const struct way plain = {1, false, false};
    static struct outcome a, b;
    static uint8_t start[STATE_SIZE], ram[RAM];
    struct x86_cpu *x86 = x86_of(machine->cpu);
    uint8_t *host = mem_block_at(machine->memory, 0)->host;
    uint8_t bytes[15 * LENGTH + 15];
    size_t size = make_sequence(mode, bytes);
    bool good;

    set_mode(mode);
    fill(x86, ram);
    memcpy(start, (uint8_t *)x86 + STATE_START, STATE_SIZE);
    memcpy(host, ram, RAM);
    good = measure(&plain, bytes, size, &a);
    set_mode(mode);
    memcpy((uint8_t *)x86 + STATE_START, start, STATE_SIZE);
    memcpy(host, ram, RAM);
    good = measure(way, bytes, size, &b) && good;
    *faults += a.why != 0;
    /* The last step may be in a longer unit: then it is not compared. */
    if (a.count >= 40 || b.count >= 40) {
        return good;
    }
    good = good && a.count == b.count && a.why == b.why &&
           (a.why != CPU_LEAVE_EXCEPTION || a.vector == b.vector) &&
           !memcmp(a.state, b.state, STATE_SIZE) && !memcmp(a.ram, b.ram, RAM);
    if (!good) {
        show(mode, bytes, size, &a, &b);
    }
    return good;
}

static void test_sequences(void)
{
    static const struct way ways[] = {
        {LENGTH, true, true}, {3, true, false}, {LENGTH, false, true}};
    unsigned faults = 0, n = 0;
    bool good = true;

    for (unsigned i = 0; i < SEQUENCES && good; i++, n++) {
        good = sequence((enum x86_mode)(i % 3), &ways[i / 3 % 3], &faults);
    }
    expect(good && faults > n / 10 && faults < n - n / 10,
           "%u rows of instructions in units of all lengths, %u left early", n,
           faults);
}

/* -- Single steps ---------------------------------------------------------- */

/* Runs with TF set; the text is a letter a step: i instruction, t trap, and
 * the exception's first letter would be anything else. */
static const char *steps(const uint8_t *bytes, size_t size, uint64_t count)
{
    static const struct way way = {LENGTH, true, true};
    static char text[16];
    struct x86_cpu *x86 = x86_of(machine->cpu);
    uint64_t before;
    int why;

    set_mode(X86_MODE_64);
    x86->eflags |= X86_EFLAGS_TF;
    x86->gpr[1] = count;
    x86->gpr[6] = 0x4000;
    x86->gpr[7] = 0x5000;
    x86->gpr[4] = 0x9000;
    memset(text, 0, sizeof(text));
    for (unsigned i = 0; i + 1 < sizeof(text); i++) {
        before = machine->cpu->count;
        why = setjmp(machine->cpu->leave);
        if (why) {
            bool trap = why == CPU_LEAVE_EXCEPTION && !x86->trap &&
                        x86->exception.vector == X86_DB &&
                        (x86->dr[6] & X86_DR6_BS);

            text[strlen(text)] = trap ? 't' : '?';
            continue;
        }
        if (x86->rip - CODE >= size && !x86->trap) {
            break;
        }
        if (!translate(&way, bytes - (x86->rip - CODE >= size ? size : 0),
                       2 * size)) {
            break;
        }
        ir_interpret(machine->cpu, unit);
        text[strlen(text)] = machine->cpu->count == before + 1 ? 'i' : '?';
    }
    return text;
}

static void test_steps(void)
{
    static const struct {
        const char *what, *bytes, *steps;
        size_t size;
        uint64_t count;
    } cases[] = {
        {"NOP, NOP", "\x90\x90", "itit", 2, 0},
        {"a taken jump", "\xeb\x00", "it", 2, 0},
        {"a branch taken or not", "\x74\x00\x75\x00", "itit", 4, 0},
        {"REP MOVSB of 3", "\xf3\xa4", "ititit", 2, 3},
        {"REP MOVSB of none, NOP", "\xf3\xa4\x90", "itit", 3, 0},
        {"REPE CMPSB", "\xf3\xa6", "it", 2, 1},
        {"PUSH, POP", "\x50\x58", "itit", 2, 0},
        {"LOOP", "\xe2\xfe", "itit", 2, 2},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[64];
        const char *got;

        memset(bytes, 0x90, sizeof(bytes));
        memcpy(bytes + 16, cases[i].bytes, cases[i].size);
        got = steps(bytes + 16, cases[i].size, cases[i].count);
        expect(!strcmp(got, cases[i].steps), "single step: %s: %s",
               cases[i].what, got);
    }
}

void test_units(void)
{
    machine = machine_new(&x86_guest);
    unit = ir_unit_new(&x86_guest);
    mem_map(machine->memory, 0, RAM,
            mem_add_block(machine->memory, "ram", BLOCK_RAM, RAM), 0);
    test_sequences();
    test_steps();
    ir_unit_free(unit);
    machine_free(machine);
}
