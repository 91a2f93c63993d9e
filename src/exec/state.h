/*
 * The architectural state of two machines side by side: a copy, a comparison
 * that says what differs, and a checkpoint to go back to. Memory is looked at
 * by page, and only where PAGE_CHANGED says that a machine wrote.
 */
#ifndef EXEC_STATE_H
#define EXEC_STATE_H

#include "exec/machine.h"

#include <stdio.h>

/* A machine of its own in an equal state, without boundary. */
struct machine *state_clone(const struct machine *machine);

bool state_equal(const struct machine *x, const struct machine *y);
/* A line for each register, and each of the first bytes of memory. */
void state_print_differences(const struct machine *x, const char *x_name,
                             const struct machine *y, const char *y_name,
                             FILE *out);

/* Forgets what both wrote: where they are equal now, they stay so. */
void state_clear_changed(struct machine *x, struct machine *y);

/*
 * A state that both machines had when their marks were cleared last; the
 * marks tell what is to be put back.
 */
struct checkpoint {
    uint64_t count, skipped;
    bool halted;
    uint8_t *fields; /* one after the other */
    struct {
        uint8_t *bytes;
        uint64_t size;
    } * blocks; /* of memory */
    unsigned n_blocks;
};

/* Of now; the machines are equal. */
struct checkpoint *checkpoint_new(struct machine *x, struct machine *y);
void checkpoint_free(struct checkpoint *checkpoint);
/* From now on it is the state of x. Clears no marks. */
void checkpoint_move(struct checkpoint *checkpoint, const struct machine *x,
                     const struct machine *y);
/* Both go back to it, and are equal. */
void checkpoint_restore(const struct checkpoint *checkpoint, struct machine *x,
                        struct machine *y);

#endif
