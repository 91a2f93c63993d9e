/*
 * Virtual time and the timers of devices. A machine has a dozen timers, so
 * they are a list in order of adding; the earliest is looked for.
 */
#include "device/device.h"

#include "base/error.h"

#include <stdlib.h>

struct clock {
    uint64_t now;
    struct timer *timers, **tail;
};

struct clock *clock_new(void)
{
    struct clock *clock = calloc(1, sizeof(*clock));

    if (!clock) {
        panda_bug("out of memory");
    }
    clock->tail = &clock->timers;
    return clock;
}

void clock_free(struct clock *clock)
{
    free(clock);
}

uint64_t clock_now(const struct clock *clock)
{
    return clock->now;
}

void clock_set(struct clock *clock, uint64_t now)
{
    panda_assert(now >= clock->now);
    clock->now = now;
}

void clock_add_timer(struct clock *clock, struct timer *timer)
{
    timer->deadline = UINT64_MAX;
    timer->next = NULL;
    *clock->tail = timer;
    clock->tail = &timer->next;
}

void timer_arm(struct timer *timer, uint64_t deadline)
{
    timer->deadline = deadline;
}

void timer_disarm(struct timer *timer)
{
    timer->deadline = UINT64_MAX;
}

static struct timer *earliest(const struct clock *clock)
{
    struct timer *best = clock->timers;

    for (struct timer *timer = best; timer; timer = timer->next) {
        if (timer->deadline < best->deadline) {
            best = timer;
        }
    }
    return best;
}

uint64_t clock_next_deadline(const struct clock *clock)
{
    const struct timer *timer = earliest(clock);

    return timer ? timer->deadline : UINT64_MAX;
}

void clock_run_due(struct clock *clock)
{
    struct timer *timer;

    while ((timer = earliest(clock)) && timer->deadline <= clock->now) {
        timer_disarm(timer); /* the handler may arm it again */
        timer->expired(timer->opaque);
    }
}
