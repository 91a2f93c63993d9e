/*
 * A random state for an encoding: registers such that its addresses lie in or
 * next to the pages of the test, and operands that lead somewhere. What would
 * reach for other memory of this process is not run.
 */
#include "cases.h"

#include <string.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static bool is(const struct encoding *e, const char *mnemonic)
{
    return !strcmp(e->insn.row->mnemonic, mnemonic);
}

/* -- Operands -------------------------------------------------------------- */

/* Where a memory operand lies on the test's side, or NULL. */
static uint8_t *operand_bytes(const struct encoding *e, const struct state *s,
                              uint8_t *data, unsigned size)
{
    uint64_t at = case_address(e, s) - DATA;

    return case_has_memory(e) && at <= DATA_SIZE - size ? data + at : NULL;
}

/* Of the ModRM operand, whether register or memory; 8 bytes. */
static void set_operand(const struct encoding *e, struct state *s,
                        uint8_t *data, uint64_t value)
{
    uint8_t *at = operand_bytes(e, s, data, 8);
    unsigned number = (e->insn.modrm & 7) | (e->insn.rex & 1u) << 3;

    if (at) {
        memcpy(at, &value, 8);
    } else if (!case_has_memory(e)) {
        s->gpr[number] = value;
    }
}

static void set_stack(const struct state *s, uint8_t *data, unsigned index,
                      unsigned size, uint64_t value)
{
    uint64_t at = s->gpr[RSP] - DATA + index * size;

    if (at <= DATA_SIZE - size) {
        memcpy(data + at, &value, size);
    }
}

/* -- Instructions with needs of their own --------------------------------- */

/* Into the code page, or sometimes to what is no address. */
static uint64_t target(const struct encoding *e)
{
    uint64_t to = rnd_code();

    if (e->mode == X86_MODE_64 && rnd() % 16 == 0) {
        to ^= 1ull << 47 << rnd() % 16;
    }
    return to;
}

static void set_branch(const struct encoding *e, struct state *s, uint8_t *data)
{
    unsigned size = e->insn.size;
    uint16_t cs = (e->mode == X86_MODE_64) == (rnd() % 4 > 0) ? USER_CS64
                                                              : USER_CS32;
    uint32_t flags = 0x202u | (rnd() & COMPARED);

    if (is(e, "ret")) {
        set_stack(s, data, 0, size, target(e));
    } else if (is(e, "retf") || is(e, "iret")) {
        set_stack(s, data, 0, size, target(e));
        set_stack(s, data, 1, size, cs);
        set_stack(s, data, 2, size, flags);
        set_stack(s, data, 3, size, s->gpr[RSP] + 64);
        set_stack(s, data, 4, size, USER_DS);
    } else if (e->insn.row->opcode == 0xff && !e->insn.row->map) {
        uint8_t *at = operand_bytes(e, s, data, 10);

        if (e->insn.row->digit == 2 || e->insn.row->digit == 4) {
            set_operand(e, s, data, target(e));
        } else if ((e->insn.row->digit & 5) == 1 && at && size != 2) {
            uint64_t to = target(e);

            memcpy(at + size, &cs, 2);
            memcpy(at, &to, size); /* what is read has 4 or 8 bytes */
        }
    }
}

static void set_selectors(const struct encoding *e, struct state *s,
                          uint8_t *data)
{
    uint16_t selector = rnd_selector();
    uint8_t *at = operand_bytes(e, s, data, 10);

    if (is(e, "pop") && e->insn.row->translate && e->insn.row->opcode != 0x8f) {
        set_stack(s, data, 0, 8, selector);
    } else if (is(e, "les") || is(e, "lds") || is(e, "lgs") || is(e, "lfs") ||
               is(e, "lss")) {
        if (at) {
            memcpy(at + e->insn.size, &selector, 2);
        }
    } else {
        set_operand(e, s, data, selector | rnd() << 16);
    }
}

