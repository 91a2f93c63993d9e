/* Between eval.c and eval_vec.c. */
#ifndef IR_EVAL_H
#define IR_EVAL_H

#include "ir/ir.h"

void ir_eval_vec(const struct ir_ins *ins, const union ir_value *a,
                 const union ir_value *b, union ir_value *result);

#endif
