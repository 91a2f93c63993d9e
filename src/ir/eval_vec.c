/*
 * The value of each vector op, lane by lane. A two-operand op is what the
 * SSE2 instruction of its name does.
 */
#include "ir/eval.h"

#include "base/error.h"

#include <string.h>

/* The signed and wider views that union ir_value leaves out. */
union lanes {
    union ir_value value;
    uint8_t u8[16];
    int8_t s8[16];
    uint16_t u16[8];
    int16_t s16[8];
    uint32_t u32[4];
    int32_t s32[4];
    uint64_t u64[2];
};

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* One loop over the lanes of a view; x and y are the operands' lanes. */
#define EACH(n, view, expression) \
    for (unsigned i = 0; i < (n); i++) { \
        __auto_type x = a->view[i]; \
        __auto_type y = b->view[i]; \
        (void)x, (void)y; \
        r->view[i] = (__typeof__(r->view[0]))(expression); \
    } \
    return true

static bool arithmetic(unsigned op, const union lanes *a, const union lanes *b,
                       union lanes *r)
{
    switch (op) {
    case IR_paddb:
        EACH(16, u8, x + y);
    case IR_paddw:
        EACH(8, u16, x + y);
    case IR_paddd:
        EACH(4, u32, x + y);
    case IR_paddq:
        EACH(2, u64, x + y);
    case IR_psubb:
        EACH(16, u8, x - y);
    case IR_psubw:
        EACH(8, u16, x - y);
    case IR_psubd:
        EACH(4, u32, x - y);
    case IR_psubq:
        EACH(2, u64, x - y);
    case IR_paddsb:
        EACH(16, s8, clamp(x + y, -128, 127));
    case IR_paddsw:
        EACH(8, s16, clamp(x + y, -32768, 32767));
    case IR_paddusb:
        EACH(16, u8, clamp(x + y, 0, 255));
    case IR_paddusw:
        EACH(8, u16, clamp(x + y, 0, 65535));
    case IR_psubsb:
        EACH(16, s8, clamp(x - y, -128, 127));
    case IR_psubsw:
        EACH(8, s16, clamp(x - y, -32768, 32767));
    case IR_psubusb:
        EACH(16, u8, clamp(x - y, 0, 255));
    case IR_psubusw:
        EACH(8, u16, clamp(x - y, 0, 65535));
    case IR_pavgb:
        EACH(16, u8, (x + y + 1) >> 1);
    case IR_pavgw:
        EACH(8, u16, (x + y + 1) >> 1);
    case IR_pminub:
        EACH(16, u8, x < y ? x : y);
    case IR_pminsw:
        EACH(8, s16, x < y ? x : y);
    case IR_pmaxub:
        EACH(16, u8, x > y ? x : y);
    case IR_pmaxsw:
        EACH(8, s16, x > y ? x : y);
    }
    return false;
}

static bool multiply(unsigned op, const union lanes *a, const union lanes *b,
                     union lanes *r)
{
    switch (op) {
    case IR_pmullw:
        EACH(8, u16, (uint32_t)x * y);
    case IR_pmulhw:
        EACH(8, s16, ((int32_t)x * y) >> 16);
    case IR_pmulhuw:
        EACH(8, u16, ((uint32_t)x * y) >> 16);
    case IR_pmuludq:
        EACH(2, u64, (uint64_t)(uint32_t)x * (uint32_t)y);
    case IR_pmaddwd:
        for (unsigned i = 0; i < 4; i++) {
            r->u32[i] = (uint32_t)((int32_t)a->s16[2 * i] * b->s16[2 * i]) +
                        (uint32_t)((int32_t)a->s16[2 * i + 1] *
                                   b->s16[2 * i + 1]);
        }
        return true;
    case IR_psadbw:
        for (unsigned i = 0; i < 16; i++) {
            int difference = a->u8[i] - b->u8[i];

            r->u64[i / 8] += (uint64_t)(difference < 0 ? -difference
                                                       : difference);
        }
        return true;
    }
    return false;
}

