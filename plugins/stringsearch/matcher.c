#include "stringsearch/matcher.h"

#include "stringsearch/must.h"

#include <string.h>

static uint8_t folded(uint8_t byte, int fold)
{
    return fold && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

/* Bytes that no pattern has are one class, 0. */
static void make_classes(struct matcher *m, const struct pattern *patterns,
                         size_t n, int fold)
{
    uint8_t class_of[256] = {0};
    uint32_t classes = 1;

    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < patterns[i].length; k++) {
            uint8_t *c = &class_of[folded(patterns[i].bytes[k], fold)];

            if (!*c && classes < 256) {
                *c = (uint8_t)classes++;
            }
        }
    }
    if (classes == 256) { /* maybe none is left over: no classes at all */
        for (unsigned i = 0; i < 256; i++) {
            class_of[i] = (uint8_t)i;
        }
    }
    m->n_classes = classes;
    for (unsigned i = 0; i < 256; i++) {
        m->class_of[i] = class_of[folded((uint8_t)i, fold)];
    }
}

/* The tree of the patterns' beginnings; 0 is no transition yet. */
static void make_tree(struct matcher *m, const struct pattern *patterns,
                      size_t n)
{
    m->n_states = 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t state = 0;

        for (uint32_t k = 0; k < patterns[i].length; k++) {
            uint32_t *next = &m->next[state * m->n_classes +
                                      m->class_of[patterns[i].bytes[k]]];

            if (!*next) {
                *next = m->n_states++;
            }
            state = *next;
        }
        if (!m->found[state]) {
            m->found[state] = (uint32_t)i + 1;
        }
    }
}

/* By growing depth: where a state does not lead on, it does what the longest
 * of its ends that is a state of its own would do. */
static void make_failures(struct matcher *m)
{
    uint32_t *queue = must(malloc(m->n_states * sizeof(*queue)));
    uint32_t *end = must(calloc(m->n_states, sizeof(*end)));
    size_t head = 0, tail = 0;

    queue[tail++] = 0;
    while (head < tail) {
        uint32_t state = queue[head++];

        for (uint32_t c = 0; c < m->n_classes; c++) {
            uint32_t *next = &m->next[state * m->n_classes + c];
            uint32_t other = state ? m->next[end[state] * m->n_classes + c] : 0;

            if (*next) {
                end[*next] = other;
                m->shorter[*next] = m->found[other] ? other : m->shorter[other];
                queue[tail++] = *next;
            } else {
                *next = other;
            }
        }
    }
    free(queue);
    free(end);
}

/* -- The filter ------------------------------------------------------------ */

/* All pairs of bytes that are for the matcher the same as these two. */
static void add_pair(const struct matcher *m, uint8_t table[8192],
                     uint8_t first, uint8_t second)
{
    for (unsigned i = 0; i < 256; i++) {
        for (unsigned k = 0; k < 256 && m->class_of[i] == m->class_of[first];
             k++) {
            if (m->class_of[k] == m->class_of[second]) {
                table[i << 5 | k >> 3] |= (uint8_t)(1u << (k & 7));
            }
        }
    }
}

static void add_any_before(const struct matcher *m, uint8_t table[8192],
                           uint8_t second)
{
    for (unsigned i = 0; i < 256; i++) {
        for (unsigned k = 0; k < 256; k++) {
            if (m->class_of[k] == m->class_of[second]) {
                table[i << 5 | k >> 3] |= (uint8_t)(1u << (k & 7));
            }
        }
    }
}

/* What an access of eight bytes ends with when it ends within the pattern or
 * with it, and what is within when it had ended before. A short one may lie
 * where nobody looks. */
static void filter_pattern(struct matcher *m, const struct pattern *p)
{
    uint8_t *last = m->last, *within = m->within;

    add_any_before(m, last, p->bytes[0]);
    for (uint32_t i = 0; i + 1 < p->length && i < 7; i++) {
        add_pair(m, last, p->bytes[i], p->bytes[i + 1]);
    }
    for (uint32_t at = 0; at < 3 && at + p->length < 8; at++) {
        if (p->length > 4) {
            add_pair(m, within, p->bytes[2 - at], p->bytes[3 - at]);
        }
    }
    if (p->length < 5) {
        memset(within, 0xff, sizeof(m->within));
    }
    if (p->length < 4) {
        memset(last, 0xff, sizeof(m->last));
    }
}

/* And the bytes that lead on, alone or by two. */
static void filter_first(struct matcher *m)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t state = matcher_step(m, 0, (uint8_t)i);

        m->one[i] = state != 0;
        for (unsigned k = 0; state && k < 256; k++) {
            if (m->found[state] || matcher_step(m, state, (uint8_t)k)) {
                m->pairs[i << 5 | k >> 3] |= (uint8_t)(1u << (k & 7));
            }
        }
    }
}

void matcher_build(struct matcher *m, const struct pattern *patterns, size_t n,
                   int fold)
{
    size_t states = 1;

    matcher_free(m);
    for (size_t i = 0; i < n; i++) {
        states += patterns[i].length;
    }
    make_classes(m, patterns, n, fold);
    m->next = must(calloc(states * m->n_classes, sizeof(*m->next)));
    m->found = must(calloc(states, sizeof(*m->found)));
    m->shorter = must(calloc(states, sizeof(*m->shorter)));
    make_tree(m, patterns, n);
    make_failures(m);
    filter_first(m);
    for (size_t i = 0; i < n; i++) {
        filter_pattern(m, &patterns[i]);
    }
}

void matcher_free(struct matcher *m)
{
    free(m->next);
    free(m->found);
    free(m->shorter);
    memset(m, 0, sizeof(*m));
}
