/*
 * The variables of include/panda. Plugins are compiled for variables, not for
 * a machine's struct; so they are of the process, and hold what the machine
 * whose plugins were called last says.
 */
#include "plugin/plugins.h"

#include "mem/mem.h"

char *panda_os_name, *panda_os_family, *panda_os_variant;
uint32_t panda_os_bits;
PandaOsFamily panda_os_familyno;

ram_addr_t ram_size;
const char *qemu_file, *replay_name;
int qemu_loglevel;
char *panda_argv[MAX_PANDA_PLUGIN_ARGS];
int panda_argc;
bool panda_help_wanted, panda_update_pc, panda_use_memcb;
bool panda_in_main_loop, rr_replay_complete;
bool panda_tb_chaining = true;
struct CPUTailQ cpus = QTAILQ_HEAD_INITIALIZER(cpus);

const struct mem_block *plugins_ram(const struct machine *machine)
{
    for (unsigned i = 0; i < mem_block_count(machine->memory); i++) {
        const struct mem_block *block = mem_block_at(machine->memory, i);

        if (block->kind == BLOCK_RAM && !strcmp(block->name, "ram")) {
            return block;
        }
    }
    return NULL;
}

void variables_show(struct plugins *p)
{
    static char program[4096];
    const struct mem_block *ram;
    struct argument *a;

    if (!qemu_file) {
        ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

        program[n < 0 ? 0 : n] = '\0';
        qemu_file = program;
    }
    ram = p && p->machine ? plugins_ram(p->machine) : NULL;
    ram_size = ram ? ram->size : 0;
    QTAILQ_INIT(&cpus);
    if (p && p->machine) {
        QTAILQ_INSERT_TAIL(&cpus, &p->cpu, node);
    }
    panda_argc = 0;
    for (a = p ? p->arguments : NULL; a && panda_argc < MAX_PANDA_PLUGIN_ARGS;
         a = a->next) {
        panda_argv[panda_argc++] = a->whole;
    }
    panda_help_wanted = p && p->help;
    panda_in_main_loop = p && p->introduced && !p->over;
}