static bool compare_and_logic(unsigned op, const union lanes *a,
                              const union lanes *b, union lanes *r)
{
    switch (op) {
    case IR_pcmpeqb:
        EACH(16, u8, x == y ? -1 : 0);
    case IR_pcmpeqw:
        EACH(8, u16, x == y ? -1 : 0);
    case IR_pcmpeqd:
        EACH(4, u32, x == y ? -1 : 0);
    case IR_pcmpgtb:
        EACH(16, s8, x > y ? -1 : 0);
    case IR_pcmpgtw:
        EACH(8, s16, x > y ? -1 : 0);
    case IR_pcmpgtd:
        EACH(4, s32, x > y ? -1 : 0);
    case IR_pand:
        EACH(2, u64, x & y);
    case IR_pandn:
        EACH(2, u64, ~x & y);
    case IR_por:
        EACH(2, u64, x | y);
    case IR_pxor:
        EACH(2, u64, x ^ y);
    }
    return false;
}

/* Shifts of all lanes by the low 64 bits of b. */
static bool shift(unsigned op, const union lanes *a, const union lanes *b,
                  union lanes *r)
{
    uint64_t n = b->u64[0];

    switch (op) {
    case IR_psllw:
        EACH(8, u16, n > 15 ? 0 : x << n);
    case IR_pslld:
        EACH(4, u32, n > 31 ? 0 : x << n);
    case IR_psllq:
        EACH(2, u64, n > 63 ? 0 : x << n);
    case IR_psrlw:
        EACH(8, u16, n > 15 ? 0 : x >> n);
    case IR_psrld:
        EACH(4, u32, n > 31 ? 0 : x >> n);
    case IR_psrlq:
        EACH(2, u64, n > 63 ? 0 : x >> n);
    case IR_psraw:
        EACH(8, s16, x >> (n > 15 ? 15 : n));
    case IR_psrad:
        EACH(4, s32, x >> (n > 31 ? 31 : n));
    }
    return false;
}

/* Lanes of `size` bytes of a and b in turn, from byte `from` on. */
static bool interleave(const union lanes *a, const union lanes *b,
                       union lanes *r, unsigned size, unsigned from)
{
    for (unsigned i = 0; i < 8 / size; i++) {
        memcpy(r->u8 + 2 * i * size, a->u8 + from + i * size, size);
        memcpy(r->u8 + (2 * i + 1) * size, b->u8 + from + i * size, size);
    }
    return true;
}

static bool pack_and_unpack(unsigned op, const union lanes *a,
                            const union lanes *b, union lanes *r)
{
    switch (op) {
    case IR_punpcklbw:
        return interleave(a, b, r, 1, 0);
    case IR_punpcklwd:
        return interleave(a, b, r, 2, 0);
    case IR_punpckldq:
        return interleave(a, b, r, 4, 0);
    case IR_punpcklqdq:
        return interleave(a, b, r, 8, 0);
    case IR_punpckhbw:
        return interleave(a, b, r, 1, 8);
    case IR_punpckhwd:
        return interleave(a, b, r, 2, 8);
    case IR_punpckhdq:
        return interleave(a, b, r, 4, 8);
    case IR_punpckhqdq:
        return interleave(a, b, r, 8, 8);
    }
    for (unsigned i = 0; i < 16; i++) {
        const union lanes *from = i < (op == IR_packssdw ? 4 : 8) ? a : b;

        if (op == IR_packsswb) {
            r->s8[i] = (int8_t)clamp(from->s16[i % 8], -128, 127);
        } else if (op == IR_packuswb) {
            r->u8[i] = (uint8_t)clamp(from->s16[i % 8], 0, 255);
        } else if (op == IR_packssdw && i < 8) {
            r->s16[i] = (int16_t)clamp(from->s32[i % 4], -32768, 32767);
        }
    }
    return op == IR_packsswb || op == IR_packuswb || op == IR_packssdw;
}

