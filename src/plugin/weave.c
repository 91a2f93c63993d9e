/*
 * The instrument pass: a unit as translated becomes one that tells plugins.
 *
 * It is copied record by record, with calls put in:
 *
 *     insn          block start, where one is; the instruction, where wanted
 *     ld, st        before and after, where wanted
 *     end of insn   the instruction; block end, where one is
 *     exit in the midst of a block: the cut is noted, so that what follows
 *     goes on with the block
 *
 * A unit holds whole blocks when it can: one that would not fit whole behind
 * another is left for a unit of its own.
 */
#include "plugin/weaver.h"

#include "base/error.h"
#include "plugin/filter.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdlib.h>
#include <string.h>

/* Of the guest, by name: enum woven_slot. */
static const char *const slot_names[] = {"request", "current", "asid_bit"};

/* -- Putting calls in ------------------------------------------------------ */

ir_ref weave_constant(struct weaver *w, enum ir_type type, uint64_t value)
{
    union ir_value v = {.v64 = {value, 0}};

    return ir_unit_const(w->to, type, &v);
}

ir_ref weave_put(struct weaver *w, enum ir_op op, enum ir_type type, ir_ref a,
                 ir_ref b, ir_ref c, uint32_t imm)
{
    struct ir_ins ins = {.op = (uint16_t)op,
                         .type = (uint8_t)type,
                         .a = a,
                         .b = b,
                         .c = c,
                         .imm = imm};

    return ir_unit_append(w->to, &ins);
}

void weave_call(struct weaver *w, enum woven_helper helper, ir_ref a, ir_ref b,
                ir_ref c)
{
    weave_put(w, IR_call, IR_VOID, a, b, c, w->to->guest->n_helpers + helper);
}

void weave_call_unless(struct weaver *w, enum woven_helper helper,
                       const void *address, ir_ref bits)
{
    weave_put(w, IR_call_unless, IR_VOID,
              weave_constant(w, IR_I64, (uint64_t)(uintptr_t)address), bits, 0,
              w->to->guest->n_helpers + helper);
}

static ir_ref block_constant(struct weaver *w, unsigned bits)
{
    return weave_constant(w, IR_I64,
                          (uint64_t)(uintptr_t)w->part->block | bits);
}

/* Shows registers, with that pc, for what is told at a block's end; what it
 * ends with is in its address, too. See block_end(). */
static ir_ref show_end(struct weaver *w, ir_ref pc)
{
    bool shown = !w->changed && weave_show(w);

    if (shown) {
        weave_put(w, IR_set, IR_VOID, pc, 0, 0, w->to->guest->pc_slot);
    }
    return block_constant(w,
                          w->part->block->transfer | (shown ? WOVEN_SHOWN : 0));
}

/* With the pc by HELPER_AT_PC. */
static unsigned show_start(struct weaver *w)
{
    return weave_show(w) ? WOVEN_SHOWN : 0;
}

bool weave_wants(const struct weaver *w, uint64_t kinds)
{
    return w->key->watch & kinds;
}

/* Of these kinds, one might be told of what happens at the pc. */
static bool told_at(const struct weaver *w, uint64_t kinds, uint64_t pc,
                    unsigned size)
{
    kinds &= w->key->watch;
    while (kinds) {
        unsigned kind = (unsigned)__builtin_ctzll(kinds);

        if (!(w->p->filtered & KIND_BIT(kind)) ||
            filter_may_pass(w->p, (panda_cb_type)kind, pc, w->key->mode,
                            size)) {
            return true;
        }
        kinds &= kinds - 1;
    }
    return false;
}

static bool told_of_block(const struct weaver *w, uint64_t kinds)
{
    return told_at(w, kinds, w->part->block->shown.pc, 0);
}

bool weave_told_of_insn(const struct weaver *w, uint64_t kinds, unsigned size)
{
    return told_at(w, kinds, weave_insn_pc(w), size);
}

#define START_KINDS \
    (KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT) | \
     KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC) | \
     KIND_BIT(PANDA_CB_START_BLOCK_EXEC))
#define ACCESS_KINDS (0xffull * KIND_BIT(PANDA_CB_VIRT_MEM_BEFORE_READ))
#define END_KINDS \
    (KIND_BIT(PANDA_CB_AFTER_BLOCK_EXEC) | KIND_BIT(PANDA_CB_END_BLOCK_EXEC))

/* Does somebody want to hear that the block ends? */
static bool told_of_end(const struct weaver *w)
{
    return told_of_block(w, END_KINDS) &&
           (!weave_wants(w, ONLY_TRANSFERS) || w->part->block->transfer);
}

/* -- Instructions ---------------------------------------------------------- */

static unsigned position_of(const struct weaver *w)
{
    return w->part->position + (w->insn - w->part->first);
}

uint64_t weave_insn_pc(const struct weaver *w)
{
    const struct block *block = w->part->block;

    return block->shown.pc + block->offset[position_of(w)];
}

