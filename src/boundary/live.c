/*
 * What a poll does, in this order: device timers that are due run; what was
 * queued is applied; an interrupt is delivered if the pin is up and the CPU
 * takes it, an NMI before others. While the CPU is halted and nothing wakes
 * it, virtual time jumps to the next timer, or to host input that comes
 * before.
 */
#include "boundary/live.h"

#include "base/error.h"
#include "device/device.h"
#include "exec/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct live_queue {
    struct live_queue *next;
    struct inward_event event;
    uint8_t bytes[];
};

static struct live *live_of(struct boundary *b)
{
    return (struct live *)b;
}

static uint64_t virtual_time(const struct live *live)
{
    const struct cpu *cpu = live->boundary.machine->cpu;

    return cpu->count + cpu->skipped;
}

/* -- Inward ---------------------------------------------------------------- */

static void apply(struct live *live, const struct inward_event *event)
{
    char *message;

    if (live->observe) {
        live->observe(live->observer, event);
    }
    if (!inward_apply(live->boundary.machine, event, &message)) {
        panda_bug("live: %s", message);
    }
    if (event->kind == INWARD_RESET && live->board.reset) {
        live->board.reset(live->board.opaque);
    }
}

void live_post(struct live *live, const struct inward_event *event)
{
    struct live_queue **tail = &live->queue, *entry;
    size_t size = event->bytes ? event->size : 0;

    entry = calloc(1, sizeof(*entry) + size);
    if (!entry) {
        panda_bug("out of memory");
    }
    entry->event = *event;
    if (size) {
        memcpy(entry->bytes, event->bytes, size);
        entry->event.bytes = entry->bytes;
    }
    while (*tail) {
        tail = &(*tail)->next;
    }
    *tail = entry;
}

static void apply_queue(struct live *live)
{
    while (live->queue) {
        struct live_queue *entry = live->queue;

        live->queue = entry->next;
        apply(live, &entry->event);
        free(entry);
    }
}

static void drop_queue(struct live *live)
{
    while (live->queue) {
        struct live_queue *entry = live->queue;

        live->queue = entry->next;
        free(entry);
    }
}

void live_settle(struct live *live)
{
    apply_queue(live);
}

/* -- Outward --------------------------------------------------------------- */

static enum io_space space_of(enum io_kind kind)
{
    return kind == BOUNDARY_PORT ? IO_PORT : IO_MEMORY;
}

/* Whoever watches may answer where nobody else does. */
static void nobody(struct live *live, enum io_kind kind, bool write,
                   uint64_t address, unsigned size, uint64_t *value)
{
    struct watch *watch = live->boundary.machine->watch;

    if (watch && watch->wants.nobody && kind == BOUNDARY_MEMORY &&
        !io_map_answers(live->io, IO_MEMORY, address, size)) {
        watch->nobody(watch, write, address, size, value);
    }
}

static uint64_t live_steer(struct boundary *b, enum steer_what what,
                           uint64_t plain, uint64_t wanted)
{
    struct live *live = live_of(b);
    const struct inward_event event = {
        .kind = INWARD_STEER, .what = what, .value = wanted};

    if (wanted != plain && live->observe) {
        live->observe(live->observer, &event);
    }
    return wanted;
}

static uint64_t live_read(struct boundary *b, enum io_kind kind,
                          uint64_t address, unsigned size)
{
    struct live *live = live_of(b);
    struct inward_event event = {.kind = INWARD_READ, .size = size};
    uint64_t mask = size < 8 ? (1ull << 8 * size) - 1 : UINT64_MAX, answer;

    clock_set(live->clock, virtual_time(live));
    event.value = io_map_read(live->io, space_of(kind), address, size) & mask;
    if (live->observe) {
        live->observe(live->observer, &event);
    }
    answer = event.value;
    nobody(live, kind, false, address, size, &answer);
    return live_steer(b, STEER_UNASSIGNED_READ, event.value, answer & mask);
}

