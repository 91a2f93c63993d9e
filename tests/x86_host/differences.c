/* Where host and guest may differ, or cannot be compared, and why. */
#include "host.h"

#include <string.h>

/* -- Rows that are not run ------------------------------------------------- */

static const struct {
    const char *mnemonic, *encoding; /* the row's begins so */
    const char *reason;
} left_out[] = {
    {"syscall", "", "enters the host's kernel"},
    {"sysenter", "", "enters the host's kernel"},
    {"sysret", "", "ours is AMD's, which differs in what it refuses"},
    {"sysexit", "", "ours is AMD's, which differs in what it refuses"},
    {"int", "CD", "enters the host's kernel, or asks for its gates"},
    {"cpuid", "", "the host's model is another one"},
    {"rdtsc", "", "the time is another one"},
    {"rdtscp", "", "the time is another one"},
    {"sldt", "", "a host with UMIP makes it up"},
    {"str", "", "a host with UMIP makes it up"},
    {"sgdt", "", "a host with UMIP makes it up"},
    {"sidt", "", "a host with UMIP makes it up"},
    {"smsw", "", "a host with UMIP makes it up"},
    {"lfs", "", "the C library of the test lives in FS"},
    {"pop", "0F A1", "the C library of the test lives in FS"},
};

const char *not_run(const struct x86_row *row, enum x86_mode mode)
{
    (void)mode;
    for (unsigned i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        if (!strcmp(left_out[i].mnemonic, row->mnemonic) &&
            !strncmp(left_out[i].encoding, row->encoding,
                     strlen(left_out[i].encoding))) {
            return left_out[i].reason;
        }
    }
    return NULL;
}

bool faults(const struct x86_row *row)
{
    return row->attributes & X86_SYS;
}

/* -- Flags that the manual leaves undefined ------------------------------- */

static const struct {
    const char *mnemonics;
    uint32_t flags;
    const char *reason;
} loose[] = {
    {"mul imul", SF | ZF | AF | PF, "only CF and OF are defined"},
    {"div idiv", ARITHMETIC, "all undefined"},
    {"bsf bsr", ARITHMETIC & ~ZF, "only ZF is defined"},
    {"bt bts btr btc", ARITHMETIC & ~(CF | ZF), "CF is defined, ZF stays"},
    {"shl shr sar shld shrd", AF, "undefined when the count is not 0"},
    {"and or xor test", AF, "undefined"},
    {"aam aad", CF | AF | OF, "by the digits only SF ZF PF are defined"},
    {"daa das", OF, "undefined"},
    {"aaa aas", OF | SF | ZF | PF, "undefined"},
};

static bool among(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word)) {
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n])) {
            return true;
        }
    }
    return false;
}

enum kind { /* of an instruction, for the rules below */
            SHIFTS = 1,
            PUSHES = 2,
            MASKED_MOVES = 4,
            BOUNDS = 8,
            ADJUSTS = 16,
            APPROXIMATES = 32,
            ACCESSES_MANY = 64,
            POPS_ALL = 128,
};

/* The names are looked at once a row, not once a case. */
static const struct known {
    const struct x86_row *row;
    unsigned kinds;
    uint32_t loose;
} * known(const struct x86_row *row)
{
    static const struct {
        const char *mnemonics;
        enum kind kind;
    } names[] = {
        {"shl shr sar rol ror rcl rcr shld shrd", SHIFTS},
        {"push", PUSHES},
        {"maskmovq maskmovdqu", MASKED_MOVES},
        {"bound", BOUNDS},
        {"arpl", ADJUSTS},
        {"rcpps rcpss rsqrtps rsqrtss", APPROXIMATES},
        {"retf iret fxsave fxrstor esc_d9 esc_dd", ACCESSES_MANY},
        {"popa", POPS_ALL},
    };
    static struct known last;

    if (last.row != row) {
        last = (struct known){.row = row};
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (among(names[i].mnemonics, row->mnemonic)) {
                last.kinds |= names[i].kind;
            }
        }
        for (unsigned i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
            if (among(loose[i].mnemonics, row->mnemonic)) {
                last.loose |= loose[i].flags;
            }
        }
    }
    return &last;
}

