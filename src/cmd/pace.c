#include "cmd/pace.h"

#include <time.h>

#define SECOND 1000000000u
/* Less is not worth a sleep: it is made good with the next one. */
#define WORTH_SLEEPING 1000000u

static uint64_t host_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* How far the host's clock is from where virtual time gets to; 0: beyond. */
static uint64_t distance(struct pace *pace, uint64_t virtual, uint64_t host)
{
    uint64_t due = pace->origin + virtual;

    return (int64_t)(due - host) > 0 ? due - host : 0;
}

void pace_start(struct pace *pace, const volatile sig_atomic_t *interrupted)
{
    pace->interrupted = interrupted;
    pace->origin = host_now();
}

/* A signal that comes just before the wait would not end it, so that it is
 * cut into pieces. True: something came. */
#define PIECE 250000000u

static bool wait(const struct pace *pace, uint64_t ns,
                 struct stream *const *streams, unsigned n)
{
    while (ns && !*pace->interrupted) {
        uint64_t piece = ns < PIECE ? ns : PIECE;

        if (stream_wait(streams, n, (int64_t)piece)) {
            return true;
        }
        ns -= ns == UINT64_MAX ? 0 : piece;
    }
    return *pace->interrupted;
}

uint64_t pace_sleep(struct pace *pace, uint64_t now, uint64_t ns,
                    struct stream *const *streams, unsigned n)
{
    uint64_t before = host_now(), ahead = UINT64_MAX, slept;

    if (ns != UINT64_MAX) {
        ahead = distance(pace, now + ns, before);
    }
    if (ahead < WORTH_SLEEPING || !wait(pace, ahead, streams, n)) {
        return ns;
    }
    slept = host_now() - before;
    return slept < ns ? slept : ns - 1;
}

void pace_stop(struct pace *pace)
{
    pace->stopped = host_now();
}

void pace_go_on(struct pace *pace)
{
    pace->origin += host_now() - pace->stopped;
}
