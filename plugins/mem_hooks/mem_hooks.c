/* Calls functions of other plugins when the guest accesses a range of memory.
 * See README.md. */
#include "panda/plugin.h"

#include "mem_hooks/mem_hooks_int_fns.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static void *this_plugin;
static bool hooking = true;

/* Sorted by where they start. reach: where the regions up to this one end. */
static struct hook {
    struct memory_hooks_region *region;
    target_ulong reach;
} * hooks;
static size_t n_hooks;

/* -- Events ---------------------------------------------------------------- */

static bool wants(const struct memory_hooks_region *r,
                  const struct memory_access_desc *d)
{
    return r->enabled &&
           ((d->on_before && r->on_before) || (d->on_after && r->on_after)) &&
           ((d->on_read && r->on_read) || (d->on_write && r->on_write)) &&
           ((d->on_virtual && r->on_virtual) ||
            (d->on_physical && r->on_physical));
}

/* How many regions start at the address or below. */
static size_t starting_up_to(target_ulong address)
{
    size_t low = 0, high = n_hooks;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (hooks[middle].region->start_address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The functions may add regions, so the ones to call are found before. */
static void on_access(CPUState *cpu, struct memory_access_desc *d)
{
    target_ulong last = d->addr + d->size - 1;
    struct memory_hooks_region *found[64];
    size_t n = 0;

    if (last < d->addr) { /* over the end of all addresses */
        last = (target_ulong)-1;
    }
    for (size_t i = starting_up_to(last); i-- > 0 && n < 64;) {
        if (hooks[i].reach < d->addr) {
            break;
        }
        if (hooks[i].region->stop_address >= d->addr &&
            wants(hooks[i].region, d)) {
            found[n++] = hooks[i].region;
        }
    }
    while (n-- > 0) {
        if (found[n]->enabled) {
            d->hook = found[n];
            found[n]->cb(cpu, d);
        }
    }
}

#define BEFORE_READ(name, space) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size) \
    { \
        struct memory_access_desc desc = {.pc = pc, \
                                          .addr = addr, \
                                          .size = size, \
                                          .on_before = true, \
                                          .on_read = true, \
                                          .space = true}; \
        on_access(cpu, &desc); \
    }
#define WITH_VALUE(name, time, what, space) \
    static void name(CPUState *cpu, target_ptr_t pc, target_ptr_t addr, \
                     size_t size, uint8_t *buf) \
    { \
        struct memory_access_desc desc = {.pc = pc, \
                                          .addr = addr, \
                                          .size = size, \
                                          .buf = buf, \
                                          .time = true, \
                                          .what = true, \
                                          .space = true}; \
        on_access(cpu, &desc); \
    }
BEFORE_READ(virt_before_read, on_virtual)
BEFORE_READ(phys_before_read, on_physical)
WITH_VALUE(virt_before_write, on_before, on_write, on_virtual)
WITH_VALUE(phys_before_write, on_before, on_write, on_physical)
WITH_VALUE(virt_after_read, on_after, on_read, on_virtual)
WITH_VALUE(phys_after_read, on_after, on_read, on_physical)
WITH_VALUE(virt_after_write, on_after, on_write, on_virtual)
WITH_VALUE(phys_after_write, on_after, on_write, on_physical)

/* -- What is asked for ----------------------------------------------------- */

static struct kind {
    panda_cb_type type;
    panda_cb cb;
    struct memory_access_desc is;
    bool registered, enabled;
} kinds[8];

static void init_kinds(void)
{
#define KIND(i, NAME, member, function, time, what, space) \
    kinds[i].type = PANDA_CB_##NAME; \
    kinds[i].cb.member = function; \
    kinds[i].is.time = kinds[i].is.what = kinds[i].is.space = true
    KIND(0, VIRT_MEM_BEFORE_READ, virt_mem_before_read, virt_before_read,
         on_before, on_read, on_virtual);
    KIND(1, VIRT_MEM_BEFORE_WRITE, virt_mem_before_write, virt_before_write,
         on_before, on_write, on_virtual);
    KIND(2, PHYS_MEM_BEFORE_READ, phys_mem_before_read, phys_before_read,
         on_before, on_read, on_physical);
    KIND(3, PHYS_MEM_BEFORE_WRITE, phys_mem_before_write, phys_before_write,
         on_before, on_write, on_physical);
    KIND(4, VIRT_MEM_AFTER_READ, virt_mem_after_read, virt_after_read, on_after,
         on_read, on_virtual);
    KIND(5, VIRT_MEM_AFTER_WRITE, virt_mem_after_write, virt_after_write,
         on_after, on_write, on_virtual);
    KIND(6, PHYS_MEM_AFTER_READ, phys_mem_after_read, phys_after_read, on_after,
         on_read, on_physical);
    KIND(7, PHYS_MEM_AFTER_WRITE, phys_mem_after_write, phys_after_write,
         on_after, on_write, on_physical);
#undef KIND
}

/* A region that is disabled now may be enabled without us hearing of it. */
static bool anybody_wants(const struct memory_access_desc *is)
{
    for (size_t i = 0; i < n_hooks; i++) {
        struct memory_hooks_region region = *hooks[i].region;

        region.enabled = true;
        if (wants(&region, is)) {
            return true;
        }
    }
    return false;
}

static void switch_kinds(void)
{
    for (unsigned i = 0; i < 8; i++) {
        struct kind *k = &kinds[i];
        bool on = hooking && anybody_wants(&k->is);

        if (on && !k->registered) {
            panda_register_callback(this_plugin, k->type, k->cb);
            k->registered = k->enabled = true;
        } else if (on && !k->enabled) {
            panda_enable_callback(this_plugin, k->type, k->cb);
        } else if (!on && k->enabled) {
            panda_disable_callback(this_plugin, k->type, k->cb);
        }
        k->enabled = on;
    }
}

struct memory_hooks_region *add_mem_hook(struct memory_hooks_region *region)
{
    struct memory_hooks_region *copy = malloc(sizeof(*copy));
    struct hook *more = realloc(hooks, (n_hooks + 1) * sizeof(*hooks));
    target_ulong reach = 0;
    size_t at;

    if (!copy || !more) {
        LOG_ERROR("out of memory");
        abort();
    }
    *copy = *region;
    hooks = more;
    at = starting_up_to(copy->start_address);
    memmove(hooks + at + 1, hooks + at, (n_hooks - at) * sizeof(*hooks));
    hooks[at].region = copy;
    n_hooks++;
    for (size_t i = 0; i < n_hooks; i++) {
        reach = MAX(reach, hooks[i].region->stop_address);
        hooks[i].reach = reach;
    }
    switch_kinds();
    return copy;
}

void enable_mem_hooking(void)
{
    hooking = true;
    switch_kinds();
}

void disable_mem_hooking(void)
{
    hooking = false;
    switch_kinds();
}

/* -- Start and end --------------------------------------------------------- */

bool init_plugin(void *self)
{
    this_plugin = self;
    init_kinds();
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    for (size_t i = 0; i < n_hooks; i++) {
        free(hooks[i].region);
    }
    free(hooks);
}
