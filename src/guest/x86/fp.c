/*
 * SSE floating point. Each operation runs on the host's instruction of its
 * name with the guest's MXCSR loaded (exceptions masked); then the flags it
 * raised are looked at, and an unmasked one is #XM before anything but flags
 * is changed. The host's MXCSR is back before other C code runs.
 *
 * Unmasked exceptions differ from masked ones in more than the #XM: those of
 * the operands come before any result, so the flags of the result stay; and a
 * result that is tiny counts as underflow even where it is exact.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/segment.h"
#include "guest/x86/vector.h"

#include <emmintrin.h>

#define MXCSR_FLAGS 0x3fu
#define MXCSR_MASKS 0x1f80u
#define MXCSR_BEFORE 7u /* IE DE ZE: of the operands */
#define MXCSR_OE 8u
#define MXCSR_DAZ 0x40u
#define MXCSR_UE 0x10u
#define MXCSR_PE 0x20u
#define MXCSR_UM 0x800u
#define MXCSR_FTZ 0x8000u
#define CR4_OSXMMEXCPT 0x400u

static __m128i get(const union ir_value *value)
{
    return _mm_loadu_si128((const __m128i *)value);
}

static void put(union ir_value *value, __m128i x)
{
    _mm_storeu_si128((__m128i *)value, x);
}

/* -- MXCSR around an operation --------------------------------------------- */

static inline uint32_t enter(const struct x86_cpu *x86)
{
    uint32_t host, guest = (x86->mxcsr & ~MXCSR_FLAGS) | MXCSR_MASKS;

    if (!(x86->mxcsr & MXCSR_UM)) {
        guest &= ~MXCSR_FTZ; /* which is for masked underflow only */
    }
    __asm__ volatile("stmxcsr %0" : "=m"(host));
    __asm__ volatile("ldmxcsr %0" : : "m"(guest));
    return host;
}

/* The flags that were raised. */
static inline uint32_t back(uint32_t host)
{
    uint32_t raised;

    __asm__ volatile("stmxcsr %0" : "=m"(raised));
    __asm__ volatile("ldmxcsr %0" : : "m"(host));
    return raised & MXCSR_FLAGS;
}

static inline void take_flags(struct cpu *cpu, uint32_t raised)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint32_t unmasked = ~(x86->mxcsr >> 7);

    if (raised & unmasked & MXCSR_BEFORE) {
        raised &= MXCSR_BEFORE;
    }
    x86->mxcsr |= raised;
    if (raised & unmasked) {
        x86_fault(cpu, x86->cr[4] & CR4_OSXMMEXCPT ? X86_XM : X86_UD);
    }
}

static inline void leave(struct cpu *cpu, uint32_t host)
{
    take_flags(cpu, back(host));
}

/* -- Underflow of exact results -------------------------------------------- */

static bool tiny_floats(__m128i x, unsigned n)
{
    union ir_value value;
    bool tiny = false;

    put(&value, x);
    for (unsigned i = 0; i < n; i++) {
        tiny |= !(value.v32[i] & 0x7f800000u) && value.v32[i] << 1;
    }
    return tiny;
}

static bool tiny_doubles(__m128i x, unsigned n)
{
    union ir_value value;
    bool tiny = false;

    put(&value, x);
    for (unsigned i = 0; i < n; i++) {
        tiny |= !(value.v64[i] & 0x7ff0000000000000ull) && value.v64[i] << 1;
    }
    return tiny;
}

/* Of an operation that can underflow: the size of what it works on (that of
 * the source, where it converts), and how many results there are. */
struct shape {
    uint8_t source, result, n;
    bool horizontal;
};

static struct shape shape_of(uint32_t op)
{
#define OF_TYPE(suffix) \
    case X86_FP_add##suffix: \
    case X86_FP_sub##suffix: \
    case X86_FP_mul##suffix: \
    case X86_FP_div##suffix
    switch (op) {
    OF_TYPE(ps):
    case X86_FP_addsubps:
        return (struct shape){4, 4, 4, false};
    OF_TYPE(pd):
    case X86_FP_addsubpd:
        return (struct shape){8, 8, 2, false};
    OF_TYPE(ss):
        return (struct shape){4, 4, 1, false};
    OF_TYPE(sd):
        return (struct shape){8, 8, 1, false};
    case X86_FP_haddps:
    case X86_FP_hsubps:
        return (struct shape){4, 4, 4, true};
    case X86_FP_haddpd:
    case X86_FP_hsubpd:
        return (struct shape){8, 8, 2, true};
    case X86_FP_cvtsd2ss:
        return (struct shape){8, 4, 1, false};
    case X86_FP_cvtpd2ps:
        return (struct shape){8, 4, 2, false};
    default:
        return (struct shape){0, 0, 0, false};
    }
#undef OF_TYPE
}

