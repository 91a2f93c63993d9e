/*
 * Single operations on the host's own x87, which is as exact as the guest's:
 * the manual fixes every bit of them. Each loads the guest's control word
 * with its masks, since an unmasked exception changes what is left in the
 * register; the host does not trap, as no waiting instruction follows before
 * the exceptions are cleared.
 */
#include "guest/x86/x87.h"

/* Operands are pushed, then the operation runs; what it raised is taken, and
 * the result. */
#define BEGIN(control) __asm__ volatile("fninit\n\tfldcw %0" : : "m"(control))
#define RUN(text, ...) \
    __asm__ volatile(text "\n\tfnstsw %0\n\tfnclex\n\tfstpt %1\n\tfninit" \
                     : "=m"(r.status), "=m"(r.value) \
                     : __VA_ARGS__)

/* -- The eight of arithmetic ----------------------------------------------- */

struct x87_result x87_host_arithmetic(uint16_t control, enum x87_arithmetic op,
                                      long double x, enum x87_operand kind,
                                      const union x87_memory *y)
{
    struct x87_result r = {x, 0};

    BEGIN(control);
    switch (kind * 8 + op) {
#define ONE(op, name) \
    case X87_REGISTER * 8 + op: \
        RUN("fldt %3\n\tfldt %2\n\tf" name " %%st(1), %%st", "m"(x), \
            "m"(y->f80)); \
        break; \
    case X87_FLOAT * 8 + op: \
        RUN("fldt %2\n\tf" name "s %3", "m"(x), "m"(y->f32)); \
        break; \
    case X87_DOUBLE * 8 + op: \
        RUN("fldt %2\n\tf" name "l %3", "m"(x), "m"(y->f64)); \
        break; \
    case X87_WORD * 8 + op: \
        RUN("fldt %2\n\tfi" name "s %3", "m"(x), "m"(y->i16)); \
        break; \
    case X87_LONG * 8 + op: \
        RUN("fldt %2\n\tfi" name "l %3", "m"(x), "m"(y->i32)); \
        break;
        ONE(X87_FADD, "add")
        ONE(X87_FMUL, "mul")
        ONE(X87_FSUB, "sub")
        ONE(X87_FSUBR, "subr")
        ONE(X87_FDIV, "div")
        ONE(X87_FDIVR, "divr")
#undef ONE
#define ONE(kind, text, member) \
    case kind * 8 + X87_FCOM: \
    case kind * 8 + X87_FCOMP: \
        RUN(text, "m"(x), "m"(y->member)); \
        break;
        ONE(X87_REGISTER, "fldt %3\n\tfldt %2\n\tfcom %%st(1)", f80)
        ONE(X87_FLOAT, "fldt %2\n\tfcoms %3", f32)
        ONE(X87_DOUBLE, "fldt %2\n\tfcoml %3", f64)
        ONE(X87_WORD, "fldt %2\n\tficoms %3", i16)
        ONE(X87_LONG, "fldt %2\n\tficoml %3", i32)
#undef ONE
    }
    return r;
}

/* -- One and two registers ------------------------------------------------- */

struct x87_result x87_host_unary(uint16_t control, enum x87_unary op,
                                 long double x)
{
    struct x87_result r = {x, 0};

    BEGIN(control);
    switch (op) {
#define ONE(op, name) \
    case op: \
        RUN("fldt %2\n\t" name, "m"(x)); \
        break;
        ONE(X87_FSQRT, "fsqrt")
        ONE(X87_FRNDINT, "frndint")
        ONE(X87_FTST, "ftst")
        ONE(X87_FXAM, "fxam")
#undef ONE
    }
    return r;
}

struct x87_result x87_host_pair(uint16_t control, enum x87_pair op,
                                long double x, long double y)
{
    struct x87_result r = {x, 0};

    BEGIN(control);
    switch (op) {
#define ONE(op, name) \
    case op: \
        RUN("fldt %3\n\tfldt %2\n\t" name, "m"(x), "m"(y)); \
        break;
        ONE(X87_FSCALE, "fscale")
        ONE(X87_FPREM, "fprem")
        ONE(X87_FPREM1, "fprem1")
        ONE(X87_FUCOM, "fucom %%st(1)")
#undef ONE
    }
    return r;
}

/* The exponent; the significand goes where ST(0) is then. */
struct x87_result x87_host_extract(uint16_t control, long double x,
                                   long double *significand)
{
    struct x87_result r = {x, 0};

    BEGIN(control);
    __asm__ volatile("fldt %3\n\tfxtract\n\tfnstsw %0\n\tfnclex\n\t"
                     "fstpt %2\n\tfstpt %1\n\tfninit"
                     : "=m"(r.status), "=m"(r.value), "=m"(*significand)
                     : "m"(x));
    return r;
}

struct x87_result x87_host_constant(uint16_t control, unsigned which)
{
    struct x87_result r = {0, 0};

    BEGIN(control);
    switch (which) {
#define ONE(number, name) \
    case number: \
        RUN(name, "m"(which)); \
        break;
        ONE(0, "fld1")
        ONE(1, "fldl2t")
        ONE(2, "fldl2e")
        ONE(3, "fldpi")
        ONE(4, "fldlg2")
        ONE(5, "fldln2")
        ONE(6, "fldz")
#undef ONE
    }
    return r;
}

/* -- Memory ---------------------------------------------------------------- */

struct x87_result x87_host_load(uint16_t control, enum x87_operand kind,
                                const union x87_memory *from)
{
    struct x87_result r = {0, 0};

    BEGIN(control);
    switch (kind) {
#define ONE(kind, name, member) \
    case kind: \
        RUN(name " %2", "m"(from->member)); \
        break;
        ONE(X87_REGISTER, "fldt", f80)
        ONE(X87_FLOAT, "flds", f32)
        ONE(X87_DOUBLE, "fldl", f64)
        ONE(X87_WORD, "filds", i16)
        ONE(X87_LONG, "fildl", i32)
        ONE(X87_QUAD, "fildq", i64)
        ONE(X87_DECIMAL, "fbld", f80)
#undef ONE
    }
    return r;
}

struct x87_result x87_host_store(uint16_t control, enum x87_operand kind,
                                 bool truncate, long double x,
                                 union x87_memory *to)
{
    struct x87_result r = {x, 0};

    control |= truncate ? 0xc00 : 0;
    BEGIN(control);
    switch (kind) {
#define ONE(kind, name, member) \
    case kind: \
        __asm__ volatile("fldt %2\n\t" name " %1\n\tfnstsw %0\n\tfninit" \
                         : "=m"(r.status), "+m"(to->member) \
                         : "m"(x)); \
        break;
        ONE(X87_REGISTER, "fstpt", f80)
        ONE(X87_FLOAT, "fstps", f32)
        ONE(X87_DOUBLE, "fstpl", f64)
        ONE(X87_WORD, "fistps", i16)
        ONE(X87_LONG, "fistpl", i32)
        ONE(X87_QUAD, "fistpq", i64)
        ONE(X87_DECIMAL, "fbstp", f80)
#undef ONE
    }
    return r;
}
