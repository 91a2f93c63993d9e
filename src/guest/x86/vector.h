/* What the files that translate SSE share. */
#ifndef GUEST_X86_VECTOR_H
#define GUEST_X86_VECTOR_H

#include "guest/x86/translate.h"

/* SSE is off in this mode: the unit ends with the exception, true. */
bool x86_sse_off(struct x86_translator *t);
ir_ref x86_get_xmm(struct x86_translator *t, unsigned place);
void x86_set_xmm(struct x86_translator *t, unsigned place, ir_ref value);
/* A register, or memory of the operand's size, zero-extended. */
ir_ref x86_read_vector(struct x86_translator *t, unsigned place, bool aligned);
/* fp.c: a floating-point op of two vectors. */
ir_ref x86_float(struct x86_translator *t, enum ir_op op, ir_ref x, ir_ref y,
                 uint32_t imm);

#endif
