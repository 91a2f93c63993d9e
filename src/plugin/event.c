/*
 * Events that the engine raises (exec/watch.h), and the program.
 */
#include "plugin/raise.h"

#include "base/error.h"
#include "base/transfer.h"

#include <string.h>

/* -- Translation ----------------------------------------------------------- */

void dispatch_block_translate(struct plugins *p, uint64_t pc)
{
    if (heard(p, PANDA_CB_BEFORE_BLOCK_TRANSLATE)) {
        show_here(p);
        RAISE_CPU(p, BEFORE_BLOCK_TRANSLATE, pc);
    }
}

void dispatch_block_translated(struct plugins *p, struct block *block)
{
    if (heard(p, PANDA_CB_BEFORE_TCG_CODEGEN)) {
        show_here(p);
        p->translated = block;
        RAISE_CPU(p, BEFORE_TCG_CODEGEN, (uintptr_t)&block->shown);
        p->translated = NULL;
    }
    if (heard(p, PANDA_CB_AFTER_BLOCK_TRANSLATE)) {
        show_here(p);
        RAISE_CPU(p, AFTER_BLOCK_TRANSLATE, (uintptr_t)&block->shown);
    }
}

const struct answer *dispatch_insn_translate(struct plugins *p,
                                             panda_cb_type kind, uint64_t pc)
{
    const uint64_t arguments[6] = {(uintptr_t)&p->cpu, pc};

    if (!heard(p, kind)) {
        return NULL;
    }
    show_here(p);
    p->said_yes.n = 0;
    plugins_raise(p, kind, arguments);
    return answers_take(p);
}

/* A unit was left within the block: the guest's state was put together. */
void dispatch_restored(struct plugins *p, struct block *block)
{
    if (heard(p, PANDA_CB_CPU_RESTORE_STATE)) {
        show_here(p);
        RAISE_CPU(p, CPU_RESTORE_STATE, (uintptr_t)&block->shown);
    }
}

/* -- Results that steer the guest ------------------------------------------ */

bool dispatch_asid_changed(struct watch *watch, uint64_t from, uint64_t to)
{
    struct plugins *p = (struct plugins *)watch;
    bool veto;

    show_here(p);
    veto = RAISE_CPU(p, ASID_CHANGED, from, to);
    if (!veto && !p->machine->cpu->request) {
        p->machine->cpu->asid_bit = block_asid_bit(p, to);
    }
    return veto;
}

static const char *name_of(struct plugins *p, const void *owner)
{
    const struct plugin *plugin = plugins_of_handle(p, owner);

    return plugin ? plugin->name : "?";
}

bool dispatch_hypercall(struct watch *watch)
{
    struct plugins *p = (struct plugins *)watch;

    if (!fresh(p, p->machine->cpu)) {
        return false;
    }
    show_here(p);
    if (!RAISE_CPU(p, GUEST_HYPERCALL)) {
        return false;
    }
    if (p->yes[1] && !p->told_two) {
        p->told_two = true;
        panda_warn("plugins %s and %s both answer one hypercall",
                   name_of(p, p->yes[0]), name_of(p, p->yes[1]));
    }
    return true;
}

/* No plugin has reason to change its mind so often about one exception. */
#define EXCEPTION_ROUNDS 256

int32_t dispatch_exception(struct watch *watch, int32_t number, uint64_t pc)
{
    struct plugins *p = (struct plugins *)watch;
    struct cpu *cpu = p->machine->cpu;
    uint64_t own = cpu->guest->get_pc(cpu);

    for (unsigned i = 0; i < EXCEPTION_ROUNDS; i++) {
        int32_t wanted;

        show_at(p, pc, false);
        wanted = (int32_t)RAISE_CPU(p, BEFORE_HANDLE_EXCEPTION,
                                    (uint32_t)number);
        if (wanted == number || wanted > 255) {
            break;
        }
        number = wanted;
        if (number < 0) {
            break;
        }
    }
    cpu->guest->set_pc(cpu, own); /* showing one has written it */
    return number;
}

unsigned dispatch_interrupt(struct watch *watch, unsigned vector)
{
    struct plugins *p = (struct plugins *)watch;
    uint32_t wanted;

    show_here(p);
    wanted = (uint32_t)RAISE_CPU(p, BEFORE_HANDLE_INTERRUPT, vector);
    return wanted < 256 ? wanted : vector;
}

/* -- Devices --------------------------------------------------------------- */

void dispatch_device(struct watch *watch, bool write, uint64_t physical,
                     unsigned size, uint64_t *value)
{
    struct plugins *p = (struct plugins *)watch;
    struct cpu *cpu = p->machine->cpu;
    uint64_t mine = *value,
             address = (cpu->io_page & PAGE_MASK_) | (physical & ~PAGE_MASK_);

    if (!heard(p,
               write ? PANDA_CB_MMIO_BEFORE_WRITE : PANDA_CB_MMIO_AFTER_READ) ||
        !fresh(p, cpu)) {
        return;
    }
    show_here(p);
    if (write) {
        RAISE_CPU(p, MMIO_BEFORE_WRITE, physical, address, size,
                  (uintptr_t)&mine);
    } else {
        RAISE_CPU(p, MMIO_AFTER_READ, physical, address, size,
                  (uintptr_t)&mine);
    }
    *value = mine;
}