static void live_write(struct boundary *b, enum io_kind kind, uint64_t address,
                       uint64_t value, unsigned size)
{
    struct live *live = live_of(b);

    clock_set(live->clock, virtual_time(live));
    nobody(live, kind, true, address, size, &value);
    if (kind == BOUNDARY_PORT || kind == BOUNDARY_MEMORY) {
        io_map_write(live->io, space_of(kind), address, value, size);
    } else if (live->board.outward) {
        live->board.outward(live->board.opaque, kind, address, value);
    }
}

/* -- From outside the machine ---------------------------------------------- */

unsigned live_add_input(struct live *live, const struct live_input *input)
{
    panda_assert(live->n_inputs < LIVE_INPUTS_MAX);
    live->inputs[live->n_inputs] = *input;
    return live->n_inputs++;
}

void live_input(struct live *live, unsigned input, const void *bytes,
                size_t size)
{
    const struct inward_event event = {
        .kind = INWARD_INPUT, .what = input, .bytes = bytes, .size = size};
    const struct live_input *to = &live->inputs[input];

    panda_assert(input < live->n_inputs);
    clock_set(live->clock, virtual_time(live));
    if (live->observe_outside) {
        live->observe_outside(live->observer, &event);
    }
    to->receive(to->opaque, bytes, size);
}

void live_transfer(void *opaque, const struct transfer *transfer)
{
    struct live *live = opaque;

    if (live->observe_transfer) {
        live->observe_transfer(live->observer, transfer,
                               live->boundary.machine->in_unit);
    }
}

/* -- Devices as state ------------------------------------------------------ */

void live_add_device(struct live *live, const struct device_table *table,
                     void *device)
{
    panda_assert(live->n_devices < LIVE_DEVICES_MAX);
    live->devices[live->n_devices++] = (struct live_device){table, device};
}

uint64_t live_hash_devices(const struct live *live)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < live->n_devices; i++) {
        const struct live_device *d = &live->devices[i];

        for (unsigned k = 0; k < d->table->n_fields; k++) {
            const struct device_field *field = &d->table->fields[k];

            hash = XXH3_64bits_withSeed((uint8_t *)d->device + field->offset,
                                        (size_t)field->size * field->count,
                                        hash);
        }
    }
    return hash;
}

void live_devices_loaded(struct live *live)
{
    clock_set(live->clock, virtual_time(live));
    for (unsigned i = 0; i < live->n_devices; i++) {
        const struct live_device *d = &live->devices[i];

        if (d->table->loaded) {
            d->table->loaded(d->device);
        }
    }
    drop_queue(live);
}

/* -- Between steps --------------------------------------------------------- */

static bool accepts_nmi(const struct cpu *cpu)
{
    return cpu->guest->accepts_nmi && cpu->guest->accepts_nmi(cpu);
}

/* What is due now. True: an interrupt was delivered. A delivery that faults
 * does not return, so all else is done before. */
static bool deliver_due(struct live *live)
{
    struct cpu *cpu = live->boundary.machine->cpu;
    const struct interrupt_pin *pin = &live->pin;
    const struct nmi_pin *nmi_pin = &live->nmi;
    struct inward_event event = {.kind = INWARD_DELIVER,
                                 .what = DELIVER_VECTOR};
    bool nmi, raised;

    clock_set(live->clock, virtual_time(live));
    clock_run_due(live->clock);
    apply_queue(live);
    nmi = nmi_pin->raised && nmi_pin->raised(nmi_pin->opaque);
    raised = pin->raised && pin->raised(pin->opaque);
    cpu->attention = nmi || raised;
    if (nmi && accepts_nmi(cpu)) {
        nmi_pin->acknowledge(nmi_pin->opaque);
        event.what = DELIVER_NMI;
    } else if (raised && cpu->guest->accepts_interrupt(cpu)) {
        event.value = pin->acknowledge(pin->opaque);
    } else {
        return false;
    }
    apply(live, &event);
    return true;
}

/* A halted CPU that takes no interrupts waits for an NMI, or for ever. */
static bool can_wake(const struct live *live)
{
    const struct cpu *cpu = live->boundary.machine->cpu;

    return cpu->guest->accepts_interrupt(cpu) ||
           (accepts_nmi(cpu) && live->nmi.possible &&
            live->nmi.possible(live->nmi.opaque));
}

