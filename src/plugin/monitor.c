/* What the monitor says to plugins, and they to it. */
#include "plugin/plugins.h"

#include "base/error.h"

struct Monitor {
    plugins_write *write;
    void *opaque;
};

void monitor_vprintf(Monitor *mon, const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0) {
        panda_bug("out of memory");
    }
    mon->write(mon->opaque, text);
    free(text);
}

void monitor_printf(Monitor *mon, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    monitor_vprintf(mon, format, args);
    va_end(args);
}

void panda_monitor_print(Monitor *mon, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    monitor_vprintf(mon, format, args);
    va_end(args);
}

static void monitor_load(struct plugins *p, Monitor *mon, char *argument)
{
    size_t name = strcspn(argument, " \t");
    char *message = NULL, *rest = argument + name;

    if (*rest) { /* NAME ARGUMENTS is NAME:ARGUMENTS */
        *rest = ':';
        memmove(rest + 1, rest + 1 + strspn(rest + 1, " \t"),
                strlen(rest + 1 + strspn(rest + 1, " \t")) + 1);
    }
    if (!plugins_load_list(p, argument, &message)) {
        panda_monitor_print(mon, "%s\n", message);
        free(message);
    }
    p->help = false;
    variables_show(p);
}

/* By number, as list_plugins shows it, or by name. */
static void monitor_unload(struct plugins *p, Monitor *mon,
                           const char *argument)
{
    struct plugin *plugin = plugins_find(p, argument);
    char *end;
    unsigned long number = strtoul(argument, &end, 0);

    if (!plugin && *argument && !*end) {
        plugin = plugins_at(number);
    }
    if (!plugin) {
        panda_monitor_print(mon,
                            "there is no plugin '%s': list_plugins "
                            "shows them\n",
                            argument);
        return;
    }
    plugins_unload_soon(plugin);
}

void plugins_monitor(struct plugins *p, const char *command,
                     const char *argument, plugins_write *write, void *opaque)
{
    Monitor mon = {write, opaque};
    char *copy = strdup(argument);

    if (!copy) {
        panda_bug("out of memory");
    }
    plugins_set_current(p);
    if (!strcmp(command, "load_plugin")) {
        monitor_load(p, &mon, copy);
    } else if (!strcmp(command, "unload_plugin")) {
        monitor_unload(p, &mon, copy);
    } else if (!strcmp(command, "list_plugins")) {
        panda_monitor_print(&mon, "%-4s%-20s%s\n", "idx", "name", "addr");
        for (const struct plugin *x = p->plugins; x; x = x->next) {
            panda_monitor_print(&mon, "%-4u%-20s%p\n", plugins_index(x),
                                x->name, x->handle);
        }
    } else {
        dispatch_monitor(p, &mon, copy);
    }
    free(copy);
}
