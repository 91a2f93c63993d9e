/*
 * String instructions. A unit runs one iteration: a repeated one leaves to
 * its own start until the count is used up, so that each iteration is a step,
 * an interrupt can come between any two, and a fault finds the registers as
 * the last whole iteration left them. MOVS and STOS run iterations ahead
 * where that makes no difference: see copy_ahead in ir/ops.def.
 *
 * A count of 0 leaves before anything that may fault, so by R1 without a set:
 * where more than the pc changes with the end of an instruction, a helper sees
 * to it.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"

enum { MOVS, STOS, LODS, SCAS, CMPS, INS, OUTS };
enum { RAX = 0, RCX = 1, RDX = 2, RSI = 6, RDI = 7 };

static bool reads_source(int kind)
{
    return kind == MOVS || kind == LODS || kind == CMPS || kind == OUTS;
}

struct string {
    struct x86_translator *t;
    unsigned size; /* of an element */
    unsigned wide; /* of the index registers */
    ir_ref ahead;  /* how many more iterations were run, or IR_NONE */
};

static ir_ref index_value(const struct string *s, unsigned number)
{
    ir_ref value = x86_get_gpr(s->t, number, s->wide);

    return s->wide == 8
               ? value
               : x86_to_i64(s->t, x86_zero_extend(s->t, value, 8 * s->wide));
}

static ir_ref source(const struct string *s)
{
    return x86_segment_address(s->t, s->t->insn.segment, index_value(s, RSI));
}

static ir_ref destination(const struct string *s)
{
    return x86_segment_address(s->t, X86_ES, index_value(s, RDI));
}

static void advance(const struct string *s, unsigned number)
{
    int64_t by = s->t->mode_word & X86_MODE_DF ? -(int64_t)s->size
                                               : (int64_t)s->size;
    ir_ref next = ir_bin(s->t->b, IR_add, index_value(s, number),
                         ir_const_i64(s->t->b, (uint64_t)by));

    if (s->ahead != IR_NONE) {
        next = ir_bin(s->t->b, IR_add, next,
                      ir_bin(s->t->b, IR_mul, s->ahead,
                             ir_const_i64(s->t->b, (uint64_t)by)));
    }
    x86_set_gpr(s->t, number, s->wide,
                s->wide == 8 ? next : x86_to_i32(s->t, next));
}

static ir_ref port(const struct string *s)
{
    return x86_zero_extend(s->t, x86_get_gpr(s->t, RDX, 2), 16);
}

/* A port is read once: only when the store that follows cannot fault. */
static ir_ref in(const struct string *s)
{
    ir_ref at = destination(s);

    x86_guard(s->t, at, s->size, true);
    ir_load(s->t->b, IR_I32, at, x86_memop(s->t, s->size) | MO_RMW | MO_PROBE);
    return ir_call(s->t->b, X86_HELPER_in, port(s),
                   ir_const_i32(s->t->b, s->size), IR_NONE, IR_NONE);
}

static void out(const struct string *s, ir_ref value)
{
    ir_call(s->t->b, X86_HELPER_out, port(s), ir_const_i32(s->t->b, s->size),
            value, IR_NONE);
}

/* In the plain case, where nothing but memory and the registers changes from
 * one iteration to the next, and addresses are flat. */
static bool may_run_ahead(const struct string *s)
{
    const struct x86_translator *t = s->t;

    return t->insn.rep && t->mode == X86_MODE_64 && s->wide == 8 &&
           !(t->mode_word & (X86_MODE_DF | X86_MODE_AC | X86_MODE_ONE));
}

/* Behind the element: as many of those that follow as can be run at once. */
static ir_ref run_ahead(const struct string *s, int kind, ir_ref value)
{
    struct x86_translator *t = s->t;
    ir_ref size = ir_const_i64(t->b, s->size);
    ir_ref left = ir_bin(t->b, IR_sub, index_value(s, RCX),
                         ir_const_i64(t->b, 1));
    ir_ref from = kind == MOVS
                      ? ir_bin(t->b, IR_add, source(s), size)
                      : x86_to_i64(t, x86_zero_extend(t, value, 8 * s->size));
    ir_ref to = ir_bin(t->b, IR_add, destination(s), size);

    return ir_emit(t->b, kind == MOVS ? IR_copy_ahead : IR_fill_ahead, IR_I64,
                   to, from, left, IR_NONE, x86_memop(t, s->size));
}