static bool tiny(uint32_t op, __m128i x)
{
    struct shape shape = shape_of(op);

    return shape.result == 8 ? tiny_doubles(x, shape.n)
                             : tiny_floats(x, shape.n);
}

/* -- Operations ------------------------------------------------------------ */

static __m128i operate(uint32_t op, __m128i x, __m128i y)
{
    switch (op) {
#define X86_FP(name, encoding, operands) \
    case X86_FP_##name: \
        __asm__ volatile(#name " %1, %0" : "+x"(x) : "x"(y)); \
        break;
#include "guest/x86/fp.def"
#undef X86_FP
    }
    return x;
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
                         : "=m"(status) : "m"(q), "m"(p)); \
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

static char how_of(uint32_t op, unsigned i)
{
    switch (op) {
    case X86_FP_mulps ... X86_FP_mulsd:
    case X86_FP_cvtpd2ps:
    case X86_FP_cvtsd2ss:
        return '*';
    case X86_FP_divps ... X86_FP_divsd:
        return '/';
    case X86_FP_subps ... X86_FP_subsd:
    case X86_FP_hsubps:
    case X86_FP_hsubpd:
        return '-';
    case X86_FP_addsubps:
    case X86_FP_addsubpd:
        return i % 2 ? '+' : '-';
    default:
        return '+';
    }
}

/* An element, of the second vector when i counts on. */
static long double element(const struct x86_cpu *x86, __m128i x, __m128i y,
                           unsigned i, bool wide)
{
    unsigned n = wide ? 2 : 4;
    union ir_value value;
    bool denormal;
    double d;
    float f;

    put(&value, i < n ? x : y);
    i %= n;
    denormal = wide ? !(value.v64[i % 2] & 0x7ff0000000000000ull)
                    : !(value.v32[i] & 0x7f800000u);
    if (denormal && (x86->mxcsr & MXCSR_DAZ)) {
        return 0;
    }
    __builtin_memcpy(&d, &value.v64[i % 2], 8);
    __builtin_memcpy(&f, &value.v32[i], 4);
    return wide ? d : f;
}

/* The flags of one result: the operation with ones everywhere else, of which
 * nothing is inexact. `lanes` has a bit for each float that is kept. */
static uint32_t flags_of(const struct x86_cpu *x86, uint32_t op, __m128i x,
                         __m128i y, unsigned lanes, bool wide)
{
    union ir_value a, b;
    uint32_t host, raised;

    put(&a, x);
    put(&b, y);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t one = !wide ? 0x3f800000u : i % 2 ? 0x3ff00000u : 0;

        a.v32[i] = lanes >> i & 1 ? a.v32[i] : one;
        b.v32[i] = lanes >> (4 + i) & 1 ? b.v32[i] : one;
    }
    host = enter(x86);
    x = operate(op, get(&a), get(&b));
    raised = back(host);
    if (!(x86->mxcsr & MXCSR_UM) && tiny(op, x)) {
        raised |= MXCSR_UE;
    }
    return raised;
}

static uint32_t flags_by_element(const struct x86_cpu *x86, uint32_t op,
                                 __m128i x, __m128i y)
{
    struct shape shape = shape_of(op);
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
        one = flags_of(x86, op, x, y, lanes, wide);
        if (one & unmasked & (MXCSR_UE | MXCSR_OE)) {
            long double left = element(x86, x, y, p, wide);
            long double right = element(x86, x, y, q, wide);
            bool converts = shape.source != shape.result;

            one &= ~MXCSR_PE;
            one |= inexact(x86, how_of(op, i), converts ? 1 : left, right,
                           shape.result == 8)
                       ? MXCSR_PE
                       : 0;
        }
        raised |= one;
    }
    return raised;
}

