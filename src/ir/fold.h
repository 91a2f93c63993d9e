/* Between build.c and fold.c. */
#ifndef IR_FOLD_H
#define IR_FOLD_H

#include "ir/build.h"

/* What the record would yield, if that is known already; else IR_NONE. May
 * put the record's operands into another order. */
ir_ref ir_fold_identity(struct ir_builder *b, struct ir_ins *ins);

#endif
