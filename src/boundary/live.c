/*
 * What a poll does, in this order: device timers that are due run; what was
 * queued is applied; an interrupt is delivered if the pin is up and the CPU
 * takes it. While the CPU is halted and nothing wakes it, virtual time jumps
 * to the next timer.
 */
#include "boundary/live.h"

#include "base/error.h"
#include "device/device.h"
#include "exec/machine.h"

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

void live_settle(struct live *live)
{
    apply_queue(live);
}

/* -- Outward --------------------------------------------------------------- */

static enum io_space space_of(enum io_kind kind)
{
    return kind == BOUNDARY_PORT ? IO_PORT : IO_MEMORY;
}

static uint64_t live_read(struct boundary *b, enum io_kind kind,
                          uint64_t address, unsigned size)
{
    struct live *live = live_of(b);
    struct inward_event event = {.kind = INWARD_READ, .size = size};

    clock_set(live->clock, virtual_time(live));
    event.value = io_map_read(live->io, space_of(kind), address, size);
    if (size < 8) {
        event.value &= (1ull << 8 * size) - 1;
    }
    if (live->observe) {
        live->observe(live->observer, &event);
    }
    return event.value;
}

static void live_write(struct boundary *b, enum io_kind kind,
                       uint64_t address, uint64_t value, unsigned size)
{
    struct live *live = live_of(b);

    clock_set(live->clock, virtual_time(live));
    io_map_write(live->io, space_of(kind), address, value, size);
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
}

/* -- Between steps --------------------------------------------------------- */

/* What is due now. True: an interrupt was delivered. */
static bool deliver_due(struct live *live)
{
    struct cpu *cpu = live->boundary.machine->cpu;
    struct inward_event event = {.kind = INWARD_DELIVER,
                                 .what = DELIVER_VECTOR};

    clock_set(live->clock, virtual_time(live));
    clock_run_due(live->clock);
    apply_queue(live);
    if (!live->pin.raised || !live->pin.raised(live->pin.opaque)) {
        cpu->attention = false;
        return false;
    }
    cpu->attention = true;
    if (!cpu->guest->accepts_interrupt(cpu)) {
        return false;
    }
    event.value = live->pin.acknowledge(live->pin.opaque);
    apply(live, &event);
    return true;
}

/* A sleep that host input cuts short is an input, too. */
static void sleep_first(struct live *live, uint64_t *ns)
{
    struct inward_event event = {.kind = INWARD_SLEPT};

    event.value = live->sleep(live->opaque, *ns);
    if (event.value < *ns) {
        *ns = event.value;
        if (live->observe_outside) {
            live->observe_outside(live->observer, &event);
        }
    }
}

/* Lets time pass while the CPU is halted. False: it can never end. */
static bool skip(struct live *live)
{
    uint64_t next = clock_next_deadline(live->clock);
    uint64_t now = virtual_time(live);
    struct inward_event event = {.kind = INWARD_SKIP};

    if (next == UINT64_MAX) {
        machine_stop(live->boundary.machine,
                     "the guest has halted, and nothing can wake it");
        return false;
    }
    event.value = next > now ? next - now : 0;
    if (live->sleep) {
        sleep_first(live, &event.value);
    }
    apply(live, &event);
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

void live_free(struct live *live)
{
    if (!live) {
        return;
    }
    while (live->queue) {
        struct live_queue *entry = live->queue;

        live->queue = entry->next;
        free(entry);
    }
    clock_free(live->clock);
    io_map_free(live->io);
    free(live);
}
