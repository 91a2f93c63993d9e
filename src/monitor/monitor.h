/* The monitor: commands by line, answers, and the prompt `(qemu) `. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "backend/stream.h"

#include <stdbool.h>

struct monitor;

/* What the commands act on; each returns NULL or a message to be freed. */
struct monitor_target {
    void *opaque;
    char *(*begin_record)(void *opaque, const char *name);
    char *(*end_record)(void *opaque);
    void (*quit)(void *opaque);
    void (*set_running)(void *opaque, bool running);
    /* Prints about a topic; false: there is none of that name. */
    bool (*info)(void *opaque, const char *topic, struct stream *out);
    /* load_plugin, unload_plugin, list_plugins, plugin_cmd. */
    void (*plugin)(void *opaque, const char *command, const char *argument,
                   struct stream *out);
};

struct monitor *monitor_new(struct stream *stream,
                            const struct monitor_target *target);
void monitor_free(struct monitor *monitor);
/* Reads what is there, and carries out whole lines. */
void monitor_poll(struct monitor *monitor);
/* For a terminal shared with a console: one character typed. */
void monitor_type(struct monitor *monitor, char c);
void monitor_prompt(struct monitor *monitor);

#endif
