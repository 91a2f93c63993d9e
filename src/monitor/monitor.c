#include "monitor/monitor.h"

#include "base/error.h"
#include "monitor/commands.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_ 1024u

struct monitor {
    struct stream *stream;
    struct monitor_target target;
    char line[LINE_MAX_];
    size_t length;
    unsigned greeted; /* peers of the stream */
};

struct call { /* of a command; `format` is what followed a slash */
    struct monitor *monitor;
    const char *format, *argument;
    FILE *out;
};

/* -- Commands -------------------------------------------------------------- */

static void tell(struct call *call, char *message)
{
    if (message) {
        fprintf(call->out, "%s\n", message);
        free(message);
    }
}

/* Without the quotes that people put around names. */
static char *unquoted(const char *text)
{
    size_t length = strlen(text);
    bool quoted = length >= 2 && *text == '"' && text[length - 1] == '"';

    return panda_message("%.*s", (int)(quoted ? length - 2 : length),
                         text + quoted);
}

static void begin_record(struct call *call)
{
    const struct monitor_target *target = &call->monitor->target;
    bool force = !strncmp(call->argument, "-f ", 3);
    const char *name = call->argument + (force ? 3 : 0);
    char *plain = unquoted(name + strspn(name, " "));

    if (!*plain) {
        fprintf(call->out, "begin_record: a name is missing\n");
    } else {
        tell(call, target->begin_record(target->opaque, plain, force));
    }
    free(plain);
}

static void end_record(struct call *call)
{
    const struct monitor_target *target = &call->monitor->target;

    tell(call, target->end_record(target->opaque));
}

static void begin_replay(struct call *call)
{
    const struct monitor_target *target = &call->monitor->target;
    char *plain = unquoted(call->argument);

    if (!*plain) {
        fprintf(call->out, "begin_replay: a name is missing\n");
    } else {
        tell(call, target->begin_replay(target->opaque, plain));
    }
    free(plain);
}

static void end_replay(struct call *call)
{
    const struct monitor_target *target = &call->monitor->target;

    tell(call, target->end_replay(target->opaque));
}

static void quit(struct call *call)
{
    call->monitor->target.quit(call->monitor->target.opaque);
}

static void stop(struct call *call)
{
    call->monitor->target.set_running(call->monitor->target.opaque, false);
}

static void cont(struct call *call)
{
    const struct monitor_target *target = &call->monitor->target;

    target->set_running(target->opaque, true);
    if (!target->is_running(target->opaque)) {
        fprintf(call->out, "the machine is off, and can only be looked at\n");
    }
}

static void info(struct call *call)
{
    monitor_info(&call->monitor->target, call->argument, call->out);
}

static void examine(struct call *call)
{
    monitor_examine(&call->monitor->target, false, call->format, call->argument,
                    call->out);
}

static void examine_physical(struct call *call)
{
    monitor_examine(&call->monitor->target, true, call->format, call->argument,
                    call->out);
}

#define PLUGIN_COMMAND(name) \
    static void name(struct call *call) \
    { \
        const struct monitor_target *target = &call->monitor->target; \
        target->plugin(target->opaque, #name, call->argument, call->out); \
    }
PLUGIN_COMMAND(load_plugin)
PLUGIN_COMMAND(unload_plugin)
PLUGIN_COMMAND(list_plugins)
PLUGIN_COMMAND(plugin_cmd)

static void help(struct call *call);

static const struct command {
    const char *name, *alias, *arguments, *help;
    void (*run)(struct call *call);
} commands[] = {
    {"begin_record", NULL, "[-f] NAME",
     "record from here into NAME-rr-*; -f overwrites", begin_record},
    {"end_record", NULL, "", "end the recording, and stop the guest",
     end_record},
    {"begin_replay", NULL, "NAME",
     "replay a recording in place of this machine", begin_replay},
    {"end_replay", NULL, "", "end the replay, and the program", end_replay},
    {"info", NULL, "[TOPIC]", "tell about it; alone: the topics", info},
    {"x", NULL, "/FMT ADDRESS",
     "memory as the CPU sees it: x/8xw $rsp, "
     "x/4i $rip",
     examine},
    {"xp", NULL, "/FMT ADDRESS", "physical memory", examine_physical},
    {"stop", "s", "", "stop the guest", stop},
    {"cont", "c", "", "let the guest run on", cont},
    {"load_plugin", NULL, "NAME [ARGUMENTS]", "load a plugin", load_plugin},
    {"unload_plugin", NULL, "NUMBER", "unload a plugin (or by name)",
     unload_plugin},
    {"list_plugins", NULL, "", "which are loaded", list_plugins},
    {"plugin_cmd", NULL, "TEXT", "a command to the plugins", plugin_cmd},
    {"quit", "q", "", "end the program", quit},
    {"help", "?", "", "this list", help},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(struct call *call)
{
    for (unsigned i = 0; i < N_COMMANDS; i++) {
        const struct command *c = &commands[i];

        fprintf(call->out, "%s%s%s%s%s -- %s\n", c->name, c->alias ? "|" : "",
                c->alias ? c->alias : "",
                *c->arguments && *c->arguments != '/' ? " " : "", c->arguments,
                c->help);
    }
}

static void run_command(struct call *call, const char *name)
{
    for (unsigned i = 0; i < N_COMMANDS; i++) {
        const struct command *c = &commands[i];

        if (!strcmp(name, c->name) || (c->alias && !strcmp(name, c->alias))) {
            c->run(call);
            return;
        }
    }
    fprintf(call->out, "unknown command: '%s'; try help\n", name);
}

static void run_line(struct monitor *monitor, char *line)
{
    struct call call = {.monitor = monitor, .format = ""};
    char *name = line + strspn(line, " \t"), *end, *text = NULL;
    size_t size;

    end = name + strcspn(name, " \t");
    call.argument = end + strspn(end, " \t");
    *end = '\0';
    for (end = strchr(call.argument, '\0');
         end > call.argument && (end[-1] == ' ' || end[-1] == '\t'); end--) {
        end[-1] = '\0';
    }
    if (*name == 'x' && (end = strchr(name, '/'))) {
        *end = '\0';
        call.format = end + 1;
    }
    if (*name) {
        call.out = open_memstream(&text, &size);
        if (!call.out) {
            panda_bug("out of memory");
        }
        run_command(&call, name);
        fclose(call.out);
        stream_write(monitor->stream, text, size);
        free(text);
    }
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

    if (monitor->greeted != stream_peers(monitor->stream)) {
        monitor->greeted = stream_peers(monitor->stream);
        monitor->length = 0;
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
