/*
 * Ticks of an oscillator against nanoseconds. A tick lasts from the first
 * nanosecond that is not before it, so ticks_at(ticks_to_ns(n)) is n for
 * every oscillator below 1 GHz.
 */
#ifndef DEVICE_TICKS_H
#define DEVICE_TICKS_H

#include <stdint.h>

#define NS_PER_SECOND 1000000000u

static inline uint64_t ticks_at(uint64_t ns, uint32_t hz)
{
    return (uint64_t)((unsigned __int128)ns * hz / NS_PER_SECOND);
}

/* UINT64_MAX, that is never, when it lies beyond. */
static inline uint64_t ticks_to_ns(uint64_t ticks, uint32_t hz)
{
    unsigned __int128 scaled = (unsigned __int128)ticks * NS_PER_SECOND;
    unsigned __int128 ns = (scaled + hz - 1) / hz;

    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static inline uint64_t ns_after(uint64_t now, uint64_t delay)
{
    return delay > UINT64_MAX - now ? UINT64_MAX : now + delay;
}

#endif
