/* x87 instructions without memory operand: moves between registers,
 * comparisons, and what each opcode has. */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"

/* -- Moves between registers ----------------------------------------------- */

static void load_register(struct x86_cpu *x86, unsigned i)
{
    long double value = x87_st(x86, i);
    bool empty, full;

    if (!x87_operands(x86, i, i, &empty)) {
        return;
    }
    if (empty) {
        value = x87_value(&x87_indefinite);
    } else {
        if (!x87_can_push(x86, &full)) {
            return;
        }
        if (full) {
            value = x87_value(&x87_indefinite);
        } else {
            x87_clear_c1(x86);
        }
    }
    x87_push(x86, value);
}

static void exchange(struct x86_cpu *x86, unsigned i)
{
    long double value[2] = {x87_st(x86, 0), x87_st(x86, i)};
    const unsigned numbers[2] = {0, i};
    bool empty;

    if (!x87_operands(x86, 0, i, &empty)) {
        return;
    }
    for (unsigned k = 0; k < 2; k++) {
        unsigned number = (x86->x87_top + numbers[k]) & 7;

        if (!(x86->x87_valid >> number & 1)) {
            value[k] = x87_value(&x87_indefinite);
        }
    }
    x87_clear_c1(x86);
    x87_put(x86, 0, value[1]);
    x87_put(x86, i, value[0]);
}

/* FST, FSTP. */
static void store_register(struct x86_cpu *x86, unsigned i, bool pop)
{
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    x87_clear_c1(x86);
    x87_put(x86, i, empty ? x87_value(&x87_indefinite) : x87_st(x86, 0));
    if (pop) {
        x87_pop(x86);
    }
}

/* FCMOVcc, by B, E, BE, U. */
static void move_if(struct x86_cpu *x86, unsigned modrm, bool negate)
{
    static const uint32_t flags[] = {FL_CF, FL_ZF, FL_CF | FL_ZF, FL_PF};
    bool holds = x86->flags & flags[modrm >> 3 & 3], empty;

    if (!x87_operands(x86, 0, modrm & 7, &empty)) {
        return;
    }
    if (empty) {
        x87_put(x86, 0, x87_value(&x87_indefinite));
    } else if (holds != negate) {
        x87_put(x86, 0, x87_st(x86, modrm & 7));
    }
}

/* -- Comparisons ----------------------------------------------------------- */

static void compare_pop(struct x86_cpu *x86, unsigned i, bool quiet,
                        unsigned pops)
{
    if (x87_compare(x86, i, quiet)) {
        for (; pops; pops--) {
            x87_pop(x86);
        }
    }
}

/* FCOMI: the conditions as EFLAGS, and the x87's own left alone; but C1 is 0
 * after a stack fault. */
static void compare_flags(struct x86_cpu *x86, unsigned i, bool quiet, bool pop)
{
    bool empty = x87_is_empty(x86, 0) || x87_is_empty(x86, i);
    unsigned kept = X87_COMPARED | (empty ? 0 : X87_C1);
    uint16_t before = x86->x87_status & kept, after;
    bool done = x87_compare(x86, i, quiet);
    uint32_t flags = FL_ONE;

    after = x86->x87_status;
    x86->x87_status = (uint16_t)((after & ~kept) | before);
    flags |= after & X87_C0 ? FL_CF : 0;
    flags |= after & X87_C2 ? FL_PF : 0;
    flags |= after & X87_C3 ? FL_ZF : 0;
    x86->flags = flags;
    if (pop && done) {
        x87_pop(x86);
    }
}

/* -- By opcode ------------------------------------------------------------- */

/* D8, DC and DE: the eight, to ST(0) or to ST(i). */
static void arithmetic(struct x86_cpu *x86, unsigned opcode, unsigned modrm)
{
    unsigned op = modrm >> 3 & 7, i = modrm & 7;
    bool compares = op == X87_FCOM || op == X87_FCOMP, pop = opcode == 6;
    union x87_memory y = {.f80 = x87_st(x86, i)};

    if (pop && op == X87_FCOMP) {
        compare_pop(x86, 1, false, 2); /* FCOMPP */
    } else if (compares) {             /* of DE: like FCOMP */
        compare_pop(x86, i, false, pop || op == X87_FCOMP);
    } else if (x87_operate(x86, op, opcode ? i : 0, i, X87_REGISTER, &y) &&
               pop) {
        x87_pop(x86);
    }
}

