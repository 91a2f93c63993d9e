/*
 * The monitor: commands by line, answers, and the prompt `(qemu) `. What the
 * commands are is in one table, in monitor.c.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "backend/stream.h"

#include <stdbool.h>
#include <stdio.h>

struct machine;
struct monitor;

/* What the commands act on. A message is NULL or to be freed. */
struct monitor_target {
    void *opaque;
    struct machine *machine;
    char *(*begin_record)(void *opaque, const char *name, bool force);
    char *(*end_record)(void *opaque);
    char *(*begin_replay)(void *opaque, const char *name);
    char *(*end_replay)(void *opaque);
    void (*quit)(void *opaque);
    void (*set_running)(void *opaque, bool running);
    bool (*is_running)(void *opaque);
    /* What only the program knows, for `info record` and `info replay`. */
    void (*info_record)(void *opaque, FILE *out);
    void (*info_replay)(void *opaque, FILE *out);
    /* load_plugin, unload_plugin, list_plugins, plugin_cmd. */
    void (*plugin)(void *opaque, const char *command, const char *argument,
                   FILE *out);
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
