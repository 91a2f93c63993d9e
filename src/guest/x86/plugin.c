/*
 * x86 for plugins: where blocks end, and the CPU struct that they read.
 *
 * The struct's last members are the CPU's own registers. The others are
 * copies, made anew where what they come from has changed.
 */
#include "guest/x86/decode.h"
#include "guest/x86/rows.h"
#include "guest/x86/state.h"
#include "ir/build.h"

#ifndef PANDA_ENGINE
#define PANDA_ENGINE
#endif
#define TARGET_X86_64
#include "panda/cpu.h"

#include <string.h>

_Static_assert(offsetof(CPUX86State, regs) == X86_SHOWN_SIZE &&
                   offsetof(CPUX86State, eip) ==
                       X86_SHOWN_SIZE + offsetof(struct x86_cpu, rip) -
                           offsetof(struct x86_cpu, gpr) &&
                   offsetof(struct x86_cpu, gpr) ==
                       offsetof(struct x86_cpu, shown) + X86_SHOWN_SIZE &&
                   offsetof(struct x86_cpu, shown) % 8 == 0,
               "plugins see gpr and rip in place");
/* And what comes behind them, that is at the place of the engine's. */
#define IN_PLACE(theirs, ours) \
    _Static_assert(offsetof(CPUX86State, theirs) + \
                           offsetof(struct x86_cpu, shown) == \
                       offsetof(struct x86_cpu, ours), \
                   "plugins see " #ours " in place")
IN_PLACE(xmm_regs, xmm);
IN_PLACE(mxcsr, mxcsr);
IN_PLACE(fpregs[1], x87[1]);
IN_PLACE(fpuc, x87_control);
IN_PLACE(fpus, x87_status);
IN_PLACE(fpstt, x87_top);

/* -- Blocks ---------------------------------------------------------------- */

/* After these, mode, paging, CS or what may interrupt can be another; and
 * after FXRSTOR, which shares its function with FXSAVE. */
static bool (*const enders[])(struct x86_translator *) = {
    x86_tr_mov_to_cr,
    x86_tr_mov_to_dr,
    x86_tr_clts,
    x86_tr_lmsw,
    x86_tr_wrmsr,
    x86_tr_cpuid,
    x86_tr_mov_to_segment,
    x86_tr_pop_segment,
    x86_tr_load_far,
    x86_tr_popf,
    x86_tr_direction,
    x86_tr_cli,
    x86_tr_sti,
    x86_tr_in,
    x86_tr_out,
    x86_tr_into,
    x86_tr_ldmxcsr,
};

static size_t insn(uint64_t mode, const uint8_t *bytes, size_t size,
                   bool *ends_block)
{
    struct x86_insn insn;
    enum x86_decoded decoded = x86_decode(
        (enum x86_mode)(mode & X86_MODE_CODE_MASK), bytes, size, &insn);

    if (decoded == X86_NEEDS_MORE || (mode & X86_MODE_TRAP)) {
        return 0; /* the trap is a step without an instruction */
    }
    *ends_block = true;
    if (decoded != X86_DECODED) {
        return insn.length ? insn.length : 1;
    }
    if ((insn.row->attributes & (X86_END | X86_ALONE)) ||
        ((insn.row->attributes & X86_REP) && insn.rep) ||
        (insn.row->translate == x86_tr_fxsave && insn.row->argument) ||
        (mode & X86_MODE_ONE)) {
        return insn.length;
    }
    for (unsigned i = 0; i < sizeof(enders) / sizeof(enders[0]); i++) {
        if (insn.row->translate == enders[i]) {
            return insn.length;
        }
    }
    *ends_block = false;
    return insn.length;
}

static enum guest_transfer transfer(uint64_t mode, const uint8_t *bytes,
                                    size_t size)
{
    struct x86_insn insn;
    const char *name;

    if (x86_decode((enum x86_mode)(mode & X86_MODE_CODE_MASK), bytes, size,
                   &insn) != X86_DECODED) {
        return GUEST_NO_TRANSFER;
    }
    name = insn.row->mnemonic;
    return !strcmp(name, "call")                           ? GUEST_CALL
           : !strcmp(name, "ret") || !strcmp(name, "retf") ? GUEST_RETURN
           : !strcmp(name, "iret") || !strcmp(name, "sysret") ||
                   !strcmp(name, "sysexit")
               ? GUEST_SYSTEM_RETURN
               : GUEST_NO_TRANSFER;
}

/* -- The CPU struct -------------------------------------------------------- */

struct seen { /* what the copies were made of */
    struct x86_segment_register segment[6];
    uint8_t system[offsetof(struct x86_cpu, first_vector) -
                   offsetof(struct x86_cpu, ldtr)];
    uint32_t eflags;
};

static SegmentCache cache_of(const struct x86_segment_register *segment)
{
    return (SegmentCache){.selector = segment->selector,
                          .base = segment->base,
                          .limit = segment->limit,
                          .flags = (segment->access & 0xffu) << 8 |
                                   (segment->access & 0xf000u) << 8};
}

static uint32_t hidden_flags(const struct x86_cpu *x86)
{
    uint32_t access = x86->segment[X86_CS].access;
    bool lma = x86->efer & X86_EFER_LMA;

    return x86->cpl | (access & X86_ACCESS_DB ? HF_CS32_MASK : 0) |
           (x86->cr[0] & X86_CR0_PE ? HF_PE_MASK : 0) |
           (lma ? HF_LMA_MASK : 0) |
           (lma && (access & X86_ACCESS_L) ? HF_CS32_MASK | HF_CS64_MASK : 0) |
           (x86->eflags & X86_EFLAGS_VM ? HF_VM_MASK : 0);
}

static void show_system(const struct x86_cpu *x86, CPUX86State *to)
{
    to->hflags = hidden_flags(x86);
    for (unsigned i = 0; i < 6; i++) {
        to->segs[i] = cache_of(&x86->segment[i]);
    }
    to->ldt = cache_of(&x86->ldtr);
    to->tr = cache_of(&x86->tr);
    to->gdt = (SegmentCache){.base = x86->gdtr.base, .limit = x86->gdtr.limit};
    to->idt = (SegmentCache){.base = x86->idtr.base, .limit = x86->idtr.limit};
    memcpy(to->cr, x86->cr, sizeof(to->cr));
    memcpy(to->dr, x86->dr, sizeof(to->dr));
    to->efer = x86->efer;
    to->star = x86->star;
    to->lstar = x86->lstar;
    to->cstar = x86->cstar;
    to->fmask = x86->fmask;
    to->kernelgsbase = x86->kernel_gs_base;
    to->sysenter_cs = x86->sysenter_cs;
    to->sysenter_esp = x86->sysenter_esp;
    to->sysenter_eip = x86->sysenter_eip;
    to->pat = x86->pat;
    to->tsc_aux = x86->tsc_aux;
    to->tsc_offset = x86->tsc_offset;
    to->old_exception = x86->delivering ? x86->exception.vector : -1;
    to->error_code = (int32_t)x86->exception.error;
    to->exception_is_int = x86->exception.software;
    to->exception_next_eip = x86->exception.software ? x86->exception.address
                                                     : 0;
}

__attribute__((noinline)) static void look_for_changes(struct x86_cpu *x86,
                                                       struct seen *seen)
{
    x86->cpu.shown_current = 1;
    if (memcmp(seen->segment, x86->segment, sizeof(seen->segment)) ||
        memcmp(seen->system, &x86->ldtr, sizeof(seen->system)) ||
        seen->eflags != (x86->eflags & X86_EFLAGS_VM)) {
        memcpy(seen->segment, x86->segment, sizeof(seen->segment));
        memcpy(seen->system, &x86->ldtr, sizeof(seen->system));
        seen->eflags = x86->eflags & X86_EFLAGS_VM;
        show_system(x86, (CPUX86State *)(void *)x86->shown);
    }
}

static void *show(struct cpu *cpu, uint64_t pc, void *cache)
{
    struct x86_cpu *x86 = x86_of(cpu);
    CPUX86State *to = (CPUX86State *)(void *)x86->shown;

    if (!cpu->shown_current) {
        look_for_changes(x86, cache);
    }
    x86->rip = to->hflags & HF_CS64_MASK
                   ? pc
                   : (uint32_t)(pc - x86->segment[X86_CS].base);
    to->eflags = x86->flags >> 8 | (x86->flags & FL_OF) << 11 | x86->eflags;
    return to;
}

/* In 64-bit code: the flags. */
static bool weave_show(struct ir_unit *unit, uint64_t mode)
{
    struct ir_builder b = {.unit = unit}; /* records as they are */
    ir_ref flags, overflow;

    if ((mode & X86_MODE_CODE_MASK) != X86_MODE_64) {
        return false;
    }
    flags = ir_get(&b, X86_SLOT_flags);
    overflow = ir_bin(&b, IR_and, flags, ir_const_i32(&b, FL_OF));
    flags = ir_bin(&b, IR_shr, flags, ir_const_i32(&b, 8));
    overflow = ir_bin(&b, IR_shl, overflow, ir_const_i32(&b, 11));
    flags = ir_bin(&b, IR_or, flags, overflow);
    flags = ir_bin(&b, IR_or, flags, ir_get(&b, X86_SLOT_eflags));
    ir_emit(&b, IR_set, IR_VOID, ir_un(&b, IR_zext32, flags), 0, 0, 0,
            X86_SLOT_shown_flags);
    return true;
}

static bool weave_shows(uint32_t slot)
{
    return slot == X86_SLOT_flags || slot == X86_SLOT_eflags;
}

static uint64_t asid(const struct cpu *cpu)
{
    return x86_of(cpu)->cr[3];
}

static bool in_kernel(const struct cpu *cpu)
{
    return x86_of(cpu)->cpl == 0;
}

static bool is_user(uint64_t mode)
{
    return mode & X86_MODE_USER;
}

static uint64_t stack_pointer(const struct cpu *cpu)
{
    return x86_of(cpu)->gpr[4];
}

static uint64_t return_value(const struct cpu *cpu)
{
    return x86_of(cpu)->gpr[0];
}

static uint64_t code_base(const struct cpu *cpu)
{
    return x86_of(cpu)->segment[X86_CS].base;
}

static uint32_t block_flags(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return hidden_flags(x86) |
           (x86->eflags & (X86_EFLAGS_TF | X86_EFLAGS_IOPL | X86_EFLAGS_RF |
                           X86_EFLAGS_VM | X86_EFLAGS_AC));
}

const struct guest_plugin x86_plugin = {
    .insn = insn,
    .transfer = transfer,
    .show = show,
    .cache_size = sizeof(struct seen),
    .shown_size = sizeof(CPUX86State),
    .weave_show = weave_show,
    .weave_shows = weave_shows,
    .compare = x86_compare,
    .may_poke = x86_may_poke,
    .poke = x86_poke,
    .pc_number = X86_POKE_RIP,
    .control_number = X86_POKE_CR,
    .debug_number = X86_POKE_DR,
    .msr_number = X86_POKE_MSR,
    .asid = asid,
    .in_kernel = in_kernel,
    .is_user = is_user,
    .stack_pointer = stack_pointer,
    .return_value = return_value,
    .code_base = code_base,
    .block_flags = block_flags,
};
