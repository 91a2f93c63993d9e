/* The program's plugins, as the command line and the monitor know them. */
#ifndef CMD_PLUGINS_H
#define CMD_PLUGINS_H

#include "cmd/options.h"
#include "plugin/plugins.h"

#include <stdio.h>

/* Those that the command line names. Ends the program when one cannot be
 * loaded, or when only its help is wanted. */
struct plugins *load_plugins(const struct options *options);

/* For struct monitor_target. */
void plugin_command(struct plugins *plugins, const char *command,
                    const char *argument, FILE *out);

#endif
