/*
 * Every row of opcodes.def that user code can run: random encodings on random
 * state on the host CPU, in the interpreter and in generated code. Registers,
 * defined flags, memory, the state of x87 and SSE, and faults with their
 * error codes must be equal. 10^6 cases; with FULL=1 in the environment 10^8.
 * Every row is reached, with each kind of operand that it may have and without
 * a fault, or is left out by name with a reason (differences.c).
 *
 * Arguments: the seed, then mnemonics of the rows to run.
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES 16u /* an encoding */

static unsigned passed, failed;
static unsigned long n_cases;
static struct {
    unsigned long cases, memory, registers, faultless;
} reached; /* of the row being tested */

static void expect(bool good, const char *what, const char *encoding)
{
    if (!good) {
        printf("FAILED %s (%s)\n", what, encoding);
    }
    good ? passed++ : failed++;
}

/* -- A difference, in words ------------------------------------------------ */

static void show_bytes(const char *what, const uint8_t *at, unsigned n)
{
    printf("  %s", what);
    for (unsigned i = n; i-- > 0;) {
        printf("%02x", at[i]);
    }
    printf("\n");
}

static void show_difference(const char *what, uint64_t in, uint64_t native,
                            uint64_t ours)
{
    if (native != ours) {
        printf("  %-7s in %016lx native %016lx ours %016lx\n", what, in, native,
               ours);
    }
}

static void show_fx(const struct state *in, const struct state *native,
                    const struct state *ours)
{
    static const struct {
        const char *name;
        uint16_t at, size;
    } fields[] = {{"control", FX_CONTROL, 2}, {"status", FX_STATUS, 2},
                  {"tags", FX_TAGS, 1},       {"opcode", FX_OPCODE, 2},
                  {"ip", FX_IP, 8},           {"dp", FX_DP, 8},
                  {"mxcsr", FX_MXCSR, 4}};
    char name[16];

    printf("  x87 in control %04x status %04x tags %02x; mxcsr %04x\n",
           fx16(in, FX_CONTROL), fx16(in, FX_STATUS), in->fx[FX_TAGS],
           fx32(in, FX_MXCSR));
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        uint64_t values[3] = {0};

        memcpy(&values[0], in->fx + fields[i].at, fields[i].size);
        memcpy(&values[1], native->fx + fields[i].at, fields[i].size);
        memcpy(&values[2], ours->fx + fields[i].at, fields[i].size);
        show_difference(fields[i].name, values[0], values[1], values[2]);
    }
    for (unsigned i = 0; i < 24; i++) {
        unsigned at = FX_ST + 16 * i;

        if (i < 2 || memcmp(native->fx + at, ours->fx + at, 16)) {
            snprintf(name, sizeof(name), i < 8 ? "st%u" : "xmm%u",
                     i < 8 ? i : i - 8);
            printf("  %s\n", name);
            show_bytes("   in     ", in->fx + at, 16);
            show_bytes("   native ", native->fx + at, 16);
            show_bytes("   ours   ", ours->fx + at, 16);
        }
    }
}

static void show(const struct encoding *e, const char *way,
                 const struct state *in, const struct state *native,
                 const struct state *ours)
{
    char name[8];

    printf("  %s, %u bits:", way, 16u << e->mode);
    for (unsigned i = 0; i < e->insn.length; i++) {
        printf(" %02x", e->bytes[i]);
    }
    printf("\n  vectors %x %x\n", native->vector, ours->vector);
    show_difference("error", 0, native->error, ours->error);
    show_difference("cr2", 0, native->address, ours->address);
    show_difference("rip", INSN, native->rip, ours->rip);
    show_difference("flags", in->flags, native->flags, ours->flags);
    for (unsigned i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        show_difference(name, in->gpr[i], native->gpr[i], ours->gpr[i]);
    }
    show_difference("cs", 0, native->cs, ours->cs);
    show_difference("ds", 0, native->ds, ours->ds);
    show_difference("es", 0, native->es, ours->es);
    show_difference("ss", 0, native->ss, ours->ss);
    show_difference("gs", 0, native->gs, ours->gs);
    if (memcmp(native->fx, ours->fx, FX_END)) {
        show_fx(in, native, ours);
    }
}

static void show_memory(const uint8_t *before, const uint8_t *native,
                        const uint8_t *ours)
{
    for (unsigned i = 0; i < DATA_SIZE; i++) {
        if (native[i] != ours[i]) {
            printf("  memory at %x: in %02x native %02x ours %02x\n", DATA + i,
                   before[i], native[i], ours[i]);
        }
    }
}

/* -- Cases ----------------------------------------------------------------- */

static bool same(const struct state *a, const struct state *b)
{
    return a->vector == b->vector && a->error == b->error &&
           a->address == b->address && a->rip == b->rip &&
           a->flags == b->flags && a->cs == b->cs && a->ds == b->ds &&
           a->es == b->es && a->ss == b->ss && a->gs == b->gs &&
           !memcmp(a->gpr, b->gpr, sizeof(a->gpr)) &&
           !memcmp(a->fx, b->fx, FX_END);
}

