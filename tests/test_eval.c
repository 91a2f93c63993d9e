/*
 * The values of pure ops against the host's own instructions: every vector
 * op of vec.def, flags at every width, conditions, shifts and multiplies, on
 * random and on extreme operands.
 */
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int passed, failed;
static uint64_t state = 2463534242ull;
static uint8_t *code;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Often near a limit of some width. */
static uint64_t interesting(void)
{
    static const uint64_t base[] = {
        0,          0x7f,       0x80,       0xff,       0x7fff,
        0x8000,     0xffff,     0x7fffffff, 0x80000000, 0xffffffff,
        ~0ull >> 1, 1ull << 63, ~0ull,      0x0f,       0x10};

    return rnd() % 2 ? rnd() : base[rnd() % 15] + rnd() % 3 - 1;
}

static uint64_t value_of(enum ir_op op, enum ir_type type, uint32_t imm,
                         uint64_t x, uint64_t y, uint64_t z)
{
    struct ir_ins ins = {.op = op, .type = type, .imm = imm};
    union ir_value a = {.v64 = {x}}, b = {.v64 = {y}}, c = {.v64 = {z}}, r;

    ir_eval(&ins, &a, &b, &c, &r);
    return r.u64;
}

/* -- Scalars --------------------------------------------------------------- */

/* EFLAGS bits of interest, from the IR's layout. */
static uint64_t eflags_of(uint64_t flags)
{
    return (flags >> 8 & 0xd5) | (flags & FL_OF) << 11;
}

#define HOST(name, instruction, type) \
    static uint64_t host_##name(uint64_t x, uint64_t y, uint64_t carry) \
    { \
        uint64_t flags; \
        type to = (type)x, from = (type)y; \
\
        __asm__ volatile("btq $0, %3\n\t" instruction \
                         " %2, %1\n\tpushfq\n\tpopq %0" \
                         : "=&r"(flags), "+&q"(to) \
                         : "q"(from), "r"(carry) \
                         : "cc"); \
        return flags & 0x8d5; \
    }