static bool is(const struct encoding *e, enum kind kind)
{
    return known(e->insn.row)->kinds & kind;
}

/* Of shifts and rotations by count: OF is defined for 1 only, CF up to the
 * width; nothing changes with 0. */
static uint64_t by_count(const struct encoding *e, const struct state *in,
                         uint64_t mask)
{
    const struct x86_operand *by =
        &e->insn.operand[e->insn.operand[2].kind ? 2 : 1];
    uint64_t count = by->kind == X86_OPERAND_REGISTER ? in->gpr[1] : by->value;
    unsigned bits = 8u * e->insn.operand[0].size;
    const char *name = e->insn.row->mnemonic;

    count &= bits == 64 ? 63 : 31;
    if (count == 0) {
        return COMPARED;
    }
    mask &= count == 1 ? ~0ull : ~(uint64_t)OF;
    if (count >= bits && name[0] == 's') {
        mask &= ~(uint64_t)CF;
    }
    if (count > bits && !strncmp(name, "sh", 2) && name[3]) {
        mask = DF; /* SHLD and SHRD leave all undefined, with the result */
    }
    return mask;
}

static uint64_t defined_flags(const struct encoding *e, const struct state *in)
{
    uint64_t mask = COMPARED & ~(uint64_t)known(e->insn.row)->loose;

    if (is(e, SHIFTS)) {
        mask = by_count(e, in, mask);
    }
    return mask;
}

/* -- Fields ---------------------------------------------------------------- */

/*
 * Repeated SCAS and CMPS that fault: the host has the flags from before the
 * first iteration, we those of the last one. Who resumes needs neither.
 * With 32-bit addresses the host may clear the upper halves of the registers
 * even where no iteration is run.
 */
static void forget_strings(const struct encoding *e, struct state *s)
{
    static const unsigned used[] = {1, 6, 7};

    if (s->vector != NO_FAULT) {
        s->flags = 0;
    }
    for (unsigned i = 0; i < 3 && e->insn.address_size == 4; i++) {
        s->gpr[used[i]] = (uint32_t)s->gpr[used[i]];
    }
}

/* What has no one right outcome. */
static bool open_outcome(const struct encoding *e, const struct state *native,
                         const struct state *ours)
{
    /* PUSH of a segment register: see forget_pushed(). */
    if (is(e, PUSHES) && native->vector == NO_FAULT && ours->vector == 14) {
        return true;
    }
    /* MASKMOVQ may fault for bytes that the mask leaves out, or not. */
    if (is(e, MASKED_MOVES) && native->vector != NO_FAULT) {
        return native->vector != 16; /* #MF */
    }
    /* BOUND below the lower limit may not read the upper one. */
    if (is(e, BOUNDS) && native->vector == 5 && ours->vector == 14) {
        return true;
    }
    /* ARPL may leave out a write that changes nothing; ours faults as one
     * that writes. */
    return is(e, ADJUSTS) && ours->vector == 14 && (ours->error & 2);
}

/* PUSH of a segment register with 32 bits writes 16 of them on newer
 * processors, and leaves what lies above. */
static void forget_pushed(const struct encoding *e, const struct state *ours,
                          uint8_t *memory)
{
    uint64_t at = ours->gpr[4] - DATA + 2;

    if (is(e, PUSHES) && !e->insn.row->modrm && !*e->insn.row->operands &&
        e->insn.size == 4 && at < DATA_SIZE) {
        memcpy(memory + at, (uint8_t *)(uintptr_t)(DATA + at),
               at < DATA_SIZE - 1 ? 2 : 1);
    }
}

/* RCPPS and RSQRTPS: each processor approximates in its own way, with a
 * relative error of at most 1.5 * 2^-12; ours are one fixed way. */
static bool near(uint32_t a, uint32_t b)
{
    int32_t apart = (int32_t)(a - b);
    /* Where a result becomes too small, zero may be near enough. */
    bool zeros = (a & ~0u >> 1) <= 0x00800000 && (b & ~0u >> 1) <= 0x00800000;

    return zeros ? !((a ^ b) >> 31) : apart > -0x2000 && apart < 0x2000;
}

