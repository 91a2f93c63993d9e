/* The functions of x87_function.c before they are rounded. */
#ifndef GUEST_X86_X87_SERIES_H
#define GUEST_X86_X87_SERIES_H

#include "guest/x86/wide.h"
#include "guest/x86/x87.h"

extern const struct wide x87_pi;

/* Sine, cosine or tangent of |x| < 2^63. */
struct wide x87_angle_function(enum x87_function f, struct wide x);
struct wide x87_exponential(struct wide x);      /* 2^x - 1, |x| < 1 */
struct wide x87_logarithm(struct wide x);        /* to the base 2 */
struct wide x87_logarithm_plus_1(struct wide x); /* of 1 + x */
struct wide x87_arctangent(struct wide z);       /* 0 <= z <= 1 */

#endif
