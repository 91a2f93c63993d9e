/*
 * The x87, in C on the host's own x87: each operation loads the guest's
 * control word with all exceptions masked, works on 80-bit values, and takes
 * the flags it raised. What an unmasked exception would do comes at the next
 * x87 instruction, as #MF.
 *
 * The transcendental functions run on the host's instruction as well, whose
 * last bit can differ between vendors.
 */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"

#include <string.h>

/* -- The host's x87 -------------------------------------------------------- */

void x87_host_enter(const struct x86_cpu *x86)
{
    uint16_t control = x86->x87_control | 0x3f;

    __asm__ volatile("fninit\n\tfldcw %0" : : "m"(control));
}

/* Takes the flags; with C0..C3 when the operation sets them. */
void x87_host_leave(struct x86_cpu *x86, unsigned conditions)
{
    uint16_t status;

    __asm__ volatile("fnstsw %0\n\tfninit" : "=m"(status));
    x86->x87_status = (uint16_t)((x86->x87_status & ~(conditions | X87_C1)) |
                                 (status & (conditions | X87_C1)));
    x87_raise(x86, status);
}

static long double value_of(const struct x87_register *r)
{
    long double value = 0;

    memcpy(&value, r, 10);
    return value;
}

static struct x87_register register_of(long double value)
{
    struct x87_register r = {0};

    memcpy(&r, &value, 10);
    return r;
}

/* -- The stack ------------------------------------------------------------- */

static unsigned physical(const struct x86_cpu *x86, unsigned i)
{
    return (x86->x87_top + i) & 7;
}

static const struct x87_register indefinite = {0xc000000000000000ull, 0xffff,
                                               {0}};

/* ST(i); an empty one is an invalid operation, and reads as indefinite. */
long double x87_get(struct x86_cpu *x86, unsigned i)
{
    unsigned number = physical(x86, i);

    if (!(x86->x87_valid >> number & 1)) {
        x86->x87_status &= (uint16_t)~X87_C1;
        x87_raise(x86, X87_IE);
        x86->x87_status |= X87_SF;
        return value_of(&indefinite);
    }
    return value_of(&x86->x87[number]);
}

void x87_put(struct x86_cpu *x86, unsigned i, long double value)
{
    unsigned number = physical(x86, i);

    x86->x87[number] = register_of(value);
    x86->x87_valid |= (uint8_t)(1u << number);
}

void x87_pop(struct x86_cpu *x86)
{
    x86->x87_valid &= (uint8_t)~(1u << x86->x87_top);
    x86->x87_top = (x86->x87_top + 1) & 7;
}

void x87_push(struct x86_cpu *x86, long double value)
{
    x86->x87_top = (x86->x87_top - 1) & 7;
    if (x86->x87_valid >> x86->x87_top & 1) {
        x87_raise(x86, X87_IE);
        x86->x87_status |= X87_SF | X87_C1;
        value = value_of(&indefinite);
    }
    x87_put(x86, 0, value);
}

/* -- Arithmetic ------------------------------------------------------------ */

long double x87_arithmetic(struct x86_cpu *x86, unsigned op, long double x,
                              long double y)
{
    long double z = x;

    x87_host_enter(x86);
#define DO(name) \
    __asm__ volatile("fldt %1\n\tfldt %2\n\t" name " %%st, %%st(1)\n\t" \
                     "fstpt %0" : "=m"(z) : "m"(x), "m"(y))
    switch (op) {
    case X87_FADD:
        DO("faddp");
        break;
    case X87_FMUL:
        DO("fmulp");
        break;
    case X87_FSUB: /* AT&T names: fsubrp is st(1) - st there */
        __asm__ volatile("fldt %2\n\tfldt %1\n\tfsub %%st(1), %%st\n\t"
                         "fstpt %0" : "=m"(z) : "m"(x), "m"(y));
        break;
    case X87_FSUBR:
        __asm__ volatile("fldt %1\n\tfldt %2\n\tfsub %%st(1), %%st\n\t"
                         "fstpt %0" : "=m"(z) : "m"(x), "m"(y));
        break;
    case X87_FDIV:
        __asm__ volatile("fldt %2\n\tfldt %1\n\tfdiv %%st(1), %%st\n\t"
                         "fstpt %0" : "=m"(z) : "m"(x), "m"(y));
        break;
    case X87_FDIVR:
        __asm__ volatile("fldt %1\n\tfldt %2\n\tfdiv %%st(1), %%st\n\t"
                         "fstpt %0" : "=m"(z) : "m"(x), "m"(y));
        break;
    }
#undef DO
    x87_host_leave(x86, 0);
    return z;
}

