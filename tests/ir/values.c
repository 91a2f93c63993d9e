/*
 * The value of each scalar op, against a model that goes bit by bit; it uses
 * no host instruction, so it holds on every host. Vector arithmetic is
 * compared with the host in tests/test_eval.c; here are the ops that move
 * lanes. Whatever lies in the unused bytes of an operand or result: a result
 * must leave them zero.
 */
#include "fake.h"

#include <string.h>

#define ROUNDS 4000

static union ir_value eval(enum ir_op op, enum ir_type type, uint32_t imm,
                           const union ir_value *a, const union ir_value *b,
                           const union ir_value *c)
{
    struct ir_ins ins = {.op = (uint16_t)op, .type = (uint8_t)type, .imm = imm};
    union ir_value result;

    memset(&result, 0xee, sizeof(result));
    ir_eval(&ins, a, b, c, &result);
    return result;
}

static union ir_value scalar(uint64_t value)
{
    return (union ir_value){.v64 = {value, 0}};
}

static uint64_t cut(uint64_t value, unsigned width)
{
    return width == 64 ? value : value & ((1ull << width) - 1);
}

static unsigned bit(uint64_t value, unsigned n)
{
    return value >> n & 1;
}

/* Copies the low `from` bits and repeats the last of them upwards. */
static uint64_t widen(uint64_t x, unsigned from, bool sign, unsigned width)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < width; i++) {
        r |= (uint64_t)(i < from ? bit(x, i) : sign && bit(x, from - 1)) << i;
    }
    return r;
}

/* Long addition; subtraction is addition of the complement, with the carry
 * turned round on both ends. */
static uint64_t add_bits(uint64_t x, uint64_t y, unsigned carry, bool sub,
                         unsigned width, uint32_t *flags)
{
    uint64_t sum = 0;
    unsigned last = 0, parity = 0;

    *flags = FL_ONE;
    carry ^= sub;
    for (unsigned i = 0; i < width; i++) {
        unsigned p = bit(x, i), q = bit(y, i) ^ sub;

        sum |= (uint64_t)(p ^ q ^ carry) << i;
        last = carry;
        carry = (p & q) | (p & carry) | (q & carry);
        if (i == 3 && carry != sub) {
            *flags |= FL_AF;
        }
        parity ^= i < 8 ? bit(sum, i) : 0;
    }
    *flags |= (carry != sub ? FL_CF : 0) | (carry != last ? FL_OF : 0) |
              (parity ? 0 : FL_PF) | (sum ? 0 : FL_ZF) |
              (bit(sum, width - 1) ? FL_SF : 0);
    return sum;
}

/* -- Models: the value as 64 bits, to be cut to the result's width ----------
 */

static uint64_t shift_bits(unsigned op, uint64_t x, uint64_t count,
                           unsigned width)
{
    unsigned n = (unsigned)(count % width);
    uint64_t r = 0;

    for (unsigned i = 0; i < width; i++) {
        unsigned up = (i + n) % width, down = (i + width - n) % width;
        unsigned b = op == IR_rotl   ? bit(x, down)
                     : op == IR_rotr ? bit(x, up)
                     : op == IR_shl  ? i >= n && bit(x, down)
                     : i + n < width ? bit(x, up)
                     : op == IR_sar  ? bit(x, width - 1)
                                     : 0;

        r |= (uint64_t)b << i;
    }
    return r;
}

static uint64_t multiply_bits(unsigned op, uint64_t x, uint64_t y,
                              unsigned width)
{
    uint64_t low = 0, high = 0; /* of 2 * width bits */
    uint32_t flags;

    for (unsigned i = width; i-- > 0;) {
        high = cut(high << 1 | bit(low, width - 1), width);
        low = cut(low << 1, width);
        if (bit(y, i)) {
            low = add_bits(low, x, 0, false, width, &flags);
            high += flags & FL_CF ? 1 : 0;
        }
    }
    if (op == IR_mulhs) { /* a negative factor counted 2^width too much */
        high -= (bit(x, width - 1) ? y : 0) + (bit(y, width - 1) ? x : 0);
    }
    return op == IR_mul ? low : high;
}