static void d9(struct x86_cpu *x86, unsigned modrm)
{
    unsigned i = modrm & 7;

    switch (modrm >> 3 & 7) {
    case 0:
        load_register(x86, i);
        break;
    case 1:
        exchange(x86, i);
        break;
    case 2: /* FNOP */
        break;
    case 3: /* FSTP, but an empty one is only popped */
        if (x87_is_empty(x86, 0)) {
            x87_clear_c1(x86);
            x87_pop(x86);
        } else {
            store_register(x86, i, true);
        }
        break;
    case 4:
    case 5:
        x87_run_d9_e(x86, modrm);
        break;
    default:
        x87_run_d9_f(x86, modrm);
    }
}

static void da(struct x86_cpu *x86, unsigned modrm)
{
    if (modrm < 0xe0) {
        move_if(x86, modrm, false);
    } else { /* FUCOMPP */
        compare_pop(x86, 1, true, 2);
    }
}

static void db(struct x86_cpu *x86, unsigned modrm)
{
    if (modrm < 0xe0) {
        move_if(x86, modrm, true);
    } else if (modrm == 0xe2) { /* FNCLEX */
        x86->x87_status &= 0x7f00;
    } else if (modrm == 0xe3) {
        x87_initialise(x86);
    } else if (modrm >= 0xe8) {
        compare_flags(x86, modrm & 7, modrm < 0xf0, false);
    } /* else what the 8087 and the 287 needed */
}

static void free_register(struct x86_cpu *x86, unsigned i)
{
    x87_clear_c1(x86);
    x86->x87_valid &= (uint8_t) ~(1u << ((x86->x87_top + i) & 7));
}

static void dd(struct x86_cpu *x86, unsigned modrm)
{
    unsigned i = modrm & 7;

    switch (modrm >> 3 & 7) {
    case 0:
        free_register(x86, i);
        break;
    case 1:
        exchange(x86, i);
        break;
    case 2:
    case 3:
        store_register(x86, i, modrm & 8);
        break;
    default:
        compare_pop(x86, i, true, modrm >> 3 & 1);
    }
}

/* The first four are old names for others, which processors still know. */
static void df(struct x86_cpu *x86, unsigned modrm)
{
    unsigned i = modrm & 7;

    if (modrm < 0xc8) { /* FFREEP */
        free_register(x86, i);
        x87_pop(x86);
    } else if (modrm < 0xd0) {
        exchange(x86, i);
    } else if (modrm < 0xe0) {
        store_register(x86, i, true);
    } else if (modrm == 0xe0) { /* FNSTSW AX */
        x86->gpr[0] = (x86->gpr[0] & ~0xffffull) | x87_status_word(x86);
    } else {
        compare_flags(x86, i, modrm < 0xf0, true);
    }
}

static void run(struct x86_cpu *x86, unsigned opcode, unsigned modrm)
{
    switch (opcode) {
    case 1:
        d9(x86, modrm);
        break;
    case 2:
        da(x86, modrm);
        break;
    case 3:
        db(x86, modrm);
        break;
    case 5:
        dd(x86, modrm);
        break;
    case 7:
        df(x86, modrm);
        break;
    default:
        arithmetic(x86, opcode, modrm);
    }
}

#define FNENI 0x3e0u /* FNDISI FNCLEX FNINIT */
#define FNSETPM 0x3e4u
#define FNSTSW 0x7e0u

/* The others do not, and leave no trace in the pointers. */
static bool waits(uint32_t code)
{
    return code != FNSTSW && !(code >= FNENI && code <= FNSETPM);
}

void x86_helper_x87_register(struct cpu *cpu, uint32_t code)
{
    struct x86_cpu *x86 = x86_of(cpu);

    if (waits(code)) {
        x87_check_pending(cpu);
    }
    if (code == X87_FWAIT) {
        return;
    }
    run(x86, code >> 8 & 7, code & 0xff);
    if (waits(code)) {
        x87_note_pointers(cpu, code, false, 0);
    }
}
