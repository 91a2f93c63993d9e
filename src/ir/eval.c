/*
 * The value of each pure scalar op, in plain C: the meaning that every
 * backend has to match. Unused bytes of a result are zero. Vector ops are in
 * eval_vec.c.
 */
#include "ir/eval.h"

#include "base/error.h"

#include <string.h>

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? ~0ull : (1ull << width) - 1;
}

static int64_t sign_extend(uint64_t value, unsigned width)
{
    unsigned up = 64 - width;

    return (int64_t)(value << up) >> up;
}

/* -- Flags ----------------------------------------------------------------- */

/* ZF, SF and PF of a result. */
static uint32_t result_flags(uint64_t result, unsigned width)
{
    uint32_t flags = FL_ONE;

    result &= mask_of(width);
    flags |= result == 0 ? FL_ZF : 0;
    flags |= result >> (width - 1) ? FL_SF : 0;
    flags |= __builtin_parity((unsigned)result & 0xff) ? 0 : FL_PF;
    return flags;
}

static uint32_t add_flags(uint64_t x, uint64_t y, unsigned carry,
                          unsigned width)
{
    uint64_t mask = mask_of(width), sum;
    uint32_t flags;

    x &= mask;
    y &= mask;
    sum = (x + y + carry) & mask;
    flags = result_flags(sum, width);
    flags |= sum < x || (carry && sum == x) ? FL_CF : 0;
    flags |= (x ^ y ^ sum) & 0x10 ? FL_AF : 0;
    flags |= ((x ^ sum) & (y ^ sum)) >> (width - 1) ? FL_OF : 0;
    return flags;
}

static uint32_t sub_flags(uint64_t x, uint64_t y, unsigned borrow,
                          unsigned width)
{
    uint64_t mask = mask_of(width), difference;
    uint32_t flags;

    x &= mask;
    y &= mask;
    difference = (x - y - borrow) & mask;
    flags = result_flags(difference, width);
    flags |= x < y || (borrow && x == y) ? FL_CF : 0;
    flags |= (x ^ y ^ difference) & 0x10 ? FL_AF : 0;
    flags |= ((x ^ y) & (x ^ difference)) >> (width - 1) ? FL_OF : 0;
    return flags;
}

/* x86's condition codes: pairs, the odd one is the even one's contrary. */
static bool condition(uint32_t flags, unsigned code)
{
    bool less = !(flags & FL_SF) != !(flags & FL_OF);
    bool holds = false;

    switch (code >> 1) {
    case 0:
        holds = flags & FL_OF;
        break;
    case 1:
        holds = flags & FL_CF;
        break;
    case 2:
        holds = flags & FL_ZF;
        break;
    case 3:
        holds = flags & (FL_CF | FL_ZF);
        break;
    case 4:
        holds = flags & FL_SF;
        break;
    case 5:
        holds = flags & FL_PF;
        break;
    case 6:
        holds = less;
        break;
    case 7:
        holds = less || (flags & FL_ZF);
        break;
    }
    return holds != (code & 1);
}

static uint64_t eval_flags(const struct ir_ins *ins, uint64_t x, uint64_t y,
                           uint64_t z)
{
    switch (ins->op) {
    case IR_fl_add:
        return add_flags(x, y, 0, ins->imm);
    case IR_fl_sub:
        return sub_flags(x, y, 0, ins->imm);
    case IR_fl_adc:
        return add_flags(x, y, z & 1, ins->imm);
    case IR_fl_sbb:
        return sub_flags(x, y, z & 1, ins->imm);
    case IR_fl_logic:
        return result_flags(x, ins->imm);
    default:
        return condition((uint32_t)x, ins->imm & 15);
    }
}

/* -- Integers of `width` bits ---------------------------------------------- */

static uint64_t eval_shift(unsigned op, uint64_t x, uint64_t count,
                           unsigned width)
{
    unsigned n = (unsigned)count & (width - 1);

    switch (op) {
    case IR_shl:
        return x << n;
    case IR_shr:
        return x >> n;
    case IR_sar:
        return (uint64_t)(sign_extend(x, width) >> n);
    case IR_rotl:
        return n ? x << n | x >> (width - n) : x;
    default:
        return n ? x >> n | x << (width - n) : x;
    }
}

