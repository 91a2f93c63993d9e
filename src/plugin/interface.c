/* The rest of include/panda. */
#include "plugin/plugins.h"

#include "base/error.h"

static _Thread_local struct plugins *current;

struct plugins *plugins_current(void)
{
    return current;
}

void plugins_set_current(struct plugins *p)
{
    if (p && current != p) {
        variables_show(p);
    }
    current = p;
}

/* -- The CPU --------------------------------------------------------------- */

static struct cpu *the_cpu(void)
{
    return current && current->machine ? current->machine->cpu : NULL;
}

static const struct guest_plugin *guest(void)
{
    return the_cpu()->guest->plugin;
}

CPUState *panda_first_cpu(void)
{
    return the_cpu() ? &current->cpu : NULL;
}

target_ulong panda_current_asid(CPUState *cpu)
{
    (void)cpu;
    return guest()->asid(the_cpu());
}

target_ulong panda_current_pc(CPUState *cpu)
{
    return cpu ? cpu->panda_guest_pc : 0;
}

bool panda_in_kernel_mode(const CPUState *cpu)
{
    (void)cpu;
    return guest()->in_kernel(the_cpu());
}

bool panda_in_kernel(const CPUState *cpu)
{
    return panda_in_kernel_mode(cpu);
}

bool address_in_kernel_code_linux(target_ulong address)
{
    return address >> 63;
}

bool panda_in_kernel_code_linux(CPUState *cpu)
{
    return address_in_kernel_code_linux(panda_current_pc(cpu));
}

target_ulong panda_current_sp(const CPUState *cpu)
{
    (void)cpu;
    return guest()->stack_pointer(the_cpu());
}

target_ulong panda_get_retval(const CPUState *cpu)
{
    (void)cpu;
    return guest()->return_value(the_cpu());
}

/* -- Record and replay ----------------------------------------------------- */

RR_mode panda_rr_mode(void)
{
    return current ? current->mode : RR_OFF;
}

uint64_t rr_get_guest_instr_count(void)
{
    struct cpu *c = the_cpu();

    return !c                 ? 0
           : current->calling ? current->cpu.rr_guest_instr_count
                              : c->count - current->count_base;
}

uint64_t replay_get_total_num_instructions(void)
{
    return current ? current->count_total : 0;
}

double rr_get_percentage(void)
{
    uint64_t total = replay_get_total_num_instructions();

    return total ? 100.0 * (double)rr_get_guest_instr_count() / (double)total
                 : 0;
}

/* -- Plugins --------------------------------------------------------------- */

bool panda_load_plugin_as(const char *filename, const char *plugin_name)
{
    char *message;

    if (plugins_load(current, filename, plugin_name, &message)) {
        return true;
    }
    panda_warn("%s", message);
    free(message);
    return false;
}

bool(panda_load_plugin)(const char *filename)
{
    return panda_load_plugin_as(filename, NULL);
}

void *panda_get_plugin_by_name(const char *name)
{
    const struct plugin *plugin = plugins_find(current, name);

    return plugin ? plugin->handle : NULL;
}

void panda_require(const char *name)
{
    struct plugin *from = current->starting;
    bool help = current->help;
    char *message;

    if (!from) {
        from = links_owner(current, __builtin_return_address(0));
    }
    current->help = false; /* what is required is not asked for help */
    if (plugins_require(current, name, &message)) {
        links_need(from, plugins_find(current, name));
    } else if (help) {
        free(message);
    } else {
        plugins_fail(current, message);
    }
    current->help = help;
}

void panda_require_from_library(const char *name, char **args,
                                uint32_t num_args)
{
    for (uint32_t i = 0; i < num_args; i++) {
        arguments_add(current, name, args[i]);
    }
    panda_require(name);
}

void plugins_unload_soon(struct plugin *plugin)
{
    if (plugin) {
        plugin->unload = current->unload = true;
        plugins_request(current);
    }
}

/* As list_plugins shows it: in the order of loading. */
unsigned plugins_index(const struct plugin *plugin)
{
    unsigned n = 0;

    while ((plugin = plugin->next)) {
        n++;
    }
    return n;
}

struct plugin *plugins_at(unsigned long index)
{
    struct plugin *plugin = current->plugins;

    while (plugin && plugins_index(plugin) != index) {
        plugin = plugin->next;
    }
    return plugin;
}

void panda_unload_plugin_idx(int idx)
{
    if (idx >= 0) {
        plugins_unload_soon(plugins_at((unsigned)idx));
    }
}

void panda_unload_plugin(void *plugin)
{
    plugins_unload_soon(plugins_of_handle(current, plugin));
}

void panda_unload_plugin_by_name(const char *name)
{
    plugins_unload_soon(plugins_find(current, name));
}

void panda_unload_plugins(void)
{
    for (struct plugin *x = current->plugins; x; x = x->next) {
        plugins_unload_soon(x);
    }
}

char *panda_plugin_path(const char *name)
{
    char *places, *path = plugins_search(name, &places);

    free(places);
    return path;
}

char *panda_shared_library_path(const char *name)
{
    (void)name; /* the engine is in the program */
    return panda_must(strdup(qemu_file));
}

char *resolve_file_from_plugin_directory(const char *format, const char *name)
{
    const char *hole = strstr(format, "%s");
    char *file, *path, *places;

    if (!hole) {
        return NULL;
    }
    file = panda_message("%.*s%s%s", (int)(hole - format), format, name,
                         hole + 2);
    path = plugins_search_file(file, &places);
    free(places);
    free(file);
    return path;
}

void panda_switch_memcb(void *object, bool on)
{
    struct plugin *plugin = links_owner(current, object);

    panda_use_memcb = on;
    if (plugin && plugin->memory != on) {
        plugin->memory = on;
        registry_update(current);
    }
}
