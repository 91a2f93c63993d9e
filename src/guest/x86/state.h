/*
 * The state of an x86 CPU. Slots (slots.def) name what IR gets and sets.
 */
#ifndef GUEST_X86_STATE_H
#define GUEST_X86_STATE_H

#include "exec/cpu.h"

enum x86_segment { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS };

/* EFLAGS bits. CF PF AF ZF SF OF live in x86_cpu.flags, in the IR's layout;
 * the others in x86_cpu.eflags. */
#define X86_EFLAGS_TF (1u << 8)
#define X86_EFLAGS_IF (1u << 9)
#define X86_EFLAGS_DF (1u << 10)
#define X86_EFLAGS_IOPL (3u << 12)
#define X86_EFLAGS_NT (1u << 14)
#define X86_EFLAGS_RF (1u << 16)
#define X86_EFLAGS_VM (1u << 17)
#define X86_EFLAGS_AC (1u << 18)
#define X86_EFLAGS_ID (1u << 21)
#define X86_EFLAGS_ARITHMETIC 0x8d5u

struct x86_segment_register {
    uint64_t base;
    uint32_t limit; /* in bytes, granularity applied */
    uint16_t selector;
    uint16_t access; /* bits 15:8 and 23:20 of the descriptor's second word:
                        type S DPL P in 7:0, AVL L D/B G in 15:12 */
};
#define X86_ACCESS_TYPE 0x0fu
#define X86_ACCESS_CODE 0x08u        /* of the type, with S */
#define X86_ACCESS_CONFORMING 0x04u  /* of code */
#define X86_ACCESS_EXPAND_DOWN 0x04u /* of data */
#define X86_ACCESS_WRITABLE 0x02u    /* data: writable; code: readable */
#define X86_ACCESS_S 0x10u           /* code or data, not a system segment */
#define X86_ACCESS_DPL(access) ((access) >> 5 & 3)
#define X86_ACCESS_P 0x80u
#define X86_ACCESS_L 0x2000u
#define X86_ACCESS_DB 0x4000u

#define X86_SHOWN_SIZE 480u

struct x86_cpu {
    struct cpu cpu;                /* first */
    uint8_t shown[X86_SHOWN_SIZE]; /* to plugins: guest/x86/plugin.c */
    uint64_t gpr[16];              /* which also see some of these */
    uint64_t rip;
    uint32_t flags;  /* FL_*: see ir/types.h */
    uint32_t eflags; /* without the arithmetic flags */
    struct x86_segment_register segment[6];
    union ir_value xmm[16];
    uint32_t mxcsr;

    struct x87_register { /* by physical number; ST(i) is number top + i */
        uint64_t significand;
        uint16_t exponent; /* and sign */
        uint16_t zero[3];  /* so that all bytes are defined, for the hash */
    } x87[8];
    uint16_t x87_control, x87_status; /* the status without TOP */
    uint8_t x87_top, x87_valid;       /* a bit for each that is not empty */
    uint16_t x87_opcode;
    uint64_t x87_ip, x87_dp;
    struct x86_segment_register ldtr, tr;
    struct x86_table_register {
        uint64_t base;
        uint16_t limit;
    } gdtr, idtr;
    unsigned cpl;
    uint64_t cr[9]; /* 0, 2, 3, 4, 8 */
    uint64_t dr[8];
    bool shadow;      /* interrupts wait for one more instruction */
    uint8_t trap;     /* #DB comes next: X86_TRAP_* */
    bool nmi_blocked; /* until the next IRET */
    bool shutdown;    /* after a triple fault: halted until a reset */
    bool a20_closed;  /* physical addresses lose their bit 20 */
    bool delivering;  /* an exception now is one on top of `exception` */

    /* Model-specific registers, by the manual's names. */
    uint64_t efer, star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, apic_base, misc_enable, tsc_aux, tsc_offset;

    struct x86_exception { /* noted, to be delivered */
        uint8_t vector;
        bool has_error;
        uint32_t error;
        bool software;    /* INT n, INT3, INTO: `address` is the next RIP */
        bool privileged;  /* INT1: no gate's DPL forbids it */
        uint64_t address; /* of a page fault: for CR2 */
    } exception;
    uint8_t first_vector; /* being delivered; 0xff: an interrupt */
    uint8_t hits;         /* data breakpoints of the running step, as in DR6 */
};