/* Nobody answers there. What is read comes in as from a device. */
bool dispatch_nobody(struct watch *watch, bool write, uint64_t address,
                     unsigned size, uint64_t *value)
{
    struct plugins *p = (struct plugins *)watch;
    uint64_t pc, mine = *value;

    if (p->mode == RR_REPLAY ||
        !heard(p, write ? PANDA_CB_UNASSIGNED_IO_WRITE
                        : PANDA_CB_UNASSIGNED_IO_READ) ||
        !fresh(p, p->machine->cpu)) {
        return false;
    }
    show_here(p);
    pc = p->cpu.panda_guest_pc;
    if (write) {
        return RAISE_CPU(p, UNASSIGNED_IO_WRITE, pc, address, size, mine);
    }
    if (!RAISE_CPU(p, UNASSIGNED_IO_READ, pc, address, size,
                   (uintptr_t)&mine)) {
        return false;
    }
    *value = mine;
    return true;
}

/* -- In replays ------------------------------------------------------------ */

void dispatch_dma(struct watch *watch, const struct inward_event *event,
                  bool after)
{
    struct plugins *p = (struct plugins *)watch;

    if (p->mode != RR_REPLAY) {
        return;
    }
    show_here(p);
    if (after) {
        RAISE_CPU(p, REPLAY_AFTER_DMA, (uintptr_t)event->bytes, event->address,
                  event->size, true);
    } else {
        RAISE_CPU(p, REPLAY_BEFORE_DMA, (uintptr_t)event->bytes, event->address,
                  event->size, true);
    }
}

void dispatch_transfer(struct watch *watch, const struct transfer *t)
{
    struct plugins *p = (struct plugins *)watch;

    if (p->mode != RR_REPLAY) {
        return;
    }
    show_here(p);
    switch (t->kind) {
    case TRANSFER_DISK:
        RAISE_CPU(p, REPLAY_HD_TRANSFER, t->type, t->from, t->to, t->size);
        break;
    case TRANSFER_NETWORK:
        RAISE_CPU(p, REPLAY_NET_TRANSFER, t->type, t->from, t->to, t->size);
        break;
    case TRANSFER_PACKET:
        RAISE_CPU(p, REPLAY_HANDLE_PACKET, (uintptr_t)t->bytes, t->size,
                  (uint8_t)t->type, t->from);
        break;
    case TRANSFER_SERIAL_RECEIVE:
        RAISE_CPU(p, REPLAY_SERIAL_RECEIVE, t->to, t->value);
        break;
    case TRANSFER_SERIAL_READ:
        RAISE_CPU(p, REPLAY_SERIAL_READ, t->from, (uint32_t)t->to, t->value);
        break;
    case TRANSFER_SERIAL_SEND:
        RAISE_CPU(p, REPLAY_SERIAL_SEND, t->from, t->value);
        break;
    case TRANSFER_SERIAL_WRITE:
        RAISE_CPU(p, REPLAY_SERIAL_WRITE, t->to, (uint32_t)t->from, t->value);
        break;
    case N_TRANSFERS:
        break;
    }
}

/* -- The run --------------------------------------------------------------- */

void dispatch_slice_begins(struct watch *watch)
{
    struct plugins *p = (struct plugins *)watch;

    plugins_set_current(p);
    p->slice_first = p->machine->cpu->count;
    if (heard(p, PANDA_CB_TOP_LOOP)) {
        show_here(p);
        RAISE_CPU(p, TOP_LOOP);
    }
    /* Each one that is heard of has its other half. */
    p->slice_told = heard(p, PANDA_CB_AFTER_CPU_EXEC_ENTER) ||
                    heard(p, PANDA_CB_BEFORE_CPU_EXEC_EXIT);
    if (p->slice_told) {
        show_here(p);
        RAISE_CPU(p, AFTER_CPU_EXEC_ENTER);
    }
}

void dispatch_slice_ends(struct watch *watch)
{
    struct plugins *p = (struct plugins *)watch;

    if (p->slice_told) {
        show_here(p);
        RAISE_CPU(p, BEFORE_CPU_EXEC_EXIT,
                  p->machine->cpu->count != p->slice_first);
    }
}

void dispatch_simple(struct plugins *p, panda_cb_type kind)
{
    plugins_set_current(p);
    if (p->machine) {
        show_here(p);
    }
    switch ((int)kind) {
    case PANDA_CB_AFTER_MACHINE_INIT:
        RAISE_CPU(p, AFTER_MACHINE_INIT);
        break;
    case PANDA_CB_BEFORE_LOADVM:
        RAISE(p, BEFORE_LOADVM, 0);
        break;
    case PANDA_CB_AFTER_LOADVM:
        RAISE_CPU(p, AFTER_LOADVM);
        break;
    case PANDA_CB_MAIN_LOOP_WAIT:
        RAISE(p, MAIN_LOOP_WAIT, 0);
        break;
    case PANDA_CB_PRE_SHUTDOWN:
        RAISE(p, PRE_SHUTDOWN, 0);
        break;
    }
}

void dispatch_monitor(struct plugins *p, Monitor *mon, const char *command)
{
    plugins_set_current(p);
    if (p->machine) {
        show_here(p);
    }
    RAISE(p, MONITOR, (uintptr_t)mon, (uintptr_t)command);
}
