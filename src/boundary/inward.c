/* What each inward event does to CPU and RAM: the same in all three modes. */
#include "boundary/boundary.h"

#include "base/error.h"
#include "exec/machine.h"

#include <string.h>

static bool write_block(struct machine *m, const struct inward_event *event,
                        char **message)
{
    struct mem_block *block = mem_block_at(m->memory, event->what);

    if (!block || event->size > block->size ||
        event->address > block->size - event->size) {
        *message = panda_message("a write beyond memory block %u",
                                 event->what);
        return false;
    }
    mem_write_block(m->memory, block, event->address, event->bytes,
                    event->size);
    return true;
}

/* Unmapped when `what` is no block's number. The bytes are the size. */
static bool change_map(struct machine *m, const struct inward_event *event,
                       char **message)
{
    struct mem_block *block = mem_block_at(m->memory, event->what);
    uint64_t size = 0, end;
    bool good = event->size == sizeof(size);

    if (good) {
        memcpy(&size, event->bytes, sizeof(size));
    }
    good = good && size &&
           !((size | event->address | event->value) & ~PAGE_MASK_) &&
           !__builtin_add_overflow(event->address, size, &end) &&
           (block || event->what == UINT32_MAX);
    if (!good || (block && (size > block->size ||
                            event->value > block->size - size))) {
        *message = panda_message("an impossible change of the memory map at "
                                 "0x%llx", (unsigned long long)event->address);
        return false;
    }
    mem_map(m->memory, event->address, size, block, event->value);
    return true;
}

static bool deliver(struct machine *m, const struct inward_event *event,
                    char **message)
{
    struct cpu *cpu = m->cpu;

    if (event->what != DELIVER_VECTOR || event->value > 255) {
        *message = panda_message("a delivery of kind %u, vector %llu",
                                 event->what,
                                 (unsigned long long)event->value);
        return false;
    }
    if (!cpu->guest->accepts_interrupt(cpu)) {
        *message = panda_message("an interrupt where the CPU takes none");
        return false;
    }
    cpu->halted = false;
    cpu->guest->deliver_interrupt(cpu, (unsigned)event->value);
    cpu->count++; /* a fault on the way left, and is a step of its own */
    return true;
}

bool inward_apply(struct machine *m, const struct inward_event *event,
                  char **message)
{
    switch (event->kind) {
    case INWARD_READ: /* has taken effect in its instruction */
    case INWARD_SYNC:
    case INWARD_HASH:
    case INWARD_END:
        return true;
    case INWARD_WRITE:
    case INWARD_POKE:
        return write_block(m, event, message);
    case INWARD_MAP:
        return change_map(m, event, message);
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
        m->cpu->guest->reset(m->cpu);
        return true;
    default:
        *message = panda_message("an entry of kind %u, which this program "
                                 "cannot apply yet", event->kind);
        return false;
    }
}
