/* Random encodings of a row, with every kind of address. */
#include "cases.h"

#include <string.h>

struct writer {
    uint8_t *bytes;
    unsigned n;
    unsigned displacement; /* where 4 bytes of it stand, or 0 */
    uint8_t rex;
    enum x86_mode mode;
};

static void put(struct writer *w, uint8_t byte)
{
    w->bytes[w->n++] = byte;
}

static bool has(const struct x86_row *row, const char *codes)
{
    return strpbrk(row->operands, codes) != NULL;
}

/* -- Prefixes -------------------------------------------------------------- */

/* Of near branches in 64-bit mode, 66 is read differently by vendors. */
static bool may_have_66(const struct x86_row *row, enum x86_mode mode)
{
    return row->prefix == 0 &&
           !(mode == X86_MODE_64 && (row->attributes & X86_F64));
}

/* In 32-bit code it would make addresses of 16 bits: tests/x86 has these. */
static bool may_have_67(const struct x86_row *row, enum x86_mode mode)
{
    return mode == X86_MODE_64 || !(row->modrm || (row->attributes & X86_REP) ||
                                    has(row, "O") || row->opcode == 0xd7);
}

static void put_prefixes(struct writer *w, const struct x86_row *row)
{
    static const uint8_t segments[] = {0x65, 0x26, 0x36, 0x3e, 0x2e};

    if (rnd() % 8 == 0) {
        put(w, w->mode == X86_MODE_64 ? segments[rnd() % 5]
                                      : segments[1 + rnd() % 3]);
    }
    if (may_have_66(row, w->mode) && rnd() % 4 == 0) {
        put(w, 0x66);
    }
    if (may_have_67(row, w->mode) && rnd() % 10 == 0) {
        put(w, 0x67);
    }
    if (rnd() % (row->attributes & X86_LOCK ? 6 : 64) == 0) {
        put(w, 0xf0);
    }
    if ((row->attributes & X86_REP) && rnd() % 3) {
        put(w, rnd() % 2 ? 0xf2 : 0xf3);
    }
    if (row->prefix > 1) {
        put(w, row->prefix);
    }
    if (w->mode == X86_MODE_64 && rnd() % 2) {
        w->rex = (uint8_t)(0x40 | rnd() % 16);
        put(w, w->rex);
    }
}

/* -- ModRM ----------------------------------------------------------------- */

static void put_displacement(struct writer *w, unsigned mod)
{
    unsigned size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    uint32_t value = (uint32_t)rnd();

    value = (uint32_t)(int32_t)(int16_t)value; /* bases are solved for */
    memcpy(w->bytes + w->n, &value, size);
    w->n += size;
}

static void put_memory(struct writer *w, uint8_t reg)
{
    unsigned mod = rnd() % 3, rm = rnd() & 7;

    put(w, (uint8_t)(mod << 6 | reg << 3 | rm));
    if (rm == 4) {
        uint8_t sib = (uint8_t)rnd();

        put(w, sib);
        if (mod == 0 && (sib & 7) == 5) {
            w->displacement = w->n;
            w->n += 4;
            return;
        }
    } else if (rm == 5 && mod == 0) {
        w->displacement = w->n;
        w->n += 4;
        return;
    }
    put_displacement(w, mod);
}

static void put_modrm(struct writer *w, const struct x86_row *row)
{
    uint8_t reg = row->digit >= 0 ? (uint8_t)row->digit : rnd() & 7;
    bool memory = has(row, "M") || (has(row, "EWQ") && rnd() % 2);

    if (row->fixed_modrm) {
        put(w, row->modrm_value);
    } else if (memory && !has(row, "URN")) {
        put_memory(w, reg);
    } else {
        put(w, (uint8_t)(0xc0 | reg << 3 | (rnd() & 7)));
    }
}

/* -- Addresses and branches ----------------------------------------------- */

static void set_displacement(struct encoding *e, const struct writer *w)
{
    uint64_t target = rnd_target(8, 16);
    uint32_t value = (uint32_t)target;

    if (e->insn.base == X86_RIP) {
        value = (uint32_t)(target - (INSN + e->insn.length));
    }
    memcpy(e->bytes + w->displacement, &value, 4);
}

