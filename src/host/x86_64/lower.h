/* What the files of the lowering share. */
#ifndef HOST_X86_64_LOWER_H
#define HOST_X86_64_LOWER_H

#include "base/draw.h"
#include "exec/cpu.h"
#include "host/x86_64/compile.h"
#include "host/x86_64/emit.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stddef.h>

/*
 * The frame, from rsp up: room for an access's value and a call's arguments,
 * a place to save each register, then the slots of values.
 */
#define FRAME_VALUE 0
#define FRAME_SAVED 32
#define FRAME_FLOATS 112 /* see lower_float.c */
#define FRAME_HOST_MXCSR 116
#define FRAME_SAVED_VECTORS 160
#define FRAME_SLOTS 384
#define FRAME_SIZE 16544 /* a multiple of 16, as calls want rsp to be */

/* rbx points into the guest's part of the CPU, such that 256 bytes from its
 * registers on are in reach of a displacement of one byte. */
#define CPU_BIAS ((int32_t)(sizeof(struct cpu) + CPU_REGISTERS_AT) + 128)
#define AT(member) ((int32_t)offsetof(struct cpu, member) - CPU_BIAS)

#define N_REGISTERS 16

/* Where values are at one moment. */
struct places {
    ir_ref in[N_REGISTERS];     /* the value a register holds, or IR_NONE */
    ir_ref vector[N_REGISTERS]; /* the same of xmm0 ... xmm15 */
};

enum cold_kind {
    COLD_ACCESS,
    COLD_CALL,
    COLD_FAULT,
    COLD_AHEAD,
    COLD_EXIT,
    COLD_STUB,
    COLD_BUDGET,
    COLD_FLOATS,
};

struct cold { /* code that is emitted apart from the unit's */
    enum cold_kind kind;
    uint8_t *from[2];    /* branches that lead here; [1] may be NULL */
    const uint8_t *back; /* where it returns to (COLD_ACCESS) */
    const uint8_t *hit;  /* the same, with rax as the probe leaves it */
    uint32_t at;         /* the record */
    uint32_t insn;       /* its guest instruction: index and pc */
    uint64_t pc;
    ir_ref pending; /* flags that wait */
    bool floats;    /* see struct lowering */
    struct places places;
    unsigned result;        /* register of a load's value; an xmm for v128 */
    struct host_exit *exit; /* COLD_STUB */
};

#define COLD_MAX 512

struct lowering {
    struct emit e;
    uint8_t *hot_end, *cold_start;
    struct jit *jit;
    const struct ir_unit *unit;
    struct host_unit *host;
    void *running;
    uint64_t unit_pc;
    uint64_t mode;

    uint32_t at; /* the record being lowered */
    uint32_t insn;
    uint64_t pc;
    ir_ref pending;
    bool floats; /* the host's MXCSR is the guest's here for sure */
    struct places places;

    uint32_t *last_use;    /* by value */
    uint8_t *uses;         /* by value; saturating */
    uint8_t *flags_number; /* by value: flags that are used as a number */
    uint8_t *reg;          /* by value: its register, or NO_REGISTER */
    int32_t *slot;         /* by value: frame offset, or 0 */
    int32_t frame_used;

    struct cold cold[COLD_MAX];
    unsigned n_cold;
    bool failed;
};

/* With chaos, true one time in n; else never. */
static inline bool lower_chance(struct lowering *l, unsigned n)
{
    return l->jit->chaos && draw_below(l->jit->chaos, n) == 0;
}

/* -- forward.c: the unit is the lowering's own ----------------------------- */
void lower_forward(struct ir_unit *unit);

/* -- registers.c ----------------------------------------------------------- */
void lower_prepare(struct lowering *l); /* last uses */
/* A register that holds the operand; constants and spilled values come into
 * the scratch register. */
unsigned lower_use(struct lowering *l, ir_ref ref, unsigned scratch);
/* The operand copied into a given scratch register. */
void lower_into(struct lowering *l, unsigned reg, ir_ref ref);
/* The same at a moment that has passed: for cold code. */
void lower_into_at(struct lowering *l, const struct places *places,
                   unsigned reg, ir_ref ref);
/* The register of the value being defined. If `dying` is an operand in a
 * register that is not used any more, that register is taken over. */
unsigned lower_define(struct lowering *l, ir_ref dying);
unsigned lower_define_vector(struct lowering *l, ir_ref dying); /* an xmm */
void lower_release(struct lowering *l); /* after a record */
/* The same as lower_use() at a moment that has passed. */
unsigned lower_use_at(struct lowering *l, const struct places *places,
                      ir_ref ref, unsigned scratch);
