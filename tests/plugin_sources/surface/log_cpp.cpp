/*
 * Pandalog in C++.
 *
 * run: -pandalog log_cpp.plog
 * > log_cpp: 1 entry
 */
#include "panda/plugin.h"
#include "panda/plog.h"
#include "panda/plog-cc.hpp"

extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
}

extern PandaLog globalLog;

bool init_plugin(void *)
{
    return pandalog == 1;
}

void uninit_plugin(void *)
{
    std::unique_ptr<panda::LogEntry> ple(new panda::LogEntry());

    ple->set_asid(0x302000);
    globalLog.write_entry(std::move(ple));
    printf("log_cpp: 1 entry\n");
}
