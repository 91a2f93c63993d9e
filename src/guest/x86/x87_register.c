/*
 * x87 instructions without memory operand, and the translation of all of
 * them: one call, as they are rare in today's programs.
 */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

/* -- ST(0), or ST(0) and ST(1) -------------------------------------------- */

static void clear_c1(struct x86_cpu *x86)
{
    x86->x87_status &= (uint16_t)~X87_C1;
}

static void change_sign(struct x86_cpu *x86, bool absolute)
{
    struct x87_register *r = &x86->x87[x86->x87_top];
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    clear_c1(x86);
    if (empty) {
        x87_put(x86, 0, x87_value(&x87_indefinite));
    } else {
        r->exponent = absolute ? r->exponent & 0x7fff : r->exponent ^ 0x8000;
    }
}

/* The class of ST(0) in C3 C2 C0, its sign in C1. */
static void examine(struct x86_cpu *x86)
{
    const unsigned all = X87_COMPARED | X87_C1;
    struct x87_result r = x87_host_unary(x86->x87_control, X87_FXAM,
                                         x87_st(x86, 0));
    unsigned status = r.status & all;

    if (!(x86->x87_valid >> x86->x87_top & 1)) {
        status = (status & X87_C1) | X87_C0 | X87_C3;
    }
    x86->x87_status = (uint16_t)((x86->x87_status & ~all) | status);
}

static void test(struct x86_cpu *x86)
{
    struct x87_result r;
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty) || empty) {
        x86->x87_status |= X87_COMPARED;
        return;
    }
    r = x87_host_unary(x86->x87_control, X87_FTST, x87_st(x86, 0));
    x87_take(x86, &r, X87_C1 | X87_COMPARED);
}

static void push_constant(struct x86_cpu *x86, unsigned which)
{
    struct x87_result r = x87_host_constant(x86->x87_control, which);
    bool full;

    if (!x87_can_push(x86, &full)) {
        return;
    }
    if (full) {
        r.value = x87_value(&x87_indefinite);
    } else {
        clear_c1(x86);
    }
    x87_push(x86, r.value);
}

/* No further step, and nothing out of range: C2 is 0 after a stack fault. */
static void clear_c2_if(struct x86_cpu *x86, bool fault)
{
    if (fault) {
        x86->x87_status &= (uint16_t)~X87_C2;
    }
}

/* ST(0) = f(ST(0)). */
static void unary(struct x86_cpu *x86, enum x87_unary op)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_host_unary(x86->x87_control, op, x87_st(x86, 0));
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

/*
 * FPREM of operands whose exponents lie 64 or more apart is one of several
 * steps, and processors may choose how long that is. Ours reduces the
 * difference D by D - (32 + D % 32), which is what the remainder by a divisor
 * scaled up by that much does.
 */
static long double scaled_divisor(const struct x86_cpu *x86, bool *partial)
{
    const struct x87_register *x = &x86->x87[x86->x87_top];
    struct x87_register y = x86->x87[(x86->x87_top + 1) & 7];
    unsigned ex = x->exponent & 0x7fff, ey = y.exponent & 0x7fff;
    int d, exponent, zeros;

    *partial = false;
    if (!(x->significand >> 63) || ex == 0x7fff || ey == 0x7fff ||
        !y.significand || (ey && !(y.significand >> 63))) {
        return x87_value(&y);
    }
    zeros = __builtin_clzll(y.significand);
    exponent = (ey ? (int)ey : 1) - zeros;
    d = (ex ? (int)ex : 1) - exponent;
    if (d < 64) {
        return x87_value(&y);
    }
    *partial = true;
    exponent += d - (32 + d % 32);
    y.significand <<= zeros;
    if (exponent <= 0) { /* still denormal */
        y.significand >>= 1 - exponent;
        exponent = 0;
    }
    y.exponent = (uint16_t)((y.exponent & 0x8000) | exponent);
    return x87_value(&y);
}

