/*
 * The decoder against Capstone: for every row in every mode that has it,
 * random prefixes, ModRM, SIB, displacements and immediates. Length, mnemonic
 * and explicit operands must be the same. Where Capstone names or decodes an
 * instruction otherwise and is not to be followed, differences.c says so.
 */
#define x86_insn capstone_x86_insn /* a tag of ours, too */
#include <capstone/capstone.h>
#undef x86_insn

#include "differences.h"
#include "test_x86.h"

#include <stdio.h>
#include <string.h>

#define CASES 600u /* a row and mode */
#define PC 0x1000u

struct against {
    csh handle;
    enum x86_mode mode;
    bool has_66, has_67, wide; /* in the prefixes; wide: REX.W */
};

/* -- Operands -------------------------------------------------------------- */

static const char *register_name(const struct x86_operand *operand)
{
    static const char *const low[4][8] = {
        {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"},
        {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"},
        {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"},
        {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"}};
    static const char *const high[] = {"ah", "ch", "dh", "bh"};
    static const char *const suffix[] = {"b", "w", "d", ""};
    static char name[8];
    unsigned size = (unsigned)__builtin_ctz(operand->size | 8u);

    if (operand->kind == X86_OPERAND_XMM) {
        snprintf(name, sizeof(name), "xmm%u", operand->number & 15u);
        return name;
    }
    if (operand->kind == X86_OPERAND_MM) {
        snprintf(name, sizeof(name), "mm%u", operand->number & 7u);
        return name;
    }
    if (operand->high) {
        return high[operand->number];
    }
    if (operand->number < 8) {
        return low[size][operand->number];
    }
    snprintf(name, sizeof(name), "r%u%s", operand->number & 15u, suffix[size]);
    return name;
}

/* A register of an address; "" for none. */
static const char *address_register(const struct x86_insn *insn, uint8_t number)
{
    struct x86_operand operand = {X86_OPERAND_REGISTER, insn->address_size,
                                  number, false, 0};

    if (number == X86_NO_REGISTER) {
        return "";
    }
    if (number == X86_RIP) {
        return insn->address_size == 8 ? "rip" : "eip";
    }
    return register_name(&operand);
}

/* Capstone writes "no index" as these. */
static const char *capstone_register(const struct against *c, unsigned reg)
{
    const char *name = reg ? cs_reg_name(c->handle, reg) : "";

    return !strcmp(name, "riz") || !strcmp(name, "eiz") ? "" : name;
}

/* In 64-bit mode ES CS SS DS say nothing, and Capstone shows them. */
static bool same_segment(const struct against *c, const struct x86_insn *insn,
                         const x86_op_mem *mem)
{
    static const unsigned segment[] = {X86_REG_ES, X86_REG_CS, X86_REG_SS,
                                       X86_REG_DS, X86_REG_FS, X86_REG_GS};

    if (c->mode == X86_MODE_64 && mem->segment != X86_REG_FS &&
        mem->segment != X86_REG_GS) {
        return insn->segment < 4;
    }
    return !mem->segment || mem->segment == segment[insn->segment];
}

static uint64_t address_mask(const struct x86_insn *insn)
{
    return ~0ull >> (64 - 8 * insn->address_size);
}

static bool same_memory(const struct against *c, const struct x86_insn *insn,
                        const x86_op_mem *mem)
{
    const char *base = capstone_register(c, (unsigned)mem->base);
    const char *index = capstone_register(c, (unsigned)mem->index);
    uint64_t by = (uint64_t)insn->displacement ^ (uint64_t)mem->disp;

    return !strcmp(address_register(insn, insn->base), base) &&
           !strcmp(address_register(insn, insn->index), index) &&
           (!*index || 1 << insn->scale == mem->scale) &&
           !(by & address_mask(insn)) && same_segment(c, insn, mem);
}

static bool same_immediate(const struct x86_insn *insn,
                           const struct x86_operand *operand, int64_t value)
{
    unsigned size = operand->size ? operand->size : 1;

    if (size == 8 && !strchr(insn->row->operands, 'v')) {
        size = 4; /* not all are shown sign-extended */
    }
    return !(((uint64_t)value ^ operand->value) & (~0ull >> (64 - 8 * size)));
}

/* 67, which says nothing here, makes Capstone cut targets to 16 bits. */
static bool same_target(const struct against *c, const struct x86_insn *insn,
                        const struct x86_operand *operand, int64_t target)
{
    uint64_t pc = PC + insn->length + operand->value;
    bool narrow = insn->size == 2 || c->mode == X86_MODE_16 || c->has_67;
    uint64_t mask = narrow ? 0xffff : insn->size == 4 ? 0xffffffff : ~0ull;

    return !((pc ^ (uint64_t)target) & mask);
}

static bool same_operand(const struct against *c, const struct x86_insn *insn,
                         const struct x86_operand *ours, const cs_x86_op *op)
{
    static const char *const segment[] = {"es", "cs", "ss", "ds",
                                          "fs", "gs", "?",  "?"};

    switch (ours->kind) {
    case X86_OPERAND_REGISTER:
    case X86_OPERAND_XMM:
    case X86_OPERAND_MM:
        return op->type == X86_OP_REG &&
               !strcmp(register_name(ours), cs_reg_name(c->handle, op->reg));
    case X86_OPERAND_MEMORY:
        return op->type == X86_OP_MEM && same_memory(c, insn, &op->mem) &&
               (!ours->size || ours->size == op->size ||
                ((c->has_66 || c->has_67) && c->wide)); /* REX.W wins */
    case X86_OPERAND_IMMEDIATE:
        return op->type == X86_OP_IMM && same_immediate(insn, ours, op->imm);
    case X86_OPERAND_RELATIVE:
        return op->type == X86_OP_IMM && same_target(c, insn, ours, op->imm);
    case X86_OPERAND_SEGMENT:
        return op->type == X86_OP_REG &&
               !strcmp(segment[ours->number & 7],
                       cs_reg_name(c->handle, op->reg));
    default:
        return false;
    }
}

/* Rows without operands: Capstone shows implicit ones. */
static bool same_operands(const struct against *c, const struct x86_insn *insn,
                          const cs_x86 *theirs)
{
    unsigned n = 0, how = quirk_of(insn->row);

    if (!*insn->row->operands || (how & NO_OPERANDS)) {
        return true;
    }
    while (n < 3 && insn->operand[n].kind != X86_OPERAND_NONE) {
        n++;
    }
    if (theirs->op_count != n) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        struct x86_operand ours = insn->operand[i];
        const cs_x86_op *op = &theirs->operands[how & SWAPPED ? n - 1 - i : i];

        if ((how & NO_SIZE) && ours.kind != X86_OPERAND_IMMEDIATE) {
            ours.size = op->size;
        }
        if (!same_operand(c, insn, &ours, op)) {
            return false;
        }
    }
    return true;
}

/* -- Cases ----------------------------------------------------------------- */

static void show(enum x86_mode mode, const struct x86_insn *insn,
                 const uint8_t *bytes, const cs_insn *theirs)
{
    printf("  mode %d:", 16 << mode);
    for (unsigned i = 0; i < 15; i++) {
        printf(" %02x%s", bytes[i], i + 1 == insn->length ? " |" : "");
    }
    printf("\n  ours %s, size %u; capstone %u bytes: %s %s\n",
           insn->row->mnemonic, insn->size, theirs ? theirs->size : 0,
           theirs ? theirs->mnemonic : "-", theirs ? theirs->op_str : "");
}

/* Prefixes that every row may have without becoming undefined. */
static const uint8_t legal[] = {0x66, 0x67, 0x26, 0x2e, 0x36,
                                0x3e, 0x64, 0x65, 0xf0};

static void note_prefixes(struct against *c, const struct x86_insn *insn,
                          const uint8_t *bytes)
{
    c->has_66 = c->has_67 = false;
    c->wide = insn->rex & 8;
    for (unsigned i = 0; i < insn->length && bytes[i] != insn->row->opcode;
         i++) {
        c->has_66 |= bytes[i] == 0x66;
        c->has_67 |= bytes[i] == 0x67;
    }
}

/*
 * 66 before a near branch of 64-bit mode is ignored by Intel's processors
 * and cuts the target on AMD's: we are with the former, Capstone with the
 * latter. 67 together with REX.W Capstone takes for 66.
 */
static bool not_compared(const struct against *c, const struct x86_row *row)
{
    return c->mode == X86_MODE_64 &&
           ((c->has_67 && c->wide) ||
            (c->has_66 && (row->attributes & X86_F64)));
}

static bool one_case(struct against *c, const struct x86_row *row,
                     unsigned *ran)
{
    enum x86_mode mode = c->mode;
    struct x86_insn insn;
    uint8_t bytes[15];
    cs_insn *theirs = NULL;
    size_t n;
    bool good;

    make_insn(row, mode, legal, sizeof(legal), bytes);
    if (x86_decode(mode, bytes, sizeof(bytes), &insn) != X86_DECODED ||
        insn.row != row) {
        return true;
    }
    note_prefixes(c, &insn, bytes);
    if (not_compared(c, row)) {
        return true;
    }
    n = cs_disasm(c->handle, bytes, sizeof(bytes), PC, 1, &theirs);
    good = n ? theirs->size == insn.length &&
                   same_name(row, theirs->mnemonic) &&
                   same_operands(c, &insn, &theirs->detail->x86)
             : quirk_of(row) & MAY_LACK;
    if (!good) {
        show(mode, &insn, bytes, n ? theirs : NULL);
    }
    if (n) {
        cs_free(theirs, n);
    }
    ++*ran;
    return good;
}

static bool row_in_mode(const struct x86_row *row, enum x86_mode mode)
{
    static const cs_mode modes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};
    unsigned ran = 0;
    struct against c = {.mode = mode};
    bool good = true;

    if (row->attributes & (mode == X86_MODE_64 ? X86_N64 : X86_O64) ||
        (mode == X86_MODE_16 && row->prefix > 1)) {
        return true; /* there Capstone does not see such prefixes */
    }
    cs_open(CS_ARCH_X86, modes[mode], &c.handle);
    cs_option(c.handle, CS_OPT_DETAIL, CS_OPT_ON);
    for (unsigned i = 0; i < CASES && good; i++) {
        good = one_case(&c, row, &ran);
    }
    cs_close(&c.handle);
    if (good && ran < CASES / 40) {
        printf("  mode %d: only %u cases reached the row\n", 16 << mode, ran);
        good = false;
    }
    return good;
}

/* Every cut of an encoding asks for more, and is otherwise the same. */
static void test_cuts(void)
{
    bool good = true;
    uint8_t bytes[15];
    struct x86_insn insn, cut;

    for (unsigned i = 0; i < 50 * x86_n_rows; i++) {
        enum x86_mode mode = (enum x86_mode)(i % 3);

        make_insn(&x86_rows[i / 50], mode, legal, sizeof(legal), bytes);
        if (x86_decode(mode, bytes, 15, &insn) != X86_DECODED) {
            continue;
        }
        for (unsigned n = 0; n < insn.length; n++) {
            good = good && x86_decode(mode, bytes, n, &cut) == X86_NEEDS_MORE;
        }
        good = good &&
               x86_decode(mode, bytes, insn.length, &cut) == X86_DECODED &&
               !memcmp(&cut, &insn, sizeof(cut));
    }
    expect(good, "an encoding cut short asks for more");
}

static void test_length(void)
{
    uint8_t bytes[16];
    struct x86_insn insn;

    memset(bytes, 0x2e, sizeof(bytes));
    bytes[14] = 0x90;
    expect(x86_decode(X86_MODE_64, bytes, 16, &insn) == X86_DECODED &&
               insn.length == 15,
           "15 bytes are an instruction");
    bytes[14] = 0x2e;
    bytes[15] = 0x90;
    expect(x86_decode(X86_MODE_64, bytes, 16, &insn) == X86_TOO_LONG &&
               x86_decode(X86_MODE_64, bytes, 15, &insn) == X86_TOO_LONG,
           "16 bytes are not, whatever the last one is");
    bytes[14] = 0x01; /* ADD, whose ModRM byte would be the 16th */
    expect(x86_decode(X86_MODE_64, bytes, 15, &insn) == X86_TOO_LONG &&
               x86_decode(X86_MODE_64, bytes, 16, &insn) == X86_TOO_LONG,
           "nor with a ModRM byte as the 16th");
}

/* Nothing that is fetched may make the decoder read beyond its bytes. */
static void test_noise(void)
{
    unsigned decoded = 0;
    uint8_t bytes[32];
    struct x86_insn insn;

    for (unsigned i = 0; i < 300000; i++) {
        unsigned size = 1 + rnd() % 16;
        uint8_t *at = bytes + sizeof(bytes) - size;

        for (unsigned k = 0; k < size; k++) {
            at[k] = (uint8_t)rnd();
        }
        decoded += x86_decode((enum x86_mode)(rnd() % 3), at, size, &insn) ==
                   X86_DECODED;
    }
    expect(decoded > 100000, "random bytes: %u of 300000 decode", decoded);
}

void test_decode(void)
{
    for (unsigned i = 0; i < x86_n_rows; i++) {
        const struct x86_row *row = &x86_rows[i];
        bool good = true;

        for (int mode = X86_MODE_16; mode <= X86_MODE_64; mode++) {
            good = row_in_mode(row, (enum x86_mode)mode) && good;
        }
        expect(good, "decode %s (%s %s)", row->mnemonic, row->encoding,
               row->operands);
    }
    test_cuts();
    test_length();
    test_noise();
}