/* One element: everything that may fault, then the sets. */
static void element(struct string *s, int kind)
{
    struct x86_translator *t = s->t;
    ir_ref x = IR_NONE, y = IR_NONE;

    if (kind == SCAS || kind == CMPS) { /* read first, as processors do */
        y = x86_load(t, destination(s), s->size);
    }
    if (reads_source(kind)) {
        x = x86_load(t, source(s), s->size);
    } else if (kind == INS) {
        x = in(s);
    } else {
        x = x86_get_gpr(t, RAX, s->size);
    }
    if (kind == OUTS) {
        out(s, x);
    }
    if (kind == MOVS || kind == STOS || kind == INS) {
        x86_store(t, destination(s), s->size, x);
    }
    if ((kind == MOVS || kind == STOS) && may_run_ahead(s)) {
        s->ahead = run_ahead(s, kind, x);
    }
    if (kind == LODS) {
        x86_set_gpr(t, RAX, s->size, x);
    }
    if (kind == SCAS || kind == CMPS) {
        x86_set_flags(t, ir_flags(t->b, IR_fl_sub, 8 * s->size, x, y, IR_NONE));
    }
    if (reads_source(kind)) {
        advance(s, RSI);
    }
    if (kind != LODS && kind != OUTS) {
        advance(s, RDI);
    }
}

/* Counts down and tells whether it was the last iteration. */
static ir_ref last(const struct string *s, int kind)
{
    struct x86_translator *t = s->t;
    ir_ref left = ir_bin(t->b, IR_sub, index_value(s, RCX),
                         ir_const_i64(t->b, 1));
    ir_ref done;

    if (s->ahead != IR_NONE) {
        left = ir_bin(t->b, IR_sub, left, s->ahead);
    }
    done = ir_bin(t->b, IR_eq, left, ir_const_i64(t->b, 0));
    x86_set_gpr(t, RCX, s->wide, s->wide == 8 ? left : x86_to_i32(t, left));
    if (kind == SCAS || kind == CMPS) { /* REPE goes on while equal */
        ir_ref stop = ir_cc(t->b, x86_get_flags(t),
                            t->insn.rep == 0xf3 ? 5 : 4);

        done = ir_bin(t->b, IR_or, done, stop);
    }
    return done;
}

bool x86_tr_string(struct x86_translator *t)
{
    int kind = t->insn.row->argument;
    struct string s = {t, t->insn.row->opcode & 1 ? t->insn.size : 1,
                       t->insn.address_size, IR_NONE};
    bool io = kind == INS || kind == OUTS;
    ir_ref none;

    if (io && s.size == 8) {
        s.size = 4;
    }
    if (io) { /* a port that is not allowed comes before all else */
        ir_call(t->b, X86_HELPER_check_port, port(&s),
                ir_const_i32(t->b, s.size), IR_NONE, IR_NONE);
    }
    if (!t->insn.rep) {
        element(&s, kind);
        if (io) {
            x86_exit(t, ir_const_i64(t->b, t->next_pc), IR_EXIT_POLL);
        }
        return io;
    }
    none = ir_bin(t->b, IR_eq, index_value(&s, RCX), ir_const_i64(t->b, 0));
    if (t->mode_word & X86_MODE_ONE) {
        ir_call(t->b, X86_HELPER_end_if, none, IR_NONE, IR_NONE, IR_NONE);
        ir_emit(t->b, IR_exit_if, IR_VOID, none, ir_const_i64(t->b, t->next_pc),
                0, 0, IR_EXIT_POLL);
    } else {
        ir_exit_if(t->b, none, t->next_pc);
    }
    element(&s, kind);
    if (!x86_exit_if(t, last(&s, kind), t->next_pc, t->pc)) {
        x86_exit(t, ir_const_i64(t->b, t->pc),
                 io ? IR_EXIT_POLL : IR_EXIT_LINK);
    }
    return true;
}
