/*
 * The CPU as plugins see it. What they read in a callback is the state at
 * that callback. Writing to these structs has no defined effect yet.
 */
#ifndef PANDA_CPU_H
#define PANDA_CPU_H

#include "panda/types.h"

/* -- x86 ------------------------------------------------------------------- */

enum { R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI };
enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS };

/* flags: bits 8 to 23 of the second word of the descriptor, in place. */
typedef struct SegmentCache {
    uint32_t selector;
    target_ulong base;
    uint32_t limit;
    uint32_t flags;
} SegmentCache;

#define DESC_L_MASK (1u << 21)
#define DESC_B_MASK (1u << 22)
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

#define MSR_EFER_SCE (1u << 0)
#define MSR_EFER_LME (1u << 8)
#define MSR_EFER_LMA (1u << 10)
#define MSR_EFER_NXE (1u << 11)

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
    /* Last: where the engine itself keeps them. */
    target_ulong regs[16];
    target_ulong eip;
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
};

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

/* The (only) CPU; NULL while there is no machine, as in init_plugin(). */
#ifdef __cplusplus
extern "C" {
#endif
CPUState *panda_first_cpu(void);
#ifdef __cplusplus
}
#endif
#define first_cpu (panda_first_cpu())
#define current_cpu (panda_first_cpu())

#endif
