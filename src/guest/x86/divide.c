/*
 * DIV and IDIV: in C, since they fault where no other instruction does. The
 * flags, which the manual leaves undefined, keep their values.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

static _Noreturn void fault(struct cpu *cpu)
{
    x86_note(cpu, X86_DE);
    cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
}

static void put(uint64_t *slot, unsigned size, uint64_t value)
{
    static const uint64_t kept[] = {
        [1] = ~0xffull, [2] = ~0xffffull, [4] = 0, [8] = 0};
    uint64_t mask = ~0ull >> (64 - 8 * size);

    *slot = (*slot & kept[size]) | (value & mask);
}

/* Quotient and remainder into AL and AH, or the accumulator and rDX. */
static void put_both(struct x86_cpu *x86, unsigned size, uint64_t quotient,
                     uint64_t remainder)
{
    if (size == 1) {
        put(&x86->gpr[0], 2, (quotient & 0xff) | (remainder & 0xff) << 8);
    } else {
        put(&x86->gpr[0], size, quotient);
        put(&x86->gpr[2], size, remainder);
    }
}

static unsigned __int128 dividend(const struct x86_cpu *x86, unsigned size)
{
    uint64_t mask = ~0ull >> (64 - 8 * size);

    if (size == 1) {
        return x86->gpr[0] & 0xffff;
    }
    return (unsigned __int128)(x86->gpr[2] & mask) << 8 * size |
           (x86->gpr[0] & mask);
}

static void divide_signed(struct cpu *cpu, uint64_t by, unsigned size)
{
    unsigned up = 64 - 8 * size;
    unsigned wide_up = 128 - 16 * size;
    __int128 x = (__int128)(dividend(x86_of(cpu), size) << wide_up) >> wide_up;
    int64_t y = (int64_t)(by << up) >> up;
    __int128 quotient;

    /* Besides 0, the one quotient that 128 bits do not hold. */
    if (y == 0 ||
        (y == -1 && (unsigned __int128)x == (unsigned __int128)1 << 127)) {
        fault(cpu);
    }
    quotient = x / y;
    if ((int64_t)((uint64_t)quotient << up) >> up != quotient) {
        fault(cpu);
    }
    put_both(x86_of(cpu), size, (uint64_t)quotient, (uint64_t)(x % y));
}

void x86_helper_divide(struct cpu *cpu, uint64_t by, uint32_t size,
                       uint32_t sign)
{
    unsigned __int128 x = dividend(x86_of(cpu), size);
    uint64_t mask = ~0ull >> (64 - 8 * size);

    by &= mask;
    if (sign) {
        divide_signed(cpu, by, size);
        return;
    }
    if (by == 0 || x / by > mask) {
        fault(cpu);
    }
    put_both(x86_of(cpu), size, (uint64_t)(x / by), (uint64_t)(x % by));
}

bool x86_tr_divide(struct x86_translator *t)
{
    ir_ref by = x86_to_i64(t, x86_read(t, 0));

    ir_call(t->b, X86_HELPER_divide, by,
            ir_const_i32(t->b, t->insn.operand[0].size),
            ir_const_i32(t->b, (uint32_t)t->insn.row->argument), IR_NONE);
    return false;
}
