/*
 * Pandalog in C: an entry an address space.
 *
 * run: -pandalog log.plog
 * > log: 4 entries
 */
#include "panda/plugin.h"
#include "panda/plog.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static unsigned n;

static void log_space(target_ulong asid)
{
    Panda__LogEntry ple = PANDA__LOG_ENTRY__INIT;

    ple.has_asid = 1;
    ple.asid = asid;
    if (pandalog) {
        pandalog_write_entry(&ple);
        n++;
    }
}

static bool asid_changed(CPUState *env, target_ptr_t oldval,
                         target_ptr_t newval)
{
    if (!n) {
        log_space(oldval);
    }
    log_space(newval);
    return env == NULL;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.asid_changed = asid_changed};

    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    return pandalog == 1;
}

void uninit_plugin(UNUSED(void *self))
{
    printf("log: %u entries\n", n);
}
