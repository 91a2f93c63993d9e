// A plugin for tests/plugin_faults.py: an exception leaves its callback.
#include "panda/plugin.h"

#include <stdexcept>

static void on_block(CPUState *, TranslationBlock *)
{
    if (rr_in_record() && rr_get_guest_instr_count() >= 300000) {
        throw std::runtime_error("thrown out of a callback");
    }
}

extern "C" bool init_plugin(void *self)
{
    panda_cb pcb;

    pcb.before_block_exec = on_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

extern "C" void uninit_plugin(void *) {}
