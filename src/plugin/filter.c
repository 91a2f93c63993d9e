/*
 * Filters: what may come through is asked when a unit is woven, over all
 * functions that are registered, on or off; and again of each event, since
 * several functions may hear of one kind.
 */
#include "plugin/filter.h"

#include "base/error.h"
#include "plugin/raise.h"

#include <stdlib.h>

bool filter_is_for(panda_cb_type kind)
{
    return kind == PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT ||
           kind == PANDA_CB_BEFORE_BLOCK_EXEC ||
           kind == PANDA_CB_AFTER_BLOCK_EXEC || kind == PANDA_CB_INSN_EXEC ||
           (kind >= PANDA_CB_AFTER_INSN_EXEC &&
            kind <= PANDA_CB_MMIO_BEFORE_WRITE) ||
           kind == PANDA_CB_START_BLOCK_EXEC || kind == PANDA_CB_END_BLOCK_EXEC;
}

static bool within(uint64_t x, uint64_t first, uint64_t last)
{
    return x >= first && (!last || x <= last);
}

static bool is_user(const struct cpu *cpu, uint64_t mode)
{
    const struct guest_plugin *guest = cpu->guest->plugin;

    return guest->is_user && guest->is_user(mode);
}

/* What does not change as long as the code does not. */
static bool passes_code(const panda_filter *f, uint64_t pc, bool user)
{
    return within(pc, f->first_pc, f->last_pc) &&
           (!f->where || f->where & (user ? PANDA_IN_USER : PANDA_IN_KERNEL));
}

/* Physical pieces of an access that crosses a page have sizes of all kinds;
 * only these are wanted as they are asked for. */
static bool passes_size(const panda_filter *f, unsigned size)
{
    return !f->sizes || (!(size & (size - 1)) && f->sizes & size);
}

/* Before it is known: a wide access is told in pieces of 8 bytes. */
static bool may_pass_size(const panda_filter *f, panda_cb_type kind,
                          unsigned size)
{
    bool physical = kind == PANDA_CB_PHYS_MEM_BEFORE_READ ||
                    kind == PANDA_CB_PHYS_MEM_BEFORE_WRITE ||
                    kind == PANDA_CB_PHYS_MEM_AFTER_READ ||
                    kind == PANDA_CB_PHYS_MEM_AFTER_WRITE;

    return !size || physical || passes_size(f, size < 8 ? size : 8);
}

bool filter_may_pass(const struct plugins *p, panda_cb_type kind, uint64_t pc,
                     uint64_t mode, unsigned size)
{
    for (const struct subscription *s = p->kinds[kind]; s; s = s->next) {
        if (!s->gone &&
            (!s->filter ||
             (passes_code(s->filter, pc, is_user(p->machine->cpu, mode)) &&
              may_pass_size(s->filter, kind, size)))) {
            return true;
        }
    }
    return false;
}

static bool is_block(panda_cb_type kind)
{
    return kind <= PANDA_CB_AFTER_BLOCK_EXEC ||
           kind == PANDA_CB_START_BLOCK_EXEC || kind == PANDA_CB_END_BLOCK_EXEC;
}

static bool is_device(panda_cb_type kind)
{
    return kind == PANDA_CB_MMIO_AFTER_READ ||
           kind == PANDA_CB_MMIO_BEFORE_WRITE;
}

bool filter_passes(const struct plugins *p, const panda_filter *f,
                   panda_cb_type kind, const uint64_t a[6])
{
    const struct cpu *cpu = p->machine->cpu;
    bool block = is_block(kind);
    bool access = kind >= PANDA_CB_VIRT_MEM_BEFORE_READ && !block;
    const TranslationBlock *tb = (const void *)(uintptr_t)a[1];
    const struct block *whole = (const void *)((const char *)tb -
                                               offsetof(struct block, shown));
    uint64_t pc = block             ? tb->pc
                  : is_device(kind) ? p->cpu.panda_guest_pc
                  : access          ? a[1]
                                    : cpu->insn_pc;
    uint64_t address = is_device(kind) ? a[1] : a[2];
    uint64_t mode = block ? whole->mode : cpu->guest->mode(cpu);

    /* At its end, a block may have led into another mode. */
    return passes_code(f, pc, is_user(cpu, mode)) &&
           (!f->has_asid || f->asid == cpu->guest->plugin->asid(cpu)) &&
           (!access || (within(address, f->first, f->last) &&
                        passes_size(f, (unsigned)a[3])));
}

/* -- The interface --------------------------------------------------------- */

void panda_set_filter(void *plugin, panda_cb_type type, panda_cb cb,
                      const panda_filter *filter)
{
    struct plugins *p = plugins_current();
    struct subscription *s = registry_find(plugin, type, cb.cbaddr, false,
                                           NULL);

    if (!filter_is_for(type)) {
        plugins_fail(p, panda_message("PANDA_CB_%s cannot be filtered",
                                      registry_name(type)));
    } else if (s) {
        free(s->filter);
        s->filter = NULL;
        if (filter) {
            s->filter = panda_must(malloc(sizeof(*filter)));
            *s->filter = *filter;
        }
        p->flush = true;
        registry_update(p);
        plugins_request(p);
    }
}
