#include "gadget.h"

#include "exec/machine.h"

#include <string.h>

static void tell(struct gadget *gadget, const struct transfer *transfer)
{
    live_transfer(gadget->live, transfer);
    transfer_tell(&gadget->listener, transfer);
}

static void gadget_tick(void *opaque)
{
    struct gadget *gadget = opaque;

    gadget->state = mix(gadget->state + clock_now(gadget->live->clock));
    gadget->raised = true;
    tell(gadget, &(struct transfer){.kind = TRANSFER_DISK,
                                    .type = gadget->state % 7,
                                    .from = gadget->state >> 8,
                                    .to = gadget->state >> 40,
                                    .size = 1 + gadget->state % 512});
    timer_arm(&gadget->timer,
              clock_now(gadget->live->clock) + 1 + gadget->state % 300);
}

static uint64_t gadget_read(void *opaque, uint64_t address, unsigned size)
{
    struct gadget *gadget = opaque;

    gadget->state = mix(gadget->state ^ address ^ size);
    tell(gadget, &(struct transfer){.kind = TRANSFER_NETWORK,
                                    .type = gadget->state % 5,
                                    .from = gadget->state,
                                    .to = address,
                                    .size = size});
    return gadget->state + clock_now(gadget->live->clock);
}

/* A write is answered by DMA of a few bytes somewhere. */
static void gadget_write(void *opaque, uint64_t address, uint64_t value,
                         unsigned size)
{
    struct gadget *gadget = opaque;
    uint64_t bytes[3] = {mix(value), mix(value + size), address};
    struct inward_event event = {.kind = INWARD_WRITE, .bytes = bytes};

    gadget->state = mix(gadget->state ^ value);
    event.size = 1 + gadget->state % sizeof(bytes);
    event.address = mix(gadget->state) % (RAM_SIZE - sizeof(bytes));
    live_post(gadget->live, &event);
    tell(gadget, &(struct transfer){.kind = TRANSFER_PACKET,
                                    .type = value & 1,
                                    .from = ~address,
                                    .size = event.size,
                                    .bytes = (const uint8_t *)bytes});
    if (gadget->dma) {
        gadget->dma(gadget->listener.opaque, &event);
    }
}

static void gadget_receive(void *opaque, const uint8_t *bytes, size_t size)
{
    struct gadget *gadget = opaque;

    gadget->state = mix(gadget->state ^ bytes[0] << 8 ^ size ^
                        clock_now(gadget->live->clock));
    gadget->raised |= bytes[0] & 1;
}

static bool gadget_raised(void *opaque)
{
    return ((struct gadget *)opaque)->raised;
}

static unsigned gadget_acknowledge(void *opaque)
{
    struct gadget *gadget = opaque;

    gadget->raised = false;
    return gadget->state % 256;
}

static const struct io_handlers gadget_handlers = {gadget_read, gadget_write,
                                                   8};

static const struct device_field gadget_fields[] = {
    DEVICE_FIELD(struct gadget, state)};
static const struct device_table gadget_table = {"gadget", gadget_fields, 1,
                                                 NULL};

void gadget_attach(struct gadget *gadget, struct machine *m)
{
    struct live_input input = {"bytes", gadget_receive, gadget};

    memset(gadget, 0, sizeof(*gadget));
    gadget->live = live_new(m);
    gadget->timer = (struct timer){.expired = gadget_tick, .opaque = gadget};
    clock_add_timer(gadget->live->clock, &gadget->timer);
    timer_arm(&gadget->timer, 40);
    io_map_add(gadget->live->io, IO_PORT, 0, 256, &gadget_handlers, gadget);
    io_map_add(gadget->live->io, IO_MEMORY, RAM_SIZE, RAM_SIZE,
               &gadget_handlers, gadget);
    gadget->live->pin = (struct interrupt_pin){gadget_raised,
                                               gadget_acknowledge, gadget};
    live_add_device(gadget->live, &gadget_table, gadget);
    live_add_input(gadget->live, &input);
    m->boundary = &gadget->live->boundary;
}
