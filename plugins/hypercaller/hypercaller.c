/* Shares the guest's hypercalls among plugins, by a number in a register. */
#include "panda/plugin.h"

#include "hypercaller/hypercaller_int_fns.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static struct entry {
    uint32_t magic;
    hypercall_t function;
} * entries;
static size_t n_entries;

static struct entry *find(uint32_t magic)
{
    for (size_t i = 0; i < n_entries; i++) {
        if (entries[i].magic == magic) {
            return &entries[i];
        }
    }
    return NULL;
}

void register_hypercall(uint32_t magic, hypercall_t function)
{
    struct entry *more;

    if (find(magic)) {
        LOG_ERROR("hypercall 0x%" PRIx32 " is registered already: the second "
                  "function for it is not called",
                  magic);
        return;
    }
    more = realloc(entries, (n_entries + 1) * sizeof(*entries));
    if (!more) {
        LOG_ERROR("out of memory");
        abort();
    }
    entries = more;
    entries[n_entries++] = (struct entry){magic, function};
}

void unregister_hypercall(uint32_t magic)
{
    struct entry *entry = find(magic);

    if (entry) {
        *entry = entries[--n_entries];
    }
}

/* True: it was for one of us, so CPUID does not act. */
static bool on_hypercall(CPUState *cpu)
{
    const CPUX86State *env = cpu->env_ptr;
    const struct entry *entry = find((uint32_t)env->regs[R_EAX]);

    if (!entry) {
        return false;
    }
    entry->function(cpu);
    return true;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.guest_hypercall = on_hypercall};

    panda_register_callback(self, PANDA_CB_GUEST_HYPERCALL, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    free(entries);
}
