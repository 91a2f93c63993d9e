/*
 * SSE floating point. Each operation runs on the host's instruction of its
 * name with the guest's MXCSR loaded (exceptions masked); then the flags it
 * raised are looked at, and an unmasked one is #XM before anything but flags
 * is changed. The host's MXCSR is back before other C code runs.
 *
 * Unmasked exceptions differ from masked ones in more than the #XM: those of
 * the operands come before any result, so the flags of the result stay; for
 * those of results see fp_unmasked.c.
 */
#include "guest/x86/fp.h"
#include "guest/x86/helpers.h"
#include "guest/x86/segment.h"
#include "guest/x86/vector.h"

#define CR4_OSXMMEXCPT 0x400u

/* -- Flags ----------------------------------------------------------------- */

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
    take_flags(cpu, fp_back(host));
}

/* -- Operations ------------------------------------------------------------ */

__m128i fp_operate(uint32_t op, __m128i x, __m128i y)
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

void x86_helper_fp(struct cpu *cpu, const union ir_value *a,
                   const union ir_value *b, uint32_t op, union ir_value *result)
{
    __m128i x = fp_get(a), y = fp_get(b), z;
    uint32_t host = fp_enter(x86_of(cpu)), raised;

    z = fp_operate(op, x, y);
    raised = fp_back(host);
    if (!(x86_of(cpu)->mxcsr & MXCSR_UM) && fp_tiny(op, z)) {
        raised |= MXCSR_UE;
    }
    if (raised & ~(x86_of(cpu)->mxcsr >> 7) & (MXCSR_UE | MXCSR_OE)) {
        raised = fp_flags_by_element(x86_of(cpu), op, x, y);
    }
    take_flags(cpu, raised);
    fp_put(result, z);
}

/* Comparisons: op is the kind (ps pd ss sd) times 8 and the predicate. */
void x86_helper_fp_compare(struct cpu *cpu, const union ir_value *a,
                           const union ir_value *b, uint32_t op,
                           union ir_value *result)
{
    __m128i x = fp_get(a), y = fp_get(b);
    uint32_t host = fp_enter(x86_of(cpu));

    switch (op) {
#define ONE(kind, number, predicate) \
    case (number)*8 + (predicate): \
        __asm__ volatile("cmp" kind " $" #predicate ", %1, %0" \
                         : "+x"(x) \
                         : "x"(y)); \
        break
#define ALL(kind, number) \
    ONE(kind, number, 0); \
    ONE(kind, number, 1); \
    ONE(kind, number, 2); \
    ONE(kind, number, 3); \
    ONE(kind, number, 4); \
    ONE(kind, number, 5); \
    ONE(kind, number, 6); \
    ONE(kind, number, 7)
        ALL("ps", 0);
        ALL("pd", 1);
        ALL("ss", 2);
        ALL("sd", 3);
#undef ALL
#undef ONE
    }
    leave(cpu, host);
    fp_put(result, x);
}

/* UCOMISS, UCOMISD, COMISS, COMISD: the flags. */
uint32_t x86_helper_fp_flags(struct cpu *cpu, const union ir_value *a,
                             const union ir_value *b, uint32_t op)
{
    __m128i x = fp_get(a), y = fp_get(b);
    uint32_t host = fp_enter(x86_of(cpu));
    uint64_t eflags = 0;

    switch (op) {
#define ONE(number, name) \
    case number: \
        __asm__ volatile(name " %2, %1\n\tpushfq\n\tpopq %0" \
                         : "=r"(eflags) \
                         : "x"(x), "x"(y) \
                         : "cc"); \
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
    __m128i x = fp_get(a);
    uint32_t host = fp_enter(x86_of(cpu)), narrow = 0;
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
    __m128i x = fp_get(a);
    uint32_t host = fp_enter(x86_of(cpu)), narrow = (uint32_t)from;

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
    fp_put(result, x);
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
    x86_set_xmm(t, 0,
                ir_call(t->b, helper, x86_get_xmm(t, 0), y,
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
    x86_set_flags(t,
                  ir_call(t->b, X86_HELPER_fp_flags, x86_get_xmm(t, 0), y,
                          ir_const_i32(t->b, (uint32_t)t->insn.row->argument),
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
    value = ir_call(
        t->b, X86_HELPER_fp_to_integer, x86_read_vector(t, 1, false),
        ir_const_i32(t->b, (uint32_t)t->insn.row->argument | (wide ? 4 : 0)),
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
                ir_call(t->b, X86_HELPER_integer_to_fp, x86_get_xmm(t, 0), from,
                        ir_const_i32(t->b, (uint32_t)t->insn.row->argument |
                                               (t->insn.size == 8 ? 4 : 0)),
                        IR_NONE));
    return false;
}
