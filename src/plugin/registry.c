/* Who wants to hear of what. */
#include "plugin/plugins.h"

#include "base/error.h"
#include "exec/unit_cache.h"

#include <stdlib.h>
#include <string.h>

/* -- The kinds ------------------------------------------------------------- */

enum state { CODE, TRANSLATE, EVENT, NEVER };

static const struct row {
    const char *name;
    enum state state;
    bool known;
} rows[PANDA_CB_LAST] = {
#define PANDA_CALLBACK(number, NAME, member, state, ...) \
    [number] = {#NAME, state, true},
#define PANDA_CALLBACK_NONE PANDA_CALLBACK
#include "panda/callbacks.def"
#undef PANDA_CALLBACK
#undef PANDA_CALLBACK_NONE
};

const char *registry_name(panda_cb_type kind)
{
    return (unsigned)kind < PANDA_CB_LAST ? rows[kind].name : "?";
}

/* Those that code depends on. */
static uint64_t kinds_of(enum state state)
{
    uint64_t kinds = 0;

    for (unsigned i = 0; i < PANDA_CB_LAST; i++) {
        kinds |= rows[i].state == state ? KIND_BIT(i) : 0;
    }
    return kinds;
}

static bool is_access(unsigned kind)
{
    return kind >= PANDA_CB_VIRT_MEM_BEFORE_READ &&
           kind <= PANDA_CB_PHYS_MEM_AFTER_WRITE;
}

const char *registry_name_of(const struct plugins *p,
                             const struct subscription *subscription)
{
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        for (const struct subscription *s = p->kinds[kind]; s; s = s->next) {
            if (s == subscription) {
                return rows[kind].name;
            }
        }
    }
    /* A call that was inserted there. */
    return rows[PANDA_CB_BEFORE_TCG_CODEGEN].name;
}

/* -- What is on ------------------------------------------------------------ */

static bool is_on(struct plugins *p, const struct subscription *s,
                  unsigned kind)
{
    const struct plugin *plugin = plugins_of_handle(p, s->owner);

    return s->enabled && !s->gone &&
           (!plugin ||
            (plugin->enabled && (plugin->memory || !is_access(kind))));
}

/* Its instructions are told to a plugin that asks about them, and asks now:
 * others' questions make no difference. */
static bool asks(const struct plugins *p, const void *owner, unsigned kind)
{
    const struct subscription *s = p->kinds[kind];

    while (s && (s->owner != owner || !s->on || !s->asked)) {
        s = s->next;
    }
    return s;
}

static bool is_told(struct plugins *p, const struct subscription *s,
                    unsigned kind)
{
    switch (kind) {
    case PANDA_CB_INSN_EXEC:
        return asks(p, s->owner, PANDA_CB_INSN_TRANSLATE);
    case PANDA_CB_AFTER_INSN_EXEC:
        return asks(p, s->owner, PANDA_CB_AFTER_INSN_TRANSLATE);
    default:
        return true;
    }
}

/* One of these, from the first to the last number. */
static bool on(const struct plugins *p, panda_cb_type first, panda_cb_type last)
{
    return p->active & ((KIND_BIT(last) << 1) - KIND_BIT(first));
}

static void set_active(struct plugins *p, uint64_t active)
{
    p->active = active;
    p->watch.wants = (struct watch_wants){
        .asids = on(p, PANDA_CB_ASID_CHANGED, PANDA_CB_ASID_CHANGED) ||
                 on(p, PANDA_CB_BEFORE_BLOCK_EXEC, PANDA_CB_BEFORE_BLOCK_EXEC),
        .hypercalls = on(p, PANDA_CB_GUEST_HYPERCALL, PANDA_CB_GUEST_HYPERCALL),
        .exceptions = on(p, PANDA_CB_BEFORE_HANDLE_EXCEPTION,
                         PANDA_CB_BEFORE_HANDLE_EXCEPTION),
        .interrupts = on(p, PANDA_CB_BEFORE_HANDLE_INTERRUPT,
                         PANDA_CB_BEFORE_HANDLE_INTERRUPT),
        .devices = on(p, PANDA_CB_MMIO_AFTER_READ, PANDA_CB_MMIO_BEFORE_WRITE),
        .nobody = on(p, PANDA_CB_UNASSIGNED_IO_READ,
                     PANDA_CB_UNASSIGNED_IO_WRITE),
        .dma = on(p, PANDA_CB_REPLAY_BEFORE_DMA, PANDA_CB_REPLAY_AFTER_DMA),
        .transfers =
            on(p, PANDA_CB_REPLAY_HD_TRANSFER, PANDA_CB_REPLAY_SERIAL_WRITE) ||
            on(p, PANDA_CB_REPLAY_HANDLE_PACKET, PANDA_CB_REPLAY_HANDLE_PACKET),
    };
}

