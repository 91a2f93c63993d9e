/*
 * The count follows from the time, as in the 8254. The clock's timer is armed
 * only if an interrupt will come of it.
 */
#include "device/local_apic_parts.h"

#include "device/ticks.h"

enum { ONE_SHOT, PERIODIC, TSC_DEADLINE };

static unsigned mode_of(uint32_t lvt)
{
    return lvt >> 17 & 3;
}

static unsigned mode(const struct local_apic *apic)
{
    return mode_of(apic->lvt[LVT_TIMER]);
}

/* log2 of the divisor; the code's bits are 3, 1 and 0. */
static unsigned shift(const struct local_apic *apic)
{
    unsigned code = (apic->divide >> 1 & 4) | (apic->divide & 3);

    return (code + 1) & 7;
}

static uint64_t tsc_now(const struct local_apic *apic)
{
    return clock_now(apic->clock) + apic->tsc_offset;
}

static uint64_t elapsed(const struct local_apic *apic)
{
    return clock_now(apic->clock) - apic->start;
}

/* True: it ran out since. Periods that were missed count as one. */
static bool settle(struct local_apic *apic)
{
    uint64_t span = (uint64_t)apic->count << shift(apic), period;

    if (mode(apic) == TSC_DEADLINE) {
        if (!apic->tsc_deadline || tsc_now(apic) < apic->tsc_deadline) {
            return false;
        }
        apic->tsc_deadline = 0;
        return true;
    }
    if (!apic->count || elapsed(apic) < span) {
        return false;
    }
    if (mode(apic) != PERIODIC) {
        apic->count = 0;
        return true;
    }
    period = (uint64_t)apic->initial << shift(apic);
    apic->start += span + (elapsed(apic) - span) / period * period;
    apic->count = apic->initial;
    return true;
}

static void arm(struct local_apic *apic)
{
    uint64_t at = UINT64_MAX;

    if (apic->lvt[LVT_TIMER] & LVT_MASKED) {
        at = UINT64_MAX;
    } else if (mode(apic) == TSC_DEADLINE) {
        uint64_t now = tsc_now(apic), wanted = apic->tsc_deadline;

        if (wanted) {
            at = ns_after(clock_now(apic->clock),
                          wanted > now ? wanted - now : 0);
        }
    } else if (apic->count) {
        at = ns_after(apic->start, (uint64_t)apic->count << shift(apic));
    }
    timer_arm(&apic->timer, at);
}

void local_apic_timer_update(struct local_apic *apic)
{
    if (settle(apic)) {
        local_apic_raise_lvt(apic, LVT_TIMER);
    }
    arm(apic);
}

static void expired(void *opaque)
{
    local_apic_timer_update(opaque);
}

uint32_t local_apic_timer_current(struct local_apic *apic)
{
    local_apic_timer_update(apic);
    return apic->count ? apic->count - (elapsed(apic) >> shift(apic)) : 0;
}

/* To and from TSC-deadline mode the timer is disarmed. */
void local_apic_timer_set_lvt(struct local_apic *apic, uint32_t value)
{
    local_apic_timer_update(apic);
    if ((mode(apic) == TSC_DEADLINE) != (mode_of(value) == TSC_DEADLINE)) {
        apic->count = 0;
        apic->tsc_deadline = 0;
    }
    apic->lvt[LVT_TIMER] = value;
    arm(apic);
}

void local_apic_timer_set_initial(struct local_apic *apic, uint32_t value)
{
    local_apic_timer_update(apic);
    if (mode(apic) != TSC_DEADLINE) {
        apic->initial = value;
        apic->count = value;
        apic->start = clock_now(apic->clock);
        arm(apic);
    }
}

/* A running count goes on at the new pace. */
void local_apic_timer_set_divide(struct local_apic *apic, uint32_t value)
{
    apic->count = local_apic_timer_current(apic);
    apic->start = clock_now(apic->clock);
    apic->divide = value & 0x0b;
    arm(apic);
}

uint64_t local_apic_tsc_deadline(struct local_apic *apic)
{
    local_apic_timer_update(apic);
    return apic->tsc_deadline;
}

void local_apic_set_tsc_deadline(struct local_apic *apic, uint64_t tsc)
{
    local_apic_timer_update(apic);
    if (apic->enabled && mode(apic) == TSC_DEADLINE) {
        apic->tsc_deadline = tsc;
        local_apic_timer_update(apic); /* what is past fires at once */
    }
}

void local_apic_set_tsc_offset(struct local_apic *apic, uint64_t offset)
{
    local_apic_timer_update(apic);
    apic->tsc_offset = offset;
    local_apic_timer_update(apic);
}

void local_apic_timer_reset(struct local_apic *apic)
{
    apic->count = 0;
    apic->initial = 0;
    apic->divide = 0;
    apic->tsc_deadline = 0;
    timer_disarm(&apic->timer);
}

void local_apic_timer_init(struct local_apic *apic)
{
    apic->timer = (struct timer){.expired = expired, .opaque = apic};
    clock_add_timer(apic->clock, &apic->timer);
}

void local_apic_timer_loaded(struct local_apic *apic)
{
    if (apic->start > clock_now(apic->clock)) {
        apic->start = clock_now(apic->clock);
    }
    if (!apic->initial) {
        apic->count = 0;
    }
    if (mode(apic) == TSC_DEADLINE) {
        apic->count = 0;
    } else {
        apic->tsc_deadline = 0;
    }
    arm(apic);
}