static bool is_last(const struct weaver *w)
{
    return position_of(w) + 1 == w->part->block->shown.icount;
}

static struct insn_answers answers_of(const struct weaver *w)
{
    const struct insn_answers *all = w->part->block->answers;

    return all ? all[position_of(w)] : (struct insn_answers){NULL, NULL};
}

static ir_ref answer_constant(struct weaver *w, const struct answer *answer,
                              unsigned bits)
{
    return weave_constant(w, IR_I64, (uint64_t)(uintptr_t)answer | bits);
}

/* What plugins write takes effect when the instruction is over. */
static void leave_if_written(struct weaver *w)
{
    weave_call_unless(w, WOVEN_LEAVE, &w->p->steer.calm,
                      weave_constant(w, IR_I64, 1));
    w->told = false;
}

/* What plugins themselves have put before the instruction. */
static void tell_inserted(struct weaver *w)
{
    uint64_t first = inserted_at(w->part->block, position_of(w));

    if (first) {
        weave_call(w, WOVEN_INSERTED, weave_constant(w, IR_I64, first), IR_NONE,
                   IR_NONE);
    }
}

static void start_insn(struct weaver *w, unsigned insn)
{
    const struct answer *answer;

    w->insn = insn;
    w->changed = false;
    if (insn == w->part->first + w->part->n) {
        w->part++;
    }
    if (w->told) {
        leave_if_written(w);
    }
    if (position_of(w) == 0 && weave_wants(w, ONLY_NEW_BLOCKS)) {
        ir_ref bit = weave_put(w, IR_get, IR_I64, 0, 0, 0, w->slot[ASID_BIT]);

        weave_call_unless(w, WOVEN_BLOCK_NEW, w->part->block, bit);
    } else if (position_of(w) == 0 && told_of_block(w, START_KINDS)) {
        bool flags = weave_show_flags(w);

        weave_call(w, WOVEN_BLOCK_START,
                   block_constant(w, flags ? WOVEN_SHOWN : 0), IR_NONE,
                   IR_NONE);
    }
    tell_inserted(w);
    answer = answers_of(w).exec;
    if (answer && weave_told_of_insn(w, KIND_BIT(PANDA_CB_INSN_EXEC), 0)) {
        weave_call(w, WOVEN_INSN_EXEC,
                   answer_constant(w, answer, show_start(w)), IR_NONE, IR_NONE);
    }
    if (insn == 0 && weave_wants(w, UP_TO_TOLD)) {
        weave_call(w, WOVEN_TOLD, IR_NONE, IR_NONE, IR_NONE);
    }
}

/* After the open instruction, which goes on to the pc given. */
static void end_insn(struct weaver *w, ir_ref pc)
{
    const struct answer *answer = answers_of(w).after;

    if (is_last(w)) {
        if (told_of_end(w)) {
            weave_call(w, WOVEN_BLOCK_END, show_end(w, pc), pc, IR_NONE);
            w->told = true;
        }
    } else if (answer &&
               weave_told_of_insn(w, KIND_BIT(PANDA_CB_AFTER_INSN_EXEC), 0)) {
        weave_call(w, WOVEN_AFTER_INSN, pc, answer_constant(w, answer, 0),
                   IR_NONE);
        w->told = true;
    }
}

/* Between blocks of one unit it may have to be left. Where the next block's
 * start is told, that is looked at there. */
static void look_at_requests(struct weaver *w, ir_ref next_pc)
{
    ir_ref request;

    if (is_last(w) &&
        (!weave_wants(w, START_KINDS) || (w->p->filtered & START_KINDS))) {
        request = weave_put(w, IR_get, IR_I32, 0, 0, 0, w->slot[REQUEST]);
        weave_put(w, IR_exit_if, IR_VOID, request, next_pc, 0, IR_EXIT_LINK);
    }
}

/* The last exit. In the midst of a block it leads to the next instruction,
 * or is behind a call that does not return. */
static void last_exit(struct weaver *w, const struct ir_ins *ins)
{
    const struct block *block = w->part->block;
    unsigned next = position_of(w) + 1;
    uint64_t pc;

    end_insn(w, ins->a);
    if (!is_last(w) && ir_const_value(w->to, ins->a, &pc) &&
        pc == block->shown.pc + block->offset[next]) {
        weave_call(w, WOVEN_BLOCK_CUT, block_constant(w, 0),
                   weave_constant(w, IR_I32, next), IR_NONE);
    }
    ir_unit_append(w->to, ins);
}

/* Iterations run at once are not told one by one. Only new blocks need not be,
 * when the iteration is a block by itself: the first one tells of it. Nor need
 * calls and returns: it is none. */
