/* What the monitor's files share: commands print into a FILE. */
#ifndef MONITOR_COMMANDS_H
#define MONITOR_COMMANDS_H

#include "monitor/monitor.h"

#include <stddef.h>
#include <stdint.h>

struct cpu;

/* info.c: `info TOPIC`; without a topic, the list. */
void monitor_info(const struct monitor_target *target, const char *topic,
                  FILE *out);

/* examine.c: x and xp. `format` is what follows the slash, or empty. */
void monitor_examine(const struct monitor_target *target, bool physical,
                     const char *format, const char *address, FILE *out);

#endif