static void remainder_of(struct x86_cpu *x86, enum x87_pair op)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty, partial;
    unsigned conditions;
    long double y;

    clear_c2_if(x86, x87_is_empty(x86, 0) || x87_is_empty(x86, 1));
    if (!x87_operands(x86, 0, 1, &empty)) {
        return;
    }
    if (!empty) {
        y = scaled_divisor(x86, &partial);
        /* A step truncates, whichever of the two it is for. */
        r = x87_host_pair(x86->x87_control, partial ? X87_FPREM : op,
                          x87_st(x86, 0), y);
        if (partial) {
            r.status = (uint16_t)((r.status & X87_FLAGS) | X87_C2);
            if (!(x86->x87[(x86->x87_top + 1) & 7].exponent & 0x7fff)) {
                r.status |= X87_DE;
            }
        }
        conditions = X87_C1 | X87_COMPARED;
        if (r.value != r.value ||
            (r.status & ~x86->x87_control & X87_BEFORE)) {
            conditions = X87_C1 | X87_C2; /* there is no quotient */
            r.status &= (uint16_t)~X87_C2;
        }
        if (!x87_take(x86, &r, conditions)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

static void scale(struct x86_cpu *x86)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (!x87_operands(x86, 0, 1, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_host_pair(x86->x87_control, X87_FSCALE, x87_st(x86, 0),
                          x87_st(x86, 1));
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

static void extract(struct x86_cpu *x86)
{
    long double significand = x87_value(&x87_indefinite);
    struct x87_result r = {significand, 0};
    bool empty, full = false;

    if (!x87_operands(x86, 0, 0, &empty) ||
        (!empty && !x87_can_push(x86, &full))) {
        return;
    }
    if (!empty && !full) {
        r = x87_host_extract(x86->x87_control, x87_st(x86, 0), &significand);
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
    x87_push(x86, significand);
}

/* -- Functions ------------------------------------------------------------- */

static void function(struct x86_cpu *x86, enum x87_function f)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (f != X87_F2XM1) {
        clear_c2_if(x86, x87_is_empty(x86, 0));
    }
    if (!x87_operands(x86, 0, 0, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_function(x86->x87_control, f, x87_st(x86, 0));
        if (!x87_take(x86, &r, f == X87_F2XM1 ? X87_C1 : X87_C1 | X87_C2)) {
            return;
        }
    }
    x87_put(x86, 0, r.value);
}

/* ST(1) = f(ST(0), ST(1)), then a pop. */
static void function2(struct x86_cpu *x86, enum x87_function2 f)
{
    struct x87_result r = {x87_value(&x87_indefinite), 0};
    bool empty;

    if (!x87_operands(x86, 0, 1, &empty)) {
        return;
    }
    if (!empty) {
        r = x87_function2(x86->x87_control, f, x87_st(x86, 0),
                          x87_st(x86, 1));
        if (!x87_take(x86, &r, X87_C1)) {
            return;
        }
    }
    x87_pop(x86);
    x87_put(x86, 0, r.value);
}

/* FPTAN and FSINCOS: f(ST(0)), and a second value that is pushed: 1, or the
 * cosine. */
static void function_and_push(struct x86_cpu *x86, enum x87_function f)
{
    long double x = x87_st(x86, 0), second = x87_value(&x87_indefinite);
    struct x87_result r = {second, 0};
    bool empty, full = false;

    clear_c2_if(x86, x87_is_empty(x86, 0) || !x87_is_empty(x86, 7));
    if (!x87_operands(x86, 0, 0, &empty) ||
        (!empty && !x87_can_push(x86, &full))) {
        return;
    }
    if (!empty && !full) {
        r = x87_function(x86->x87_control, f, x);
        second = r.value;
        if (f == X87_FSIN) {
            second = x87_function(x86->x87_control, X87_FCOS, x).value;
        } else if (r.value - r.value == 0) {
            second = 1;
        }
        if (!x87_take(x86, &r, X87_C1 | X87_C2)) {
            return;
        }
        if (r.status & X87_C2) {
            return; /* out of range */
        }
    }
    x87_put(x86, 0, r.value);
    x87_push(x86, second);
}

static void alone_e(struct x86_cpu *x86, unsigned modrm)
{
    switch (modrm) {
    case 0xe0:
    case 0xe1:
        change_sign(x86, modrm & 1);
        break;
    case 0xe4:
        test(x86);
        break;
    case 0xe5:
        examine(x86);
        break;
    case 0xe8 ... 0xee:
        push_constant(x86, modrm & 7);
        break;
    }
}

static void alone_f(struct x86_cpu *x86, unsigned modrm)
{
    switch (modrm) {
    case 0xf0:
        function(x86, X87_F2XM1);
        break;
    case 0xf1:
        function2(x86, X87_FYL2X);
        break;
    case 0xf2:
        function_and_push(x86, X87_FPTAN);
        break;
    case 0xf3:
        function2(x86, X87_FPATAN);
        break;
    case 0xf4:
        extract(x86);
        break;
    case 0xf5:
        remainder_of(x86, X87_FPREM1);
        break;
    case 0xf6:
    case 0xf7: /* FDECSTP, FINCSTP */
        x86->x87_top = (x86->x87_top + (modrm & 1 ? 1 : 7)) & 7;
        clear_c1(x86);
        break;
    case 0xf8:
        remainder_of(x86, X87_FPREM);
        break;
    case 0xf9:
        function2(x86, X87_FYL2XP1);
        break;
    case 0xfa:
        unary(x86, X87_FSQRT);
        break;
    case 0xfb:
        function_and_push(x86, X87_FSIN);
        break;
    case 0xfc:
        unary(x86, X87_FRNDINT);
        break;
    case 0xfd:
        scale(x86);
        break;
    case 0xfe:
        function(x86, X87_FSIN);
        break;
    default:
        function(x86, X87_FCOS);
    }
}

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
            clear_c1(x86);
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
    clear_c1(x86);
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
    clear_c1(x86);
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
static void compare_flags(struct x86_cpu *x86, unsigned i, bool quiet,
                          bool pop)
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
    } else if (compares) { /* of DE: like FCOMP */
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
            clear_c1(x86);
            x87_pop(x86);
        } else {
            store_register(x86, i, true);
        }
        break;
    case 4:
    case 5:
        alone_e(x86, modrm);
        break;
    default:
        alone_f(x86, modrm);
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
    clear_c1(x86);
    x86->x87_valid &= (uint8_t)~(1u << ((x86->x87_top + i) & 7));
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
#define FWAIT 0x800u /* which no x87 instruction has */

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
    if (code == FWAIT) {
        return;
    }
    run(x86, code >> 8 & 7, code & 0xff);
    if (waits(code)) {
        x87_note_pointers(cpu, code, false, 0);
    }
}

/* -- Translation ----------------------------------------------------------- */

/* Opcodes' low digit << 8 | ModRM that no instruction has: from, to. */
static const uint16_t missing[][2] = {
    {0x1d1, 0x1d7}, {0x1e2, 0x1e3}, {0x1e6, 0x1e7}, {0x1ef, 0x1ef},
    {0x2e0, 0x2e8}, {0x2ea, 0x2ff}, {0x3e5, 0x3e7}, {0x3f8, 0x3ff},
    {0x5f0, 0x5ff}, {0x6d8, 0x6d8}, {0x6da, 0x6df}, {0x7e1, 0x7e7},
    {0x7f8, 0x7ff},
};

static bool exists(uint32_t code)
{
    unsigned digit = code >> 3 & 7, opcode = code >> 8;

    if ((code & 0xff) < 0xc0) { /* memory */
        return !((opcode == 1 && digit == 1) || (opcode == 5 && digit == 5) ||
                 (opcode == 3 && (digit == 4 || digit == 6)));
    }
    for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (code >= missing[i][0] && code <= missing[i][1]) {
            return false;
        }
    }
    return true;
}

static bool off(struct x86_translator *t, uint64_t when)
{
    if (!(t->mode_word & when)) {
        return false;
    }
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, X86_NM), IR_NONE,
            IR_NONE, IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
    return true;
}

/* What an instruction with a memory operand does there, by the opcode's low
 * three bits and the digit: bytes, with bit 7 when they are written. The
 * environment has half the bytes with 16-bit operands. */
static void guard(struct x86_translator *t, ir_ref address)
{
    enum { W = 128, ENV = 28, ALL = 108 };
    static const uint8_t accesses[8][8] = {
        {4, 4, 4, 4, 4, 4, 4, 4},
        {4, 0, 4 | W, 4 | W, ENV, 2, ENV | W, 2 | W},
        {4, 4, 4, 4, 4, 4, 4, 4},
        {4, 4 | W, 4 | W, 4 | W, 0, 10, 0, 10 | W},
        {8, 8, 8, 8, 8, 8, 8, 8},
        {8, 8 | W, 8 | W, 8 | W, ALL, 0, ALL | W, 2 | W},
        {2, 2, 2, 2, 2, 2, 2, 2},
        {2, 2 | W, 2 | W, 2 | W, 10, 8, 10 | W, 8 | W},
    };
    unsigned access =
        accesses[t->insn.row->argument & 7][t->insn.modrm >> 3 & 7];
    unsigned size = access & ~(unsigned)W;

    if (size >= ENV && t->insn.size == 2) {
        size -= 14;
    }
    if (size) {
        x86_guard(t, address, size, access & W);
    }
}

bool x86_tr_x87(struct x86_translator *t)
{
    uint32_t code = (uint32_t)t->insn.row->argument << 8 | t->insn.modrm;
    ir_ref offset;

    if (!exists(code)) {
        return x86_tr_undefined(t);
    }
    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        ir_ref address = x86_address(t);

        code |= t->insn.size == 2 ? X87_NARROW : 0;
        offset = x86_effective_address(t);
        guard(t, address);
        ir_call(t->b, X86_HELPER_x87_memory, ir_const_i32(t->b, code),
                address, offset, IR_NONE);
    } else {
        ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, code),
                IR_NONE, IR_NONE, IR_NONE);
    }
    return false;
}

bool x86_tr_fwait(struct x86_translator *t)
{
    if (t->mode_word & X86_MODE_TS) { /* and MP decides */
        ir_call(t->b, X86_HELPER_wait, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    }
    ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, FWAIT),
            IR_NONE, IR_NONE, IR_NONE);
    return false;
}

bool x86_tr_fxsave(struct x86_translator *t)
{
    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    ir_ref address = x86_address(t);

    x86_guard(t, address, 512, !t->insn.row->argument);
    ir_call(t->b,
            t->insn.row->argument ? X86_HELPER_fxrstor : X86_HELPER_fxsave,
            address, ir_const_i32(t->b, t->insn.rex >> 3 & 1),
            IR_NONE, IR_NONE);
    return false;
}