void x86_helper_fp(struct cpu *cpu, const union ir_value *a,
                   const union ir_value *b, uint32_t op,
                   union ir_value *result)
{
    __m128i x = get(a), y = get(b), z;
    uint32_t host = enter(x86_of(cpu)), raised;

    z = operate(op, x, y);
    raised = back(host);
    if (!(x86_of(cpu)->mxcsr & MXCSR_UM) && tiny(op, z)) {
        raised |= MXCSR_UE;
    }
    if (raised & ~(x86_of(cpu)->mxcsr >> 7) & (MXCSR_UE | MXCSR_OE)) {
        raised = flags_by_element(x86_of(cpu), op, x, y);
    }
    take_flags(cpu, raised);
    put(result, z);
}

/* Comparisons: op is the kind (ps pd ss sd) times 8 and the predicate. */
void x86_helper_fp_compare(struct cpu *cpu, const union ir_value *a,
                           const union ir_value *b, uint32_t op,
                           union ir_value *result)
{
    __m128i x = get(a), y = get(b);
    uint32_t host = enter(x86_of(cpu));

    switch (op) {
#define ONE(kind, number, predicate) \
    case (number) * 8 + (predicate): \
        __asm__ volatile("cmp" kind " $" #predicate ", %1, %0" \
                         : "+x"(x) : "x"(y)); \
        break;
#define ALL(kind, number) \
    ONE(kind, number, 0) ONE(kind, number, 1) ONE(kind, number, 2) \
    ONE(kind, number, 3) ONE(kind, number, 4) ONE(kind, number, 5) \
    ONE(kind, number, 6) ONE(kind, number, 7)
        ALL("ps", 0)
        ALL("pd", 1)
        ALL("ss", 2)
        ALL("sd", 3)
#undef ALL
#undef ONE
    }
    leave(cpu, host);
    put(result, x);
}

/* UCOMISS, UCOMISD, COMISS, COMISD: the flags. */
uint32_t x86_helper_fp_flags(struct cpu *cpu, const union ir_value *a,
                             const union ir_value *b, uint32_t op)
{
    __m128i x = get(a), y = get(b);
    uint32_t host = enter(x86_of(cpu));
    uint64_t eflags = 0;

    switch (op) {
#define ONE(number, name) \
    case number: \
        __asm__ volatile(name " %2, %1\n\tpushfq\n\tpopq %0" \
                         : "=r"(eflags) : "x"(x), "x"(y) : "cc"); \
        break;
        ONE(0, "ucomiss")
        ONE(1, "ucomisd")
        ONE(2, "comiss")
        ONE(3, "comisd")
#undef ONE
    }
    leave(cpu, host);
    return (uint32_t)(eflags & 0xd5) << 8 | FL_ONE;
}

/* To an integer: bit 0 double, bit 1 truncating, bit 2 64 bits. */
uint64_t x86_helper_fp_to_integer(struct cpu *cpu, const union ir_value *a,
                                  uint32_t op)
{
    __m128i x = get(a);
    uint32_t host = enter(x86_of(cpu)), narrow = 0;
    uint64_t wide = 0;

    switch (op) {
#define ONE(number, name) \
    case number: \
        __asm__ volatile(name " %1, %0" : "=r"(narrow) : "x"(x)); \
        wide = narrow; \
        break; \
    case (number) + 4: \
        __asm__ volatile(name " %1, %0" : "=r"(wide) : "x"(x)); \
        break;
        ONE(0, "cvtss2si")
        ONE(1, "cvtsd2si")
        ONE(2, "cvttss2si")
        ONE(3, "cvttsd2si")
#undef ONE
    }
    leave(cpu, host);
    return wide;
}

/* From an integer, into the low lane: bit 0 double, bit 2 64 bits. */
void x86_helper_integer_to_fp(struct cpu *cpu, const union ir_value *a,
                              uint64_t from, uint32_t op,
                              union ir_value *result)
{
    __m128i x = get(a);
    uint32_t host = enter(x86_of(cpu)), narrow = (uint32_t)from;

    switch (op) {
    case 0:
        __asm__ volatile("cvtsi2ssl %1, %0" : "+x"(x) : "r"(narrow));
        break;
    case 1:
        __asm__ volatile("cvtsi2sdl %1, %0" : "+x"(x) : "r"(narrow));
        break;
    case 4:
        __asm__ volatile("cvtsi2ssq %1, %0" : "+x"(x) : "r"(from));
        break;
    case 5:
        __asm__ volatile("cvtsi2sdq %1, %0" : "+x"(x) : "r"(from));
        break;
    }
    leave(cpu, host);
    put(result, x);
}

