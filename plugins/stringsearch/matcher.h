/*
 * Looks for all strings at once, a byte at a time: a state says how much of
 * which strings the last bytes are (Aho and Corasick's automaton, with all
 * transitions in a table by classes of bytes).
 */
#ifndef STRINGSEARCH_MATCHER_H
#define STRINGSEARCH_MATCHER_H

#include <stddef.h>
#include <stdint.h>

struct pattern {
    uint8_t *bytes;
    uint32_t length;
    uint32_t string; /* which one it is a form of */
};

struct matcher {
    uint8_t class_of[256];
    uint32_t n_classes, n_states;
    uint32_t *next;    /* by state and class */
    uint32_t *found;   /* by state: a pattern that ends there + 1, or 0 */
    uint32_t *shorter; /* by state: the next one to look at, or 0 */
    /* From the first state, 0: bytes that lead on; and bits of pairs, as in
     * panda/filter.h. */
    uint8_t one[256], last[8192], within[8192], pairs[8192];
};

/* fold: letters of either case are one. */
void matcher_build(struct matcher *m, const struct pattern *patterns, size_t n,
                   int fold);
void matcher_free(struct matcher *m);

static inline uint32_t matcher_step(const struct matcher *m, uint32_t state,
                                    uint8_t byte)
{
    return m->next[state * m->n_classes + m->class_of[byte]];
}

#endif
