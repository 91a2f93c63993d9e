#include "plugin/plugins.h"

#include "base/error.h"
#include "mem/mem.h"

#include <string.h>

struct write {
    struct write *next;
    struct inward_event event;
    const void *owner; /* the handle of a plugin */
    bool matched;      /* by the log */
    uint8_t bytes[];
};

/* -- Waiting --------------------------------------------------------------- */

static const void *owner_now(const struct plugins *p)
{
    return p->calling    ? p->calling->owner
           : p->starting ? p->starting->handle
                         : NULL;
}

/* Where woven code looks next, the guest is left. */
static void wait_for(struct plugins *p)
{
    p->watch.pending = true;
    p->steer.calm = 0;
    machine_leave_soon(p->machine);
}

static bool is_pc(const struct plugins *p, const struct inward_event *event)
{
    return event->kind == INWARD_REGISTER &&
           event->what == p->machine->cpu->guest->plugin->pc_number;
}

/* The pc is written last, and once: what comes behind it in a log belongs to
 * the instruction there. */
static struct write **place(struct plugins *p, const struct inward_event *event)
{
    struct write **link = &p->steer.writes;

    while (*link && !is_pc(p, &(*link)->event)) {
        link = &(*link)->next;
    }
    if (*link && is_pc(p, event)) {
        free(*link);
        *link = NULL;
    }
    return link;
}

static void add(struct plugins *p, const struct inward_event *event)
{
    struct write **link = place(p, event), *write;

    write = panda_must(calloc(1, sizeof(*write) + event->size));
    write->event = *event;
    write->owner = owner_now(p);
    memcpy(write->bytes, event->bytes, event->size);
    write->event.bytes = write->bytes;
    write->next = *link;
    *link = write;
    wait_for(p);
}

void steer_write_memory(struct plugins *p, const struct mem_block *block,
                        uint64_t offset, const void *bytes, size_t size)
{
    const struct inward_event event = {.kind = INWARD_POKE,
                                       .what = block->id,
                                       .address = offset,
                                       .bytes = bytes,
                                       .size = size};

    if (size) {
        add(p, &event);
    }
}

void steer_write_register(struct plugins *p, uint32_t number, const void *bytes,
                          size_t size)
{
    const struct inward_event event = {
        .kind = INWARD_REGISTER, .what = number, .bytes = bytes, .size = size};

    add(p, &event);
}

void steer_overlay(const struct plugins *p, const struct mem_block *block,
                   uint64_t offset, void *bytes, size_t size)
{
    for (const struct write *w = p->steer.writes; w; w = w->next) {
        uint64_t from = w->event.address, to = from + w->event.size;

        if (w->event.kind != INWARD_POKE || w->event.what != block->id ||
            w->matched || w->owner != owner_now(p) || to <= offset ||
            from >= offset + size) {
            continue;
        }
        from = from > offset ? from : offset;
        to = to < offset + size ? to : offset + size;
        memcpy((uint8_t *)bytes + (from - offset),
               w->bytes + (from - w->event.address), to - from);
    }
}

/* -- The point where plugins have been told of an instruction -------------- */

/* Asks for it: the instruction is begun again, alone, up to there. */
static void ask(struct plugins *p)
{
    p->steer.asked_at = p->machine->cpu->count + 1;
    p->steer.told_at = 0;
    p->watch.woven |= UP_TO_TOLD;
    machine_watch_changed(p->machine);
}

static void asked_no_more(struct plugins *p)
{
    p->steer.asked_at = p->steer.told_at = 0;
    if (p->watch.woven & UP_TO_TOLD) {
        p->watch.woven &= ~UP_TO_TOLD;
        machine_watch_changed(p->machine);
    }
}

static bool is_asked(const struct plugins *p)
{
    return p->steer.asked_at == p->machine->cpu->count + 1;
}

static bool is_told(const struct plugins *p)
{
    return p->steer.told_at == p->machine->cpu->count + 1;
}

void steer_begin_again(struct plugins *p)
{
    if (!is_asked(p)) {
        ask(p);
        cpu_leave(p->machine->cpu, CPU_LEAVE_REDO);
    }
}

void steer_told(struct plugins *p, struct cpu *cpu)
{
    p->steer.told_at = cpu->count + 1;
    cpu_leave(cpu, CPU_LEAVE_REDO);
}

/* A replay's next entry is one of that point. */
static bool holds(struct watch *watch)
{
    struct plugins *p = (struct plugins *)watch;

    if (is_told(p)) {
        return false;
    }
    if (!is_asked(p)) {
        ask(p);
        p->watch.pending = true;
    }
    return true;
}

/* -- Taking effect --------------------------------------------------------- */

static void drop_first(struct plugins *p)
{
    struct write *first = p->steer.writes;

    p->steer.writes = first->next;
    free(first);
}

static struct plugin *plugin_of(struct plugins *p, const void *owner)
{
    return plugins_of_handle(p, owner);
}

static const char *name_of(struct plugins *p, const void *owner)
{
    const struct plugin *plugin = plugin_of(p, owner);

    return plugin ? plugin->name : "?";
}

/* What was there already. */
static bool is_idle(const struct plugins *p, const struct inward_event *event)
{
    const struct mem_block *block;

    if (event->kind != INWARD_POKE) {
        return false;
    }
    block = mem_block_at(p->machine->memory, event->what);
    return !memcmp(block->host + event->address, event->bytes, event->size);
}

