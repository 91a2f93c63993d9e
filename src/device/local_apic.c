#include "device/local_apic.h"

#include "device/local_apic_parts.h"

#include <string.h>

#define LEVEL_TRIGGER 0x8000u
#define REMOTE_IRR 0x4000u
#define APIC_BASE_MASK 0x000ffffffffff000ull

/* -- Sets of vectors ------------------------------------------------------- */

static void set_bit(uint32_t *set, uint8_t vector, bool value)
{
    uint32_t bit = 1u << (vector & 31);

    set[vector >> 5] = value ? set[vector >> 5] | bit : set[vector >> 5] & ~bit;
}

static bool test_bit(const uint32_t *set, uint8_t vector)
{
    return set[vector >> 5] >> (vector & 31) & 1;
}

/* -1: empty. */
static int highest(const uint32_t *set)
{
    for (int i = 7; i >= 0; i--) {
        if (set[i]) {
            return i * 32 + 31 - __builtin_clz(set[i]);
        }
    }
    return -1;
}

/* -- Priorities, and the pin to the CPU ------------------------------------ */

bool local_apic_accepts(const struct local_apic *apic)
{
    return apic->enabled && (apic->spurious & SPURIOUS_ENABLE);
}

unsigned local_apic_priority(const struct local_apic *apic)
{
    int serviced = highest(apic->isr);
    unsigned class = serviced < 0 ? 0 : serviced & 0xf0;

    return (apic->tpr & 0xf0) >= class ? apic->tpr : class;
}

/* The vector that goes to the CPU next; -1: none. */
static int deliverable(const struct local_apic *apic)
{
    int vector = apic->enabled ? highest(apic->irr) : -1;

    if (vector < 0 || (vector & 0xf0u) <= (local_apic_priority(apic) & 0xf0)) {
        return -1;
    }
    return vector;
}

/* The 8259s want the CPU: through LINT0, or by way of an I/O APIC. */
static bool external(const struct local_apic *apic)
{
    uint32_t lint0 = apic->lvt[LVT_LINT0];

    if (!apic->cpu.acknowledge) {
        return false;
    }
    if (apic->external || !(apic->lines & 1)) {
        return apic->external;
    }
    return !apic->enabled ||
           (!(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == APIC_EXTERNAL);
}

bool local_apic_raised(const struct local_apic *apic)
{
    return external(apic) || deliverable(apic) >= 0;
}

unsigned local_apic_acknowledge(struct local_apic *apic)
{
    int vector;

    if (external(apic)) {
        apic->external = 0;
        return apic->cpu.acknowledge(apic->cpu.opaque) & 0xff;
    }
    vector = deliverable(apic);
    if (vector < 0) {
        return apic->spurious & 0xff;
    }
    set_bit(apic->irr, vector, false);
    set_bit(apic->isr, vector, true);
    return vector;
}

/* -- Receiving ------------------------------------------------------------- */

/* Only an error's first occurrence interrupts, so an illegal vector in the
 * error entry itself ends here too. */
void local_apic_note_error(struct local_apic *apic, uint32_t error)
{
    if (!(apic->errors & error)) {
        apic->errors |= error;
        local_apic_raise_lvt(apic, LVT_ERROR);
    }
}

static bool accept(struct local_apic *apic, uint8_t vector, bool level)
{
    if (!local_apic_accepts(apic)) {
        return false;
    }
    if (vector < 16) {
        local_apic_note_error(apic, ERROR_RECEIVE_VECTOR);
        return false;
    }
    set_bit(apic->irr, vector, true);
    set_bit(apic->tmr, vector, level);
    return true;
}

bool local_apic_addressed(const struct local_apic *apic,
                          const struct apic_message *message)
{
    uint8_t mine = apic->ldr >> 24, to = message->destination;

    if (!apic->enabled) {
        return false;
    }
    if (to == 0xff) {
        return true;
    }
    if (!message->logical) {
        return to == apic->id;
    }
    if (apic->dfr >> 28 == 0xf) {
        return (mine & to) != 0;
    }
    return mine >> 4 == to >> 4 && (mine & to & 15) != 0;
}

bool local_apic_receive(struct local_apic *apic,
                        const struct apic_message *message)
{
    if (!apic->enabled) {
        return false;
    }
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST_PRIORITY:
        return accept(apic, message->vector, message->level);
    case APIC_SMI:
        wire_pulse(&apic->cpu.smi);
        return true;
    case APIC_NMI:
        wire_pulse(&apic->cpu.nmi);
        return true;
    case APIC_INIT:
        local_apic_reset(apic);
        wire_pulse(&apic->cpu.init);
        return true;
    case APIC_STARTUP:
        if (apic->cpu.startup) {
            apic->cpu.startup(apic->cpu.opaque, message->vector);
        }
        return true;
    case APIC_EXTERNAL:
        apic->external = 1;
        return true;
    default:
        return false;
    }
}