/* -- Ops with an immediate ------------------------------------------------- */

static void lanes_of(const struct ir_ins *ins, const union lanes *a,
                     const union lanes *b, union lanes *r)
{
    unsigned imm = ins->imm;

    switch (ins->op) {
    case IR_vzext:
        r->u64[0] = ins->type == IR_I64 ? a->u64[0] : a->u32[0];
        break;
    case IR_vlane32:
        r->u64[0] = a->u32[imm & 3];
        break;
    case IR_vlane64:
        r->u64[0] = a->u64[imm & 1];
        break;
    case IR_vins16:
        *r = *a;
        r->u16[imm & 7] = b->u16[0];
        break;
    case IR_vins32:
        *r = *a;
        r->u32[imm & 3] = b->u32[0];
        break;
    case IR_vins64:
        *r = *a;
        r->u64[imm & 1] = b->u64[0];
        break;
    }
}

static void shuffle(const struct ir_ins *ins, const union lanes *a,
                    const union lanes *b, union lanes *r)
{
    unsigned imm = ins->imm;

    for (unsigned i = 0; i < 4; i++) {
        unsigned from = imm >> (2 * i) & 3;

        switch (ins->op) {
        case IR_vshufd:
            r->u32[i] = a->u32[from];
            break;
        case IR_vshufps:
            r->u32[i] = (i < 2 ? a : b)->u32[from];
            break;
        case IR_vshuflw:
            r->u16[i] = a->u16[from];
            r->u16[i + 4] = a->u16[i + 4];
            break;
        case IR_vshufhw:
            r->u16[i] = a->u16[i];
            r->u16[i + 4] = a->u16[from + 4];
            break;
        }
    }
    if (ins->op == IR_vshufpd) {
        r->u64[0] = a->u64[imm & 1];
        r->u64[1] = b->u64[imm >> 1 & 1];
    }
}

static void bytes_and_masks(const struct ir_ins *ins, const union lanes *a,
                            union lanes *r)
{
    unsigned imm = ins->imm < 16 ? ins->imm : 16;

    switch (ins->op) {
    case IR_vbslli:
        memcpy(r->u8 + imm, a->u8, 16 - imm);
        break;
    case IR_vbsrli:
        memcpy(r->u8, a->u8 + imm, 16 - imm);
        break;
    case IR_vmovmskb:
        for (unsigned i = 0; i < 16; i++) {
            r->u64[0] |= (uint64_t)(a->u8[i] >> 7) << i;
        }
        break;
    case IR_vmovmskps:
        for (unsigned i = 0; i < 4; i++) {
            r->u64[0] |= (uint64_t)(a->u32[i] >> 31) << i;
        }
        break;
    case IR_vmovmskpd:
        r->u64[0] = a->u64[0] >> 63 | a->u64[1] >> 63 << 1;
        break;
    }
}

void ir_eval_vec(const struct ir_ins *ins, const union ir_value *a,
                 const union ir_value *b, union ir_value *result)
{
    union lanes x = {.value = *a}, y = {.u64 = {0, 0}};
    union lanes r = {.u64 = {0, 0}};

    if (b) {
        y.value = *b;
    }
    if (ins->op >= IR_vzext && ins->op <= IR_vins64) {
        lanes_of(ins, &x, &y, &r);
    } else if (ins->op >= IR_vshufd && ins->op <= IR_vshufpd) {
        shuffle(ins, &x, &y, &r);
    } else if (ins->op >= IR_vbslli) {
        bytes_and_masks(ins, &x, &r);
    } else if (!arithmetic(ins->op, &x, &y, &r) &&
               !multiply(ins->op, &x, &y, &r) &&
               !compare_and_logic(ins->op, &x, &y, &r) &&
               !shift(ins->op, &x, &y, &r) &&
               !pack_and_unpack(ins->op, &x, &y, &r)) {
        panda_bug("vector op %u has no value", ins->op);
    }
    *result = r.value;
}