static void set_strings(const struct encoding *e, struct state *s)
{
    s->gpr[RCX] = rnd() % 20;
    s->gpr[RSI] = rnd_target(40, 1);
    s->gpr[RDI] = rnd_target(40, 1);
    s->gpr[RAX] = rnd() % 2 ? 0 : s->gpr[RAX];
    if (e->insn.address_size == 4 && rnd() % 2) {
        s->gpr[RCX] |= rnd() << 32;
        s->gpr[RSI] |= rnd() << 32;
        s->gpr[RDI] |= rnd() << 32;
    }
}

static void set_saved_fp(const struct encoding *e, struct state *s,
                         uint8_t *data)
{
    uint8_t *at = operand_bytes(e, s, data, 512);
    uint8_t fx[512];
    uint32_t mxcsr = rnd_mxcsr() | (rnd() % 16 ? 0 : (uint32_t)rnd() << 16);

    if (is(e, "ldmxcsr")) {
        set_operand(e, s, data, mxcsr);
    } else if (at && is(e, "fxrstor")) {
        rnd_fx(fx);
        memcpy(fx + FX_MXCSR, &mxcsr, 4);
        memcpy(at, fx, sizeof(fx));
    } else if (at && !strncmp(e->insn.row->mnemonic, "esc_", 4)) {
        rnd_fx(fx);
        if (rnd() % 2) { /* FLDENV's layout: control, status, tags */
            memcpy(at, fx, 2);
            memcpy(at + 4, fx + 2, 2);
        } else if (rnd() % 2) {
            rnd_extended(at);
        }
    }
}

static void set_special(const struct encoding *e, struct state *s,
                        uint8_t *data)
{
    if (e->insn.row->attributes & X86_REP) {
        set_strings(e, s);
    } else if (is(e, "xlatb")) {
        s->gpr[RBX] = rnd_target(1, 1) - (s->gpr[RAX] & 0xff);
    } else if (!strncmp(e->insn.row->mnemonic, "maskmov", 7)) {
        s->gpr[RDI] = rnd_target(16, 16);
    } else if (is(e, "popf")) { /* without TF, NT, AC, ID */
        set_stack(s, data, 0, e->insn.size, 2 | (rnd() & COMPARED));
    } else if (strchr(e->insn.row->operands, 'S') ||
               !strcmp(e->insn.row->operands, "") ||
               strstr("les lds lss lfs lgs lar lsl verr verw arpl",
                      e->insn.row->mnemonic)) {
        set_selectors(e, s, data);
    }
    if (e->insn.row->attributes & X86_END) {
        set_branch(e, s, data);
    }
    set_saved_fp(e, s, data);
}

/* -- Addresses ------------------------------------------------------------- */

static bool is_bit_string(const struct encoding *e)
{
    return e->insn.row->modrm && strlen(e->insn.row->mnemonic) <= 3 &&
           !strncmp(e->insn.row->mnemonic, "bt", 2) &&
           strstr(e->insn.row->operands, "Gv") && case_has_memory(e);
}

/* Makes the ModRM operand lie at a random target. */
static void solve_address(const struct encoding *e, struct state *s)
{
    const struct x86_insn *insn = &e->insn;
    unsigned size = insn->operand[0].size | insn->operand[1].size;
    bool area = !strncmp(insn->row->mnemonic, "fx", 2);
    uint64_t target = area ? DATA + 0x400 + (rnd() % 0x1600 & ~15u)
                           : rnd_target(size ? size : 8, size > 8 ? 16 : 8);
    unsigned number = insn->base;

    if (area && rnd() % 16 == 0) {
        target = rnd_target(512, 16);
    }
    if (insn->index != X86_NO_REGISTER && insn->index != insn->base) {
        s->gpr[insn->index] = insn->base == X86_NO_REGISTER ? rnd() % 16
                                                            : rnd_integer();
    }
    if (number < 16 && number != insn->index) {
        s->gpr[number] = 0;
        s->gpr[number] = target - case_address(e, s);
    }
    if (is_bit_string(e)) {
        number = (insn->modrm >> 3 & 7) | (insn->rex & 4u) << 1;
        if (number != insn->base && number != insn->index) {
            s->gpr[number] = rnd() % 4000 - 2000;
        }
    }
}

/* Within the test's pages and the ones about them, or nowhere at all. */
static bool harmless(const struct encoding *e, uint64_t at)
{
    int64_t top = (int64_t)at >> 47;

    return at - (DATA - 0x8000) < 0x12000 ||
           (e->mode == X86_MODE_64 && top != 0 && top != -1);
}