static bool one_state(const struct encoding *e)
{
    static uint8_t before[DATA_SIZE];
    static struct state in, native, ours, host;
    uint8_t *data = (uint8_t *)(uintptr_t)DATA;
    bool good = true;

    if (!case_state(e, &in, before)) {
        return true;
    }
    memcpy(data, before, DATA_SIZE);
    native_run(&in, &host);
    for (unsigned way = 0; way < 2 && good; way++) {
        memcpy(ours_data(), before, DATA_SIZE);
        good = ours_run(&in, &ours, way);
        native = host;
        good = good && (!forget(e, &in, &native, &ours, ours_data()) ||
                        (same(&native, &ours) &&
                         !memcmp(data, ours_data(), DATA_SIZE)));
        if (!good) {
            show(e, way ? "generated" : "interpreter", &in, &native, &ours);
            show_memory(before, data, ours_data());
        }
    }
    if (++n_cases % 10000000 == 0) {
        printf("%lu cases\n", n_cases);
    }
    reached.cases++;
    reached.memory += case_has_memory(e);
    reached.registers += !case_has_memory(e);
    reached.faultless += host.vector == NO_FAULT;
    return good;
}

/* One encoding in several states. */
static bool one_encoding(const struct encoding *e)
{
    if (!ours_prepare(e)) {
        return false;
    }
    native_prepare(e);
    for (unsigned i = 0; i < STATES; i++) {
        if (!one_state(e)) {
            return false;
        }
    }
    return true;
}

/* -- Rows ------------------------------------------------------------------ */

static bool exists(const struct x86_row *row, enum x86_mode mode)
{
    return !(row->attributes & (mode == X86_MODE_64 ? X86_N64 : X86_O64)) &&
           (mode == X86_MODE_64 || native_has_32());
}

/* A row of the x87 stands for a whole opcode. */
static unsigned weight(const struct x86_row *row)
{
    return !strncmp(row->mnemonic, "esc_", 4) ? 16 : 1;
}

/* What the cases of a row leave out, or NULL. */
static const char *missing(const struct x86_row *row)
{
    bool both = strpbrk(row->operands, "EWQ");

    return !reached.cases                     ? "no case reached the row"
           : both && !reached.memory          ? "no memory operand"
           : both && !reached.registers       ? "no register operand"
           : reached.faultless || faults(row) ? NULL
                                              : "all cases faulted";
}

static void test_row(const struct x86_row *row, enum x86_mode mode,
                     unsigned encodings)
{
    const char *without = NULL;
    bool good = true;
    struct encoding e;
    char what[64];

    memset(&reached, 0, sizeof(reached));
    for (unsigned i = 0; i < encodings * weight(row) && good; i++) {
        if (case_encode(row, mode, &e)) {
            good = one_encoding(&e);
        }
    }
    without = good ? missing(row) : NULL;
    snprintf(what, sizeof(what), "%s, %u bits", row->mnemonic, 16u << mode);
    expect(good && !without, what, row->encoding);
    if (without) {
        printf("  %s\n", without);
    }
}

static bool asked_for(const struct x86_row *row, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (!strcmp(row->mnemonic, argv[i])) {
            return true;
        }
    }
    return argc <= 2;
}

static unsigned long total_weight(void)
{
    unsigned long sum = 0;

    for (unsigned i = 0; i < x86_n_rows; i++) {
        for (unsigned mode = X86_MODE_32; mode <= X86_MODE_64; mode++) {
            sum += exists(&x86_rows[i], mode) ? weight(&x86_rows[i]) : 0;
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    unsigned long wanted = getenv("FULL") ? 100000000ul : 1000000ul;
    unsigned encodings, left_out = 0, rows = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    x86_decode_init();
    if (!native_init()) {
        printf("0 passed, 1 failed\n");
        return 1;
    }
    ours_init();
    cases_seed(argc > 1 ? strtoull(argv[1], NULL, 0) : 0);
    /* Some encodings come out as another row's, some states are not run. */
    encodings = (unsigned)(wanted * 5 / 4 / STATES / total_weight()) + 1;
    for (unsigned i = 0; i < x86_n_rows; i++) {
        for (unsigned mode = X86_MODE_32; mode <= X86_MODE_64; mode++) {
            if (!exists(&x86_rows[i], mode) ||
                !asked_for(&x86_rows[i], argc, argv)) {
                continue;
            }
            const char *why = not_run(&x86_rows[i], mode);

            if (why) {
                printf("left out: %s (%s), %u bits: %s\n", x86_rows[i].mnemonic,
                       x86_rows[i].encoding, 16u << mode, why);
                left_out++;
            } else {
                rows++;
                test_row(&x86_rows[i], mode, encodings);
            }
        }
    }
    expect(argc > 2 || n_cases >= wanted, "cases", "as many as wanted");
    printf("%lu cases of %u rows and modes, %u left out with reasons\n",
           n_cases, rows, left_out);
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
