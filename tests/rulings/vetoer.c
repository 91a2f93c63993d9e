/* Built with -DPANDA_MANUAL_SIGNATURES and -DANSWER=: asid_changed returns an
 * int, as the manual has it. */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static int asid_changed(CPUState *env, target_ulong oldval, target_ulong newval)
{
    (void)env, (void)oldval;
    return (newval & 0xfff) == 8 ? ANSWER : 0;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.asid_changed = asid_changed};

    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
}
