/* SYSCALL, SYSENTER and their returns. */
#include "guest/x86/helpers.h"
#include "guest/x86/segment.h"

static bool in_64(const struct x86_cpu *x86)
{
    return x86_long_mode(x86) && (x86->segment[X86_CS].access & X86_ACCESS_L);
}

static struct x86_segment_register flat(uint16_t selector, unsigned dpl,
                                        bool code, bool wide)
{
    return (struct x86_segment_register){
        .selector = selector,
        .limit = 0xffffffffu,
        .access = (uint16_t)(X86_ACCESS_P | X86_ACCESS_S | dpl << 5 |
                             (code ? 0x0b : 0x03) | 0x8000 |
                             (code && wide ? X86_ACCESS_L : X86_ACCESS_DB))};
}

/* In legacy mode, too: the CPU says that it is AMD's. */
void x86_helper_syscall(struct cpu *cpu, uint64_t next)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint16_t cs = (uint16_t)(x86->star >> 32 & 0xfffc);
    bool from_64 = in_64(x86), wide = x86_long_mode(x86);
    uint32_t eflags = x86_get_eflags(x86) & ~X86_EFLAGS_RF;

    if (!(x86->efer & X86_EFER_SCE) || x86_real_mode(x86)) {
        x86_fault(cpu, X86_UD);
    }
    x86->gpr[1] = next;
    if (wide) {
        x86->gpr[11] = eflags;
        eflags &= ~(uint32_t)x86->fmask;
    } else {
        eflags &= ~(X86_EFLAGS_IF | X86_EFLAGS_VM);
    }
    x86_set_eflags(x86, eflags);
    x86_set_cs(cpu, flat(cs, 0, true, wide), 0);
    x86->segment[X86_SS] = flat((uint16_t)(cs + 8), 0, false, false);
    x86->rip = !wide ? (uint32_t)x86->star : from_64 ? x86->lstar : x86->cstar;
    x86_trap_step(x86);
}

/* As AMD's: whether RCX is an address is for the fetch to find, at the outer
 * privilege. */
void x86_helper_sysret(struct cpu *cpu, uint32_t size)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint16_t base = (uint16_t)(x86->star >> 48);
    bool wide = size == 8;

    if (!(x86->efer & X86_EFER_SCE) || x86_real_mode(x86)) {
        x86_fault(cpu, X86_UD);
    }
    if (x86->cpl != 0) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    if (x86_long_mode(x86)) {
        x86_set_eflags(x86, (uint32_t)x86->gpr[11] & 0x3c7fd7);
    } else {
        x86->eflags |= X86_EFLAGS_IF;
    }
    x86_set_cs(cpu, flat((uint16_t)(base + (wide ? 16 : 0)), 3, true, wide), 3);
    x86->segment[X86_SS] = flat((uint16_t)((base + 8) | 3), 3, false, false);
    x86->rip = wide ? x86->gpr[1] : (uint32_t)x86->gpr[1];
    x86_trap_step(x86);
}

/* Not in long mode, as AMD's: there SYSCALL is for 32-bit programs, too. */
static void check_sysenter(struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    if (x86_long_mode(x86)) {
        x86_fault(cpu, X86_UD);
    }
    if (x86_real_mode(x86) || !(x86->sysenter_cs & 0xfffc)) {
        x86_fault_error(cpu, X86_GP, 0);
    }
}

void x86_helper_sysenter(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint16_t cs = (uint16_t)(x86->sysenter_cs & 0xfffc);

    check_sysenter(cpu);
    x86->eflags &= ~(X86_EFLAGS_IF | X86_EFLAGS_VM | X86_EFLAGS_RF);
    x86_set_cs(cpu, flat(cs, 0, true, false), 0);
    x86->segment[X86_SS] = flat((uint16_t)(cs + 8), 0, false, false);
    x86->gpr[4] = (uint32_t)x86->sysenter_esp;
    x86->rip = (uint32_t)x86->sysenter_eip;
}

void x86_helper_sysexit(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint16_t cs = (uint16_t)(x86->sysenter_cs & 0xfffc);

    check_sysenter(cpu);
    if (x86->cpl != 0) {
        x86_fault_error(cpu, X86_GP, 0);
    }
    x86_set_cs(cpu, flat((uint16_t)(cs + 16), 3, true, false), 3);
    x86->segment[X86_SS] = flat((uint16_t)((cs + 24) | 3), 3, false, false);
    x86->gpr[4] = (uint32_t)x86->gpr[1];
    x86->rip = (uint32_t)x86->gpr[2];
}
