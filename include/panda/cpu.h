/*
 * The CPU as plugins see it. What they read in a callback is the state at
 * that callback. What may be written: panda/common.h.
 */
#ifndef PANDA_CPU_H
#define PANDA_CPU_H

#include "panda/types.h"
#include "panda/queue.h"

/* -- x86 ------------------------------------------------------------------- */

enum { R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI };
enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS };

#ifdef TARGET_X86_64
#define CPU_NB_REGS 16
#else
#define CPU_NB_REGS 8
#endif

/* flags: bits 8 to 23 of the second word of the descriptor, in place. */
typedef struct SegmentCache {
    uint32_t selector;
    target_ulong base;
    uint32_t limit;
    uint32_t flags;
} SegmentCache;

#define DESC_G_MASK (1u << 23)
#define DESC_B_MASK (1u << 22)
#define DESC_L_MASK (1u << 21)
#define DESC_P_MASK (1u << 15)
#define DESC_DPL_SHIFT 13
#define DESC_DPL_MASK (3u << DESC_DPL_SHIFT)
#define DESC_S_MASK (1u << 12)

#define HF_CPL_MASK 3u
#define HF_CS32_MASK (1u << 4)
#define HF_PE_MASK (1u << 7)
#define HF_LMA_MASK (1u << 14)
#define HF_CS64_MASK (1u << 15)
#define HF_VM_MASK (1u << 17)
#define HF_SMM_MASK (1u << 19)

#define CR0_PE_MASK 1u
#define CR0_WP_MASK (1u << 16)
#define CR0_PG_MASK (1u << 31)
#define CR4_PAE_MASK (1u << 5)

#define MSR_EFER_SCE (1u << 0)
#define MSR_EFER_LME (1u << 8)
#define MSR_EFER_LMA (1u << 10)
#define MSR_EFER_NXE (1u << 11)

/* An SSE register, in pieces of 1, 2, 4 and 8 bytes from the lowest on. */
typedef union ZMMReg {
    uint8_t _b_ZMMReg[16];
    uint16_t _w_ZMMReg[8];
    uint32_t _l_ZMMReg[4];
    uint64_t _q_ZMMReg[2];
} ZMMReg;
#define ZMM_B(n) _b_ZMMReg[n]
#define ZMM_W(n) _w_ZMMReg[n]
#define ZMM_L(n) _l_ZMMReg[n]
#define ZMM_Q(n) _q_ZMMReg[n]

/* An x87 register. */
typedef struct floatx80 {
    uint64_t low;
    uint16_t high; /* exponent and sign */
} floatx80;
typedef struct FPReg {
    floatx80 d;
} FPReg;

typedef struct CPUX86State {
    target_ulong eflags; /* with the arithmetic flags */
    uint32_t hflags, hflags2;
    SegmentCache segs[6];
    SegmentCache ldt, tr, gdt, idt;
    target_ulong cr[5], dr[8];
    uint64_t efer, star;
    target_ulong lstar, cstar, fmask, kernelgsbase;
    target_ulong sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, tsc_offset;
    /* Of the exception that is delivered, or was last. */
    int32_t old_exception, error_code, exception_is_int;
    uint32_t reserved;
    target_ulong exception_next_eip;
    /* From here on: where the engine itself keeps them. */
    target_ulong regs[CPU_NB_REGS];
    target_ulong eip;
    uint64_t reserved_too[13];
    ZMMReg xmm_regs[CPU_NB_REGS];
    uint32_t mxcsr;
    FPReg fpregs[8]; /* by physical number: ST(i) is fpregs[fpstt + i & 7] */
    uint16_t fpuc, fpus; /* control; status without the top */
    uint8_t fpstt;
} CPUX86State;
typedef CPUX86State CPUArchState;

/* -- Common ---------------------------------------------------------------- */

struct CPUState {
    void *env_ptr;                 /* the CPUArchState */
    uint64_t rr_guest_instr_count; /* rr_get_guest_instr_count() */
    vaddr panda_guest_pc;          /* panda_current_pc() */
    int cpu_index;
    int32_t exception_index; /* -1: none */
    uint32_t interrupt_request;
    uint32_t halted;
    QTAILQ_ENTRY(CPUState) node; /* of `cpus` */
};
QTAILQ_HEAD(CPUTailQ, CPUState);

/* exception_index from here on is none of the guest's. */
#define EXCP_INTERRUPT 0x10000
#define EXCP_HLT 0x10001
#define EXCP_DEBUG 0x10002
#define EXCP_HALTED 0x10003
#define EXCP_YIELD 0x10004
#define EXCP_ATOMIC 0x10005

/* A block: from where control arrives to the instruction after which it may
 * go elsewhere. pc, size and icount describe the whole of it. */
struct TranslationBlock {
    target_ulong pc; /* linear */
    target_ulong cs_base;
    uint32_t flags;
    uint16_t size;   /* bytes of guest code */
    uint16_t icount; /* guest instructions */
    uint32_t cflags;
    uint16_t invalid;
    uint8_t was_split;
};
#define CF_COUNT_MASK 0x7fff
#define CF_LAST_IO 0x8000
#define CF_NOCACHE 0x10000
#define CF_USE_ICOUNT 0x20000
#define CF_IGNORE_ICOUNT 0x40000

/* exitCode of after_block_exec: up to IDX1 the block ran to its end. */
#define TB_EXIT_MASK 3
#define TB_EXIT_IDX0 0
#define TB_EXIT_IDX1 1
#define TB_EXIT_ICOUNT_EXPIRED 2
#define TB_EXIT_REQUESTED 3

#ifdef __cplusplus
extern "C" {
#endif
/* All of them: today at most one. */
extern struct CPUTailQ cpus;
/* What first_cpu and current_cpu are. */
CPUState *panda_first_cpu(void);
CPUState *panda_current_cpu(void);
/* The CPU whose state this is. */
CPUState *panda_cpu_of(const CPUArchState *env);
#ifdef __cplusplus
}
#endif

/* NULL while there is no machine, as in init_plugin(). */
#define first_cpu (panda_first_cpu())
/* NULL while it does not run, as in a monitor's callback. */
#define current_cpu (panda_current_cpu())
/* One CPU after another. */
#define CPU_NEXT(cpu) QTAILQ_NEXT(cpu, node)
#define CPU_FOREACH(cpu) QTAILQ_FOREACH(cpu, &cpus, node)
#define ENV_GET_CPU(env) (panda_cpu_of(env))

/* pc, CS base and flags that a block beginning there is known by. */
static inline void cpu_get_tb_cpu_state(CPUArchState *env, target_ulong *pc,
                                        target_ulong *cs_base, uint32_t *flags)
{
    /* IOPL, TF, RF, VM and AC of eflags have places of their own there. */
    *cs_base = env->segs[R_CS].base;
    *pc = *cs_base + env->eip;
    *flags = env->hflags | ((uint32_t)env->eflags & 0x73100u);
}

#endif