static uint64_t count_bits(unsigned op, uint64_t x, unsigned width)
{
    unsigned ones = 0, first = width, last = width;
    uint64_t swapped = 0;

    for (unsigned i = 0; i < width; i++) {
        ones += bit(x, i);
        first = bit(x, i) && first == width ? i : first;
        last = bit(x, i) ? width - 1 - i : last;
        swapped |= (uint64_t)bit(x, i) << ((width - 8 - i / 8 * 8) + i % 8);
    }
    return op == IR_popcnt ? ones
           : op == IR_ctz  ? first
           : op == IR_clz  ? last
                           : swapped;
}

/* Less, by the signs and the borrow of a subtraction. */
static uint64_t compare_bits(unsigned op, uint64_t x, uint64_t y,
                             unsigned width)
{
    uint32_t flags;
    bool equal = add_bits(x, y, 0, true, width, &flags) == 0;
    bool under = flags & FL_CF;
    bool less = !(flags & FL_SF) != !(flags & FL_OF);

    return op == IR_eq    ? equal
           : op == IR_ne  ? !equal
           : op == IR_ult ? under
           : op == IR_ule ? under || equal
           : op == IR_slt ? less
                          : less || equal;
}

static uint64_t deposit_bits(unsigned op, uint64_t x, uint64_t y)
{
    unsigned at = op == IR_dep8h ? 8 : 0, n = op == IR_dep16 ? 16 : 8;

    for (unsigned i = 0; i < n; i++) {
        x &= ~(1ull << (at + i));
        x |= (uint64_t)bit(y, i) << (at + i);
    }
    return x;
}

static uint64_t model(unsigned op, uint64_t x, uint64_t y, uint64_t z,
                      unsigned width)
{
    uint32_t flags;
    uint64_t r = 0;

    switch (op) {
    case IR_add:
        return add_bits(x, y, 0, false, width, &flags);
    case IR_sub:
        return add_bits(x, y, 0, true, width, &flags);
    case IR_neg:
        return add_bits(0, x, 0, true, width, &flags);
    case IR_mul ... IR_mulhs:
        return multiply_bits(op, x, y, width);
    case IR_and ... IR_xor:
    case IR_not:
        for (unsigned i = 0; i < width; i++) {
            unsigned p = bit(x, i), q = bit(y, i);

            r |= (uint64_t)(op == IR_and   ? p && q
                            : op == IR_or  ? p || q
                            : op == IR_xor ? p != q
                                           : !p)
                 << i;
        }
        return r;
    case IR_shl ... IR_rotr:
        return shift_bits(op, x, (uint32_t)y, width);
    case IR_bswap ... IR_popcnt:
        return count_bits(op, x, width);
    case IR_zext32:
    case IR_sext32:
        return widen(x, 32, op == IR_sext32, 64);
    case IR_trunc:
        return cut(x, 32);
    case IR_zext8 ... IR_sext16:
        return widen(x, op == IR_zext8 || op == IR_sext8 ? 8 : 16,
                     op == IR_sext8 || op == IR_sext16, width);
    case IR_dep8 ... IR_dep16:
        return deposit_bits(op, x, y);
    case IR_eq ... IR_sle:
        return compare_bits(op, x, y, width);
    default:
        return (uint32_t)x ? y : z;
    }
}

/* -- Tests ----------------------------------------------------------------- */

/* An operand as the row's letter says. */
static uint64_t random_operand(char letter, unsigned width)
{
    uint64_t value = below(8) ? interesting() : 0;

    return letter == 'L' || (letter == 'W' && width == 64) ? value
                                                           : (uint32_t)value;
}

static bool op_agrees(unsigned op, unsigned width)
{
    const struct ir_op_row *row = &ir_op_rows[op];
    enum ir_type type = width == 64 ? IR_I64 : IR_I32;
    unsigned out = row->result == 'I' ? 32 : row->result == 'L' ? 64 : width;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t x = random_operand(row->arg[0], width);
        uint64_t y = random_operand(row->arg[1], width);
        uint64_t z = random_operand(row->arg[2], width);
        union ir_value a = scalar(x), b = scalar(y), c = scalar(z);
        union ir_value r = eval(op, type, 0, &a, &b, &c);
        union ir_value m = scalar(cut(model(op, x, y, z, width), out));

        if (memcmp(&r, &m, sizeof(r))) {
            return false;
        }
    }
    return true;
}

