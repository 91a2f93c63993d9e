#include "cmd/plugins.h"

#include "base/error.h"
#include "plugin/mutant.h"

#include <stdlib.h>
#include <string.h>

static void load(struct plugins *plugins, const struct options_plugin *option)
{
    const char *value = option->value, *colon = strchr(value, ':');
    bool good = true;
    char *message, *name;

    switch (option->kind) {
    case 'l':
        good = plugins_load_list(plugins, value, &message);
        break;
    case 'f':
        good = plugins_load(plugins, value, NULL, &message);
        break;
    case 'a':
        if (!colon) {
            panda_fatal("-panda-arg: '%s' is not NAME:KEY=VALUE", value);
        }
        name = strndup(value, (size_t)(colon - value));
        plugins_set_current(plugins);
        panda_add_arg(name, colon + 1);
        free(name);
        break;
    }
    if (!good) {
        plugins_shut_down(plugins);
        plugins_free(plugins);
        panda_fatal("%s", message);
    }
}

struct plugins *load_plugins(const struct options *options)
{
    struct plugins *plugins = plugins_new();
    char *message;

    plugins->patience = (unsigned)options->patience;
    if (options->pandalog &&
        (message = plugins_open_log(plugins, options->pandalog))) {
        panda_fatal("%s", message);
    }
    replay_name = options->replay;
    if (options->os && !plugins_set_os(options->os, &message)) {
        panda_fatal("%s", message);
    }

    /* Arguments first: a plugin asks for them when it starts. */
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < options->n_plugins; i++) {
            if ((options->plugins[i].kind == 'a') == (pass == 0)) {
                load(plugins, &options->plugins[i]);
            }
        }
    }
    if (plugins->help) {
        exit(0);
    }
    if (options->mutant && !mutant_set(plugins, options->mutant, &message)) {
        panda_fatal("-plugin-mutant: %s", message);
    }
    return plugins;
}

static void write_file(void *opaque, const char *text)
{
    fputs(text, opaque);
}

void plugin_command(struct plugins *plugins, const char *command,
                    const char *argument, FILE *out)
{
    plugins_monitor(plugins, command, argument, write_file, out);
}
