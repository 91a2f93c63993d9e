/* Model-specific registers. */
#include "guest/x86/helpers.h"
#include "guest/x86/segment.h"

#include "boundary/boundary.h"
#include "mem/mem.h"

/* Where a register that just holds its value lives; NULL: it is none. */
static uint64_t *plain_msr(struct x86_cpu *x86, uint32_t number)
{
    switch (number) {
#define X86_MSR(number, name, member) \
    case number: \
        return &x86->member;
#include "guest/x86/msrs.def"
#undef X86_MSR
    default:
        return NULL;
    }
}

/* Registers of AMD's that kernels touch without asking: 0, and fixed. */
static bool ignored_msr(uint32_t number)
{
    switch (number) {
    case 0x8b:       /* microcode patch level */
    case 0xc0010010: /* SYSCFG */
    case 0xc0010015: /* HWCR */
    case 0xc001001f: /* NB_CFG */
    case 0xc0010055: /* interrupt pending message */
    case 0xc0010140: /* OSVW_ID_Length */
    case 0xc0010141: /* OSVW status */
    case 0xc0011022: /* DC_CFG */
    case 0xc0011023: /* IC_CFG */
    case 0xc0011029: /* DE_CFG */
        return true;
    default:
        return false;
    }
}

/* Registers that #GP keeps canonical. */
static bool holds_address(uint32_t number)
{
    return (number >= 0xc0000100 && number <= 0xc0000102) ||
           number == 0xc0000082 || number == 0xc0000083 || number == 0x175 ||
           number == 0x176;
}

uint64_t x86_helper_rdmsr(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint32_t number = (uint32_t)x86->gpr[1];
    uint64_t *plain = plain_msr(x86, number);

    x86_need_kernel(cpu);
    if (plain) {
        return *plain;
    }
    if (number == 0x10) {
        return x86_helper_rdtsc(cpu);
    }
    if (ignored_msr(number)) {
        return 0;
    }
    x86_fault_error(cpu, X86_GP, 0);
}

/* IA32_APIC_BASE: the boot CPU's flag is fixed; no x2APIC. */
#define APIC_BASE_BOOT_CPU 0x100u
#define APIC_BASE_WRITABLE 0xfffffff800ull /* up to 40 address bits */

static void write_apic_base(struct cpu *cpu, uint64_t value)
{
    value |= APIC_BASE_BOOT_CPU;
    x86_outward(cpu, BOUNDARY_APIC_BASE, value);
    x86_of(cpu)->apic_base = value;
}

bool x86_takes_msr(const struct x86_cpu *x86, uint32_t number, uint64_t value)
{
    switch (number) {
    case 0x10:
        return true;
    case 0x1b:
        return !(value & ~(APIC_BASE_WRITABLE | APIC_BASE_BOOT_CPU));
    case 0xc0000080:
        return !(value & ~(uint64_t)X86_EFER_KNOWN) &&
               !((value ^ x86->efer) & X86_EFER_LME && x86->cr[0] & X86_CR0_PG);
    default:
        return ignored_msr(number) ||
               (plain_msr(x86_of(&x86->cpu), number) &&
                (!holds_address(number) || x86_canonical(value)));
    }
}

void x86_write_msr(struct cpu *cpu, uint32_t number, uint64_t value)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint64_t *plain = plain_msr(x86, number);

    if (number == 0x10) {
        x86->tsc_offset = value - cpu->count - cpu->skipped;
    } else if (number == 0x1b) {
        write_apic_base(cpu, value);
    } else if (number == 0xc0000080) { /* EFER: LMA follows CR0 */
        x86->efer = (value & ~(uint64_t)X86_EFER_LMA) |
                    (x86->efer & X86_EFER_LMA);
        mem_tlb_flush(cpu);
    } else if (plain) {
        *plain = value;
    }
}

void x86_helper_wrmsr(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint32_t number = (uint32_t)x86->gpr[1];
    uint64_t value = (uint32_t)x86->gpr[0] | x86->gpr[2] << 32;

    x86_need_kernel(cpu);
    if (!x86_takes_msr(x86, number, value)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    x86_write_msr(cpu, number, value);
}