static void forget_approximation(const struct encoding *e,
                                 const struct state *native, struct state *ours)
{
    for (unsigned i = 0; i < 64 && is(e, APPROXIMATES); i++) {
        uint32_t a = fx32(native, FX_XMM + 4 * i);
        uint32_t b = fx32(ours, FX_XMM + 4 * i);

        if (near(a, b)) {
            memcpy(ours->fx + FX_XMM + 4 * i, &a, 4);
        }
    }
}

/* An instruction of MMX that faults has made TOP 0, and the registers valid,
 * on some processors; ours changes nothing. */
static void forget_mmx(const struct encoding *e, struct state *s)
{
    if (s->vector != NO_FAULT && strpbrk(e->insn.row->operands, "PQN")) {
        memset(s->fx, 0, 6);
        memset(s->fx + FX_ST, 0, FX_XMM - FX_ST);
    }
}

/*
 * The opcode and the data pointer are kept by newer processors only when an
 * exception is not masked; we keep them always, as others do. A linear address
 * has 48 bits or more.
 */
static void forget_pointers(const struct state *native, struct state *s)
{
    if (!(fx16(native, FX_STATUS) & 0x80)) {
        memset(s->fx + FX_OPCODE, 0, 2);
        memset(s->fx + FX_DP, 0, 8);
    }
    memset(s->fx + FX_IP + 6, 0, 2);
    memset(s->fx + FX_DP + 6, 0, 2);
}

/* The functions are within one unit in the last place of the host's; up or
 * down and so C1 are not compared. */
static bool is_function(const struct encoding *e)
{
    static const uint8_t modrm[] = {0xf0, 0xf1, 0xf2, 0xf3,
                                    0xf9, 0xfb, 0xfe, 0xff};

    return e->insn.row->opcode == 0xd9 && !e->insn.row->map &&
           memchr(modrm, e->insn.modrm, sizeof(modrm));
}

/* Numbers in their order, next ones one apart. */
static __int128 place(const uint8_t *at)
{
    uint64_t significand;
    uint16_t exponent;

    memcpy(&significand, at, 8);
    memcpy(&exponent, at + 8, 2);
    return (__int128)exponent << 63 | (significand & ~0ull >> 1);
}

static void forget_last_place(const struct state *native, struct state *ours)
{
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *a = native->fx + FX_ST + 16 * i;
        uint8_t *b = ours->fx + FX_ST + 16 * i;
        __int128 apart = place(a) - place(b);

        if (apart >= -1 && apart <= 1) {
            memcpy(b, a, 10);
        }
    }
}

bool forget(const struct encoding *e, const struct state *in,
            struct state *native, struct state *ours, uint8_t *memory)
{
    struct state *both[2] = {native, ours};
    uint64_t mask = native->vector == NO_FAULT ? defined_flags(e, in)
                                               : COMPARED;

    if (open_outcome(e, native, ours)) {
        return false;
    }
    forget_pushed(e, ours, memory);
    if (is_function(e)) {
        forget_last_place(native, ours);
        ours->fx[FX_STATUS + 1] &= (uint8_t)~2;
        native->fx[FX_STATUS + 1] &= (uint8_t)~2;
    }
    forget_pointers(native, ours);
    forget_pointers(native, native);
    forget_approximation(e, native, ours);
    for (unsigned i = 0; i < 2; i++) {
        /* In 32-bit code the upper half of a register is undefined; of the
         * stack pointer a signal may tell without. */
        if (e->mode == X86_MODE_64 && native->cs == USER_CS32) {
            both[i]->gpr[4] = (uint32_t)both[i]->gpr[4];
        }
        both[i]->flags &= mask;
        forget_mmx(e, both[i]);
        /* Of several faults on a way that is no single access, any may come
         * first. */
        if (is(e, ACCESSES_MANY)) {
            both[i]->address = 0;
            both[i]->error &= ~1u;
        }
        if (e->insn.row->attributes & X86_REP && e->insn.rep) {
            forget_strings(e, both[i]);
        }
        /* Faults of POPA leave registers loaded, or not. */
        if (is(e, POPS_ALL) && both[i]->vector != NO_FAULT) {
            memset(both[i]->gpr, 0, sizeof(both[i]->gpr));
        }
    }
    return true;
}