/* Selectors and flags that come from memory are chosen: any others could
 * disturb the test itself. */
static bool takes_chosen(const struct encoding *e)
{
    return is(e, "popf") || is(e, "iret") || is(e, "retf") ||
           (is(e, "pop") && !strcmp(e->insn.row->operands, "")) ||
           (case_has_memory(e) &&
            (is(e, "les") || is(e, "lds") || is(e, "lss") || is(e, "lgs") ||
             e->insn.operand[0].kind == X86_OPERAND_SEGMENT ||
             (e->insn.row->opcode == 0xff && (e->insn.row->digit & 5) == 1)));
}

static bool all_or_none(uint64_t at)
{
    return at - DATA <= DATA_SIZE - 64 ||
           at - (DATA - 64) >= NOT_MAPPED - DATA + 64;
}

static bool all_harmless(const struct encoding *e, const struct state *s)
{
    bool narrow = e->insn.address_size == 4;
    uint64_t rsi = narrow ? (uint32_t)s->gpr[RSI] : s->gpr[RSI];
    uint64_t rdi = narrow ? (uint32_t)s->gpr[RDI] : s->gpr[RDI];
    uint64_t rcx = narrow ? (uint32_t)s->gpr[RCX] : s->gpr[RCX];
    uint64_t rbx = narrow ? (uint32_t)s->gpr[RBX] : s->gpr[RBX];
    unsigned bits = 8u * e->insn.size;

    if (case_has_memory(e) && !harmless(e, case_address(e, s))) {
        return false;
    }
    if (is_bit_string(e)) {
        uint64_t number =
            s->gpr[(e->insn.modrm >> 3 & 7) | (e->insn.rex & 4u) << 1];
        int64_t by = (int64_t)(number << (64 - bits)) >> (64 - bits);

        return by > -5000 && by < 5000;
    }
    if (e->insn.row->attributes & X86_REP) {
        return harmless(e, rsi) && harmless(e, rdi) &&
               (!e->insn.rep || rcx < 1000);
    }
    if (is(e, "xlatb")) {
        return harmless(e, rbx + (s->gpr[RAX] & 0xff)) &&
               (e->mode == X86_MODE_64 || !(rbx >> 32));
    }
    if (!strncmp(e->insn.row->mnemonic, "maskmov", 7)) {
        return harmless(e, rdi);
    }
    if (takes_chosen(e) &&
        !all_or_none(case_has_memory(e) ? case_address(e, s) : s->gpr[RSP])) {
        return false;
    }
    /* A far call to 32-bit code pushes on a stack of 32 bits. */
    if (e->insn.row->opcode == 0xff && e->insn.row->digit == 3 &&
        !harmless(e, (uint32_t)s->gpr[RSP])) {
        return false;
    }
    return harmless(e, e->mode == X86_MODE_64 ? s->gpr[RSP]
                                              : (uint32_t)s->gpr[RSP]) &&
           harmless(e, e->mode == X86_MODE_64 ? s->gpr[RBP]
                                              : (uint32_t)s->gpr[RBP]);
}

static void cut_registers(const struct encoding *e, struct state *in)
{
    for (unsigned i = 0; i < 16 && e->mode == X86_MODE_32; i++) {
        in->gpr[i] = i < 8 ? (uint32_t)in->gpr[i] : 0;
    }
}

bool case_state(const struct encoding *e, struct state *in, uint8_t *data)
{
    memset(in, 0, sizeof(*in));
    for (unsigned i = 0; i < 16; i++) {
        in->gpr[i] = rnd_integer();
    }
    in->gpr[RSP] = rnd_target(64, 8);
    in->gpr[RBP] = rnd_target(64, 8);
    in->flags = 0x202 | (rnd() & ARITHMETIC) | (e->df ? DF : 0);
    rnd_fx(in->fx);
    rnd_memory(data);
    if (case_has_memory(e)) {
        solve_address(e, in);
    }
    cut_registers(e, in);
    set_special(e, in, data);
    cut_registers(e, in);
    return all_harmless(e, in);
}
