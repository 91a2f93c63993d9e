/* What a replay and a driven one share: the log's first stream, checked. */
#ifndef BOUNDARY_REPLAY_PARTS_H
#define BOUNDARY_REPLAY_PARTS_H

#include "boundary/replay.h"

struct replay {
    struct boundary boundary; /* first */
    struct log_reader *log;
    struct page_hashes *hashes;
    struct log_entry next; /* not yet applied */
    enum replay_state state;
    uint64_t inward;    /* hash of what came in */
    uint64_t last_sync; /* count of the last one read */
    struct replay_info info;
    uint64_t recorded_hash, own_hash;
    char *message;
    enum poll_result (*slice)(void *opaque);
    void *opaque;
    /* The second stream, while somebody wants to hear of notes. */
    struct replay_notes {
        struct log_entry next;
        bool begun, ended;
    } notes;
    bool left; /* plugins write what the recording has not: no checks */
    uint64_t flip_count; /* UINT64_MAX: none */
    unsigned flip_bit;
    bool flipped;
};

static inline struct replay *replay_of(const struct boundary *b)
{
    return (struct replay *)(uintptr_t)b;
}

/* As replay_begin(), which says the rest; `replay` is zero. */
void replay_init(struct replay *replay, const struct boundary_ops *ops,
                 struct machine *machine, struct log_reader *log,
                 struct page_hashes *hashes);
void replay_release(struct replay *replay);

/* Reads the next entry. */
void replay_advance(struct replay *replay);
/* The next entry came in: it counts, and goes into the hash. */
void replay_came_in(struct replay *replay);
/* The next entry is a SYNC, HASH or END: compares. */
bool replay_is_check(const struct replay *replay);
void replay_check(struct replay *replay);
/* Those that the recording has at this place: within an instruction, or
 * between two. */
void replay_notes_raise(struct replay *replay, bool within);
/* The count of the next one between two instructions. */
uint64_t replay_notes_deadline(struct replay *replay);
/* The next entry, at whose count the CPU is, waits for its instruction, or
 * for plugins to be told of it. */
bool replay_is_held(const struct replay *replay);
/* The count at which that is to be looked at again: what is taken in its
 * instruction would be overdue behind it. */
uint64_t replay_due(const struct replay *replay);
/* What plugins wrote and made of things, as it was recorded. */
bool replay_is_poke(const struct replay *replay);
void replay_poke(struct replay *replay);
uint64_t replay_steer(struct boundary *b, enum steer_what what, uint64_t plain,
                      uint64_t wanted);
/* If the next entry is of that kind, taken here, its value becomes *value. */
void replay_take_steer(struct replay *replay, enum steer_what what,
                       uint64_t *value);
void replay_leave(struct boundary *b);
/* Ends the run. */
void replay_diverge(struct replay *replay, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum poll_result replay_slice_end(struct boundary *b);

#endif
