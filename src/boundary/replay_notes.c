/*
 * Notes of devices in a replay. An entry of the second stream knows how many
 * entries the first one had before it; notes that nobody wanted to hear of
 * when they were due are passed by.
 */
#include "boundary/notes.h"
#include "boundary/replay_parts.h"
#include "exec/watch.h"

static const struct watch *listener(const struct replay *replay)
{
    const struct watch *watch = replay->boundary.machine->watch;

    return watch && watch->wants.transfers ? watch : NULL;
}

static void advance(struct replay_notes *notes, struct log_reader *log)
{
    notes->begun = true;
    do {
        notes->ended = log_reader_next(log, LOG_OUTSIDE, &notes->next) !=
                       LOG_READ_ENTRY;
    } while (!notes->ended && notes->next.event.kind != INWARD_NOTE);
}

/* The next note that is not behind. False: there is none. */
static bool find(struct replay *replay, struct transfer *transfer, bool *within)
{
    struct replay_notes *notes = &replay->notes;

    if (!notes->begun) {
        advance(notes, replay->log);
    }
    while (!notes->ended &&
           (notes->next.count < replay->boundary.machine->cpu->count ||
            notes->next.event.address < replay->info.n_entries ||
            !note_decode(&notes->next.event, transfer, within))) {
        advance(notes, replay->log);
    }
    return !notes->ended;
}

void replay_notes_raise(struct replay *replay, bool within)
{
    const struct watch *watch = listener(replay);
    const struct log_entry *next = &replay->notes.next;
    struct transfer transfer;
    bool in;

    while (watch && find(replay, &transfer, &in) && in == within &&
           next->count == replay->boundary.machine->cpu->count &&
           next->event.address == replay->info.n_entries) {
        watch->transfer(replay->boundary.machine->watch, &transfer);
        advance(&replay->notes, replay->log);
        watch = listener(replay);
    }
}

uint64_t replay_notes_deadline(struct replay *replay)
{
    struct transfer transfer;
    bool within;

    return listener(replay) && find(replay, &transfer, &within) && !within
               ? replay->notes.next.count
               : UINT64_MAX;
}
