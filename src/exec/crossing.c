#include "exec/crossing.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- Listening ------------------------------------------------------------- */

static void *grow(void *array, size_t *room, size_t needed, size_t size)
{
    if (needed > *room) {
        *room = needed + needed / 2 + 64;
        array = reallocarray(array, *room, size);
        if (!array) {
            panda_bug("out of memory");
        }
    }
    return array;
}

static struct crossing *add(struct crossings *c)
{
    struct crossing *entry;

    c->list = grow(c->list, &c->room, c->n + 1, sizeof(*c->list));
    entry = &c->list[c->n++];
    *entry = (struct crossing){.count = c->machine->cpu->count};
    return entry;
}

/* Syncs and ends of a recording say something about the run, not to it. */
static void heard_inward(void *opaque, const struct inward_event *event)
{
    struct crossings *c = opaque;
    struct crossing *entry;

    if (event->kind == INWARD_SYNC || event->kind == INWARD_END) {
        return;
    }
    entry = add(c);
    entry->event = *event;
    if (event->bytes) {
        c->bytes = grow(c->bytes, &c->bytes_room, c->n_bytes + event->size, 1);
        memcpy(c->bytes + c->n_bytes, event->bytes, event->size);
        entry->bytes_at = c->n_bytes;
        c->n_bytes += event->size;
    }
}

static void heard_write(void *opaque, enum io_kind kind, uint64_t address,
                        uint64_t value, unsigned size)
{
    struct crossing *entry = add(opaque);

    entry->outward = true;
    entry->event = (struct inward_event){
        .what = kind, .address = address, .value = value, .size = size};
}

static void heard_deadline(void *opaque, uint64_t deadline)
{
    struct crossings *c = opaque;

    c->deadlines = grow(c->deadlines, &c->deadlines_room, c->n_deadlines + 1,
                        sizeof(*c->deadlines));
    c->deadlines[c->n_deadlines++] = (struct crossing_deadline){
        c->machine->cpu->count, deadline};
}

void crossings_listen(struct crossings *c, struct machine *m)
{
    *c = (struct crossings){.machine = m};
    c->witness = (struct witness){heard_inward, heard_write, heard_deadline, c};
    m->witness = &c->witness;
}

void crossings_clear(struct crossings *c)
{
    c->n = c->n_bytes = c->n_deadlines = 0;
}

void crossings_free(struct crossings *c)
{
    c->machine->witness = NULL;
    free(c->list);
    free(c->deadlines);
    free(c->bytes);
}

/* -- Playing back ---------------------------------------------------------- */

static struct playback *playback_of(struct boundary *b)
{
    return (struct playback *)b;
}

static const struct crossing *next(const struct playback *p)
{
    return p->next < p->end && p->next < p->crossings->n
               ? &p->crossings->list[p->next]
               : NULL;
}

static void __attribute__((format(printf, 2, 3)))
mismatch(struct playback *p, const char *format, ...)
{
    char text[256];
    va_list args;

    if (p->mismatch) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    p->mismatch = panda_message("%s", text);
    machine_stop(p->boundary.machine, "a mismatch");
}

static const char *describe(const struct crossing *entry, char text[64])
{
    if (!entry) {
        return "nothing";
    }
    if (!entry->outward && entry->event.kind != INWARD_READ) {
        snprintf(text, 64, "%s at count %" PRIu64,
                 inward_name(entry->event.kind), entry->count);
    } else {
        snprintf(text, 64, "%s of %s 0x%" PRIx64 " at count %" PRIu64,
                 entry->outward ? "a write" : "a read",
                 entry->event.what == BOUNDARY_PORT ? "port" : "address",
                 entry->event.address, entry->count);
    }
    return text;
}

/* Whether the next entry is this access; else it is noted as a mismatch. */
static const struct crossing *access(struct playback *p, bool outward,
                                     const struct inward_event *event)
{
    const struct crossing *entry = next(p);
    struct crossing own = {p->boundary.machine->cpu->count, outward, *event, 0};
    char own_text[64], text[64];

    own.event.kind = outward ? 0 : INWARD_READ;
    if (!entry || entry->outward != outward || entry->count != own.count ||
        entry->event.kind != own.event.kind ||
        entry->event.what != event->what ||
        entry->event.address != event->address ||
        entry->event.size != event->size) {
        mismatch(p, "%s of %zu bytes, where the other has %s",
                 describe(&own, own_text), event->size, describe(entry, text));
        return NULL;
    }
    p->next++;
    return entry;
}