/* Where a slot of the guest's state is, from rbx. */
int32_t lower_slot(const struct lowering *l, uint32_t slot);
/* Whether a constant fits a sign-extended 32-bit immediate. */
bool lower_imm(const struct lowering *l, ir_ref ref, int32_t *value);
/* A new place in the frame, aligned to its size. */
int32_t lower_new_slot(struct lowering *l, int32_t size);
/* The operand copied into a register, after lower_save(). */
void lower_into_saved(struct lowering *l, const struct places *places,
                      unsigned reg, ir_ref ref);
/* Registers that a C function may change, saved and restored. */
void lower_save(struct lowering *l, const struct places *places);
void lower_restore(struct lowering *l, const struct places *places);

/* -- registers_vector.c: the same for v128, in xmm registers -------------- */
unsigned lower_use_vector(struct lowering *l, ir_ref ref, unsigned scratch);
void lower_save_vectors(struct lowering *l, const struct places *places);
void lower_restore_vectors(struct lowering *l, const struct places *places);
/* Operand a copied into the register of the value being defined. */
unsigned lower_copy_of_vector(struct lowering *l, const struct ir_ins *ins);
/* Frame offset of a copy that stays as it is. */
int32_t lower_vector_in_frame(struct lowering *l, ir_ref ref);
/* A copy at a frame offset, for cold code. */
void lower_vector_to_frame_at(struct lowering *l, const struct places *places,
                              ir_ref ref, int32_t at);

/* -- lower_flags.c --------------------------------------------------------- */
bool lower_is_flags(const struct lowering *l, ir_ref ref);
/* Leaves the host's flags as the flags op would; false for logic's AF. */
void lower_host_flags(struct lowering *l, const struct places *places,
                      ir_ref ref);
/* The flags value in eax. */
void lower_flags_value(struct lowering *l, const struct places *places,
                       ir_ref ref);
/* Stores waiting flags to their slot. */
void lower_pending(struct lowering *l, const struct places *places,
                   ir_ref pending);
/* The value of a comparison (eq ... sle) or of fl_cc, if it has one. */
void lower_condition_value(struct lowering *l, const struct ir_ins *ins);
/* Whether a condition has no code of its own: it is made where it is used,
 * by one exit or select. */
bool lower_takes_condition(const struct ir_ins *ins); /* its operand a */
bool lower_made_at_use(const struct lowering *l, ir_ref ref);
/* For those: host flags such that the returned condition is `ref != 0`. */
unsigned lower_condition(struct lowering *l, ir_ref ref);

/* -- lower_float.c --------------------------------------------------------- */
/* The parts of the common code that switch MXCSR; the second leaves it to the
 * caller where the frame is and which register may change. */
void floats_common(struct emit *e, struct jit *jit);
void floats_out(struct emit *e, const struct guest *guest, int32_t down,
                unsigned scratch);
bool lower_float(struct lowering *l, const struct ir_ins *ins);
/* The guest's flags are in its slot, and the host has its own MXCSR. */
void lower_floats_out(struct lowering *l);
void lower_cold_floats(struct lowering *l, struct cold *cold);

/* -- lower_int.c, lower_vec.c, lower_state.c, lower_exit.c ----------------- */
bool lower_int(struct lowering *l, const struct ir_ins *ins);
bool lower_vec(struct lowering *l, const struct ir_ins *ins);
bool lower_state(struct lowering *l, const struct ir_ins *ins);
/* Where the TLB is, from rbx. */
int32_t lower_tlb(bool write, unsigned mmu);
void lower_position(struct lowering *l, uint32_t insn, uint64_t pc);
/* A C function, under the host's MXCSR; then the guest's again, if told so,
 * which changes rax. Changes r11 before the call. */
void lower_call_c(struct lowering *l, const void *function, bool floats);
void lower_cold_call(struct lowering *l, struct cold *cold);
void lower_cold_fault(struct lowering *l, struct cold *cold);
/* lower_watch.c */
void lower_call_if_byte(struct lowering *l, const struct ir_ins *ins);
void lower_call_arguments(struct lowering *l, const struct cold *cold);
void lower_cold_access(struct lowering *l, struct cold *cold);
void lower_ahead(struct lowering *l, const struct ir_ins *ins);
void lower_cold_ahead(struct lowering *l, struct cold *cold);
void lower_exit(struct lowering *l, const struct ir_ins *ins);
void lower_exit_if(struct lowering *l, const struct ir_ins *ins);
void lower_cold_exit(struct lowering *l, struct cold *cold);
void lower_cold_stub(struct lowering *l, struct cold *cold);
struct cold *lower_new_cold(struct lowering *l, enum cold_kind kind);

#endif