/* Translated blocks, and marks of the ones that are not new, know nothing of
 * a function that was off till now. */
static void set_on(struct plugins *p, struct subscription *s, unsigned kind)
{
    bool was = s->on;

    s->on = is_on(p, s, kind) && is_told(p, s, kind);
    s->asked &= s->on;
    p->flush |= s->on && !was && (rows[kind].state == TRANSLATE || s->once);
}

static void update(struct plugins *p)
{
    uint64_t active = 0;

    p->filters = false;
    p->filtered = 0;
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        for (struct subscription *s = p->kinds[kind]; s; s = s->next) {
            set_on(p, s, kind);
            p->filtered |= s->filter && !s->gone ? KIND_BIT(kind) : 0;
            if (s->on) {
                active |= KIND_BIT(kind);
                p->filters |= s->once;
            }
        }
    }
    set_active(p, active);
    only_update(p);
}

void registry_update(struct plugins *p)
{
    uint64_t before = p->active;

    update(p);
    if (p->machine &&
        (p->active != before || p->flush || (before & spare_kinds))) {
        p->changed = true;
        plugins_request(p);
    }
}

void registry_sweep(struct plugins *p)
{
    p->sweep = false;
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        struct subscription **link = &p->kinds[kind];

        while (*link) {
            struct subscription *s = *link;

            if (s->gone) {
                *link = s->next;
                free(s->filter);
                free(s);
            } else {
                link = &s->next;
            }
        }
    }
}

/* -- Requests -------------------------------------------------------------- */

/* Nothing is translated: all that are on will be asked of everything. */
static void flush(struct plugins *p)
{
    p->flush = false;
    p->changed = true;
    unit_cache_flush(p->machine->units);
    block_forget_all(p);
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        for (struct subscription *s = p->kinds[kind]; s; s = s->next) {
            s->asked = s->on;
        }
    }
    update(p);
}

/* Between units; but what is asked for takes effect between blocks. */
bool registry_serve(struct watch *watch)
{
    struct plugins *p = (struct plugins *)watch;
    struct machine *m = p->machine;

    if (block_is_open(p) || (p->control && p->watch.pending)) {
        return false;
    }
    if (p->unload) {
        p->unload = false;
        plugins_unload_marked(p);
    }
    if (p->sweep && !p->calling) {
        registry_sweep(p);
    }
    if (p->flush) {
        flush(p);
    }
    if (p->changed) {
        uint64_t accesses = 0xffull << PANDA_CB_VIRT_MEM_BEFORE_READ;
        uint64_t inserted = KIND_BIT(PANDA_CB_BEFORE_TCG_CODEGEN);

        p->changed = false;
        watch->woven = (p->active & (kinds_of(CODE) | kinds_of(TRANSLATE))) |
                       spare_flags(p) | (watch->woven & UP_TO_TOLD) |
                       (p->inserted ? inserted : 0);
        m->cpu->shown_current = 0;
        m->cpu->access_told = p->active & accesses ? dispatch_access : NULL;
        machine_watch_changed(m);
    }
    m->cpu->asid_bit = block_asid_bit(p, m->cpu->guest->plugin->asid(m->cpu));
    if (p->control) {
        control_serve(p);
    }
    if (p->quit && !m->running) {
        return false; /* the next run ends at once */
    }
    if (p->quit) {
        p->quit = false;
        machine_stop(m, "a plugin ended the run");
    }
    return true;
}

void plugins_request(struct plugins *p)
{
    if (!p->machine) {
        return;
    }
    if (p->machine->in_unit || p->calling || !registry_serve(&p->watch)) {
        machine_leave_soon(p->machine);
    }
}

/* -- The interface --------------------------------------------------------- */