static void hangs(struct live *live, const char *how)
{
    struct machine *m = live->boundary.machine;
    char *reason = panda_message("the guest has halted%s at pc 0x%" PRIx64
                                 ", and nothing can wake it",
                                 how, m->cpu->guest->get_pc(m->cpu));

    machine_stop(m, reason);
    free(reason);
}

/* Host input came, or has not been looked for since long. */
static bool look_outside(struct live *live)
{
    live->skips = 0;
    clock_set(live->clock, virtual_time(live));
    return !live->slice || live->slice(live->opaque) == POLL_RUN;
}

/* A sleep that host input cuts short is an input, too; but for one that was
 * over at once, since nobody can tell that from none. */
static uint64_t sleep_first(struct live *live, uint64_t now, uint64_t ns)
{
    struct inward_event event = {.kind = INWARD_SLEPT};

    event.value = live->sleep(live->opaque, now, ns);
    if (event.value && event.value < ns && live->observe_outside) {
        live->observe_outside(live->observer, &event);
    }
    return event.value;
}

#define SKIPS_WITHOUT_LOOK 1000u

/* Lets time pass while the CPU is halted. False: the run ends. */
static bool skip(struct live *live)
{
    uint64_t next = clock_next_deadline(live->clock);
    uint64_t now = virtual_time(live);
    uint64_t ns = next == UINT64_MAX ? LIVE_FOREVER
                  : next > now       ? next - now
                                     : 0;
    struct inward_event event = {.kind = INWARD_SKIP, .value = ns};

    if (!can_wake(live)) {
        hangs(live, " with interrupts off");
        return false;
    }
    if (live->sleep) {
        event.value = sleep_first(live, now, ns);
    }
    if (event.value == LIVE_FOREVER) {
        hangs(live, "");
        return false;
    }
    if (event.value) {
        apply(live, &event);
    }
    if (live->skipped) {
        live->skipped(live->observer);
    }
    if (event.value < ns || ++live->skips >= SKIPS_WITHOUT_LOOK) {
        return look_outside(live);
    }
    return true;
}

static enum poll_result live_poll(struct boundary *b)
{
    struct live *live = live_of(b);
    struct machine *m = b->machine;

    while (!deliver_due(live) && m->cpu->halted) {
        if (m->stop_wanted || !skip(live)) {
            return POLL_STOP;
        }
    }
    return m->stop_wanted ? POLL_STOP : POLL_RUN;
}

static uint64_t live_deadline(struct boundary *b)
{
    struct live *live = live_of(b);
    uint64_t next = clock_next_deadline(live->clock);

    return next == UINT64_MAX ? next : next - b->machine->cpu->skipped;
}

static enum poll_result live_slice_end(struct boundary *b)
{
    struct live *live = live_of(b);

    return live->slice ? live->slice(live->opaque) : POLL_RUN;
}

/* -- Making ---------------------------------------------------------------- */

static void live_poke(struct boundary *b, const struct inward_event *event)
{
    apply(live_of(b), event);
}

static void live_boundary_free(struct boundary *b)
{
    live_free(live_of(b));
}

static const struct boundary_ops live_ops = {
    .name = "live",
    .read = live_read,
    .write = live_write,
    .poll = live_poll,
    .deadline = live_deadline,
    .slice_end = live_slice_end,
    .poke = live_poke,
    .steer = live_steer,
    .free = live_boundary_free,
};

struct live *live_new(struct machine *machine)
{
    struct live *live = calloc(1, sizeof(*live));

    if (!live) {
        panda_bug("out of memory");
    }
    live->boundary.ops = &live_ops;
    live->boundary.machine = machine;
    live->clock = clock_new();
    live->io = io_map_new();
    return live;
}

void live_renew(struct live *live)
{
    clock_free(live->clock);
    io_map_free(live->io);
    live->clock = clock_new();
    live->io = io_map_new();
    clock_set(live->clock, virtual_time(live));
}

void live_free(struct live *live)
{
    if (!live) {
        return;
    }
    drop_queue(live);
    clock_free(live->clock);
    io_map_free(live->io);
    free(live);
}
