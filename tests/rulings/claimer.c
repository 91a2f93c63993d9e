/* Answers the hypercall with mark 4 by -DANSWER=; loaded under two names. */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static bool on_hypercall(CPUState *cpu)
{
    CPUX86State *env = cpu->env_ptr;

    if ((uint32_t)env->regs[R_EAX] != 0x52554c45u || env->regs[R_EBX] != 4) {
        return false;
    }
    env->regs[R_EAX] = ANSWER;
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
}
