/* Between fp.c and fp_unmasked.c: SSE floating point that may be #XM. */
#ifndef GUEST_X86_FP_H
#define GUEST_X86_FP_H

#include "guest/x86/rows.h"
#include "guest/x86/state.h"
#include "ir/float.h"

#define MXCSR_BEFORE 7u /* IE DE ZE: of the operands */
#define MXCSR_OE 8u
#define MXCSR_DAZ 0x40u
#define MXCSR_UE 0x10u
#define MXCSR_PE 0x20u
#define MXCSR_UM 0x800u
#define MXCSR_FTZ 0x8000u

/* Runs an op with all exceptions masked; the flags that were raised. */
static inline uint32_t fp_operate(const struct x86_cpu *x86,
                                  const struct ir_ins *ins,
                                  const union ir_value *a,
                                  const union ir_value *b,
                                  union ir_value *result)
{
    uint32_t mxcsr = x86->mxcsr;

    if (!(mxcsr & MXCSR_UM)) {
        mxcsr &= ~MXCSR_FTZ; /* which is for masked underflow only */
    }
    return ir_eval_float(ins, a, b, mxcsr, result);
}

/* Is a result denormal, of an operation that can underflow? */
bool fp_tiny(unsigned op, const union ir_value *result);
/* The flags of an operation with unmasked overflow or underflow. */
uint32_t fp_flags_by_element(const struct x86_cpu *x86,
                             const struct ir_ins *ins, const union ir_value *a,
                             const union ir_value *b);

#endif
