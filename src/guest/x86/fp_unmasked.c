/*
 * The flags of SSE operations with unmasked overflow or underflow. A result
 * that is tiny is an underflow then even where it is exact, and each element
 * is inexact or not as if its exponent had no bounds.
 */
#include "guest/x86/fp.h"

/* -- Underflow of exact results -------------------------------------------- */

static bool tiny_floats(const union ir_value *value, unsigned n)
{
    bool tiny = false;

    for (unsigned i = 0; i < n; i++) {
        tiny |= !(value->v32[i] & 0x7f800000u) && value->v32[i] << 1;
    }
    return tiny;
}

static bool tiny_doubles(const union ir_value *value, unsigned n)
{
    bool tiny = false;

    for (unsigned i = 0; i < n; i++) {
        tiny |= !(value->v64[i] & 0x7ff0000000000000ull) && value->v64[i] << 1;
    }
    return tiny;
}

/* Of an operation that can underflow: the size of what it works on (that of
 * the source, where it converts), and how many results there are. */
struct shape {
    uint8_t source, result, n;
    bool horizontal;
};

static struct shape shape_of(unsigned op)
{
#define OF_TYPE(suffix) \
    case IR_add##suffix: \
    case IR_sub##suffix: \
    case IR_mul##suffix: \
    case IR_div##suffix
    switch (op) {
        OF_TYPE(ps) : case IR_addsubps : return (struct shape){4, 4, 4, false};
        OF_TYPE(pd) : case IR_addsubpd : return (struct shape){8, 8, 2, false};
        OF_TYPE(ss) : return (struct shape){4, 4, 1, false};
        OF_TYPE(sd) : return (struct shape){8, 8, 1, false};
    case IR_haddps:
    case IR_hsubps:
        return (struct shape){4, 4, 4, true};
    case IR_haddpd:
    case IR_hsubpd:
        return (struct shape){8, 8, 2, true};
    case IR_cvtsd2ss:
        return (struct shape){8, 4, 1, false};
    case IR_cvtpd2ps:
        return (struct shape){8, 4, 2, false};
    default:
        return (struct shape){0, 0, 0, false};
    }
#undef OF_TYPE
}

bool fp_tiny(unsigned op, const union ir_value *result)
{
    struct shape shape = shape_of(op);

    return shape.result == 8 ? tiny_doubles(result, shape.n)
                             : tiny_floats(result, shape.n);
}

/*
 * Unmasked overflow and underflow leave a result of any exponent, of which
 * PE tells whether it is exact: that is what the x87 computes at the
 * precision of the type.
 */
static bool inexact(const struct x86_cpu *x86, char how, long double p,
                    long double q, bool wide)
{
    uint16_t control = (uint16_t)((wide ? 0x27f : 0x7f) |
                                  (x86->mxcsr >> 3 & 0xc00));
    uint16_t status;

    __asm__ volatile("fninit\n\tfldcw %0" : : "m"(control));
    switch (how) {
#define ONE(letter, name) \
    case letter: \
        __asm__ volatile("fldt %1\n\tfldt %2\n\t" name \
                         " %%st, %%st(1)\n\tfnstsw %0\n\tfninit" \
                         : "=m"(status) \
                         : "m"(q), "m"(p)); \
        break;
        ONE('+', "faddp")
        ONE('-', "fsubp")
        ONE('*', "fmulp")
        ONE('/', "fdivp")
#undef ONE
    default:
        status = 0;
    }
    return status & MXCSR_PE;
}

static char how_of(unsigned op, unsigned i)
{
    switch (op) {
    case IR_mulps ... IR_mulsd:
    case IR_cvtpd2ps:
    case IR_cvtsd2ss:
        return '*';
    case IR_divps ... IR_divsd:
        return '/';
    case IR_subps ... IR_subsd:
    case IR_hsubps:
    case IR_hsubpd:
        return '-';
    case IR_addsubps:
    case IR_addsubpd:
        return i % 2 ? '+' : '-';
    default:
        return '+';
    }
}

/* An element, of the second vector when i counts on. */
static long double element(const struct x86_cpu *x86, const union ir_value *a,
                           const union ir_value *b, unsigned i, bool wide)
{
    unsigned n = wide ? 2 : 4;
    const union ir_value *value = i < n ? a : b;
    bool denormal;
    double d;
    float f;

    i %= n;
    denormal = wide ? !(value->v64[i % 2] & 0x7ff0000000000000ull)
                    : !(value->v32[i] & 0x7f800000u);
    if (denormal && (x86->mxcsr & MXCSR_DAZ)) {
        return 0;
    }
    __builtin_memcpy(&d, &value->v64[i % 2], 8);
    __builtin_memcpy(&f, &value->v32[i], 4);
    return wide ? d : f;
}

/* The flags of one result: the operation with ones everywhere else, of which
 * nothing is inexact. `lanes` has a bit for each float that is kept. */
static uint32_t flags_of(const struct x86_cpu *x86, const struct ir_ins *ins,
                         union ir_value a, union ir_value b, unsigned lanes,
                         bool wide)
{
    union ir_value value;
    uint32_t raised;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t one = !wide ? 0x3f800000u : i % 2 ? 0x3ff00000u : 0;

        a.v32[i] = lanes >> i & 1 ? a.v32[i] : one;
        b.v32[i] = lanes >> (4 + i) & 1 ? b.v32[i] : one;
    }
    raised = fp_operate(x86, ins, &a, &b, &value);
    if (!(x86->mxcsr & MXCSR_UM) && fp_tiny(ins->op, &value)) {
        raised |= MXCSR_UE;
    }
    return raised;
}

uint32_t fp_flags_by_element(const struct x86_cpu *x86,
                             const struct ir_ins *ins, const union ir_value *a,
                             const union ir_value *b)
{
    struct shape shape = shape_of(ins->op);
    bool wide = shape.source == 8;
    unsigned per = wide ? 2 : 1, n = 4 / per; /* floats an element */
    uint32_t raised = 0, unmasked = ~(x86->mxcsr >> 7), one;

    for (unsigned i = 0; i < shape.n; i++) {
        unsigned lanes = (1u << per) - 1;
        unsigned p = i, q = n + i;

        if (shape.horizontal) {
            lanes = lanes << 2 * i * per | lanes << (2 * i + 1) * per;
            p = 2 * i;
            q = 2 * i + 1;
        } else {
            lanes = lanes << i * per | lanes << (i + n) * per;
        }
        one = flags_of(x86, ins, *a, *b, lanes, wide);
        if (one & unmasked & (MXCSR_UE | MXCSR_OE)) {
            long double left = element(x86, a, b, p, wide);
            long double right = element(x86, a, b, q, wide);
            bool converts = shape.source != shape.result;

            one &= ~MXCSR_PE;
            one |= inexact(x86, how_of(ins->op, i), converts ? 1 : left, right,
                           shape.result == 8)
                       ? MXCSR_PE
                       : 0;
        }
        raised |= one;
    }
    return raised;
}