/* C3 C2 C0 as X87_FCOM or FUCOM sets them. */
void x87_compare(struct x86_cpu *x86, long double x, long double y,
                    bool quiet)
{
    x87_host_enter(x86);
    if (quiet) {
        __asm__ volatile("fldt %1\n\tfldt %0\n\tfucom %%st(1)"
                         : : "m"(x), "m"(y));
    } else {
        __asm__ volatile("fldt %1\n\tfldt %0\n\tfcom %%st(1)"
                         : : "m"(x), "m"(y));
    }
    x87_host_leave(x86, X87_C0 | X87_C2 | X87_C3);
}

/* FCOMI: the conditions as EFLAGS, and the x87's own left alone. */
void x87_compare_flags(struct x86_cpu *x86, unsigned i, bool quiet)
{
    uint16_t before = x86->x87_status & (X87_C0 | X87_C2 | X87_C3), after;
    uint32_t flags = FL_ONE;

    x87_compare(x86, x87_get(x86, 0), x87_get(x86, i), quiet);
    after = x86->x87_status;
    flags |= after & X87_C0 ? FL_CF : 0;
    flags |= after & X87_C2 ? FL_PF : 0;
    flags |= after & X87_C3 ? FL_ZF : 0;
    x86->flags = flags;
    x86->x87_status = (uint16_t)((after & ~(X87_C0 | X87_C2 | X87_C3)) |
                                 before);
}

/* One of the eight, of ST(0) and y. */
void x87_operate(struct x86_cpu *x86, unsigned op, long double y)
{
    long double x = x87_get(x86, 0);

    if (op == X87_FCOM || op == X87_FCOMP) {
        x87_compare(x86, x, y, false);
        if (op == X87_FCOMP) {
            x87_pop(x86);
        }
    } else {
        x87_put(x86, 0, x87_arithmetic(x86, op, x, y));
    }
}

/* -- Memory operands ------------------------------------------------------- */

/* Exceptions that are pending come before any but the control instructions. */
void x87_check_pending(struct cpu *cpu)
{
    if (x86_of(cpu)->x87_status & X87_ES) {
        x86_fault(cpu, X86_MF);
    }
}

union integer { /* what FLD and FIST take and leave in memory */
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;
};

static long double load_float(struct cpu *cpu, uint64_t at, unsigned size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    union integer bits = {x86_read_implied(cpu, at, size, x86->cpl)};
    long double value;

    x87_host_enter(x86);
    if (size == 4) {
        __asm__ volatile("flds %1\n\tfstpt %0"
                         : "=m"(value) : "m"(bits.u32));
    } else {
        __asm__ volatile("fldl %1\n\tfstpt %0" : "=m"(value) : "m"(bits.u64));
    }
    x87_host_leave(x86, 0);
    return value;
}

static long double load_integer(struct cpu *cpu, uint64_t at, unsigned size)
{
    unsigned up = 64 - 8 * size;
    uint64_t bits = x86_read_implied(cpu, at, size, x86_of(cpu)->cpl);

    return (long double)((int64_t)(bits << up) >> up);
}

static void store_float(struct cpu *cpu, uint64_t at, unsigned size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    long double value = x87_get(x86, 0);
    union integer bits = {0};

    x87_host_enter(x86);
    if (size == 4) {
        __asm__ volatile("fldt %1\n\tfstps %0"
                         : "=m"(bits.u32) : "m"(value));
    } else {
        __asm__ volatile("fldt %1\n\tfstpl %0" : "=m"(bits.u64) : "m"(value));
    }
    x87_host_leave(x86, 0);
    x86_write_implied(cpu, at, size, bits.u64, x86->cpl);
}

static void store_integer(struct cpu *cpu, uint64_t at, unsigned size,
                          bool truncate)
{
    struct x86_cpu *x86 = x86_of(cpu);
    long double value = x87_get(x86, 0);
    uint16_t control = (uint16_t)(x86->x87_control | 0x3f |
                                  (truncate ? 0xc00 : 0));
    union integer bits = {0};

    x87_host_enter(x86);
    __asm__ volatile("fldcw %0" : : "m"(control));
    if (size == 2) {
        __asm__ volatile("fldt %1\n\tfistps %0"
                         : "=m"(bits.u16) : "m"(value));
    } else if (size == 4) {
        __asm__ volatile("fldt %1\n\tfistpl %0"
                         : "=m"(bits.u32) : "m"(value));
    } else {
        __asm__ volatile("fldt %1\n\tfistpq %0" : "=m"(bits.u64) : "m"(value));
    }
    x87_host_leave(x86, 0);
    x86_write_implied(cpu, at, size, bits.u64, x86->cpl);
}

