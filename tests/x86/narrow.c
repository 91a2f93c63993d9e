/*
 * 16- and 32-bit code against the host CPU. The host runs it in compatibility
 * mode, in segments of the LDT whose bases are not zero; we in protected mode
 * without paging, with the same bases. So bases, both address sizes, both
 * stack sizes and the instructions that 64-bit mode lacks are tested.
 *
 * A native case goes: 64-bit thunk, far call to a 32-bit prologue that loads
 * the registers, far jump to the instruction, far jump to an epilogue that
 * stores them. Wherever the instruction may go on, such a jump awaits it.
 */
#include "narrow.h"
#include "test_x86.h"

#include "exec/machine.h"
#include "guest/x86/state.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 250u /* a row, of each code size */

/* -- Our side -------------------------------------------------------------- */

static struct machine *machine;
static struct ir_unit *unit;

static void our_segment(unsigned number, uint64_t base, bool code, bool wide)
{
    x86_of(machine->cpu)->segment[number] = (struct x86_segment_register){
        .base = base,
        .limit = 0xffff,
        .selector = 7,
        .access = (uint16_t)((code ? 0xfb : 0xf3) |
                             (wide ? X86_ACCESS_DB : 0))};
}

static void our_start(const struct narrow_registers *in, enum x86_mode mode)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);

    our_segment(X86_CS, NARROW_CODE, true, mode == X86_MODE_32);
    our_segment(X86_SS, NARROW_DATA, false, mode == X86_MODE_32);
    our_segment(X86_DS, NARROW_DATA, false, true);
    our_segment(X86_ES, NARROW_DATA, false, true);
    for (unsigned i = 0; i < 8; i++) {
        x86->gpr[i] = in->gpr[i];
    }
    x86->rip = NARROW_IP;
    x86->cpl = 3;
    x86->cr[0] |= X86_CR0_PE;
    x86->exception.vector = 0xff;
    x86_set_eflags(x86, in->flags);
    machine->cpu->alone = true;
}

/* One unit. False: it cannot be. */
static bool our_unit(const uint8_t *bytes, unsigned length)
{
    uint64_t mode = x86_guest.mode(machine->cpu);
    struct ir_builder b;
    char *message = NULL;
    bool good;

    ir_unit_clear(unit);
    ir_begin(&b, unit);
    good = x86_translate(&b, mode, NARROW_CODE + NARROW_IP, bytes, length, 1) ==
           length;
    ir_end(&b);
    good = good && ir_verify(unit, &message);
    if (good) {
        ir_interpret(machine->cpu, unit);
    } else {
        printf("  %s\n", message ? message : "not translated");
    }
    free(message);
    return good;
}

static bool run_ours(const struct x86_insn *insn, const uint8_t *bytes,
                     enum x86_mode mode, const struct narrow_registers *in,
                     struct narrow_registers *out)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);
    volatile bool good = true;

    our_start(in, mode);
    out->fault = NARROW_NONE;
    if (setjmp(machine->cpu->leave)) {
        out->fault = x86->exception.vector == X86_DE   ? NARROW_DIVIDE
                     : x86->exception.vector == X86_UD ? NARROW_UNDEFINED
                                                       : NARROW_OTHER;
    } else {
        do { /* an iteration of a repeated instruction is a unit */
            good = our_unit(bytes, insn->length);
        } while (good && x86->rip == NARROW_IP);
    }
    for (unsigned i = 0; i < 8; i++) {
        out->gpr[i] = (uint32_t)x86->gpr[i];
    }
    out->flags = x86_get_eflags(x86) & NARROW_FLAGS;
    out->ip = (uint32_t)x86->rip;
    return good;
}

/* -- Flags that the manual leaves undefined ---------------------------------
 */

#define CF 1u
#define PF 4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define OF 0x800u

static const struct {
    const char *mnemonics;
    uint32_t flags;
} undefined[] = {
    {" mul imul ", SF | ZF | AF | PF},
    {" div idiv ", NARROW_FLAGS},
    {" bsf bsr ", NARROW_FLAGS & ~ZF},
    {" bt bts btr btc ", NARROW_FLAGS & ~(CF | ZF)},
    {" shl shr sar shld shrd ", AF},
    {" aaa aas ", OF | SF | ZF | PF},
    {" daa das ", OF},
    {" aam aad ", OF | AF | CF},
};

static bool among(const char *words, const char *word)
{
    const char *at = strstr(words, word);
    size_t length = strlen(word);

    while (at && (at[-1] != ' ' || at[length] != ' ')) {
        at = strstr(at + 1, word);
    }
    return at != NULL;
}