#define HOSTS(name) \
    HOST(name##8, #name "b", uint8_t) \
    HOST(name##16, #name "w", uint16_t) \
    HOST(name##32, #name "l", uint32_t) \
    HOST(name##64, #name "q", uint64_t)
HOSTS(add)
HOSTS(sub)
HOSTS(adc)
HOSTS(sbb)

static const struct {
    const char *name;
    enum ir_op op;
    unsigned width;
    uint64_t (*host)(uint64_t, uint64_t, uint64_t);
} flag_ops[] = {
#define ROW(name, w) \
    { \
#name #w, IR_fl_##name, w, host_##name##w \
    }
#define ROWS(name) ROW(name, 8), ROW(name, 16), ROW(name, 32), ROW(name, 64)
    ROWS(add),
    ROWS(sub),
    ROWS(adc),
    ROWS(sbb),
};

static void test_flags(void)
{
    for (unsigned k = 0; k < sizeof(flag_ops) / sizeof(flag_ops[0]); k++) {
        bool good = true;
        char text[64];

        for (unsigned i = 0; i < 20000; i++) {
            uint64_t x = interesting(), y = interesting(), carry = rnd() & 1;
            uint64_t flags = value_of(flag_ops[k].op,
                                      flag_ops[k].width == 64 ? IR_I64 : IR_I32,
                                      flag_ops[k].width, x, y, carry);

            good = good && eflags_of(flags) == flag_ops[k].host(x, y, carry) &&
                   (flags & ~(uint64_t)FL_ALL) == FL_ONE;
        }
        snprintf(text, sizeof(text), "flags of %s", flag_ops[k].name);
        expect(good, text);
    }
}

static void test_conditions(void)
{
    bool good = true;

    for (unsigned i = 0; i < 64; i++) {
        uint32_t flags = FL_ONE | (i & 1 ? FL_OF : 0) | (i & 2 ? FL_CF : 0) |
                         (i & 4 ? FL_PF : 0) | (i & 8 ? FL_AF : 0) |
                         (i & 16 ? FL_ZF : 0) | (i & 32 ? FL_SF : 0);
        uint64_t eflags = eflags_of(flags) | 2;
        uint8_t set[16];

#define SET(n, cc) \
    __asm__ volatile("pushq %1\n\tpopfq\n\tset" cc " %0" \
                     : "=q"(set[n]) \
                     : "r"(eflags) \
                     : "cc")
        SET(0, "o");
        SET(1, "no");
        SET(2, "b");
        SET(3, "ae");
        SET(4, "e");
        SET(5, "ne");
        SET(6, "be");
        SET(7, "a");
        SET(8, "s");
        SET(9, "ns");
        SET(10, "p");
        SET(11, "np");
        SET(12, "l");
        SET(13, "ge");
        SET(14, "le");
        SET(15, "g");
        for (unsigned code = 0; code < 16; code++) {
            good = good &&
                   value_of(IR_fl_cc, IR_I32, code, flags, 0, 0) == set[code];
        }
    }
    expect(good, "the 16 conditions on all 64 flags");
}

static uint64_t host_shift(unsigned kind, bool wide, uint64_t x, uint64_t n)
{
    uint32_t narrow = (uint32_t)x;
    uint8_t count = (uint8_t)n;

#define SHIFT(k, name) \
    if (kind == (k) && wide) \
        __asm__(name "q %%cl, %0" : "+r"(x) : "c"(count) : "cc"); \
    else if (kind == (k)) \
        __asm__(name "l %%cl, %0" : "+r"(narrow) : "c"(count) : "cc");
    SHIFT(0, "shl")
    SHIFT(1, "shr")
    SHIFT(2, "sar")
    SHIFT(3, "rol")
    SHIFT(4, "ror")
    return wide ? x : narrow;
}

static void test_shifts(void)
{
    static const char *const names[] = {"shl", "shr", "sar", "rotl", "rotr"};

    for (unsigned kind = 0; kind < 5; kind++) {
        bool good = true;

        for (unsigned i = 0; i < 20000; i++) {
            uint64_t x = interesting(), n = rnd() & 255;

            good = good && value_of(IR_shl + kind, IR_I64, 0, x, n, 0) ==
                               host_shift(kind, true, x, n);
            good = good && value_of(IR_shl + kind, IR_I32, 0, x, n, 0) ==
                               host_shift(kind, false, x, n);
        }
        expect(good, names[kind]);
    }
}

static void test_multiply(void)
{
    bool good = true;

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t x = interesting(), y = interesting(), lo = x, hi;
        uint32_t lo32 = (uint32_t)x, hi32, from = (uint32_t)y;

        __asm__("mulq %2" : "+a"(lo), "=d"(hi) : "r"(y) : "cc");
        good = good && value_of(IR_mul, IR_I64, 0, x, y, 0) == lo &&
               value_of(IR_mulhu, IR_I64, 0, x, y, 0) == hi;
        lo = x;
        __asm__("imulq %2" : "+a"(lo), "=d"(hi) : "r"(y) : "cc");
        good = good && value_of(IR_mulhs, IR_I64, 0, x, y, 0) == hi;
        __asm__("imull %2" : "+a"(lo32), "=d"(hi32) : "r"(from) : "cc");
        good = good && value_of(IR_mulhs, IR_I32, 0, x, y, 0) == hi32 &&
               value_of(IR_mul, IR_I32, 0, x, y, 0) == lo32;
        lo32 = (uint32_t)x;
        __asm__("mull %2" : "+a"(lo32), "=d"(hi32) : "r"(from) : "cc");
        good = good && value_of(IR_mulhu, IR_I32, 0, x, y, 0) == hi32;
    }
    expect(good, "mul, mulhu, mulhs");
}

/* -- Vectors --------------------------------------------------------------- */

/* a = op(a, b) by `size` bytes of an instruction on xmm0 and xmm1. */
static void host_vector(const uint8_t *instruction, unsigned size,
                        union ir_value *a, const union ir_value *b)
{
    static const uint8_t load[] = {0xf3, 0x0f, 0x6f, 0x07,  /* xmm0 = [rdi] */
                                   0xf3, 0x0f, 0x6f, 0x0e}; /* xmm1 = [rsi] */
    static const uint8_t store[] = {0xf3, 0x0f, 0x7f, 0x07, 0xc3};
    void (*run)(union ir_value *, const union ir_value *);

    mprotect(code, 4096, PROT_READ | PROT_WRITE);
    memcpy(code, load, sizeof(load));
    memcpy(code + sizeof(load), instruction, size);
    memcpy(code + sizeof(load) + size, store, sizeof(store));
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
    memcpy(&run, &code, sizeof(run));
    run(a, b);
}

static bool vector_agrees(const struct ir_ins *ins, const uint8_t *bytes,
                          unsigned size, bool small_count)
{
    union ir_value a, b, r;

    for (unsigned i = 0; i < 300; i++) {
        a.v64[0] = interesting();
        a.v64[1] = interesting();
        b.v64[0] = small_count && i % 8 ? rnd() % 70 : interesting();
        b.v64[1] = interesting();
        ir_eval(ins, &a, &b, NULL, &r);
        host_vector(bytes, size, &a, &b);
        if (memcmp(&r, &a, sizeof(r))) {
            return false;
        }
    }
    return true;
}

static void test_vectors(void)
{
    static const struct {
        const char *name;
        enum ir_op op;
        uint8_t opcode;
    } rows[] = {
#define IR_VEC(name, prefix, opcode) {#name, IR_##name, opcode},
#include "ir/vec.def"
#undef IR_VEC
    };

    for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        struct ir_ins ins = {.op = rows[k].op, .type = IR_V128};
        uint8_t bytes[] = {0x66, 0x0f, rows[k].opcode, 0xc1};

        expect(vector_agrees(&ins, bytes, 4,
                             rows[k].op >= IR_psllw && rows[k].op <= IR_psrad),
               rows[k].name);
    }
}

static void test_immediates(void)
{
    static const struct {
        const char *name;
        enum ir_op op;
        uint8_t prefix, opcode, modrm;
    } rows[] = {
        {"vshufd", IR_vshufd, 0x66, 0x70, 0xc0},
        {"vshuflw", IR_vshuflw, 0xf2, 0x70, 0xc0},
        {"vshufhw", IR_vshufhw, 0xf3, 0x70, 0xc0},
        {"vshufps", IR_vshufps, 0x90, 0xc6, 0xc1},
        {"vshufpd", IR_vshufpd, 0x66, 0xc6, 0xc1},
        {"vbslli", IR_vbslli, 0x66, 0x73, 0xf8},
        {"vbsrli", IR_vbsrli, 0x66, 0x73, 0xd8},
    };

    for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        bool good = true;

        for (unsigned imm = 0; imm < 256; imm++) {
            struct ir_ins ins = {.op = rows[k].op, .type = IR_V128, .imm = imm};
            uint8_t bytes[] = {rows[k].prefix, 0x0f, rows[k].opcode,
                               rows[k].modrm, (uint8_t)imm};

            good = good && vector_agrees(&ins, bytes, 5, false);
        }
        expect(good, rows[k].name);
    }
}

int main(void)
{
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    if (code == MAP_FAILED) {
        abort();
    }
    test_flags();
    test_conditions();
    test_shifts();
    test_multiply();
    test_vectors();
    test_immediates();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