static void load_extended(struct cpu *cpu, uint64_t at)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x87_register r = {0};

    r.significand = x86_read_implied(cpu, at, 8, x86->cpl);
    r.exponent = (uint16_t)x86_read_implied(cpu, at + 8, 2, x86->cpl);
    x87_push(x86, 0);
    x86->x87[x86->x87_top] = r;
}

static void store_extended(struct cpu *cpu, uint64_t at)
{
    struct x86_cpu *x86 = x86_of(cpu);
    struct x87_register r = register_of(x87_get(x86, 0));

    x86_write_implied(cpu, at + 8, 2, r.exponent, x86->cpl);
    x86_write_implied(cpu, at, 8, r.significand, x86->cpl);
    x87_pop(x86);
}

/* FLD, FST, FSTP of a float, or FILD, FIST, FISTP of an integer. */
static bool move_memory(struct cpu *cpu, unsigned op, uint64_t at,
                        unsigned size, bool integer)
{
    struct x86_cpu *x86 = x86_of(cpu);

    if (op == 0) {
        x87_push(x86, integer ? load_integer(cpu, at, size)
                          : load_float(cpu, at, size));
        return true;
    }
    if (op > 3 || (op == 1 && !integer)) {
        return false;
    }
    if (integer) {
        store_integer(cpu, at, size, op == 1);
    } else {
        store_float(cpu, at, size);
    }
    if (op != 2) {
        x87_pop(x86);
    }
    return true;
}

/* What is not a plain move or arithmetic. False: no such instruction. */
static bool other_memory(struct cpu *cpu, unsigned code, uint64_t at)
{
    struct x86_cpu *x86 = x86_of(cpu);

    switch (code) { /* opcode's digit, ModRM's digit */
    case 0x14:
    case 0x54:
        x87_load_environment(cpu, at, code == 0x54);
        return true;
    case 0x15:
        x86->x87_control =
            (uint16_t)x86_read_implied(cpu, at, 2, x86->cpl) | 0x40;
        x86->x87_status &= (uint16_t)~(X87_ES | 0x8000);
        x87_raise(x86, 0);
        return true;
    case 0x16:
    case 0x56:
        x87_store_environment(cpu, at, code == 0x56);
        return true;
    case 0x17:
        x86_write_implied(cpu, at, 2, x86->x87_control, x86->cpl);
        return true;
    case 0x57:
        x86_write_implied(cpu, at, 2, x87_status_word(x86), x86->cpl);
        return true;
    case 0x35:
        load_extended(cpu, at);
        return true;
    case 0x37:
        store_extended(cpu, at);
        return true;
    case 0x75:
        x87_push(x86, load_integer(cpu, at, 8));
        return true;
    case 0x77:
        store_integer(cpu, at, 8, false);
        x87_pop(x86);
        return true;
    default:
        return false;
    }
}

static bool is_control(unsigned code)
{
    return code == 0x16 || code == 0x17 || code == 0x56 || code == 0x57;
}

void x86_helper_x87_memory(struct cpu *cpu, uint32_t code, uint64_t at)
{
    static const uint8_t sizes[8] = {4, 4, 4, 4, 8, 8, 2, 2};
    unsigned opcode = code >> 8, digit = code >> 3 & 7;
    unsigned size = sizes[opcode];
    bool integer = opcode & 2, done = true;
    struct x86_cpu *x86 = x86_of(cpu);

    if (!is_control(opcode << 4 | digit)) {
        x87_check_pending(cpu);
    }
    if (!(opcode & 1)) {
        x87_operate(x86, digit, integer ? load_integer(cpu, at, size)
                                    : load_float(cpu, at, size));
    } else {
        /* FISTTP of 64 bits stands with the doubles. */
        if (opcode == 5 && digit == 1) {
            store_integer(cpu, at, 8, true);
            x87_pop(x86);
        } else {
            done = move_memory(cpu, digit, at, size, integer) ||
                   other_memory(cpu, opcode << 4 | digit, at);
        }
    }
    if (!done) {
        x86_fault(cpu, X86_UD);
    }
}
