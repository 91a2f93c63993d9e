/* The value of each floating-point op: the host's own instruction. */
#include "ir/float.h"

#include "base/error.h"

#include <emmintrin.h>

/* x = op(x, y). What is not of the destination's lanes stays. */
static bool two(unsigned op, __m128i *x, __m128i y)
{
    switch (op) {
#define IR_FP(name, prefix, opcode) \
    case IR_##name: \
        __asm__ volatile(#name " %1, %0" : "+x"(*x) : "x"(y)); \
        return true;
#include "ir/float.def"
#undef IR_FP
    }
    return false;
}

static bool compare(unsigned op, unsigned predicate, __m128i *x, __m128i y)
{
    switch ((op - IR_cmpps) * 8 + (predicate & 7)) {
#define ONE(name, number) \
    case (IR_##name - IR_cmpps) * 8 + (number): \
        __asm__ volatile(#name " $" #number ", %1, %0" : "+x"(*x) : "x"(y)); \
        return true;
#define ALL(name) \
    ONE(name, 0) \
    ONE(name, 1) \
    ONE(name, 2) \
    ONE(name, 3) \
    ONE(name, 4) \
    ONE(name, 5) \
    ONE(name, 6) \
    ONE(name, 7)
        ALL(cmpps)
        ALL(cmppd)
        ALL(cmpss)
        ALL(cmpsd)
#undef ALL
#undef ONE
    }
    return false;
}

static bool flags(unsigned op, __m128i x, __m128i y, union ir_value *result)
{
    uint64_t eflags;

    switch (op) {
#define ONE(name) \
    case IR_##name: \
        __asm__ volatile(#name " %2, %1\n\tpushfq\n\tpopq %0" \
                         : "=r"(eflags) \
                         : "x"(x), "x"(y) \
                         : "cc"); \
        break;
        ONE(ucomiss)
        ONE(ucomisd)
        ONE(comiss)
        ONE(comisd)
#undef ONE
    default:
        return false;
    }
    *result = (union ir_value){.v64 = {(eflags & 0xd5) << 8 | FL_ONE}};
    return true;
}

static bool to_integer(unsigned op, bool wide, __m128i x,
                       union ir_value *result)
{
    uint64_t value;
    uint32_t narrow;

    switch (op * 2 + wide) {
#define ONE(name) \
    case IR_##name * 2: \
        __asm__ volatile(#name " %1, %0" : "=r"(narrow) : "x"(x)); \
        value = narrow; \
        break; \
    case IR_##name * 2 + 1: \
        __asm__ volatile(#name " %1, %0" : "=r"(value) : "x"(x)); \
        break;
        ONE(cvtss2si)
        ONE(cvtsd2si)
        ONE(cvttss2si)
        ONE(cvttsd2si)
#undef ONE
    default:
        return false;
    }
    *result = (union ir_value){.v64 = {value}};
    return true;
}

static bool from_integer(unsigned op, bool wide, __m128i *x, uint64_t y)
{
    uint32_t narrow = (uint32_t)y;

    switch (op * 2 + wide) {
#define ONE(name) \
    case IR_##name * 2: \
        __asm__ volatile(#name "l %1, %0" : "+x"(*x) : "r"(narrow)); \
        return true; \
    case IR_##name * 2 + 1: \
        __asm__ volatile(#name "q %1, %0" : "+x"(*x) : "r"(y)); \
        return true;
        ONE(cvtsi2ss)
        ONE(cvtsi2sd)
#undef ONE
    }
    return false;
}

uint32_t ir_eval_float(const struct ir_ins *ins, const union ir_value *a,
                       const union ir_value *b, uint32_t mxcsr,
                       union ir_value *result)
{
    __m128i x = _mm_loadu_si128((const __m128i *)a), y = _mm_setzero_si128();
    bool wide = ins->type == IR_I64;
    uint32_t host, control = (mxcsr & MXCSR_KNOWN & ~MXCSR_FLAGS) | MXCSR_MASKS;
    uint32_t raised;

    if (b) {
        y = _mm_loadu_si128((const __m128i *)b);
    }
    __asm__ volatile("stmxcsr %0" : "=m"(host));
    __asm__ volatile("ldmxcsr %0" : : "m"(control));
    if (two(ins->op, &x, y) || compare(ins->op, ins->imm, &x, y) ||
        from_integer(ins->op, wide, &x, b ? b->u64 : 0)) {
        _mm_storeu_si128((__m128i *)result, x);
    } else if (!flags(ins->op, x, y, result) &&
               !to_integer(ins->op, wide, x, result)) {
        panda_bug("floating-point op %u has no value", ins->op);
    }
    __asm__ volatile("stmxcsr %0" : "=m"(raised));
    __asm__ volatile("ldmxcsr %0" : : "m"(host));
    return raised & MXCSR_FLAGS;
}
