/*
 * The machine: when it comes and goes, and the variables that speak of it.
 *
 * run: -os linux-64-debian:6.1 -panda-arg machine:x=1
 * > machine: in init there is none, and help is not wanted
 * > machine: before_loadvm, after_loadvm, after_machine_init, pre_shutdown
 * > machine: 8 MiB, CPUs: 1
 * > machine: loops 1, slices pair 1
 * > machine: linux-64-debian:6.1 is linux 64 debian:6.1 2
 */
#include "panda/plugin.h"
#include "qemu/queue.h"
#include "sysemu/sysemu.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static char order[128];
static unsigned loops, enters, exits, ran, waits;
static bool replaying;

static void add(const char *name)
{
    pstrcat(order, sizeof(order), order[0] ? ", " : "");
    pstrcat(order, sizeof(order), name);
}

static int before_loadvm(void)
{
    add("before_loadvm");
    return 0;
}

static void after_loadvm(CPUState *env)
{
    add(env ? "after_loadvm" : "?");
}

static void after_machine_init(CPUState *env)
{
    CPUState *cpu;
    unsigned n = 0;

    add(env == first_cpu ? "after_machine_init" : "?");
    CPU_FOREACH(cpu)
    {
        n += cpu == QTAILQ_FIRST(&cpus) && !CPU_NEXT(cpu);
    }
    printf("machine: %u MiB, CPUs: %u\n", (unsigned)(ram_size >> 20), n);
    replaying = rr_in_replay() && rr_on() && !rr_off() && !rr_in_record() &&
                replay_name;
}

static void pre_shutdown(void)
{
    add(panda_in_main_loop && rr_replay_complete ? "pre_shutdown" : "?");
}

static void top_loop(CPUState *env)
{
    loops += env != NULL && panda_in_main_loop && !rr_replay_complete;
}

static void after_cpu_exec_enter(CPUState *env)
{
    enters += env == first_cpu;
}

static void before_cpu_exec_exit(CPUState *env, bool ranBlock)
{
    exits += env == first_cpu;
    ran += ranBlock;
}

static void main_loop_wait(void)
{
    waits++;
}

static void during_machine_init(MachineState *machine)
{
    add(machine ? "?" : "during_machine_init");
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    if (!first_cpu && !ram_size && !panda_help_wanted && panda_argc == 1 &&
        !panda_in_main_loop && !rr_replay_complete &&
        !strcmp(panda_argv[0], "machine:x=1") && strstr(qemu_file, "panda")) {
        printf("machine: in init there is none, and help is not wanted\n");
    }
    pcb.before_loadvm = before_loadvm;
    panda_register_callback(self, PANDA_CB_BEFORE_LOADVM, pcb);
    pcb.after_loadvm = after_loadvm;
    panda_register_callback(self, PANDA_CB_AFTER_LOADVM, pcb);
    pcb.after_machine_init = after_machine_init;
    panda_register_callback(self, PANDA_CB_AFTER_MACHINE_INIT, pcb);
    pcb.pre_shutdown = pre_shutdown;
    panda_register_callback(self, PANDA_CB_PRE_SHUTDOWN, pcb);
    pcb.top_loop = top_loop;
    panda_register_callback(self, PANDA_CB_TOP_LOOP, pcb);
    pcb.after_cpu_exec_enter = after_cpu_exec_enter;
    panda_register_callback(self, PANDA_CB_AFTER_CPU_EXEC_ENTER, pcb);
    pcb.before_cpu_exec_exit = before_cpu_exec_exit;
    panda_register_callback(self, PANDA_CB_BEFORE_CPU_EXEC_EXIT, pcb);
    pcb.main_loop_wait = main_loop_wait;
    panda_register_callback(self, PANDA_CB_MAIN_LOOP_WAIT, pcb);
    pcb.during_machine_init = during_machine_init;
    panda_register_callback(self, PANDA_CB_DURING_MACHINE_INIT, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self))
{
    printf("machine: %s\n", order);
    printf("machine: loops %d, slices pair %d\n", loops > 0,
           enters == exits && ran <= exits && ran > 0);
    fprintf(stderr, "%u waits\n", waits); /* of the main loop: any number */
    if (replaying && replay_get_total_num_instructions() > 500 &&
        rr_get_percentage() > 99) {
        printf("machine: %s is %s %u %s %d\n", panda_os_name, panda_os_family,
               panda_os_bits, panda_os_variant, panda_os_familyno);
    }
    assert(panda_os_familyno == OS_LINUX && OS_UNKNOWN == 0 &&
           OS_WINDOWS == 1 && OS_FREEBSD == 3);
}