/*
 * RCPPS and RSQRTPS: an approximation that is the same on every host. The
 * exact quotient is cut to 12 bits of fraction, which is within the error
 * that the manual allows. No flag is raised, denormals count as zero.
 */
static uint32_t approximate(uint32_t bits, bool root)
{
    uint32_t exponent = bits >> 23 & 0xff, sign = bits & 0x80000000u;
    double x, y;
    float f;

    if (exponent == 0) {
        return sign | 0x7f800000u;
    }
    if (exponent == 0xff && (bits & 0x7fffff)) {
        return bits | 0x400000u;
    }
    if (root && sign) {
        return 0xffc00000u;
    }
    if (exponent == 0xff) {
        return sign;
    }
    __builtin_memcpy(&f, &bits, 4);
    x = f;
    if (root) {
        __asm__("sqrtsd %1, %0" : "=x"(y) : "x"(x));
        y = 1.0 / y;
    } else {
        y = 1.0 / x;
    }
    f = (float)y;
    __builtin_memcpy(&bits, &f, 4);
    if ((bits & 0x7f800000u) == 0) {
        return sign; /* a denormal result is zero */
    }
    return bits & 0xfffff800u;
}

void x86_helper_fp_approximate(struct cpu *cpu, const union ir_value *a,
                               const union ir_value *b, uint32_t op,
                               union ir_value *result)
{
    union ir_value value = *a;

    (void)cpu;
    for (unsigned i = 0; i < (op & 2 ? 1u : 4u); i++) {
        value.v32[i] = approximate(b->v32[i], op & 1);
    }
    *result = value;
}

/* -- Translation ----------------------------------------------------------- */

static bool binary(struct x86_translator *t, uint32_t helper, uint32_t op)
{
    ir_ref y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, true);
    x86_set_xmm(t, 0, ir_call(t->b, helper, x86_get_xmm(t, 0), y,
                              ir_const_i32(t->b, op), IR_NONE));
    return false;
}

bool x86_tr_fp(struct x86_translator *t)
{
    return binary(t, X86_HELPER_fp, (uint32_t)t->insn.row->argument);
}

bool x86_tr_fp_compare(struct x86_translator *t)
{
    return binary(t, X86_HELPER_fp_compare,
                  (uint32_t)t->insn.row->argument * 8 +
                      (t->insn.operand[2].value & 7));
}

bool x86_tr_fp_approximate(struct x86_translator *t)
{
    return binary(t, X86_HELPER_fp_approximate,
                  (uint32_t)t->insn.row->argument);
}

bool x86_tr_fp_flags(struct x86_translator *t)
{
    ir_ref y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, false);
    x86_set_flags(t, ir_call(t->b, X86_HELPER_fp_flags, x86_get_xmm(t, 0), y,
                             ir_const_i32(t->b,
                                          (uint32_t)t->insn.row->argument),
                             IR_NONE));
    return false;
}

bool x86_tr_fp_to_integer(struct x86_translator *t)
{
    bool wide = t->insn.size == 8;
    ir_ref value;

    if (x86_sse_off(t)) {
        return true;
    }
    value = ir_call(t->b, X86_HELPER_fp_to_integer,
                    x86_read_vector(t, 1, false),
                    ir_const_i32(t->b, (uint32_t)t->insn.row->argument |
                                           (wide ? 4 : 0)),
                    IR_NONE, IR_NONE);
    x86_set_gpr(t, t->insn.operand[0].number, wide ? 8 : 4,
                wide ? value : x86_to_i32(t, value));
    return false;
}

bool x86_tr_integer_to_fp(struct x86_translator *t)
{
    ir_ref from;

    if (x86_sse_off(t)) {
        return true;
    }
    from = x86_to_i64(t, x86_read(t, 1));
    x86_set_xmm(t, 0,
                ir_call(t->b, X86_HELPER_integer_to_fp, x86_get_xmm(t, 0),
                        from,
                        ir_const_i32(t->b, (uint32_t)t->insn.row->argument |
                                               (t->insn.size == 8 ? 4 : 0)),
                        IR_NONE));
    return false;
}