static uint64_t eval_count(unsigned op, uint64_t x, unsigned width)
{
    switch (op) {
    case IR_clz:
        return x ? (unsigned)__builtin_clzll(x) - (64 - width) : width;
    case IR_ctz:
        return x ? (unsigned)__builtin_ctzll(x) : width;
    case IR_popcnt:
        return (unsigned)__builtin_popcountll(x);
    default:
        return __builtin_bswap64(x) >> (64 - width);
    }
}

static uint64_t eval_mul(unsigned op, uint64_t x, uint64_t y, unsigned width)
{
    if (op == IR_mulhu) {
        return (uint64_t)(((unsigned __int128)x * y) >> width);
    }
    if (op == IR_mulhs) {
        return (uint64_t)(((__int128)sign_extend(x, width) *
                           sign_extend(y, width)) >>
                          width);
    }
    return x * y;
}

static uint64_t eval_compare(unsigned op, uint64_t x, uint64_t y,
                             unsigned width)
{
    switch (op) {
    case IR_eq:
        return x == y;
    case IR_ne:
        return x != y;
    case IR_ult:
        return x < y;
    case IR_ule:
        return x <= y;
    case IR_slt:
        return sign_extend(x, width) < sign_extend(y, width);
    default:
        return sign_extend(x, width) <= sign_extend(y, width);
    }
}

static uint64_t eval_width(unsigned op, uint64_t x, uint64_t y)
{
    switch (op) {
    case IR_zext8:
        return (uint8_t)x;
    case IR_zext16:
        return (uint16_t)x;
    case IR_sext8:
        return (uint64_t)(int8_t)x;
    case IR_sext16:
        return (uint64_t)(int16_t)x;
    case IR_sext32:
        return (uint64_t)(int32_t)x;
    case IR_dep8:
        return (x & ~0xffull) | (y & 0xff);
    case IR_dep8h:
        return (x & ~0xff00ull) | (y & 0xff) << 8;
    case IR_dep16:
        return (x & ~0xffffull) | (y & 0xffff);
    default: /* zext32, trunc */
        return (uint32_t)x;
    }
}

static uint64_t eval_scalar(const struct ir_ins *ins, uint64_t x, uint64_t y,
                            uint64_t z, unsigned width)
{
    switch (ins->op) {
    case IR_add:
        return x + y;
    case IR_sub:
        return x - y;
    case IR_and:
        return x & y;
    case IR_or:
        return x | y;
    case IR_xor:
        return x ^ y;
    case IR_neg:
        return -x;
    case IR_not:
        return ~x;
    case IR_mul ... IR_mulhs:
        return eval_mul(ins->op, x, y, width);
    case IR_shl ... IR_rotr:
        return eval_shift(ins->op, x, y, width);
    case IR_bswap ... IR_popcnt:
        return eval_count(ins->op, x, width);
    case IR_zext32 ... IR_dep16:
        return eval_width(ins->op, x, y);
    case IR_eq ... IR_sle:
        return eval_compare(ins->op, x, y, width);
    case IR_select:
        return (uint32_t)x ? y : z;
    case IR_fl_add ... IR_fl_cc:
        return eval_flags(ins, x, y, z);
    }
    panda_bug("op %u has no value", ins->op);
}

static bool is_vector(unsigned op)
{
    return op > IR_fl_cc;
}

static uint64_t low(const union ir_value *value, unsigned width)
{
    return !value ? 0 : width == 64 ? value->u64 : value->u32;
}

void ir_eval(const struct ir_ins *ins, const union ir_value *a,
             const union ir_value *b, const union ir_value *c,
             union ir_value *result)
{
    unsigned width = ins->type == IR_I64 ? 64 : 32;
    unsigned out = width;
    char letter = ir_op_rows[ins->op].result;
    uint64_t value;

    if (is_vector(ins->op)) {
        ir_eval_vec(ins, a, b, result);
        return;
    }
    if (ins->op == IR_trunc || ins->op == IR_sext32 || ins->op == IR_zext32) {
        width = ins->op == IR_trunc ? 64 : 32;
    }
    value = eval_scalar(ins, low(a, width), low(b, width), low(c, width),
                        width);
    out = letter == 'I' ? 32 : letter == 'L' ? 64 : out;
    memset(result, 0, sizeof(*result));
    result->u64 = out == 64 ? value : (uint32_t)value;
}
