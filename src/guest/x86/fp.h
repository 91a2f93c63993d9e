/* Between fp.c and fp_unmasked.c: SSE floating point on the host. */
#ifndef GUEST_X86_FP_H
#define GUEST_X86_FP_H

#include "guest/x86/rows.h"
#include "guest/x86/state.h"

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

static inline __m128i fp_get(const union ir_value *value)
{
    return _mm_loadu_si128((const __m128i *)value);
}

static void fp_put(union ir_value *value, __m128i x)
{
    _mm_storeu_si128((__m128i *)value, x);
}

/* The host's MXCSR becomes the guest's with exceptions masked; the host's own
 * is returned, for fp_back(). */
static inline uint32_t fp_enter(const struct x86_cpu *x86)
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
static inline uint32_t fp_back(uint32_t host)
{
    uint32_t raised;

    __asm__ volatile("stmxcsr %0" : "=m"(raised));
    __asm__ volatile("ldmxcsr %0" : : "m"(host));
    return raised & MXCSR_FLAGS;
}

/* One of fp.def; what is not of the destination's lanes stays x. */
__m128i fp_operate(uint32_t op, __m128i x, __m128i y);
/* Is a result denormal, of an operation that can underflow? */
bool fp_tiny(uint32_t op, __m128i result);
/* The flags of an operation with unmasked overflow or underflow. */
uint32_t fp_flags_by_element(const struct x86_cpu *x86, uint32_t op, __m128i x,
                             __m128i y);

#endif
