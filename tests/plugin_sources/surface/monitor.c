/*
 * The monitor: commands of a plugin's own, and the end of the run.
 *
 * monitor: plugin_cmd monitor_hello
 * monitor: plugin_cmd help
 * monitor: plugin_cmd monitor_quit
 * monitor: cont
 * > monitor: hello 1, 2
 * > monitor: monitor_hello and monitor_quit
 * > monitor: quits
 */
#include "panda/plugin.h"
#include "monitor/monitor.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static unsigned n_asked;

static int on_monitor(Monitor *mon, const char *cmd)
{
    if (!strcmp(cmd, "monitor_hello")) {
        monitor_printf(mon, "monitor: hello %d, %d\n", 1, 2);
    } else if (!strcmp(cmd, "help")) {
        panda_monitor_print(mon, "monitor: monitor_hello and monitor_quit\n");
    } else if (!strcmp(cmd, "monitor_quit")) {
        monitor_printf(mon, "monitor: quits\n");
        assert(current_cpu == NULL && first_cpu != NULL);
        assert(panda_vm_quit() == 0);
        panda_unload_plugins();
    }
    return 0;
}

static bool qmp(char *command, char *args, char **result)
{
    n_asked += command && args && result;
    return false;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.monitor = on_monitor};

    panda_register_callback(self, PANDA_CB_MONITOR, pcb);
    pcb.qmp = qmp;
    panda_register_callback(self, PANDA_CB_QMP, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self))
{
    if (n_asked) {
        printf("monitor: somebody speaks QMP\n");
    }
}