/* Shifts and rotates: OF is defined for a count of 1, CF below the width. */
static uint32_t undefined_by_count(const struct x86_insn *insn,
                                   const struct narrow_registers *in)
{
    const struct x86_operand *by =
        &insn->operand[insn->operand[2].kind ? 2 : 1];
    unsigned bits = 8u * insn->operand[0].size;
    uint32_t count, mask = 0;

    if (!among(" shl shr sar shld shrd rol ror rcl rcr ",
               insn->row->mnemonic)) {
        return 0;
    }
    count = (by->kind == X86_OPERAND_REGISTER ? in->gpr[1]
                                              : (uint32_t)by->value) &
            31;
    mask |= count == 1 ? 0 : OF;
    mask |= count >= bits && insn->row->mnemonic[0] == 's' ? CF : 0;
    if (count > bits && insn->operand[2].kind) {
        mask = NARROW_FLAGS; /* SHLD, SHRD: all of it */
    }
    return mask;
}

static uint32_t defined_flags(const struct x86_insn *insn,
                              const struct narrow_registers *in)
{
    uint32_t mask = NARROW_FLAGS & ~undefined_by_count(insn, in);

    for (unsigned i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        if (among(undefined[i].mnemonics, insn->row->mnemonic)) {
            mask &= ~undefined[i].flags;
        }
    }
    return mask;
}

/* -- Cases ----------------------------------------------------------------- */

/* What loads segments, leaves the program or is not there on the host. */
static bool skipped(const struct x86_row *row)
{
    return (row->attributes & (X86_SYS | X86_ALONE | X86_O64)) ||
           strpbrk(row->operands, "VWUPQN") ||
           among(" les lds ", row->mnemonic) ||
           (among(" push pop ", row->mnemonic) && !*row->operands) ||
           (row->attributes & X86_END && strchr(row->operands, ',')) ||
           (row->attributes & X86_END && strchr(row->operands, 'E'));
}

/* The memory operand lands in the data segment. */
static void aim(const struct x86_insn *insn, struct narrow_registers *in)
{
    uint32_t at = 0x8000 + rnd() % 1024 - (uint32_t)insn->displacement;

    if (insn->base > 7) {
        return;
    }
    if (insn->index < 8 && insn->index != insn->base) {
        in->gpr[insn->index] = (uint32_t)rnd();
        at -= in->gpr[insn->index] << insn->scale;
    } else if (insn->index == insn->base) {
        return;
    }
    in->gpr[insn->base] = insn->address_size == 2
                              ? (at & 0xffff) | (uint32_t)rnd() << 16
                              : at;
}

static void fill(const struct x86_insn *insn, struct narrow_registers *in)
{
    for (unsigned i = 0; i < 8; i++) {
        in->gpr[i] = (uint32_t)rnd_value();
    }
    if (insn->row->modrm) {
        aim(insn, in);
    } else {
        in->gpr[3] = 0x6000 + rnd() % 256; /* XLAT */
        in->gpr[6] = 0x5000 + rnd() % 256; /* strings */
        in->gpr[7] = 0x5000 + rnd() % 256;
        in->gpr[1] = rnd() % 5;
        if (insn->address_size == 2) {
            in->gpr[1] |= (uint32_t)rnd() << 16;
            in->gpr[6] |= (uint32_t)rnd() << 16;
        }
    }
    if (insn->operand[0].kind == X86_OPERAND_MEMORY &&
        insn->operand[1].kind == X86_OPERAND_REGISTER &&
        among(" bt bts btr btc ", insn->row->mnemonic) &&
        insn->operand[1].number != insn->base &&
        insn->operand[1].number != insn->index) {
        in->gpr[insn->operand[1].number] = (uint32_t)(rnd() % 40000) - 20000;
    }
    if (!insn->row->modrm || (insn->base != 4 && insn->index != 4)) {
        in->gpr[4] = 0x9000 + 4 * (rnd() % 64);
    }
    if (among(" leave enter ", insn->row->mnemonic)) {
        in->gpr[5] = 0xa000 + 4 * (rnd() % 64);
    }
    in->flags = 0x202 | (rnd() & NARROW_FLAGS) | (rnd() % 2 ? 0x400 : 0);
    in->fault = NARROW_NONE;
}

static void show(const struct x86_insn *insn, const uint8_t *bytes,
                 enum x86_mode mode, const struct narrow_registers *in,
                 const struct narrow_registers *native,
                 const struct narrow_registers *ours)
{
    printf("  %s, mode %d:", insn->row->mnemonic, 16 << mode);
    for (unsigned i = 0; i < insn->length; i++) {
        printf(" %02x", bytes[i]);
    }
    printf("\n  flags in %03x native %03x ours %03x; ip %x %x; fault %d %d\n",
           in->flags, native->flags, ours->flags, native->ip, ours->ip,
           native->fault, ours->fault);
    for (unsigned i = 0; i < 8; i++) {
        printf("  r%u in %08x native %08x ours %08x%s\n", i, in->gpr[i],
               native->gpr[i], ours->gpr[i],
               native->gpr[i] == ours->gpr[i] ? "" : " <");
    }
    for (unsigned i = 0; i < NARROW_SIZE; i++) {
        const uint8_t *host = mem_block_at(machine->memory, 0)->host;

        if (host[i] != narrow_data()[i]) {
            printf("  memory at %04x: native %02x ours %02x\n", i,
                   narrow_data()[i], host[i]);
        }
    }
}