_Static_assert(offsetof(struct x86_cpu, gpr) ==
                   sizeof(struct cpu) + CPU_REGISTERS_AT,
               "generated code expects them there");

#define X86_TRAP_STEP 1u /* an instruction with TF is over */
#define X86_TRAP_HITS 4  /* from this bit on: breakpoints, as in DR6 */

/* The same by TF as it is now. */
static inline void x86_trap_step(struct x86_cpu *x86)
{
    x86->trap = x86->eflags & X86_EFLAGS_TF ? X86_TRAP_STEP : 0;
}

enum x86_vector {
    X86_DE,
    X86_DB,
    X86_NMI,
    X86_BP,
    X86_OF,
    X86_BR,
    X86_UD,
    X86_NM,
    X86_DF,
    X86_TS = 10,
    X86_NP,
    X86_SS_FAULT,
    X86_GP,
    X86_PF,
    X86_MF = 16,
    X86_AC,
    X86_MC,
    X86_XM,
};

#define X86_PHYSICAL_BITS 40u /* of an address: CPUID and the walk */

#define X86_CR0_PE 1u
#define X86_CR0_MP 2u
#define X86_CR0_EM 4u
#define X86_CR0_TS 8u
#define X86_CR0_WP 0x10000u
#define X86_CR0_AM 0x40000u
#define X86_CR0_NW 0x20000000u
#define X86_CR0_CD 0x40000000u
#define X86_CR0_PG 0x80000000u
#define X86_CR3_TABLE 0x000ffffffffff000ull /* of four levels */
#define X86_CR4_TSD 4u
#define X86_CR4_DE 8u
#define X86_CR4_PSE 0x10u
#define X86_CR4_PAE 0x20u
#define X86_CR4_PCE 0x100u
#define X86_CR4_OSFXSR 0x200u
/* VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT: what CPUID offers. */
#define X86_CR4_KNOWN 0x7ffu
#define X86_DR6_BD 0x2000u
#define X86_DR6_FIXED 0xffff0ff0u
#define X86_DR6_WRITABLE 0xe00fu
#define X86_DR7_ON 0xffu /* a breakpoint is, local or global */
#define X86_DR7_GD 0x2000u
#define X86_DR7_FIXED 0x400u
#define X86_DR7_WRITABLE 0xffff23ffu
#define X86_DR6_BS 0x4000u
#define X86_EFER_SCE 1u
#define X86_EFER_LME 0x100u
#define X86_EFER_LMA 0x400u
#define X86_EFER_NXE 0x800u
#define X86_EFER_KNOWN 0xd01u

static inline struct x86_cpu *x86_of(const struct cpu *cpu)
{
    return (struct x86_cpu *)(uintptr_t)cpu;
}

enum x86_slot {
#define X86_SLOT(name, ...) X86_SLOT_##name,
#define X86_SLOT_STATELESS X86_SLOT
#include "guest/x86/slots.def"
#undef X86_SLOT
#undef X86_SLOT_STATELESS
    X86_N_SLOTS
};

/* The mode word: all that decoding depends on. */
#define X86_MODE_CODE_MASK 3u      /* enum x86_mode */
#define X86_MODE_USER (1u << 2)    /* CPL 3 */
#define X86_MODE_STACK32 (1u << 3) /* SS.B, outside 64-bit mode */
#define X86_MODE_BASES (1u << 4)   /* a base of ES CS SS DS is not zero */
#define X86_MODE_DF (1u << 5)
#define X86_MODE_NO_SSE (1u << 7) /* CR0.EM or no CR4.OSFXSR: #UD */
#define X86_MODE_TS (1u << 8)     /* CR0.TS: #NM */
#define X86_MODE_EM (1u << 9)     /* CR0.EM: x87 is #NM */
#define X86_MODE_SHADOW (1u << 6) /* one instruction, then interrupts */
#define X86_MODE_TF (1u << 10)
#define X86_MODE_TRAP (1u << 11) /* x86_cpu.trap */
/* Outside 64-bit mode: accesses are checked against the segment, because it
 * is not a whole writable one (CS: a readable one). */
