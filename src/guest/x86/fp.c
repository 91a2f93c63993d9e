/*
 * SSE floating point. While the guest's MXCSR masks all exceptions, which is
 * part of the mode word, each operation is an op of the IR. Else it is a call
 * of a function here: the same op, with exceptions masked; then the flags it
 * raised are looked at, and an unmasked one is #XM before anything but flags
 * is changed.
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

/* -- With unmasked exceptions ---------------------------------------------- */

static void take_flags(struct cpu *cpu, uint32_t raised)
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

/* The op that a helper is called for. */
static struct ir_ins op_of(uint32_t op)
{
    return (struct ir_ins){.op = op & ~X86_FP_WIDE & 0xffff,
                           .type = op & X86_FP_WIDE ? IR_I64 : IR_I32,
                           .imm = op >> 16};
}

void x86_helper_fp(struct cpu *cpu, const union ir_value *a,
                   const union ir_value *b, uint32_t op, union ir_value *result)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    struct ir_ins ins = op_of(op);
    union ir_value value;
    uint32_t raised = fp_operate(x86, &ins, a, b, &value);

    if (!(x86->mxcsr & MXCSR_UM) && fp_tiny(ins.op, &value)) {
        raised |= MXCSR_UE;
    }
    if (raised & ~(x86->mxcsr >> 7) & (MXCSR_UE | MXCSR_OE)) {
        raised = fp_flags_by_element(x86, &ins, a, b);
    }
    take_flags(cpu, raised);
    *result = value;
}

/* UCOMISS, UCOMISD, COMISS, COMISD: the flags. */
uint32_t x86_helper_fp_flags(struct cpu *cpu, const union ir_value *a,
                             const union ir_value *b, uint32_t op)
{
    struct ir_ins ins = op_of(op);
    union ir_value value;

    take_flags(cpu, fp_operate(x86_of(cpu), &ins, a, b, &value));
    return value.u32;
}

uint64_t x86_helper_fp_to_integer(struct cpu *cpu, const union ir_value *a,
                                  uint32_t op)
{
    struct ir_ins ins = op_of(op);
    union ir_value value;

    take_flags(cpu, fp_operate(x86_of(cpu), &ins, a, NULL, &value));
    return value.u64;
}

void x86_helper_integer_to_fp(struct cpu *cpu, const union ir_value *a,
                              uint64_t from, uint32_t op,
                              union ir_value *result)
{
    struct ir_ins ins = op_of(op);
    union ir_value value, b = {.v64 = {from}};

    take_flags(cpu, fp_operate(x86_of(cpu), &ins, a, &b, &value));
    *result = value;
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

static bool unmasked(const struct x86_translator *t)
{
    return t->mode_word & X86_MODE_UNMASKED;
}

static ir_ref op_constant(struct x86_translator *t, enum ir_op op, bool wide,
                          uint32_t imm)
{
    return ir_const_i32(t->b, op | (wide ? X86_FP_WIDE : 0) | imm << 16);
}

ir_ref x86_float(struct x86_translator *t, enum ir_op op, ir_ref x, ir_ref y,
                 uint32_t imm)
{
    return unmasked(t) ? ir_call(t->b, X86_HELPER_fp, x, y,
                                 op_constant(t, op, false, imm), IR_NONE)
                       : ir_emit(t->b, op, IR_V128, x, y, 0, 0, imm);
}

static bool binary(struct x86_translator *t, uint32_t imm)
{
    ir_ref y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, true);
    x86_set_xmm(t, 0,
                x86_float(t, (enum ir_op)t->insn.row->argument,
                          x86_get_xmm(t, 0), y, imm));
    return false;
}

bool x86_tr_fp(struct x86_translator *t)
{
    return binary(t, 0);
}

bool x86_tr_fp_compare(struct x86_translator *t)
{
    return binary(t, t->insn.operand[2].value & 7);
}

bool x86_tr_fp_approximate(struct x86_translator *t)
{
    ir_ref y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, true);
    x86_set_xmm(t, 0,
                ir_call(t->b, X86_HELPER_fp_approximate, x86_get_xmm(t, 0), y,
                        ir_const_i32(t->b, (uint32_t)t->insn.row->argument),
                        IR_NONE));
    return false;
}

bool x86_tr_fp_flags(struct x86_translator *t)
{
    enum ir_op op = (enum ir_op)t->insn.row->argument;
    ir_ref x, y;

    if (x86_sse_off(t)) {
        return true;
    }
    y = x86_read_vector(t, 1, false);
    x = x86_get_xmm(t, 0);
    x86_set_flags(t, unmasked(t)
                         ? ir_call(t->b, X86_HELPER_fp_flags, x, y,
                                   op_constant(t, op, false, 0), IR_NONE)
                         : ir_emit(t->b, op, IR_I32, x, y, 0, 0, 0));
    return false;
}

bool x86_tr_fp_to_integer(struct x86_translator *t)
{
    enum ir_op op = (enum ir_op)t->insn.row->argument;
    bool wide = t->insn.size == 8;
    ir_ref from, value;

    if (x86_sse_off(t)) {
        return true;
    }
    from = x86_read_vector(t, 1, false);
    if (unmasked(t)) {
        value = ir_call(t->b, X86_HELPER_fp_to_integer, from,
                        op_constant(t, op, wide, 0), IR_NONE, IR_NONE);
        value = wide ? value : x86_to_i32(t, value);
    } else {
        value = ir_emit(t->b, op, wide ? IR_I64 : IR_I32, from, 0, 0, 0, 0);
    }
    x86_set_gpr(t, t->insn.operand[0].number, wide ? 8 : 4, value);
    return false;
}

bool x86_tr_integer_to_fp(struct x86_translator *t)
{
    enum ir_op op = (enum ir_op)t->insn.row->argument;
    bool wide = t->insn.size == 8;
    ir_ref from, x;

    if (x86_sse_off(t)) {
        return true;
    }
    from = x86_read(t, 1);
    x = x86_get_xmm(t, 0);
    x86_set_xmm(
        t, 0,
        unmasked(t)
            ? ir_call(t->b, X86_HELPER_integer_to_fp, x, x86_to_i64(t, from),
                      op_constant(t, op, wide, 0), IR_NONE)
            : ir_emit(t->b, op, wide ? IR_I64 : IR_I32, x, from, 0, 0, 0));
    return false;
}
