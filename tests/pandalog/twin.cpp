/* A plugin for tests/pandalog.py: in C++, with a schema of its own. */
#include "panda/plugin.h"

#include "panda/plog-cc.hpp"

extern "C" {
bool init_plugin(void *self);
void uninit_plugin(void *self);
}

extern PandaLog globalLog; /* again, as sources do */

static uint64_t n_blocks;

static void on_block(CPUState *, TranslationBlock *)
{
    if (++n_blocks % 7000 == 0 && pandalog) {
        std::unique_ptr<panda::LogEntry> entry(new panda::LogEntry());

        entry->set_twice(2 * rr_get_guest_instr_count());
        globalLog.write_entry(std::move(entry));
    }
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    pcb.before_block_exec = on_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(void *)
{
    globalLog.close();
    globalLog.open_read("replay.plog", PL_MODE_READ_BWD);
    globalLog.seek(3000000);
    if (std::unique_ptr<panda::LogEntry> entry = globalLog.read_entry()) {
        printf("last %" PRIu64 "\n", static_cast<uint64_t>(entry->instr()));
    }
    globalLog.close();
}
