/* The rows of ops.def as a table. */
#include "ir/ir.h"

#define N '-'
#define W 'W'
#define I 'I'
#define L 'L'
#define V 'V'
#define X 'X'
#define PURE IR_PURE
#define STATE IR_STATE
#define FLOAT IR_FLOAT_EFFECT
#define FAULT IR_FAULT
#define EXIT IR_EXIT_EFFECT
#define MARK IR_MARK

const struct ir_op_row ir_op_rows[IR_OP_COUNT] = {
#define IR_OP(name, ret, a, b, c, d, effect) \
    [IR_##name] = {#name, ret, {a, b, c, d}, effect},
#include "ir/ops.def"
#undef IR_OP
};
