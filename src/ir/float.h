/*
 * Floating point: the ops of float.def and those beside them in ops.def. They
 * are not pure: they look at the rounding mode and leave flags, both in the
 * slot that guest.mxcsr_slot tells, which is laid out as the MXCSR of SSE.
 */
#ifndef IR_FLOAT_H
#define IR_FLOAT_H

#include "ir/types.h"

#define MXCSR_FLAGS 0x3fu
#define MXCSR_MASKS 0x1f80u
#define MXCSR_KNOWN 0xffffu

static inline bool ir_is_float(unsigned op)
{
    return op >= IR_sqrtps && op <= IR_cvtsi2sd;
}

/* Runs one under an MXCSR whose exceptions count as masked. Returns the flags
 * that it raises, and no others. */
uint32_t ir_eval_float(const struct ir_ins *ins, const union ir_value *a,
                       const union ir_value *b, uint32_t mxcsr,
                       union ir_value *result);

#endif