static void test_scalars(void)
{
    for (unsigned op = IR_add; op <= IR_select; op++) {
        bool good = true;

        if (op != IR_trunc) {
            good = good && op_agrees(op, 32);
        }
        if (op != IR_zext32 && op != IR_sext32) {
            good = good && op_agrees(op, 64);
        }
        expect(good, "value of %s", ir_op_rows[op].name);
    }
}

static bool flags_agree(unsigned op, unsigned width, uint64_t x, uint64_t y,
                        unsigned carry)
{
    bool carries = op == IR_fl_adc || op == IR_fl_sbb;
    bool sub = op == IR_fl_sub || op == IR_fl_sbb;
    union ir_value a = scalar(x), b = scalar(y), c = scalar(carry);
    union ir_value r = eval(op, width == 64 ? IR_I64 : IR_I32, width, &a, &b,
                            &c),
                   m;
    uint32_t flags;

    if (op == IR_fl_logic) { /* those of 0 + x that the result decides */
        y = 0;
    }
    add_bits(x, y, carries ? carry : 0, sub, width, &flags);
    m = scalar(flags);
    return !memcmp(&r, &m, sizeof(r));
}

static void test_flags(void)
{
    for (unsigned op = IR_fl_add; op <= IR_fl_logic; op++) {
        bool good = true;

        for (unsigned i = 0; i < 0x20000; i++) {
            good = good && flags_agree(op, 8, i & 0xff, i >> 8 & 0xff, i >> 16);
        }
        for (unsigned i = 0; i < ROUNDS; i++) {
            unsigned width = 8u << below(4);
            uint64_t x = random_operand('W', width);
            uint64_t y = below(4) ? random_operand('W', width) : x;

            good = good && flags_agree(op, width, x, y, i & 1);
        }
        expect(good, "value of %s: width 8 in full, others at random",
               ir_op_rows[op].name);
    }
}

/* Lane k of n bits, out of a v128. */
static uint64_t lane(const union ir_value *v, unsigned n, unsigned k)
{
    uint64_t value = 0;

    memcpy(&value, v->v8 + n / 8 * k, n / 8);
    return value;
}

static void test_lanes(void)
{
    static const struct {
        enum ir_op extract, insert, mask;
        unsigned width;
    } rows[] = {{IR_nop, IR_vins16, IR_vmovmskb, 16},
                {IR_vlane32, IR_vins32, IR_vmovmskps, 32},
                {IR_vlane64, IR_vins64, IR_vmovmskpd, 64}};
    bool good[3] = {true, true, true};

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned which = i % 3, n = rows[which].width, k = below(128 / n);
        unsigned sign = which ? n : 8;
        union ir_value a, b = scalar(random_operand('W', n)), r;
        uint64_t mask = 0;

        a.v64[0] = interesting();
        a.v64[1] = interesting();
        if (which) {
            r = eval(rows[which].extract, 0, k, &a, NULL, NULL);
            good[0] = good[0] && r.v64[0] == lane(&a, n, k) && !r.v64[1];
        }
        r = eval(rows[which].insert, IR_V128, k, &a, &b, NULL);
        for (unsigned j = 0; j < 128 / n; j++) {
            good[1] = good[1] && lane(&r, n, j) ==
                                     (j == k ? cut(b.u64, n) : lane(&a, n, j));
        }
        for (unsigned j = 0; j < 128 / sign; j++) {
            mask |= lane(&a, sign, j) >> (sign - 1) << j;
        }
        r = eval(rows[which].mask, IR_I32, 0, &a, NULL, NULL);
        good[2] = good[2] && r.v64[0] == mask && !r.v64[1];
    }
    expect(good[0], "value of vlane32, vlane64");
    expect(good[1], "value of vins16, vins32, vins64");
    expect(good[2], "value of vmovmskb, vmovmskps, vmovmskpd");
}

static void test_vzext(void)
{
    union ir_value a = {.v64 = {0x123456789abcdef0, 7}};
    union ir_value r32 = eval(IR_vzext, IR_I32, 0, &a, NULL, NULL);
    union ir_value r64 = eval(IR_vzext, IR_I64, 0, &a, NULL, NULL);

    expect(r32.v64[0] == 0x9abcdef0 && !r32.v64[1] && r64.v64[0] == a.v64[0] &&
               !r64.v64[1],
           "value of vzext");
}

void test_values(void)
{
    rnd_seed(20);
    test_scalars();
    test_flags();
    test_lanes();
    test_vzext();
}
