/* CPUID: only what works is offered. */
#include "exec/watch.h"
#include "guest/x86/helpers.h"

#include <stdio.h>

struct leaf {
    uint32_t number, a, b, c, d;
};

#define BIT(n) (1u << (n))

/* FPU is listed with what user programs and kernels take for granted. */
#define FEATURES_D \
    (BIT(0) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(11) | BIT(13) | \
     BIT(15) | BIT(16) | BIT(23) | BIT(24) | BIT(25) | BIT(26))
/* Those that AMD's leaf repeats: FPU PSE TSC MSR PAE CX8 PGE CMOV PAT MMX
 * FXSR. */
#define REPEATED (FEATURES_D & 0x0183f3ffu & ~BIT(11))

static const struct leaf leaves[] = {
    /* "AuthenticAMD" */
    {0x0, 1, 0x68747541, 0x444d4163, 0x69746e65},
    /* family 15, model 107, stepping 1; CLFLUSH of 64 bytes */
    {0x1, 0x60fb1, 0x00010800, BIT(0) | BIT(13), FEATURES_D | BIT(19)},
    {0x80000000, 0x80000008, 0x68747541, 0x444d4163, 0x69746e65},
    /* LAHF in 64-bit mode; SYSCALL, NX, RDTSCP, long mode */
    {0x80000001, 0x60fb1, 0, BIT(0),
     REPEATED | BIT(11) | BIT(20) | BIT(27) | BIT(29)},
    {0x80000008, 0x3000 | X86_PHYSICAL_BITS, 0, 0, 0}, /* 48 virtual bits */
};

void x86_helper_cpuid(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint32_t number = (uint32_t)x86->gpr[0];
    struct leaf leaf = {0, 0, 0, 0, 0};

    if (watch_hypercall(cpu)) {
        return;
    }
    for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        if (leaves[i].number == number) {
            leaf = leaves[i];
        }
    }
    if (number == 1 && (x86->apic_base & 0x800)) { /* the APIC is on */
        leaf.d |= BIT(9);
    }
    x86->gpr[0] = leaf.a;
    x86->gpr[3] = leaf.b;
    x86->gpr[1] = leaf.c;
    x86->gpr[2] = leaf.d;
}

void x86_describe(void *file)
{
    for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        const struct leaf *leaf = &leaves[i];

        fprintf(file, "cpuid %08x: %08x %08x %08x %08x\n", leaf->number,
                leaf->a, leaf->b, leaf->c, leaf->d);
    }
#define X86_MSR(number, name, member) \
    fprintf(file, "msr %08x: %s\n", number, #name);
#include "guest/x86/msrs.def"
#undef X86_MSR
    fprintf(file, "tsc: 1000000000 Hz of virtual time\n");
}
