/*
 * Registers that plugins write: found in the struct that they see, and
 * written into the CPU. Values may come from a recording, and so from a
 * stranger: what a CPU could not hold is refused.
 */
#include "guest/x86/helpers.h"

#define PANDA_ENGINE
#define TARGET_X86_64
#include "panda/cpu.h"

#include <string.h>

/* -- What a plugin has written --------------------------------------------- */

struct poked_segment {
    uint64_t base;
    uint32_t limit;
    uint16_t selector, access;
};
_Static_assert(sizeof(struct poked_segment) == 16, "no gaps in the log");

static void compare_segments(const CPUX86State *was, const CPUX86State *is,
                             guest_wrote *wrote, void *opaque)
{
    for (uint32_t i = 0; i < 6; i++) {
        const SegmentCache *s = &is->segs[i], *old = &was->segs[i];
        struct poked_segment to = {
            s->base, s->limit, (uint16_t)s->selector,
            (uint16_t)((s->flags >> 8 & 0xff) | (s->flags >> 8 & 0xf000))};

        if (s->base != old->base || s->limit != old->limit ||
            s->selector != old->selector || s->flags != old->flags) {
            wrote(opaque, X86_POKE_SEGMENT + i, &to, sizeof(to));
        }
    }
}

/* Between the segments and the registers there is nothing to be written. */
static bool wrote_others(const CPUX86State *was, const CPUX86State *is)
{
    size_t from = offsetof(CPUX86State, ldt);

    return was->hflags != is->hflags || was->hflags2 != is->hflags2 ||
           memcmp((const char *)was + from, (const char *)is + from,
                  offsetof(CPUX86State, regs) - from);
}

/* Registers of the engine's own that lie within the struct: it may end before
 * them. */
#define OWN(shown_struct, member) \
    ((const uint8_t *)(shown_struct) + offsetof(struct x86_cpu, member) - \
     offsetof(struct x86_cpu, shown))
#define HAS(member) \
    (offsetof(struct x86_cpu, member) + \
         sizeof(((struct x86_cpu *)NULL)->member) <= \
     offsetof(struct x86_cpu, shown) + sizeof(CPUX86State))

static void compare_own(const void *was, const void *is, uint32_t first,
                        uint32_t n, size_t distance, size_t size,
                        guest_wrote *wrote, void *opaque)
{
    const uint8_t *old = was, *now = is;

    for (uint32_t i = 0; i < n; i++, old += distance, now += distance) {
        if (memcmp(old, now, size)) {
            wrote(opaque, first + i, now, size);
        }
    }
}

static uint16_t whole_status(const void *shown)
{
    uint16_t status;

    memcpy(&status, OWN(shown, x87_status), 2);
    return (uint16_t)((status & ~0x3800u) | (*OWN(shown, x87_top) & 7u) << 11);
}

static void compare_float(const void *was, const void *is, guest_wrote *wrote,
                          void *opaque)
{
    const size_t whole = sizeof(struct x87_register);
    uint16_t status;

#define COMPARE(member, first, n, distance, size) \
    if (HAS(member)) { \
        compare_own(OWN(was, member), OWN(is, member), first, n, distance, \
                    size, wrote, opaque); \
    }
    COMPARE(xmm, X86_POKE_XMM, 16, 16, 16)
    COMPARE(mxcsr, X86_POKE_MXCSR, 1, 4, 4)
    COMPARE(x87, X86_POKE_X87, 8, whole, 10)
    COMPARE(x87_control, X86_POKE_CONTROL, 1, 2, 2)
    if (HAS(x87_top) && whole_status(was) != whole_status(is)) {
        status = whole_status(is);
        wrote(opaque, X86_POKE_STATUS, &status, 2);
    }
    COMPARE(x87_valid, X86_POKE_VALID, 1, 1, 1)
#undef COMPARE
}

void x86_compare(const void *before, const void *after, guest_wrote *wrote,
                 void *opaque)
{
    const CPUX86State *was = before, *is = after;
    uint32_t eflags = (uint32_t)is->eflags;

    for (uint32_t i = 0; i < 16; i++) {
        if (was->regs[i] != is->regs[i]) {
            wrote(opaque, X86_POKE_GPR + i, &is->regs[i], 8);
        }
    }
    if (was->eflags != is->eflags) {
        wrote(opaque, X86_POKE_EFLAGS, &eflags, 4);
    }
    compare_segments(was, is, wrote, opaque);
    compare_float(was, is, wrote, opaque);
    if (wrote_others(was, is)) {
        wrote(opaque, X86_POKE_NOT, NULL, 0);
    }
    if (was->eip != is->eip) { /* last, since it may look at CS */
        wrote(opaque, X86_POKE_RIP, &is->eip, 8);
    }
}

/* -- Writing it ------------------------------------------------------------ */

static bool within(uint32_t number, uint32_t first, uint32_t n)
{
    return number - first < n;
}