static void add(void *owner, panda_cb_type type, struct subscription with)
{
    struct plugins *p = plugins_current();
    struct subscription *s, **link;

    if ((unsigned)type >= PANDA_CB_LAST || !rows[type].known) {
        plugins_fail(
            p, panda_message("there is no callback number %u", (unsigned)type));
        return;
    }
    if (rows[type].state == NEVER) {
        panda_warn("a plugin has registered for PANDA_CB_%s, which no machine "
                   "of this program raises",
                   rows[type].name);
    }
    if (!with.function.plain.cbaddr) {
        plugins_fail(p, panda_message("a plugin registers no function for "
                                      "PANDA_CB_%s",
                                      rows[type].name));
        return;
    }
    s = malloc(sizeof(*s));
    if (!s) {
        panda_bug("out of memory");
    }
    *s = with;
    s->owner = owner;
    s->enabled = true;
    for (link = &p->kinds[type]; *link; link = &(*link)->next) {
    }
    *link = s;
    /* Code may have been woven for others' filters alone. */
    p->flush |= (p->filtered & KIND_BIT(type)) != 0;
    registry_update(p);
}

void panda_register_callback(void *plugin, panda_cb_type type, panda_cb cb)
{
    panda_cb_with_context by;
    void *context;

    if (older_callback(&type, cb, &by, &context)) {
        panda_register_callback_with_context(plugin, type, by, context);
        return;
    }
    add(plugin, type, (struct subscription){.function.plain = cb});
}

void panda_register_callback_with_context(void *plugin, panda_cb_type type,
                                          panda_cb_with_context cb,
                                          void *context)
{
    add(plugin, type,
        (struct subscription){
            .function.with = cb, .context = context, .has_context = true});
}

struct subscription *registry_find(void *owner, panda_cb_type type,
                                   void (*function)(void), bool has_context,
                                   void *context)
{
    struct subscription *s;

    s = (unsigned)type < PANDA_CB_LAST ? plugins_current()->kinds[type] : NULL;
    while (s &&
           (s->gone || s->owner != owner || s->has_context != has_context ||
            s->context != context || s->function.plain.cbaddr != function)) {
        s = s->next;
    }
    if (!s) {
        panda_warn("a plugin switches a callback (number %u) that it has not "
                   "registered",
                   (unsigned)type);
    }
    return s;
}

static struct subscription *find_plain(void *owner, panda_cb_type type,
                                       panda_cb cb)
{
    panda_cb_with_context by;
    void *context;

    return older_callback(&type, cb, &by, &context)
               ? registry_find(owner, type, by.cbaddr, true, context)
               : registry_find(owner, type, cb.cbaddr, false, NULL);
}

static void enable(struct subscription *s, bool enabled)
{
    if (s && s->enabled != enabled) {
        s->enabled = enabled;
        registry_update(plugins_current());
    }
}

void panda_enable_callback(void *plugin, panda_cb_type type, panda_cb cb)
{
    enable(find_plain(plugin, type, cb), true);
}

void panda_disable_callback(void *plugin, panda_cb_type type, panda_cb cb)
{
    enable(find_plain(plugin, type, cb), false);
}

void panda_enable_callback_with_context(void *plugin, panda_cb_type type,
                                        panda_cb_with_context cb, void *context)
{
    enable(registry_find(plugin, type, cb.cbaddr, true, context), true);
}

void panda_disable_callback_with_context(void *plugin, panda_cb_type type,
                                         panda_cb_with_context cb,
                                         void *context)
{
    enable(registry_find(plugin, type, cb.cbaddr, true, context), false);
}

bool panda_is_callback_enabled(void *plugin, panda_cb_type type, panda_cb cb)
{
    const struct subscription *s = find_plain(plugin, type, cb);

    return s && s->enabled;
}

void registry_unregister(struct plugins *p, const void *owner)
{
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        for (struct subscription *s = p->kinds[kind]; s; s = s->next) {
            s->gone |= s->owner == owner;
        }
    }
    p->sweep = true;
    p->flush |= p->inserted; /* its calls go, too */
    spare_forget(p, owner);
    registry_update(p);
    if (!p->calling) {
        registry_sweep(p);
    }
}

void panda_unregister_callbacks(void *plugin)
{
    registry_unregister(plugins_current(), plugin);
}

static void enable_plugin(void *handle, bool enabled)
{
    struct plugins *p = plugins_current();
    struct plugin *plugin = plugins_of_handle(p, handle);

    if (plugin) {
        plugin->enabled = enabled;
        registry_update(p);
    }
}

void panda_enable_plugin(void *plugin)
{
    enable_plugin(plugin, true);
}

void panda_disable_plugin(void *plugin)
{
    enable_plugin(plugin, false);
}
