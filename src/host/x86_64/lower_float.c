/*
 * Floating point under the guest's MXCSR. The host's MXCSR becomes the
 * guest's at the first op that needs it, and its own again before any C code
 * runs: so a chain of units that keeps to generated code loads it once, and
 * whoever looks at the guest's state finds its flags there.
 *
 *     FRAME_FLOATS      the value that was loaded; 0: the host has its own
 *     FRAME_HOST_MXCSR  the host's own, while it has not
 */
#include "host/x86_64/lower.h"

#include "guest/guest.h"
#include "ir/float.h"

#define EXTENSION 0x0fae /* /2 LDMXCSR, /3 STMXCSR */
#define LDMXCSR 2
#define STMXCSR 3

/* -- Common code: `down` is how far above rsp the frame begins ------------- */

static int32_t mxcsr_at(const struct guest *guest)
{
    return (int32_t)guest->slots[guest->mxcsr_slot].offset - CPU_BIAS;
}

static void mxcsr(struct emit *e, unsigned what, int32_t at)
{
    emit_rm(e, 0, EXTENSION, what, RSP, at, false, false);
}

static void look(struct emit *e, int32_t down)
{
    emit_rm(e, 0, 0x83, ALU_CMP, RSP, FRAME_FLOATS + down, false, false);
    emit_byte(e, 0);
}

/* Changes rax alone. */
static void load_guest(struct emit *e, const struct guest *guest, int32_t down)
{
    mxcsr(e, STMXCSR, FRAME_HOST_MXCSR + down);
    emit_load(e, RAX, RBX, mxcsr_at(guest), false);
    emit_alu_imm(e, ALU_AND, RAX, MXCSR_KNOWN & ~MXCSR_FLAGS, false);
    emit_alu_imm(e, ALU_OR, RAX, MXCSR_MASKS, false);
    emit_store(e, RAX, RSP, FRAME_FLOATS + down, false);
    mxcsr(e, LDMXCSR, FRAME_FLOATS + down);
}

/* The flags go to the slot. Changes the scratch register alone. */
static void load_host(struct emit *e, const struct guest *guest, int32_t down,
                      unsigned scratch)
{
    mxcsr(e, STMXCSR, FRAME_FLOATS + down);
    emit_load(e, scratch, RSP, FRAME_FLOATS + down, false);
    emit_alu_imm(e, ALU_AND, scratch, MXCSR_FLAGS, false);
    emit_rm(e, 0, 0x09, scratch, RBX, mxcsr_at(guest), false, false); /* or */
    mxcsr(e, LDMXCSR, FRAME_HOST_MXCSR + down);
    emit_alu(e, ALU_XOR, scratch, scratch, false);
    emit_store(e, scratch, RSP, FRAME_FLOATS + down, false);
}

void floats_out(struct emit *e, const struct guest *guest, int32_t down,
                unsigned scratch)
{
    uint8_t *not_in;

    look(e, down);
    not_in = emit_jcc(e, 4);
    load_host(e, guest, down, scratch);
    emit_here(e, not_in);
}

void floats_common(struct emit *e, struct jit *jit)
{
    jit->floats_in = e->at;
    load_guest(e, jit->guest, 8);
    emit_return(e);
    jit->floats_out = e->at;
    floats_out(e, jit->guest, 8, RAX);
    emit_return(e);
    jit->call = e->at;
    floats_out(e, jit->guest, 8, R11);
    emit_byte(e, 0xff); /* jmp rax */
    emit_byte(e, 0xe0);
}

/* -- Around ops ------------------------------------------------------------ */

static void floats_in(struct lowering *l)
{
    struct cold *cold;

    if (!l->floats) {
        look(&l->e, 0);
        cold = lower_new_cold(l, COLD_FLOATS);
        cold->from[0] = emit_jcc(&l->e, 4);
        cold->back = l->e.at;
        l->floats = true;
    }
}

void lower_cold_floats(struct lowering *l, struct cold *cold)
{
    emit_here(&l->e, cold->from[0]);
    emit_call_to(&l->e, l->jit->floats_in);
    emit_jmp_to(&l->e, cold->back);
}

void lower_floats_out(struct lowering *l)
{
    emit_call_to(&l->e, l->jit->floats_out);
    l->floats = false;
}

/* -- Ops ------------------------------------------------------------------- */

static const struct {
    uint8_t prefix, opcode;
} encodings[] = {
#define IR_FP(name, prefix, opcode) [IR_##name - IR_sqrtps] = {prefix, opcode},
#include "ir/float.def"
#undef IR_FP
    [IR_cmpps - IR_sqrtps] = {0x00, 0xc2},
    [IR_cmppd - IR_sqrtps] = {0x66, 0xc2},
    [IR_cmpss - IR_sqrtps] = {0xf3, 0xc2},
    [IR_cmpsd - IR_sqrtps] = {0xf2, 0xc2},
};

static void two(struct lowering *l, const struct ir_ins *ins)
{
    unsigned row = ins->op - IR_sqrtps;
    unsigned b = lower_use_vector(l, ins->b, 1);
    unsigned to = lower_copy_of_vector(l, ins);

    emit_rr(&l->e, encodings[row].prefix, 0x0f00u | encodings[row].opcode, to,
            b, false, false);
    if (ins->op >= IR_cmpps) {
        emit_byte(&l->e, ins->imm & 7);
    }
}

/* OF is 0, so that LAHF makes the whole value. */
static void flags(struct lowering *l, const struct ir_ins *ins)
{
    unsigned a = lower_use_vector(l, ins->a, 0);
    unsigned b = lower_use_vector(l, ins->b, 1), to;
    bool doubles = ins->op == IR_ucomisd || ins->op == IR_comisd;

    emit_alu(&l->e, ALU_XOR, RAX, RAX, false);
    emit_rr(&l->e, doubles ? 0x66 : 0, ins->op < IR_comiss ? 0x0f2e : 0x0f2f, a,
            b, false, false);
    emit_byte(&l->e, 0x9f); /* lahf */
    to = lower_define(l, IR_NONE);
    emit_mov(&l->e, to, RAX, false);
}

static void to_integer(struct lowering *l, const struct ir_ins *ins)
{
    unsigned a = lower_use_vector(l, ins->a, 0);
    unsigned to = lower_define(l, IR_NONE);
    bool doubles = ins->op == IR_cvtsd2si || ins->op == IR_cvttsd2si;

    emit_rr(&l->e, doubles ? 0xf2 : 0xf3,
            ins->op < IR_cvttss2si ? 0x0f2d : 0x0f2c, to, a,
            ins->type == IR_I64, false);
}

static void from_integer(struct lowering *l, const struct ir_ins *ins)
{
    unsigned b = lower_use(l, ins->b, RCX);
    unsigned to = lower_copy_of_vector(l, ins);

    emit_rr(&l->e, ins->op == IR_cvtsi2sd ? 0xf2 : 0xf3, 0x0f2a, to, b,
            ins->type == IR_I64, false);
}

bool lower_float(struct lowering *l, const struct ir_ins *ins)
{
    if (!ir_is_float(ins->op)) {
        return false;
    }
    floats_in(l);
    if (ins->op <= IR_cmpsd) {
        two(l, ins);
    } else if (ins->op <= IR_comisd) {
        flags(l, ins);
    } else if (ins->op <= IR_cvttsd2si) {
        to_integer(l, ins);
    } else {
        from_integer(l, ins);
    }
    return true;
}