/* 67 and the segments here; LOCK is for the rows that allow it. */
static const uint8_t legal[] = {0x66, 0x67, 0x26, 0x36, 0x3e, 0xf0, 0xf3, 0xf2};

static void make(const struct x86_row *row, enum x86_mode mode,
                 uint8_t bytes[15])
{
    unsigned n = sizeof(legal);

    n -= row->attributes & X86_REP ? 0 : 2;
    make_insn(row, mode, legal, n, bytes);
    if (row->attributes & X86_END) { /* not farther than the jumps back */
        struct x86_insn insn;

        if (x86_decode(mode, bytes, 15, &insn) == X86_DECODED &&
            insn.operand[0].kind == X86_OPERAND_RELATIVE) {
            unsigned size = strchr(row->operands, 's') ? 1
                            : insn.size == 2           ? 2
                                                       : 4;

            memset(bytes + insn.length - size, 0, size);
            bytes[insn.length - size] = 0x40;
        }
    }
}

static bool one_case(const struct x86_row *row, enum x86_mode mode,
                     unsigned *ran)
{
    static uint8_t before[NARROW_SIZE];
    struct narrow_registers in, native, ours;
    struct x86_insn insn;
    uint8_t bytes[15];
    uint8_t *host = mem_block_at(machine->memory, 0)->host;
    uint32_t mask;
    bool good;

    make(row, mode, bytes);
    if (x86_decode(mode, bytes, sizeof(bytes), &insn) != X86_DECODED ||
        insn.row != row) {
        return true;
    }
    fill(&insn, &in);
    /* All of it at first, then an eighth a case. */
    for (unsigned i = 0; i < NARROW_SIZE; i += *ran ? 64 : 8) {
        uint64_t word = rnd_value();

        memcpy(before + i + (*ran ? rnd() % 56 : 0), &word, 8);
    }
    if (among(" ret ", row->mnemonic)) { /* returns to where jumps wait */
        uint32_t to = NARROW_IP + insn.length + 0x40;

        memcpy(before + (in.gpr[4] & 0xffff), &to, insn.size);
    }
    memcpy(narrow_data(), before, NARROW_SIZE);
    narrow_native(bytes, insn.length, mode, &in, &native);
    if (native.fault == NARROW_OTHER) {
        return true; /* beyond the segment: not what is tested */
    }
    memcpy(host, before, NARROW_SIZE);
    good = run_ours(&insn, bytes, mode, &in, &ours);
    mask = defined_flags(&insn, &in);
    if (native.fault == NARROW_NONE) {
        good = good && ours.fault == NARROW_NONE && ours.ip == native.ip &&
               !memcmp(native.gpr, ours.gpr, sizeof(ours.gpr)) &&
               !((native.flags ^ ours.flags) & mask) &&
               !memcmp(narrow_data(), host, NARROW_SIZE);
    } else {
        good = good && ours.fault == native.fault;
    }
    if (!good) {
        show(&insn, bytes, mode, &in, &native, &ours);
    }
    ++*ran;
    return good;
}

static void test_row(const struct x86_row *row)
{
    bool good = true;

    for (int mode = X86_MODE_16; mode <= X86_MODE_32; mode++) {
        unsigned ran = 0;
        bool fine = true;

        for (unsigned i = 0; i < CASES && fine; i++) {
            fine = one_case(row, (enum x86_mode)mode, &ran);
        }
        if (fine && ran < CASES / 25) {
            printf("  only %u cases ran\n", ran);
            fine = false;
        }
        good = good && fine;
    }
    expect(good, "narrow %s (%s %s)", row->mnemonic, row->encoding,
           row->operands);
}

void test_narrow(void)
{
    if (!narrow_init()) {
        printf("skipped: the host does not run 32-bit code\n");
        return;
    }
    machine = machine_new(&x86_guest);
    unit = ir_unit_new(&x86_guest);
    mem_map(machine->memory, NARROW_DATA, NARROW_SIZE,
            mem_add_block(machine->memory, "data", BLOCK_RAM, NARROW_SIZE), 0);
    for (unsigned i = 0; i < x86_n_rows; i++) {
        if (!skipped(&x86_rows[i])) {
            test_row(&x86_rows[i]);
        }
    }
    ir_unit_free(unit);
    machine_free(machine);
}