/* Bytes of a register's value; 0: there is none of that number. */
static size_t size_of(uint32_t number)
{
    uint32_t cr = number - X86_POKE_CR;

    switch (number) {
    case X86_POKE_RIP:
        return 8;
    case X86_POKE_EFLAGS:
    case X86_POKE_MXCSR:
        return 4;
    case X86_POKE_CONTROL:
    case X86_POKE_STATUS:
        return 2;
    case X86_POKE_VALID:
        return 1;
    case X86_POKE_MSR:
        return 12;
    }
    if (within(number, X86_POKE_CR, 16)) {
        return cr == 0 || (cr >= 2 && cr <= 4) || cr == 8 ? 8 : 0;
    }
    return within(number, X86_POKE_GPR, 16)      ? 8
           : within(number, X86_POKE_SEGMENT, 6) ? 16
           : within(number, X86_POKE_X87, 8)     ? 10
           : within(number, X86_POKE_XMM, 16)    ? 16
           : within(number, X86_POKE_DR, 8)      ? 8
                                                 : 0;
}

static uint64_t value_of(const void *bytes, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, bytes, size < 8 ? size : 8);
    return value;
}

bool x86_may_poke(const struct cpu *cpu, uint32_t number, const void *bytes,
                  size_t size)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    uint64_t value;
    uint32_t msr;

    if (!size || size != size_of(number)) {
        return false;
    }
    value = value_of(bytes, size);
    if (number == X86_POKE_MXCSR) {
        return value <= 0xffff;
    }
    if (number == X86_POKE_MSR) {
        memcpy(&msr, bytes, 4);
        return x86_takes_msr(x86, msr, value_of((const uint8_t *)bytes + 4, 8));
    }
    if (within(number, X86_POKE_CR, 16)) {
        return x86_takes_cr(x86, number - X86_POKE_CR, value);
    }
    return !within(number, X86_POKE_DR, 8) || number < X86_POKE_DR + 4 ||
           (number >= X86_POKE_DR + 6 && !(value >> 32));
}

#define EFLAGS_POKED \
    (X86_EFLAGS_ARITHMETIC | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
     X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC | \
     X86_EFLAGS_ID)

static void poke_flags(struct x86_cpu *x86, uint32_t value)
{
    x86_set_eflags(x86, (x86_get_eflags(x86) & ~EFLAGS_POKED) |
                            (value & EFLAGS_POKED));
}

static void poke_segment(struct x86_segment_register *segment,
                         const void *bytes)
{
    struct poked_segment from;

    memcpy(&from, bytes, sizeof(from));
    segment->base = from.base;
    segment->limit = from.limit;
    segment->selector = from.selector;
    segment->access = from.access;
}

static void poke_debug(struct x86_cpu *x86, uint32_t number, uint64_t value)
{
    x86->dr[number] = number == 6   ? value & X86_DR6_WRITABLE
                      : number == 7 ? value & X86_DR7_WRITABLE
                                    : value;
}

static void poke_x87(struct x86_cpu *x86, uint32_t number, const void *bytes,
                     uint64_t value)
{
    switch (number) {
    case X86_POKE_CONTROL:
        x86->x87_control = (uint16_t)value;
        break;
    case X86_POKE_STATUS:
        x86->x87_status = (uint16_t)(value & ~0x3800u);
        x86->x87_top = value >> 11 & 7;
        break;
    case X86_POKE_VALID:
        x86->x87_valid = (uint8_t)value;
        break;
    default:
        memcpy(&x86->x87[number - X86_POKE_X87], bytes, 10);
    }
}

void x86_poke(struct cpu *cpu, uint32_t number, const void *bytes, size_t size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint64_t value = value_of(bytes, size);
    bool alone = cpu->alone;
    uint32_t msr;

    cpu->alone = true; /* may tell the devices */
    if (within(number, X86_POKE_GPR, 16)) {
        x86->gpr[number] = value;
    } else if (number == X86_POKE_RIP) {
        x86->rip = value;
    } else if (number == X86_POKE_EFLAGS) {
        poke_flags(x86, (uint32_t)value);
    } else if (within(number, X86_POKE_SEGMENT, 6)) {
        poke_segment(&x86->segment[number - X86_POKE_SEGMENT], bytes);
    } else if (number == X86_POKE_MXCSR) {
        x86->mxcsr = (uint32_t)value;
    } else if (within(number, X86_POKE_XMM, 16)) {
        memcpy(&x86->xmm[number - X86_POKE_XMM], bytes, 16);
    } else if (within(number, X86_POKE_CR, 16)) {
        x86_write_cr(cpu, number - X86_POKE_CR, value);
    } else if (within(number, X86_POKE_DR, 8)) {
        poke_debug(x86, number - X86_POKE_DR, value);
    } else if (number == X86_POKE_MSR) {
        memcpy(&msr, bytes, 4);
        x86_write_msr(cpu, msr, value_of((const uint8_t *)bytes + 4, 8));
    } else {
        poke_x87(x86, number, bytes, value);
    }
    cpu->alone = alone;
}