/* -- Local interrupts ------------------------------------------------------ */

void local_apic_raise_lvt(struct local_apic *apic, enum local_apic_lvt entry)
{
    uint32_t lvt = apic->lvt[entry];
    bool has_delivery = entry != LVT_TIMER && entry != LVT_ERROR;
    struct apic_message message = {
        .vector = lvt & 0xff,
        .delivery = has_delivery ? lvt >> 8 & 7 : APIC_FIXED,
    };

    /* ExtINT is looked at when the CPU asks; the rest is not allowed. */
    if ((lvt & LVT_MASKED) || message.delivery == APIC_LOWEST_PRIORITY ||
        message.delivery == APIC_STARTUP || message.delivery == APIC_EXTERNAL) {
        return;
    }
    if (entry == LVT_LINT0 && (lvt & LEVEL_TRIGGER) &&
        message.delivery == APIC_FIXED) {
        message.level = true;
        if ((lvt & REMOTE_IRR) || !local_apic_receive(apic, &message)) {
            return;
        }
        apic->lvt[entry] |= REMOTE_IRR;
        return;
    }
    local_apic_receive(apic, &message);
}

static bool lint0_is_level(const struct local_apic *apic)
{
    return (apic->lvt[LVT_LINT0] & (LEVEL_TRIGGER | 0x700)) == LEVEL_TRIGGER;
}

/* A level on LINT0 is sent again until it is gone. */
static void send_lint0_level(struct local_apic *apic)
{
    if ((apic->lines & 1) && lint0_is_level(apic)) {
        local_apic_raise_lvt(apic, LVT_LINT0);
    }
}

void local_apic_set_line(void *opaque, unsigned line, bool level)
{
    struct local_apic *apic = opaque;
    uint8_t bit = 1u << (line & 1);
    bool rises = level && !(apic->lines & bit);

    if (line > 1) {
        return;
    }
    apic->lines = level ? apic->lines | bit : apic->lines & ~bit;
    if (!apic->enabled) {
        if (line == 1 && rises) { /* LINT1 is the CPU's NMI pin then */
            wire_pulse(&apic->cpu.nmi);
        }
    } else if (rises) {
        local_apic_raise_lvt(apic, line ? LVT_LINT1 : LVT_LINT0);
    }
}

void local_apic_set_lvt(struct local_apic *apic, unsigned entry, uint32_t value)
{
    static const uint32_t writable[LVT_ENTRIES] = {0x700ff, 0x107ff, 0x107ff,
                                                   0x1a7ff, 0x1a7ff, 0x100ff};
    uint32_t kept = apic->lvt[entry] & REMOTE_IRR;

    value &= writable[entry];
    if (!(apic->spurious & SPURIOUS_ENABLE)) {
        value |= LVT_MASKED;
    }
    if (entry == LVT_TIMER) {
        local_apic_timer_set_lvt(apic, value);
        return;
    }
    apic->lvt[entry] = value | kept;
    if (entry == LVT_LINT0) {
        if (!lint0_is_level(apic)) {
            apic->lvt[entry] &= ~REMOTE_IRR;
        }
        send_lint0_level(apic);
    }
}

/* -- What registers do ----------------------------------------------------- */

void local_apic_end_of_interrupt(struct local_apic *apic)
{
    int vector = highest(apic->isr);
    uint32_t *lint0 = &apic->lvt[LVT_LINT0];

    if (vector < 0) {
        return;
    }
    set_bit(apic->isr, vector, false);
    if (!test_bit(apic->tmr, vector)) {
        return;
    }
    if ((*lint0 & REMOTE_IRR) && (*lint0 & 0xff) == (uint32_t)vector) {
        *lint0 &= ~REMOTE_IRR;
        send_lint0_level(apic);
    }
    apic_bus_end_of_interrupt(apic->bus, vector);
}

/* Switched off by software it keeps what is pending and masks the rest. */
void local_apic_set_spurious(struct local_apic *apic, uint32_t value)
{
    apic->spurious = value & 0x3ff;
    if (!(value & SPURIOUS_ENABLE)) {
        for (unsigned i = LVT_THERMAL; i < LVT_ENTRIES; i++) {
            apic->lvt[i] |= LVT_MASKED;
        }
        local_apic_timer_set_lvt(apic, apic->lvt[LVT_TIMER] | LVT_MASKED);
    }
}