#define X86_MODE_LIMITS (1u << 12) /* one of ES CS SS DS */
#define X86_MODE_FS_LIMITS (1u << 13)
#define X86_MODE_GS_LIMITS (1u << 14)
#define X86_MODE_AC (1u << 15) /* alignment is checked */
/* MXCSR does not mask all exceptions: SSE goes by C. */
#define X86_MODE_UNMASKED (1u << 16)
#define X86_MODE_CPL0 (1u << 17)  /* nothing privileged is refused */
#define X86_MODE_BREAK (1u << 18) /* there are breakpoints: breakpoint.c */

/* A unit has one instruction. */
#define X86_MODE_ONE (X86_MODE_SHADOW | X86_MODE_TF | X86_MODE_BREAK)

/* MO_GUEST_MASK of a memory operation: in 64-bit mode, relative to SS. A bad
 * address is #SS then, not #GP. */
#define X86_MO_STACK 0x1000u
enum { X86_MMU_KERNEL, X86_MMU_USER, X86_N_MMU };

/* EFLAGS of the manual, both ways. */
uint32_t x86_get_eflags(const struct x86_cpu *x86);
void x86_set_eflags(struct x86_cpu *x86, uint32_t eflags);

/* Notes an exception, for cpu_leave() or a walk that returns false. */
void x86_note(struct cpu *cpu, enum x86_vector vector);
void x86_note_error(struct cpu *cpu, enum x86_vector vector, uint32_t error);

bool x86_walk(struct cpu *cpu, uint64_t address, enum mem_access access,
              unsigned mmu_index, bool debug, struct walk_result *result);

void x86_deliver_exception(struct cpu *cpu);
bool x86_accepts_interrupt(const struct cpu *cpu);
void x86_deliver_interrupt(struct cpu *cpu, unsigned vector);
bool x86_accepts_nmi(const struct cpu *cpu);
void x86_deliver_nmi(struct cpu *cpu);

/* See struct guest. */
void x86_describe(void *file);

enum x86_helper {
#define X86_HELPER(name, function, result, n, args, effects) X86_HELPER_##name,
#include "guest/x86/helpers.def"
#undef X86_HELPER
    X86_N_HELPERS
};

size_t x86_translate(struct ir_builder *b, uint64_t mode, uint64_t pc,
                     const uint8_t *bytes, size_t size, unsigned max_insns);

size_t x86_disassemble(uint64_t mode, uint64_t pc, const uint8_t *bytes,
                       size_t size, char *text, size_t room);

/* Puts the CPU into flat 32-bit protected mode at an address, with RSI set;
 * a GDT of 32 bytes is written to `gdt` in guest memory. For boards. */
void x86_start_flat(struct cpu *cpu, uint32_t rip, uint32_t rsi, uint32_t gdt);

/* Registers as POKE entries of recordings number them. */
enum x86_poke {
    X86_POKE_GPR = 0,         /* to 15: 8 bytes */
    X86_POKE_RIP = 16,        /* 8 bytes, an offset in CS */
    X86_POKE_EFLAGS = 17,     /* 4 bytes; what a kernel's POPF may change */
    X86_POKE_SEGMENT = 18,    /* to 23, ES CS SS DS FS GS: base 8 bytes, limit
                                 4, selector 2, access 2 */
    X86_POKE_MXCSR = 24,      /* 4 bytes */
    X86_POKE_CONTROL = 25,    /* of the x87: 2 bytes */
    X86_POKE_STATUS = 26,     /* with TOP: 2 bytes */
    X86_POKE_VALID = 27,      /* a bit for each that is not empty: 1 byte */
    X86_POKE_X87 = 32,        /* to 39, by physical number: 10 bytes */
    X86_POKE_XMM = 48,        /* to 63: 16 bytes */
    X86_POKE_CR = 64,         /* and its number: 8 bytes */
    X86_POKE_DR = 80,         /* and its number: 8 bytes */
    X86_POKE_MSR = 96,        /* its number, 4 bytes, and 8 bytes */
    X86_POKE_NOT = UINT32_MAX /* compare(): something else was written */
};

/* poke.c: see struct guest_plugin. */
void x86_compare(const void *was, const void *is, guest_wrote *wrote,
                 void *opaque);
bool x86_may_poke(const struct cpu *cpu, uint32_t number, const void *bytes,
                  size_t size);
void x86_poke(struct cpu *cpu, uint32_t number, const void *bytes, size_t size);

extern const struct guest_plugin x86_plugin; /* plugin.c */
extern const struct guest x86_guest;

#endif
