/*
 * The CPU: every register that a plugin may look at, and address spaces.
 *
 * > registers: the sum is 00000000000407e0
 * > registers: 77 on the stack, 0000000000001234 comes back
 * > registers: CS, DS, the tables and the control registers fit
 * > registers: spaces 0 300000 301000 302000, all in the kernel
 * > registers: XMM1 is 4 3 2 1, ST(0) is 1
 * > registers: dumped
 */
#include "panda/plugin.h"
#include "cpu.h"
#include "exec/exec-all.h"
#include "qom/cpu.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static target_ulong spaces[8];
static unsigned n_spaces;
static bool in_user;

static bool asid_changed(CPUState *env, target_ptr_t oldval,
                         target_ptr_t newval)
{
    if (!n_spaces) {
        spaces[n_spaces++] = oldval;
    }
    assert(panda_current_asid(env) == oldval);
    spaces[n_spaces++ % 8] = newval;
    in_user |= !panda_in_kernel(env);
    return false;
}

static bool tables_fit(CPUState *cpu, CPUX86State *env)
{
    const SegmentCache *cs = &env->segs[R_CS], *ds = &env->segs[R_DS];
    target_ulong pc, cs_base;
    uint32_t flags;

    cpu_get_tb_cpu_state(env, &pc, &cs_base, &flags);
    return cs->selector == 8 && cs->base == 0 && cs->limit == 0xffffffff &&
           (cs->flags & DESC_P_MASK) && (cs->flags & DESC_S_MASK) &&
           (cs->flags & DESC_B_MASK) && !(cs->flags & DESC_L_MASK) &&
           (cs->flags & DESC_DPL_MASK) >> DESC_DPL_SHIFT == 0 &&
           ds->selector == 16 && env->segs[R_ES].selector == 16 &&
           env->segs[R_SS].selector == 16 && env->segs[R_FS].base == 0 &&
           env->segs[R_GS].base == 0 && env->gdt.limit == 23 &&
           env->idt.limit == 0x187 && env->ldt.base == 0 && env->tr.base == 0 &&
           (env->cr[0] & 1) && env->cr[2] == 0 &&
           env->cr[3] == panda_current_asid(cpu) && env->dr[0] == 0 &&
           pc == panda_current_pc(cpu) && cs_base == 0 &&
           (flags & HF_PE_MASK) && (env->hflags & HF_CPL_MASK) == 0 &&
           (env->hflags & HF_CS32_MASK) && (env->hflags & HF_PE_MASK) &&
           !(env->hflags & (HF_LMA_MASK | HF_CS64_MASK | HF_VM_MASK)) &&
           !(env->hflags & HF_SMM_MASK) && env->hflags2 == 0 &&
           !(env->efer & (MSR_EFER_LMA | MSR_EFER_SCE | MSR_EFER_NXE)) &&
           ENV_GET_CPU(env) == cpu && (env->eflags & 2) &&
           panda_current_ksp(cpu) == env->regs[R_ESP] &&
#ifdef TARGET_X86_64
           env->lstar == 0 && env->kernelgsbase == 0 &&
#endif
           env->sysenter_cs == 0 && env->sysenter_esp == 0 &&
           env->sysenter_eip == 0 && env->cr[4] != 1 &&
           env->exception_next_eip == 0 && env->error_code == 0 &&
           env->exception_is_int == 0 && env->old_exception == -1;
}

static bool numbers_fit(const CPUX86State *env)
{
    const ZMMReg *xmm = &env->xmm_regs[1];
    const FPReg *st = &env->fpregs[env->fpstt];

    return xmm->ZMM_L(0) == 1 && xmm->ZMM_L(3) == 4 &&
           xmm->ZMM_Q(1) == 0x400000003ull && xmm->ZMM_B(4) == 2 &&
           xmm->ZMM_W(4) == 3 && env->mxcsr == 0x1f80 && env->fpstt == 7 &&
           st->d.low == 1ull << 63 && st->d.high == 0x3fff &&
           env->fpuc == 0x40 && env->fpus == 0;
}

static bool dumped(CPUState *cpu)
{
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    cpu_dump_state(cpu, out, fprintf, CPU_DUMP_FPU);
    fclose(out);
    return strlen(text) > 100;
}

static void before_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    CPUX86State *env = cpu->env_ptr;
    uint32_t pushed = 0;

    switch (tb->pc) {
    case 0x1010d7:
        panda_virtual_memory_read(cpu, panda_current_sp(cpu) + 4,
                                  (uint8_t *)&pushed, 4);
        printf("registers: the sum is " TARGET_FMT_lx "\n", env->regs[R_EAX]);
        printf("registers: %x on the stack", pushed);
        break;
    case 0x10105a:
        printf(", " TARGET_FMT_lx " comes back\n", panda_get_retval(cpu));
        if (tables_fit(cpu, env)) {
            printf("registers: CS, DS, the tables and the control registers "
                   "fit\n");
        }
        assert(env->regs[R_EDI] == 0x200000 && env->regs[R_ECX] == 64 &&
               env->regs[R_EBX] != 3 && env->regs[R_ESI] + 1 &&
               env->regs[R_EDX] + 1 && env->regs[R_EBP] + 1);
        assert(!panda_in_kernel_code_linux(cpu) &&
               address_in_kernel_code_linux((target_ulong)-1) &&
               panda_in_kernel_mode(cpu) && cpu->cpu_index == 0 &&
               !cpu->halted && cpu->exception_index == -1 &&
               cpu->interrupt_request == 0);
        break;
    }
}

static bool insn_translate(CPUState *cpu, target_ptr_t pc)
{
    return cpu && pc == 0x1010d1;
}

static int insn_exec(CPUState *cpu, target_ptr_t pc)
{
    CPUArchState *env = cpu->env_ptr;

    assert(env->eip + env->segs[R_CS].base == pc);
    if (numbers_fit(env)) {
        printf("registers: XMM1 is 4 3 2 1, ST(0) is 1\n");
    }
    if (dumped(cpu)) {
        printf("registers: dumped\n");
    }
    return 0;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.asid_changed = asid_changed};

    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    pcb.before_block_exec = before_block_exec;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.insn_translate = insn_translate;
    panda_register_callback(self, PANDA_CB_INSN_TRANSLATE, pcb);
    pcb.insn_exec = insn_exec;
    panda_register_callback(self, PANDA_CB_INSN_EXEC, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self))
{
    printf("registers: spaces %x %x %x %x%s\n", (unsigned)spaces[0],
           (unsigned)spaces[1], (unsigned)spaces[2], (unsigned)spaces[3],
           in_user || n_spaces != 4 ? "" : ", all in the kernel");
}