/* Once a plugin. */
static void tell_refusal(struct plugins *p, const void *owner, const char *what)
{
    struct plugin *plugin = plugin_of(p, owner);

    if (plugin && !plugin->refused) {
        plugin->refused = true;
        panda_warn("plugin %s %s at count %" PRIu64 ", which the recording "
                   "has not: it is without effect (-replay-allow-writes lets "
                   "it have its way, and leaves the recording)",
                   plugin->name, what, p->machine->cpu->count - p->count_base);
    }
}

static void leave_recording(struct plugins *p, const void *owner)
{
    struct boundary *b = p->machine->boundary;

    if (!p->steer.left && b->ops->leave) {
        p->steer.left = true;
        b->ops->leave(b);
        panda_warn("plugin %s leaves the recording at count %" PRIu64,
                   name_of(p, owner), p->machine->cpu->count - p->count_base);
    }
}

/* A step that writes send back to its start for ever never ends. */
#define MOVES_MAX 100000u

static void note_move(struct plugins *p, const struct write *write)
{
    uint64_t count = p->machine->cpu->count;
    char *reason;

    if (!is_pc(p, &write->event)) {
        return;
    }
    p->steer.moves = p->steer.moved_at == count ? p->steer.moves + 1 : 1;
    p->steer.moved_at = count;
    if (p->steer.moves == MOVES_MAX) {
        reason = panda_message("plugin %s writes the pc again and again, and "
                               "the guest does not go on",
                               name_of(p, write->owner));
        machine_stop(p->machine, reason);
        free(reason);
    }
}

static void apply(struct plugins *p, const struct write *write,
                  enum poke_moment moment)
{
    struct machine *m = p->machine;
    const struct guest_plugin *guest = m->cpu->guest->plugin;
    struct inward_event event = write->event;
    char *message;

    event.value = moment;
    if (event.kind == INWARD_REGISTER &&
        !guest->may_poke(m->cpu, event.what, event.bytes, event.size)) {
        panda_warn("plugin %s writes what the CPU cannot hold at count %" PRIu64
                   ": it is without effect",
                   name_of(p, write->owner), m->cpu->count - p->count_base);
        return;
    }
    note_move(p, write);
    if (m->boundary->ops->poke) {
        m->boundary->ops->poke(m->boundary, &event);
    } else if (!inward_apply(m, &event, &message)) {
        panda_bug("a plugin's write: %s", message);
    }
}

static bool replays(const struct plugins *p)
{
    return p->mode == RR_REPLAY;
}

/* All of them, or in a replay those that the log had not. Whoever is told of
 * one may write another. */
static bool take_effect(struct plugins *p)
{
    enum poke_moment moment = is_told(p) ? POKE_TOLD : POKE_FIRST;
    bool any = false;

    while (p->steer.writes) {
        struct write *write = p->steer.writes;

        p->steer.writes = write->next;
        if (!replays(p)) {
            apply(p, write, moment);
            any = true;
        } else if (write->matched || is_idle(p, &write->event)) {
            /* nothing is changed */
        } else if (p->steer.allowed) {
            leave_recording(p, write->owner);
            apply(p, write, moment);
            any = true;
        } else {
            tell_refusal(p, write->owner, "writes");
        }
        free(write);
    }
    p->watch.pending = false;
    p->steer.calm = 1;
    asked_no_more(p);
    return any;
}

static bool settle(struct watch *watch, bool polled)
{
    struct plugins *p = (struct plugins *)watch;

    if (p->steer.moved && polled) {
        p->steer.moved = false;
        take_effect(p);
        return true; /* the log may go on at the new pc */
    }
    if (is_asked(p) && !is_told(p)) {
        return false; /* not yet */
    }
    if (p->steer.asked_at && !is_asked(p)) {
        asked_no_more(p); /* an interrupt came before */
    }
    if (polled != replays(p) && !(polled && p->steer.writes)) {
        return false;
    }
    return take_effect(p);
}

static bool same(const struct inward_event *a, const struct inward_event *b)
{
    return a->kind == b->kind && a->what == b->what &&
           a->address == b->address && a->size == b->size &&
           !memcmp(a->bytes, b->bytes, a->size);
}

static void poked(struct watch *watch, const struct inward_event *event)
{
    struct plugins *p = (struct plugins *)watch;
    struct cpu *cpu = p->machine->cpu;
    struct write *w = p->steer.writes;

    while (w && (w->matched || !same(&w->event, event))) {
        w = w->next;
    }
    if (w) {
        w->matched = true;
    }
    cpu->shown_current = 0;
    if (is_pc(p, event)) {
        p->steer.moved = replays(p);
        p->watch.pending |= p->steer.moved;
        p->steer.told_at = 0;
        p->step = UINT64_MAX; /* another instruction: its events are new */
        block_goes_on(p, NULL, 0);
    }
}

/* -- Results that steer ---------------------------------------------------- */

static bool refused(struct watch *watch, enum steer_what what)
{
    struct plugins *p = (struct plugins *)watch;

    (void)what;
    if (p->steer.allowed) {
        leave_recording(p, p->steer.blamed);
        return true;
    }
    tell_refusal(p, p->steer.blamed, "wants another result");
    return false;
}

/* -- Beginning and end ----------------------------------------------------- */

void steer_open(struct plugins *p)
{
    p->steer.calm = 1;
    p->watch.settle = settle;
    p->watch.poked = poked;
    p->watch.holds = holds;
    p->watch.refused = refused;
    shown_open(p);
}

void steer_free(struct plugins *p)
{
    while (p->steer.writes) {
        drop_first(p);
    }
    shown_close(p);
}
