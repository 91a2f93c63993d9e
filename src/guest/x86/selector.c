/*
 * LAR, LSL, VERR, VERW, ARPL: what a program may ask about a selector. They
 * tell by ZF and fault only where the tables themselves cannot be read. With
 * them BOUND and INTO, which check, too.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/segment.h"
#include "guest/x86/translate.h"

enum query { LAR, LSL, VERR, VERW, ARPL };

#define YES (1ull << 32) /* ZF, above the value */

static bool in_table(const struct x86_cpu *x86, uint16_t selector)
{
    if (!(selector & 0xfffcu)) {
        return false;
    }
    if (selector & 4) {
        return (x86->ldtr.access & X86_ACCESS_P) &&
               (selector & 0xfff8u) + 7 <= x86->ldtr.limit;
    }
    return (selector & 0xfff8u) + 7 <= x86->gdtr.limit;
}

/* System descriptors that LAR (or LSL) knows, a bit a type. */
static bool known_type(const struct x86_cpu *x86, enum query query,
                       unsigned type)
{
    unsigned types = query == LAR ? 0x1a3e : 0x0a0e;

    if (x86_long_mode(x86)) {
        types = query == LAR ? 0x1a04 : 0x0a04;
    }
    return types >> type & 1;
}

static bool permits(const struct x86_cpu *x86, enum query query,
                    unsigned access, uint16_t selector)
{
    bool code = access & X86_ACCESS_CODE;
    bool conforming = (access & X86_ACCESS_S) && code &&
                      (access & X86_ACCESS_CONFORMING);
    unsigned dpl = X86_ACCESS_DPL(access);

    if (!(access & X86_ACCESS_S) &&
        (query >= VERR || !known_type(x86, query, access & 15))) {
        return false;
    }
    if ((query == VERR && code && !(access & X86_ACCESS_WRITABLE)) ||
        (query == VERW && (code || !(access & X86_ACCESS_WRITABLE)))) {
        return false;
    }
    return (conforming && query != VERW) ||
           (dpl >= x86->cpl && dpl >= (selector & 3u));
}

/* ARPL: the second selector's privilege, if that is less. */
static uint64_t adjust(uint32_t selectors)
{
    uint32_t wanted = selectors >> 16 & 3, selector = selectors & 0xffff;

    return (selector & 3) < wanted ? YES | (selector & ~3u) | wanted : selector;
}

void x86_helper_need_protected(struct cpu *cpu)
{
    if (x86_real_mode(x86_of(cpu))) {
        x86_fault(cpu, X86_UD);
    }
}

/* The value, with YES when there is one. */
uint64_t x86_helper_query(struct cpu *cpu, uint32_t query, uint32_t selectors)
{
    struct x86_cpu *x86 = x86_of(cpu);
    uint16_t selector = (uint16_t)selectors;
    struct x86_descriptor d;

    if (x86_real_mode(x86)) {
        x86_fault(cpu, X86_UD);
    }
    if (query == ARPL) {
        return adjust(selectors);
    }
    if (!in_table(x86, selector)) {
        return 0;
    }
    d = x86_read_descriptor(cpu, selector, X86_GP);
    if (!permits(x86, (enum query)query, d.high >> 8, selector)) {
        return 0;
    }
    return YES | (query == LSL ? x86_segment_of(&d, selector).limit
                               : d.high & 0x00ffff00u);
}

static ir_ref ask(struct x86_translator *t, ir_ref selectors)
{
    return ir_call(t->b, X86_HELPER_query,
                   ir_const_i32(t->b, (uint32_t)t->insn.row->argument),
                   selectors, IR_NONE, IR_NONE);
}

static void set_zf(struct x86_translator *t, ir_ref zf)
{
    ir_ref flags = ir_bin(t->b, IR_and, x86_get_flags(t),
                          ir_const_i32(t->b, ~FL_ZF));

    x86_set_flags(t, ir_bin(t->b, IR_or, flags,
                            ir_bin(t->b, IR_shl, zf, ir_const_i32(t->b, 14))));
}

static ir_ref is_yes(struct x86_translator *t, ir_ref answer)
{
    return x86_to_i32(t, ir_bin(t->b, IR_shr, answer, ir_const_i32(t->b, 32)));
}

/* LAR and LSL write a register, when the answer is yes. */
bool x86_tr_query(struct x86_translator *t)
{
    bool value = t->insn.row->argument <= LSL;
    unsigned number = t->insn.operand[0].number;
    ir_ref selector = x86_read(t, value ? 1 : 0), answer, yes, old;

    answer = ask(t, x86_zero_extend(t, selector, 16));
    yes = is_yes(t, answer);
    if (value) {
        old = ir_get(t->b, X86_SLOT_rax + number);
        answer = x86_to_i64(t, x86_to_i32(t, answer));
        if (t->insn.size == 2) {
            answer = ir_bin(t->b, IR_dep16, old, answer);
        }
        ir_set(t->b, X86_SLOT_rax + number, ir_select(t->b, yes, answer, old));
    }
    set_zf(t, yes);
    return false;
}

bool x86_tr_arpl(struct x86_translator *t)
{
    ir_ref to = x86_zero_extend(t, x86_read_to_write(t, 0), 16);
    ir_ref from = ir_bin(t->b, IR_shl, x86_read(t, 1), ir_const_i32(t->b, 16));
    ir_ref answer = ask(t, ir_bin(t->b, IR_or, to, from));

    x86_write(t, 0, x86_to_i32(t, answer));
    set_zf(t, is_yes(t, answer));
    return false;
}

/* -- Checks ---------------------------------------------------------------- */

void x86_helper_bound(struct cpu *cpu, uint32_t index, uint32_t lower,
                      uint32_t upper)
{
    if ((int32_t)index < (int32_t)lower || (int32_t)index > (int32_t)upper) {
        x86_fault(cpu, X86_BR);
    }
}

void x86_helper_into(struct cpu *cpu, uint32_t overflow, uint64_t next)
{
    if (overflow) {
        x86_helper_interrupt(cpu, X86_OF, next);
    }
}

bool x86_tr_bound(struct x86_translator *t)
{
    unsigned size = t->insn.size;
    ir_ref at = x86_address(t);
    ir_ref lower = x86_load(t, at, size), upper;

    at = ir_bin(t->b, IR_add, at, ir_const_i64(t->b, size));
    upper = x86_load(t, x86_to_i64(t, x86_to_i32(t, at)), size);
    ir_call(t->b, X86_HELPER_bound,
            x86_sign_extend(t, x86_read(t, 0), 8 * size),
            x86_sign_extend(t, lower, 8 * size),
            x86_sign_extend(t, upper, 8 * size), IR_NONE);
    return false;
}
