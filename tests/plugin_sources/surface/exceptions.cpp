/*
 * Exceptions, interrupts and hypercalls.
 *
 * > exceptions: 5 of 0x30, none of the engine's
 * > exceptions: 1 hypercall with 3 and 600d
 * > exceptions: no device interrupt, at least 5 blocks left early
 */
#include "panda/plugin.h"

extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
}

namespace
{

struct Counts {
    unsigned software, engine, calls, interrupts, restored;
    target_ulong what, to;
} counts;

int32_t before_handle_exception(CPUState *cpu, int32_t exception_index)
{
    counts.software += exception_index == 0x30 && cpu == first_cpu;
    counts.engine += exception_index >= EXCP_INTERRUPT ||
                     exception_index == EXCP_HLT ||
                     exception_index == EXCP_DEBUG ||
                     exception_index == EXCP_HALTED ||
                     exception_index == EXCP_YIELD ||
                     exception_index == EXCP_ATOMIC;
    return exception_index;
}

int32_t before_handle_interrupt(CPUState *, int32_t interrupt_request)
{
    counts.interrupts++;
    return interrupt_request;
}

bool guest_hypercall(CPUState *env)
{
    auto *x86 = static_cast<CPUX86State *>(env->env_ptr);

    if (x86->regs[R_EAX] != 0x50414e44) {
        return false;
    }
    counts.calls++;
    counts.to = x86->regs[R_EBX];
    counts.what = x86->regs[R_ECX];
    return true;
}

int cpu_restore_state(CPUState *, TranslationBlock *tb)
{
    counts.restored += tb != nullptr;
    return 0;
}

} // namespace

bool init_plugin(void *self)
{
    panda_cb pcb = {};

    pcb.before_handle_exception = before_handle_exception;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_EXCEPTION, pcb);
    pcb.before_handle_interrupt = before_handle_interrupt;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_INTERRUPT, pcb);
    pcb.guest_hypercall = guest_hypercall;
    panda_register_callback(self, PANDA_CB_GUEST_HYPERCALL, pcb);
    pcb.cpu_restore_state = cpu_restore_state;
    panda_register_callback(self, PANDA_CB_CPU_RESTORE_STATE, pcb);
    return true;
}

void uninit_plugin(void *)
{
    printf("exceptions: %u of 0x30, %s of the engine's\n", counts.software,
           counts.engine ? "some" : "none");
    printf("exceptions: %u hypercall with %x and %x\n", counts.calls,
           static_cast<unsigned>(counts.to),
           static_cast<unsigned>(counts.what));
    printf("exceptions: %s device interrupt, at least %u blocks left early\n",
           counts.interrupts ? "a" : "no",
           MIN(counts.restored, counts.software));
}
