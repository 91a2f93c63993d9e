/*
 * include/panda/tcg-utils.h: calls that plugins put before instructions of a
 * block, when it is translated. They lie with the block, so they go with it.
 *
 * One instruction's calls are one event: given together, and not again.
 */
#include "plugin/raise.h"

#include "panda/tcg-utils.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* The place before an instruction, or a call: then there is a function. */
struct TCGOp {
    TCGOp *next;
    struct subscription by; /* whose: for messages, and for what it writes */
    void (*function)(void);
    uint64_t argument[PANDA_INSERT_CALL_MAX];
};

typedef void inserted_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                               uint64_t);

/* -- Places ---------------------------------------------------------------- */

static struct block *translated(const char *who)
{
    struct plugins *p = plugins_current();
    struct block *block = p ? p->translated : NULL;

    if (!block) {
        panda_warn("%s() is for callbacks before_tcg_codegen: no block is "
                   "being translated",
                   who);
    }
    return block;
}

static TCGOp *place_at(struct block *block, unsigned position)
{
    if (!block->places) {
        block->places = panda_must(
            calloc(block->shown.icount, sizeof(*block->places)));
    }
    if (!block->places[position]) {
        block->places[position] = panda_must(calloc(1, sizeof(TCGOp)));
    }
    return block->places[position];
}

TCGOp *find_first_guest_insn(void)
{
    struct block *block = translated(__func__);

    return block ? place_at(block, 0) : NULL;
}

TCGOp *find_last_guest_insn(void)
{
    struct block *block = translated(__func__);

    return block ? place_at(block, block->shown.icount - 1u) : NULL;
}

TCGOp *find_guest_insn_by_addr(target_ulong address)
{
    struct block *block = translated(__func__);

    for (unsigned i = 0; block && i < block->shown.icount; i++) {
        if (block->shown.pc + block->offset[i] == address) {
            return place_at(block, i);
        }
    }
    return NULL;
}

/* -- Calls ----------------------------------------------------------------- */

void panda_insert_call(TCGOp **after_op, void (*function)(void), unsigned n,
                       const uint64_t *arguments)
{
    struct plugins *p = plugins_current();
    TCGOp *op;

    if (!translated("insert_call")) {
        return;
    }
    if (!*after_op || !function) {
        panda_warn("insert_call(): no %s is given: nothing is inserted",
                   function ? "instruction" : "function");
        return;
    }
    op = panda_must(calloc(1, sizeof(*op)));
    op->by.owner = p->calling ? p->calling->owner : NULL;
    op->function = function;
    memcpy(op->argument, arguments, n * sizeof(arguments[0]));
    op->next = (*after_op)->next;
    (*after_op)->next = op;
    *after_op = op;
    p->inserted = true;
}

void insert_call_1p(TCGOp **after_op, void (*function)(void *), void *value)
{
    const uint64_t argument = (uintptr_t)value;

    panda_insert_call(after_op, (void (*)(void))function, 1, &argument);
}

uint64_t inserted_at(const struct block *block, unsigned position)
{
    const TCGOp *place = block->places ? block->places[position] : NULL;

    return place ? (uintptr_t)place->next : 0;
}

void inserted_calls(struct cpu *cpu, uint64_t first)
{
    struct plugins *p = plugins_of(cpu);
    const struct subscription *outer = p->calling;

    if (fresh(p, cpu)) {
        show(p, cpu, cpu->insn_pc, true);
        for (const TCGOp *op = (TCGOp *)(uintptr_t)first; op; op = op->next) {
            const uint64_t *a = op->argument;

            steer_call(p, &op->by);
            ((inserted_function *)op->function)(a[0], a[1], a[2], a[3], a[4],
                                                a[5]);
            steer_returned(p, outer);
        }
    }
    steer_before_insn(p);
}

void inserted_free(struct block *block)
{
    for (unsigned i = 0; block->places && i < block->shown.icount; i++) {
        while (block->places[i]) {
            TCGOp *op = block->places[i];

            block->places[i] = op->next;
            free(op);
        }
    }
    free(block->places);
}
