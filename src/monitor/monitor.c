#include "monitor/monitor.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_ 1024u

struct monitor {
    struct stream *stream;
    struct monitor_target target;
    char line[LINE_MAX_];
    size_t length;
    bool greeted;
};

struct command {
    const char *name, *arguments, *help;
    void (*run)(struct monitor *monitor, const char *argument);
};

/* -- Commands -------------------------------------------------------------- */

static void tell(struct monitor *monitor, char *message)
{
    if (message) {
        stream_print(monitor->stream, "%s\n", message);
        free(message);
    }
}

static void begin_record(struct monitor *monitor, const char *name)
{
    if (!*name) {
        stream_print(monitor->stream, "begin_record: a name is missing\n");
        return;
    }
    tell(monitor, monitor->target.begin_record(monitor->target.opaque, name));
}

static void end_record(struct monitor *monitor, const char *argument)
{
    (void)argument;
    tell(monitor, monitor->target.end_record(monitor->target.opaque));
}

static void quit(struct monitor *monitor, const char *argument)
{
    (void)argument;
    monitor->target.quit(monitor->target.opaque);
}

static void stop(struct monitor *monitor, const char *argument)
{
    (void)argument;
    monitor->target.set_running(monitor->target.opaque, false);
}

static void cont(struct monitor *monitor, const char *argument)
{
    (void)argument;
    monitor->target.set_running(monitor->target.opaque, true);
}

static void info(struct monitor *monitor, const char *topic)
{
    if (!monitor->target.info(monitor->target.opaque, topic,
                              monitor->stream)) {
        stream_print(monitor->stream,
                     "info registers|status|record|hash\n");
    }
}

#define PLUGIN_COMMAND(name) \
    static void name(struct monitor *monitor, const char *argument) \
    { \
        monitor->target.plugin(monitor->target.opaque, #name, argument, \
                               monitor->stream); \
    }
PLUGIN_COMMAND(load_plugin)
PLUGIN_COMMAND(unload_plugin)
PLUGIN_COMMAND(list_plugins)
PLUGIN_COMMAND(plugin_cmd)

static void help(struct monitor *monitor, const char *argument);

static const struct command commands[] = {
    {"begin_record", "NAME", "record from here into NAME-rr-*", begin_record},
    {"end_record", "", "end the recording", end_record},
    {"info", "TOPIC", "registers, status, record, hash", info},
    {"stop", "", "stop the guest", stop},
    {"cont", "", "let the guest run on", cont},
    {"load_plugin", "NAME [ARGUMENTS]", "load a plugin", load_plugin},
    {"unload_plugin", "NUMBER", "unload a plugin (or by name)",
     unload_plugin},
    {"list_plugins", "", "which are loaded", list_plugins},
    {"plugin_cmd", "TEXT", "a command to the plugins", plugin_cmd},
    {"quit", "", "end the program", quit},
    {"help", "", "this list", help},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(struct monitor *monitor, const char *argument)
{
    (void)argument;
    for (unsigned i = 0; i < N_COMMANDS; i++) {
        stream_print(monitor->stream, "%s %s -- %s\n", commands[i].name,
                     commands[i].arguments, commands[i].help);
    }
}

static void run_line(struct monitor *monitor, char *line)
{
    char *name = line + strspn(line, " \t"), *argument, *end;

    end = name + strcspn(name, " \t");
    argument = end + strspn(end, " \t");
    *end = '\0';
    end = argument + strlen(argument);
    while (end > argument && (end[-1] == ' ' || end[-1] == '\t')) {
        *--end = '\0';
    }
    if (!*name) {
        return;
    }
    for (unsigned i = 0; i < N_COMMANDS; i++) {
        if (!strcmp(name, commands[i].name)) {
            commands[i].run(monitor, argument);
            return;
        }
    }
    stream_print(monitor->stream, "unknown command: '%s'; try help\n", name);
}

/* -- Lines ----------------------------------------------------------------- */

void monitor_prompt(struct monitor *monitor)
{
    stream_print(monitor->stream, "(qemu) ");
}

static void echo(struct monitor *monitor, const char *text)
{
    if (stream_wants_echo(monitor->stream)) {
        stream_print(monitor->stream, "%s", text);
    }
}

void monitor_type(struct monitor *monitor, char c)
{
    if (c == '\n' || c == '\r') {
        monitor->line[monitor->length] = '\0';
        monitor->length = 0;
        echo(monitor, "\n");
        run_line(monitor, monitor->line);
        monitor_prompt(monitor);
    } else if ((c == '\b' || c == 0x7f) && monitor->length) {
        monitor->length--;
        echo(monitor, "\b \b");
    } else if ((unsigned char)c >= ' ' && monitor->length < LINE_MAX_ - 1) {
        monitor->line[monitor->length++] = c;
        echo(monitor, (const char[]){c, '\0'});
    }
}

void monitor_poll(struct monitor *monitor)
{
    char bytes[256];
    size_t n;

    if (!monitor->greeted) {
        monitor->greeted = true;
        monitor_prompt(monitor);
    }
    while ((n = stream_read(monitor->stream, bytes, sizeof(bytes)))) {
        for (size_t i = 0; i < n; i++) {
            monitor_type(monitor, bytes[i]);
        }
    }
}

struct monitor *monitor_new(struct stream *stream,
                            const struct monitor_target *target)
{
    struct monitor *monitor = calloc(1, sizeof(*monitor));

    if (!monitor) {
        panda_bug("out of memory");
    }
    monitor->stream = stream;
    monitor->target = *target;
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    free(monitor);
}