static uint64_t playback_read(struct boundary *b, enum io_kind kind,
                              uint64_t address, unsigned size)
{
    const struct inward_event event = {
        .what = kind, .address = address, .size = size};
    const struct crossing *entry = access(playback_of(b), false, &event);

    return entry ? entry->event.value : 0;
}

static void playback_write(struct boundary *b, enum io_kind kind,
                           uint64_t address, uint64_t value, unsigned size)
{
    const struct inward_event event = {
        .what = kind, .address = address, .size = size};
    const struct crossing *entry = access(playback_of(b), true, &event);
    char text[64];

    if (entry && entry->event.value != value) {
        mismatch(playback_of(b),
                 "%s with value 0x%" PRIx64 ", where the other has 0x%" PRIx64,
                 describe(entry, text), value, entry->event.value);
    }
}

static uint64_t playback_steer(struct boundary *b, enum steer_what what,
                               uint64_t plain, uint64_t wanted)
{
    struct playback *p = playback_of(b);
    const struct crossing *entry = next(p);

    (void)wanted; /* nobody watches */
    if (!entry || entry->outward || entry->event.kind != INWARD_STEER ||
        entry->event.what != what || entry->count != b->machine->cpu->count) {
        return plain;
    }
    p->next++;
    return entry->event.value;
}

static bool is_access(const struct crossing *entry)
{
    return entry->outward || entry->event.kind == INWARD_READ ||
           entry->event.kind == INWARD_STEER;
}

static void apply(struct playback *p, const struct crossing *entry)
{
    struct inward_event event = entry->event;
    char *message;

    if (event.bytes) {
        event.bytes = p->crossings->bytes + entry->bytes_at;
    }
    p->next++; /* before: a delivery that faults does not return */
    if (!inward_apply(p->boundary.machine, &event, &message)) {
        mismatch(p, "the other has %s", message);
        free(message);
    }
}

static enum poll_result playback_poll(struct boundary *b)
{
    struct playback *p = playback_of(b);
    const struct cpu *cpu = b->machine->cpu;
    const struct crossing *entry = next(p);
    char text[64];

    while (entry && entry->count == cpu->count && !is_access(entry) &&
           !p->mismatch) {
        apply(p, entry);
        entry = next(p);
    }
    if (entry && entry->count < cpu->count) {
        mismatch(p, "not yet had %s", describe(entry, text));
    }
    if (cpu->count < p->target && cpu->halted) {
        mismatch(p, "halted, where the other goes on");
    }
    return p->mismatch || cpu->count >= p->target ? POLL_STOP : POLL_RUN;
}

/* The last one that was asked for up to now. */
static uint64_t recorded_deadline(struct playback *p)
{
    const struct crossings *c = p->crossings;
    uint64_t count = p->boundary.machine->cpu->count;

    while (p->deadline + 1 < c->n_deadlines &&
           c->deadlines[p->deadline + 1].count <= count) {
        p->deadline++;
    }
    return p->deadline < c->n_deadlines ? c->deadlines[p->deadline].deadline
                                        : p->target;
}

static uint64_t playback_deadline(struct boundary *b)
{
    struct playback *p = playback_of(b);
    const struct crossing *entry = next(p);
    uint64_t due = entry ? entry->count + is_access(entry) : p->target;

    if (p->same_deadlines) {
        due = recorded_deadline(p);
    }
    return due < p->target ? due : p->target;
}

static enum poll_result playback_slice_end(struct boundary *b)
{
    return playback_of(b)->mismatch ? POLL_STOP : POLL_RUN;
}

static void playback_free(struct boundary *b)
{
    free(playback_of(b)->mismatch);
    playback_of(b)->mismatch = NULL;
}

static const struct boundary_ops playback_ops = {
    .name = "playback",
    .read = playback_read,
    .write = playback_write,
    .poll = playback_poll,
    .deadline = playback_deadline,
    .slice_end = playback_slice_end,
    .steer = playback_steer,
    .free = playback_free,
};

void playback_begin(struct playback *p, struct machine *m,
                    const struct crossings *crossings)
{
    *p = (struct playback){.boundary = {&playback_ops, m},
                           .crossings = crossings,
                           .end = SIZE_MAX};
    m->boundary = &p->boundary;
}

void playback_seek(struct playback *p, size_t next)
{
    free(p->mismatch);
    p->mismatch = NULL;
    p->next = next;
    p->deadline = 0;
}