void local_apic_set_task_priority(struct local_apic *apic, uint32_t value)
{
    unsigned before = local_apic_cr8(apic);

    apic->tpr = value & 0xff;
    if (apic->cpu.priority && local_apic_cr8(apic) != before) {
        apic->cpu.priority(apic->cpu.opaque, local_apic_cr8(apic));
    }
}

unsigned local_apic_cr8(const struct local_apic *apic)
{
    return apic->tpr >> 4;
}

void local_apic_set_cr8(struct local_apic *apic, unsigned cr8)
{
    apic->tpr = (cr8 & 15) << 4;
}

/* -- State ----------------------------------------------------------------- */

bool local_apic_attach(struct local_apic *apic, struct io_map *map)
{
    apic->io = map;
    apic->io_base = apic->base;
    return io_map_add(map, IO_MEMORY, apic->base, 0x1000, &local_apic_handlers,
                      apic);
}

void local_apic_set_base(struct local_apic *apic, uint64_t base)
{
    apic->base = base;
    if (apic->io && base != apic->io_base) {
        io_map_move(apic->io, IO_MEMORY, apic->io_base, base);
        apic->io_base = base;
    }
}

void local_apic_virtual_wire(struct local_apic *apic)
{
    local_apic_set_spurious(apic, SPURIOUS_ENABLE | 0xff);
    local_apic_set_lvt(apic, LVT_LINT0, APIC_EXTERNAL << 8);
    local_apic_set_lvt(apic, LVT_LINT1, APIC_NMI << 8);
}

bool local_apic_line_is_nmi(const struct local_apic *apic)
{
    return apic->enabled && !(apic->lvt[LVT_LINT0] & LVT_MASKED) &&
           (apic->lvt[LVT_LINT0] >> 8 & 7) == APIC_NMI;
}

void local_apic_reset(struct local_apic *apic)
{
    local_apic_set_task_priority(apic, 0);
    apic->ldr = 0;
    apic->dfr = 0xffffffff;
    apic->spurious = 0xff;
    apic->esr = 0;
    apic->errors = 0;
    apic->external = 0;
    memset(apic->icr, 0, sizeof(apic->icr));
    memset(apic->irr, 0, sizeof(apic->irr));
    memset(apic->isr, 0, sizeof(apic->isr));
    memset(apic->tmr, 0, sizeof(apic->tmr));
    for (unsigned i = 0; i < LVT_ENTRIES; i++) {
        apic->lvt[i] = LVT_MASKED;
    }
    local_apic_timer_reset(apic);
}

void local_apic_enable(struct local_apic *apic, bool enabled)
{
    if (apic->enabled && !enabled) {
        local_apic_reset(apic);
    }
    apic->enabled = enabled;
}

void local_apic_init(struct local_apic *apic, struct clock *clock,
                     struct apic_bus *bus, unsigned id)
{
    memset(apic, 0, sizeof(*apic));
    apic->clock = clock;
    apic->bus = bus;
    apic->id = id & 0xff;
    apic->enabled = 1;
    apic->base = LOCAL_APIC_BASE;
    local_apic_timer_init(apic);
    local_apic_reset(apic);
}

static void loaded(void *opaque)
{
    struct local_apic *apic = opaque;

    apic->enabled = apic->enabled != 0;
    apic->id &= 0xff;
    apic->tpr &= 0xff;
    local_apic_set_base(apic, apic->base & APIC_BASE_MASK);
    local_apic_timer_loaded(apic);
}

#define FIELD(member) DEVICE_FIELD(struct local_apic, member)
#define SET(member) DEVICE_ARRAY(struct local_apic, member, 8)

static const struct device_field fields[] = {
    FIELD(base),
    FIELD(enabled),
    FIELD(id),
    FIELD(tpr),
    FIELD(ldr),
    FIELD(dfr),
    FIELD(spurious),
    FIELD(esr),
    FIELD(errors),
    DEVICE_ARRAY(struct local_apic, icr, 2),
    DEVICE_ARRAY(struct local_apic, lvt, LVT_ENTRIES),
    SET(irr),
    SET(isr),
    SET(tmr),
    FIELD(lines),
    FIELD(external),
    FIELD(start),
    FIELD(count),
    FIELD(initial),
    FIELD(divide),
    FIELD(tsc_deadline),
    FIELD(tsc_offset),
};

const struct device_table local_apic_table = {
    "local_apic", fields, sizeof(fields) / sizeof(fields[0]), loaded};