static bool may_run_ahead(const struct weaver *w)
{
    uint64_t starts = ONLY_NEW_BLOCKS | START_KINDS;
    uint64_t ends = ONLY_TRANSFERS | END_KINDS;

    return !(w->key->watch & ~(starts | ends)) &&
           (!weave_wants(w, starts) || weave_wants(w, ONLY_NEW_BLOCKS)) &&
           (!weave_wants(w, ends) || weave_wants(w, ONLY_TRANSFERS)) &&
           position_of(w) == 0;
}

/* -- The walk -------------------------------------------------------------- */

static ir_ref mapped(const struct weaver *w, ir_ref ref)
{
    return ir_is_const(ref) ? ref : w->map[ref];
}

/* One record. False: the unit ends before it. */
static bool copy(struct weaver *w, uint32_t at)
{
    struct ir_ins ins = w->from->ins[at];

    ins.a = mapped(w, ins.a);
    ins.b = mapped(w, ins.b);
    ins.c = mapped(w, ins.c);
    ins.d = mapped(w, ins.d);
    switch (ins.op) {
    case IR_insn:
        if (ins.imm) {
            end_insn(w, ins.a);
        }
        if (ins.imm == w->keep) {
            weave_put(w, IR_exit, IR_VOID, ins.a, 0, 0,
                      w->keep == w->from->n_in_mode ? IR_EXIT_POLL
                                                    : IR_EXIT_LINK);
            return false;
        }
        if (ins.imm) {
            look_at_requests(w, ins.a);
        }
        ir_unit_append(w->to, &ins);
        w->accesses = weave_count_accesses(w, at);
        start_insn(w, ins.imm);
        return true;
    case IR_ld:
    case IR_st:
        w->map[at] = weave_access(w, &ins);
        return true;
    case IR_copy_ahead:
    case IR_fill_ahead:
        w->map[at] = may_run_ahead(w) ? ir_unit_append(w->to, &ins)
                                      : weave_constant(w, IR_I64, 0);
        return true;
    case IR_exit_if:
        if (is_last(w) && told_of_end(w)) {
            weave_call(w, WOVEN_BLOCK_END_IF, ins.a, show_end(w, ins.b), ins.b);
        }
        break;
    case IR_exit:
        last_exit(w, &ins);
        return true;
    }
    w->map[at] = ir_unit_append(w->to, &ins);
    if (ins.op == IR_call && weave_wants(w, ACCESS_KINDS)) {
        w->told = true;
    }
    if (ins.op == IR_set) {
        weave_set(w, ins.imm);
    }
    if (ins.op == IR_call &&
        (ir_helper(w->to, ins.imm)->effects & HELPER_WRITES)) {
        weave_changed(w);
    }
    return true;
}

static void check(const struct ir_unit *unit)
{
#ifndef NDEBUG
    char *message;

    if (!ir_verify(unit, &message)) {
        ir_print(unit, stderr);
        panda_bug("woven: %s", message);
    }
#else
    (void)unit;
#endif
}

static uint32_t find_slot(const struct guest *guest, const char *name)
{
    for (uint32_t i = 0; i < guest->n_slots; i++) {
        if (!strcmp(guest->slots[i].name, name)) {
            return i;
        }
    }
    panda_bug("a guest for plugins has a slot '%s'", name);
}

/* How many bytes from the key's pc on the unit depends on. */
static size_t reach(const struct weaver *w)
{
    const struct unit_part *part = &w->blocks->part[w->blocks->n - 1];

    return part->block->shown.pc + part->block->shown.size - w->key->pc;
}

struct ir_unit *weave(struct watch *watch, const struct unit_key *key,
                      struct ir_unit *ir, const uint8_t *bytes, size_t rest,
                      size_t *size, void **blocks)
{
    struct weaver w = {.p = (struct plugins *)watch,
                       .key = key,
                       .from = ir,
                       .bytes = bytes,
                       .rest = rest};

    for (unsigned i = 0; i < N_WOVEN_SLOTS; i++) {
        w.slot[i] = find_slot(ir->guest, slot_names[i]);
    }
    w.blocks = calloc(1, sizeof(*w.blocks) +
                             ir->n_insns * sizeof(struct unit_part));
    w.map = calloc(ir->n_ins, sizeof(*w.map));
    if (!w.blocks || !w.map) {
        panda_bug("out of memory");
    }
    if (!weave_find_parts(&w)) { /* no instruction begins there */
        free(w.blocks);
        free(w.map);
        return ir;
    }
    w.part = w.blocks->part;
    w.to = ir_unit_new(ir->guest);
    w.to->more_helpers = woven_helpers;
    w.to->n_more_helpers = N_WOVEN_HELPERS;
    for (uint32_t i = 0; i < ir->n_consts; i++) {
        ir_unit_const(w.to, ir->consts[i].type, &ir->consts[i].value);
    }
    for (uint32_t at = 1; at < ir->n_ins && copy(&w, at); at++) {
    }
    check(w.to);
    *size = *size > reach(&w) ? *size : reach(&w);
    *blocks = w.blocks;
    free(w.map);
    ir_unit_free(ir);
    return w.to;
}
