/*
 * SSE floating point in its surroundings: chains of units under one MXCSR,
 * accesses that miss the TLB or fault between two operations, the timer, a
 * change of MXCSR in the midst, and exceptions that come unmasked. What is
 * printed is results by their bits, and MXCSR with the flags as they stand.
 */
#include "bare.h"

static struct context c;

static uint32_t mxcsr(void)
{
    uint32_t value;

    asm volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static void set_mxcsr(uint32_t value)
{
    asm volatile("ldmxcsr %0" : : "m"(value));
}

static uint64_t xmm0(void)
{
    uint64_t value;

    asm volatile("movq %%xmm0, %0" : "=r"(value));
    return value;
}

/* -- Loops over memory ----------------------------------------------------- */

/* A sum of quotients, from memory to memory, with a comparison in it. */
SNIPPET(walk, "cvtsi2sd %eax, %xmm0\n"
              "1: cvtsi2sd %ecx, %xmm1\n movsd (%rsi), %xmm2\n"
              "divsd %xmm1, %xmm2\n addsd %xmm2, %xmm0\n"
              "ucomisd %xmm0, %xmm2\n ja 2f\n sqrtsd %xmm0, %xmm3\n"
              "addsd %xmm3, %xmm0\n 2: movsd %xmm0, (%rdi)\n"
              "cvttsd2si (%rdi), %rax\n add %rax, %rdx\n"
              "add $1000, %rsi\n add $1000, %rdi\n dec %ecx\n jnz 1b");
/* The same of floats, packed. */
SNIPPET(walk_packed, "xorps %xmm0, %xmm0\n"
                     "1: movups (%rsi), %xmm2\n cvtsi2ss %ecx, %xmm1\n"
                     "shufps $0, %xmm1, %xmm1\n divps %xmm1, %xmm2\n"
                     "addps %xmm2, %xmm0\n mulps %xmm0, %xmm2\n"
                     "cmpltps %xmm0, %xmm2\n andps %xmm1, %xmm2\n"
                     "subps %xmm2, %xmm0\n"
                     "movups %xmm0, (%rdi)\n add $1000, %rsi\n"
                     "add $1000, %rdi\n dec %ecx\n jnz 1b");

#define ROUNDS 100u

static void fill(bool doubles)
{
    for (unsigned i = 0; i < ROUNDS * 1000 / 8; i++) {
        uint64_t fraction = i * 0x9e3779b97f4a7c15ull;
        uint64_t *at = (uint64_t *)pool(0) + i;

        *at = doubles ? (fraction >> 12) | 0x4000000000000000
                      : (fraction & 0x007fffff007fffff) | 0x4000000040000000;
    }
}

static void loop(const char *name, const char *snippet, uint32_t control)
{
    uint64_t sum = 0;

    flush();
    prepare(&c, snippet, USER_CS);
    c.r[RSI] = (uint64_t)pool(0);
    c.r[RDI] = (uint64_t)pool(40);
    c.r[RCX] = ROUNDS;
    c.r[RAX] = c.r[RDX] = 0;
    set_mxcsr(control);
    enter(&c);
    for (unsigned i = 0; i < ROUNDS * 1000; i++) {
        sum = sum * 31 + pool(40)[i];
    }
    print("%s under %x: vector %x, rdx %x, xmm0 %x, mxcsr %x, memory %x\n",
          name, (uint64_t)control, c.vector, c.r[RDX], xmm0(),
          (uint64_t)mxcsr(), sum);
}

static void loops(void)
{
    print("-- loops\n");
    for (uint32_t rounding = 0; rounding < 4; rounding++) {
        uint32_t control = 0x1f80 | rounding << 13;

        fill(true);
        loop("doubles", walk, control);
        fill(false);
        loop("floats", walk_packed, control);
        loop("floats, flushed", walk_packed, control | 0x8000);
        loop("floats, overflow unmasked", walk_packed, control & ~0x400u);
    }
}

/* -- Cuts ------------------------------------------------------------------ */

SNIPPET(faulting, "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n mov $1, %eax\n"
                  "cvtsi2sd %eax, %xmm0\n divsd %xmm1, %xmm0\n"
                  "addsd (%rsi), %xmm0\n mulsd (%rdi), %xmm0\n"
                  "divsd %xmm1, %xmm0");
SNIPPET(store_faulting, "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n"
                        "sqrtsd %xmm1, %xmm0\n movsd %xmm0, (%rsi)\n"
                        "xorps %xmm2, %xmm2\n divsd %xmm2, %xmm0\n"
                        "movsd %xmm0, (%rdi)");
SNIPPET(endless, "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n movapd %xmm1, %xmm0\n"
                 "1: divsd %xmm1, %xmm0\n addsd %xmm1, %xmm0\n jmp 1b");

static void cut(const char *name, const char *snippet, bool first)
{
    uint64_t *entry = page_entry(pool(first ? 0 : 1)), old = *entry;

    *entry = 0;
    invlpg(pool(first ? 0 : 1));
    set_mxcsr(0x1f80);
    prepare(&c, snippet, USER_CS);
    c.r[RSI] = (uint64_t)pool(0);
    c.r[RDI] = (uint64_t)pool(1);
    show(name, &c, snippet);
    print("  mxcsr %x\n", (uint64_t)mxcsr());
    *entry = old;
    invlpg(pool(first ? 0 : 1));
    show("  then", &c, snippet);
    print("  xmm0 %x, mxcsr %x\n", xmm0(), (uint64_t)mxcsr());
}

static void cuts(void)
{
    print("-- cuts\n");
    fill(true);
    cut("load", faulting, true);
    cut("second load", faulting, false);
    cut("store", store_faulting, true);
    cut("second store", store_faulting, false);
    set_mxcsr(0x1f80);
    prepare(&c, endless, KERNEL_CS);
    c.rflags |= 0x200;
    timer_init();
    timer_start(2000);
    enter(&c);
    print("timer: vector %x, mxcsr %x\n", c.vector, (uint64_t)mxcsr());
    timer_done();
}

/* -- Changes of MXCSR ------------------------------------------------------ */

SNIPPET(rounding, "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n mov $-1, %eax\n"
                  "cvtsi2sd %eax, %xmm0\n divsd %xmm1, %xmm0\n"
                  "stmxcsr (%rsp)\n mov (%rsp), %ebx\n movl $0x3f80, (%rsp)\n"
                  "ldmxcsr (%rsp)\n cvtsi2sd %eax, %xmm2\n"
                  "divsd %xmm1, %xmm2\n stmxcsr (%rsp)\n mov (%rsp), %ebp\n"
                  "movq %xmm0, %rcx\n movq %xmm2, %rdx");
SNIPPET(unmasking, "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n xorps %xmm2, %xmm2\n"
                   "divsd %xmm2, %xmm1\n movl $0x1d84, (%rsp)\n"
                   "ldmxcsr (%rsp)\n cvtsi2sd %eax, %xmm3\n"
                   "divsd %xmm3, %xmm3\n divsd %xmm2, %xmm3\n nop");
SNIPPET(unmasking_inexact, "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n"
                           "movl $0xf80, (%rsp)\n ldmxcsr (%rsp)\n"
                           "mulsd %xmm1, %xmm1\n sqrtsd %xmm1, %xmm1\n"
                           "divss %xmm0, %xmm0\n sqrtsd %xmm1, %xmm1\n nop");
SNIPPET(restored, "fxsave -1024(%rsp)\n movl $0x1d80, -1000(%rsp)\n"
                  "mov $3, %eax\n cvtsi2sd %eax, %xmm1\n"
                  "fxrstor -1024(%rsp)\n xorps %xmm2, %xmm2\n"
                  "cvtsi2sd %eax, %xmm1\n divsd %xmm2, %xmm1\n nop");

static void change(const char *name, const char *snippet)
{
    asm volatile("xorps %%xmm0, %%xmm0" : :);
    set_mxcsr(0x1f80);
    try(name, snippet, USER_CS);
    print("  mxcsr %x\n", (uint64_t)mxcsr());
}

static void changes(void)
{
    print("-- changes\n");
    change("rounding", rounding);
    change("unmasking", unmasking);
    change("unmasking inexact", unmasking_inexact);
    change("restored", restored);
}

int main(void)
{
    write_cr4(read_cr4() | 0x600);
    loops();
    cuts();
    changes();
    return 0;
}
