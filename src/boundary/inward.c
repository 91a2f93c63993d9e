/* What each inward event does to CPU and RAM: the same in all three modes. */
#include "boundary/boundary.h"

#include "base/error.h"
#include "exec/watch.h"

#include <string.h>

const char *inward_name(enum inward kind)
{
    static const char *const names[64] = {
#define INWARD(name, number, fields) [number] = #name,
#include "boundary/entries.def"
#undef INWARD
    };

    return (unsigned)kind < 64 ? names[kind] : NULL;
}

static bool write_block(struct machine *m, const struct inward_event *event,
                        char **message)
{
    struct mem_block *block = mem_block_at(m->memory, event->what);

    if (!block || event->size > block->size ||
        event->address > block->size - event->size) {
        *message = panda_message("a write beyond memory block %u", event->what);
        return false;
    }
    mem_write_block(m->memory, block, event->address, event->bytes,
                    event->size);
    return true;
}

static bool dma(struct machine *m, const struct inward_event *event,
                char **message)
{
    bool good;

    watch_dma(m, event, false);
    good = write_block(m, event, message);
    watch_dma(m, event, true);
    return good;
}

/* A delivery that faults leaves here, and is a step of its own. */
static bool deliver_nmi(struct machine *m, char **message)
{
    struct cpu *cpu = m->cpu;

    if (!cpu->guest->accepts_nmi || !cpu->guest->accepts_nmi(cpu)) {
        *message = panda_message("an NMI where the CPU takes none");
        return false;
    }
    cpu->halted = false;
    watch_diverted(m);
    cpu->alone = true;
    cpu->guest->deliver_nmi(cpu);
    cpu->count++;
    return true;
}

static bool deliver(struct machine *m, const struct inward_event *event,
                    char **message)
{
    struct cpu *cpu = m->cpu;

    if (event->what == DELIVER_NMI) {
        return deliver_nmi(m, message);
    }
    if (event->what != DELIVER_VECTOR || event->value > 255) {
        *message = panda_message("a delivery of kind %u, vector %llu",
                                 event->what, (unsigned long long)event->value);
        return false;
    }
    if (!cpu->guest->accepts_interrupt(cpu)) {
        *message = panda_message("an interrupt where the CPU takes none");
        return false;
    }
    cpu->halted = false;
    watch_diverted(m);
    cpu->alone = true; /* no unit runs: a write into code stops none */
    cpu->guest->deliver_interrupt(cpu,
                                  watch_interrupt(m, (unsigned)event->value));
    cpu->count++; /* a fault on the way left, and is a step of its own */
    return true;
}

/* `what` is the block, or INWARD_NO_BLOCK; the bytes are its offset. */
static bool map(struct machine *m, const struct inward_event *event,
                char **message)
{
    struct mem_block *block = NULL;
    uint64_t offset = 0, rest = 0;
    bool good = event->size == sizeof(offset) && event->value &&
                !((event->address | event->value) & ~PAGE_MASK_) &&
                event->address + (event->value - 1) >= event->address;

    if (good) {
        memcpy(&offset, event->bytes, sizeof(offset));
    }
    if (good && event->what != INWARD_NO_BLOCK) {
        block = mem_block_at(m->memory, event->what);
        rest = block && offset <= block->size ? block->size - offset : 0;
        good = block && !(offset & ~PAGE_MASK_) && event->value <= rest;
    }
    if (!good) {
        *message = panda_message("a mapping of memory block %u that cannot "
                                 "be",
                                 event->what);
        return false;
    }
    mem_map(m->memory, event->address, event->value, block, offset);
    return true;
}

/* From a plugin, or from the log of whoever. */
static bool poke_register(struct machine *m, const struct inward_event *event,
                          char **message)
{
    const struct guest_plugin *plugin = m->cpu->guest->plugin;

    if (!plugin ||
        !plugin->may_poke(m->cpu, event->what, event->bytes, event->size)) {
        *message = panda_message("a write of %zu bytes to register %u, which "
                                 "cannot be",
                                 event->size, event->what);
        return false;
    }
    plugin->poke(m->cpu, event->what, event->bytes, event->size);
    return true;
}

/* Plugins that hear of the guest look at it anew. */
static bool poked(struct machine *m, const struct inward_event *event,
                  bool good)
{
    if (good) {
        watch_poked(m, event);
    }
    return good;
}

static void reset(struct cpu *cpu)
{
    cpu->halted = false;
    cpu->guest->reset(cpu);
    mem_tlb_flush(cpu);
}

bool inward_apply(struct machine *m, const struct inward_event *event,
                  char **message)
{
    if (m->witness) {
        m->witness->inward(m->witness->opaque, event);
    }
    switch (event->kind) {
    case INWARD_READ: /* has taken effect in its instruction */
    case INWARD_SYNC:
    case INWARD_HASH:
    case INWARD_END:
    case INWARD_STEER: /* the same */
        return true;
    case INWARD_WRITE:
        return dma(m, event, message);
    case INWARD_POKE:
        return poked(m, event, write_block(m, event, message));
    case INWARD_REGISTER:
        return poked(m, event, poke_register(m, event, message));
    case INWARD_DELIVER:
        return deliver(m, event, message);
    case INWARD_SKIP:
        if (!m->cpu->halted) {
            *message = panda_message("time skipped while the CPU runs");
            return false;
        }
        m->cpu->skipped += event->value;
        return true;
    case INWARD_RESET:
        reset(m->cpu);
        return true;
    case INWARD_MAP:
        return map(m, event, message);
    case INWARD_A20:
        if (m->cpu->guest->set_a20) {
            m->cpu->guest->set_a20(m->cpu, event->value);
        }
        return true;
    case INWARD_CR8:
        if (m->cpu->guest->set_priority) {
            m->cpu->guest->set_priority(m->cpu, (unsigned)event->value);
        }
        return true;
    default:
        *message = panda_message("an entry of kind %u, which this program "
                                 "cannot apply yet",
                                 event->kind);
        return false;
    }
}