static void set_offset(struct encoding *e)
{
    unsigned size = e->insn.address_size;
    uint64_t target = rnd_target(8, 8);

    memcpy(e->bytes + e->insn.length - size, &target, size);
}

/* A relative branch leads into the code page, but not to itself. */
static void set_relative(struct encoding *e)
{
    unsigned size = e->insn.row->operands[1] == 's' ? 1
                    : e->insn.size == 2             ? 2
                                                    : 4;
    uint64_t next = INSN + e->insn.length, to = rnd_code();
    uint64_t displacement = to - next;

    if (size == 1 && displacement + 128 > 255) {
        displacement = rnd() % 2 ? 0x40 + rnd() % 0x40 : -0x30ull - rnd() % 64;
    }
    memcpy(e->bytes + e->insn.length - size, &displacement, size);
}

/* A far pointer: mostly to the code page. */
static void set_far_pointer(struct encoding *e)
{
    uint16_t selector = rnd() % 8   ? USER_CS32
                        : rnd() % 2 ? USER_CS64
                                    : rnd_selector();
    unsigned size = e->insn.size;
    uint64_t to = rnd_code();

    memcpy(e->bytes + e->insn.length - 2 - size, &to, size);
    memcpy(e->bytes + e->insn.length - 2, &selector, 2);
}

/* The C library of the test lives there. */
static bool loads_fs(const struct x86_insn *insn)
{
    return insn->operand[0].kind == X86_OPERAND_SEGMENT &&
           insn->operand[0].number == 4;
}

bool case_encode(const struct x86_row *row, enum x86_mode mode,
                 struct encoding *e)
{
    struct writer w = {.bytes = e->bytes, .mode = mode};
    const uint8_t rest = 15;

    memset(e, 0, sizeof(*e));
    e->mode = mode;
    e->df = rnd() % 4 == 0;
    put_prefixes(&w, row);
    if (row->map) {
        put(&w, 0x0f);
    }
    put(&w, (uint8_t)(row->opcode + rnd() % row->registers));
    if (row->modrm) {
        put_modrm(&w, row);
    }
    while (w.n < rest) { /* immediates */
        put(&w, rnd() % 3 ? (uint8_t)rnd() : (uint8_t)(rnd() % 40));
    }
    if (x86_decode(mode, e->bytes, rest, &e->insn) != X86_DECODED ||
        e->insn.row != row) {
        return false;
    }
    if (w.displacement) {
        set_displacement(e, &w);
    }
    if (has(row, "O")) {
        set_offset(e);
    }
    if (!strcmp(row->operands, "Iz,Iw")) {
        set_far_pointer(e);
    }
    if (has(row, "J")) {
        set_relative(e);
    }
    return x86_decode(mode, e->bytes, rest, &e->insn) == X86_DECODED &&
           !loads_fs(&e->insn);
}

/* -- The address in a state ------------------------------------------------ */

bool case_has_memory(const struct encoding *e)
{
    return (e->insn.row->modrm && e->insn.modrm >> 6 != 3 &&
            !has(e->insn.row, "R") && !e->insn.row->fixed_modrm) ||
           has(e->insn.row, "O");
}

uint64_t case_address(const struct encoding *e, const struct state *s)
{
    const struct x86_insn *insn = &e->insn;
    uint64_t at = (uint64_t)insn->displacement;

    if (insn->base == X86_RIP) {
        at += INSN + insn->length;
    } else if (insn->base != X86_NO_REGISTER) {
        at += s->gpr[insn->base];
    }
    if (insn->index != X86_NO_REGISTER) {
        at += s->gpr[insn->index] << insn->scale;
    }
    if (insn->address_size == 4) {
        at = (uint32_t)at;
    }
    at += e->mode == X86_MODE_64 && insn->segment == 5 ? GS_BASE : 0;
    return e->mode == X86_MODE_64 ? at : (uint32_t)at;
}
