/*
 * A replay of what plugins steered. The log decides: its writes take effect
 * where they did, and whoever asks what plugins made of something is told what
 * they made of it then.
 */
#include "boundary/replay_parts.h"

#include "exec/machine.h"
#include "exec/watch.h"

#include <stdlib.h>
#include <string.h>

bool replay_is_poke(const struct replay *replay)
{
    enum inward kind = replay->next.event.kind;

    return kind == INWARD_POKE || kind == INWARD_REGISTER;
}

static bool in_its_step(const struct replay *replay)
{
    enum inward kind = replay->next.event.kind;

    return kind == INWARD_READ || kind == INWARD_STEER;
}

bool replay_is_held(const struct replay *replay)
{
    return in_its_step(replay) ||
           (replay_is_poke(replay) && replay->next.event.value == POKE_TOLD &&
            watch_holds(replay->boundary.machine));
}

uint64_t replay_due(const struct replay *replay)
{
    uint64_t count = replay->next.count;
    bool here = count == replay->boundary.machine->cpu->count;

    return count + (count != UINT64_MAX &&
                    (in_its_step(replay) || (here && replay_is_poke(replay))));
}

/* The address space may change on the way, of which plugins are told, and
 * what they made of that comes next: so the entry is read past before. */
void replay_poke(struct replay *replay)
{
    struct inward_event event = replay->next.event;
    uint8_t small[64], *bytes = small;
    char *message;

    if (event.size > sizeof(small)) {
        bytes = malloc(event.size);
    }
    if (!bytes) {
        replay_diverge(replay, "there is no memory for a write of %zu bytes",
                       event.size);
        return;
    }
    if (event.size) {
        memcpy(bytes, event.bytes, event.size);
    }
    event.bytes = bytes;
    replay_came_in(replay);
    replay_advance(replay);
    if (!inward_apply(replay->boundary.machine, &event, &message)) {
        replay_diverge(replay, "the recording has %s", message);
        free(message);
    }
    if (bytes != small) {
        free(bytes);
    }
}

void replay_take_steer(struct replay *replay, enum steer_what what,
                       uint64_t *value)
{
    const struct log_entry *next = &replay->next;

    if (replay->state == REPLAY_RUNNING && next->event.kind == INWARD_STEER &&
        next->event.what == what &&
        next->count == replay->boundary.machine->cpu->count) {
        *value = next->event.value;
        replay_came_in(replay);
        replay_advance(replay);
    }
}

uint64_t replay_steer(struct boundary *b, enum steer_what what, uint64_t plain,
                      uint64_t wanted)
{
    struct replay *replay = replay_of(b);
    uint64_t value = plain;

    if (replay->state != REPLAY_RUNNING) {
        return plain;
    }
    replay_take_steer(replay, what, &value);
    return value != wanted && watch_refused(b->machine, what) ? wanted : value;
}

/* The log's entries come in as far as they fit. */
void replay_leave(struct boundary *b)
{
    replay_of(b)->left = true;
}
