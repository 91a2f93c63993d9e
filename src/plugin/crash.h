/*
 * A plugin that crashes, aborts, exits or never returns ends the program, with
 * a message that names it, its function and the count. A recording under way
 * is as good as after a kill; after exit() it is whole.
 *
 * Included by plugin/plugins.h.
 */
#ifndef PLUGIN_CRASH_H
#define PLUGIN_CRASH_H

struct plugins;

/* Catches signals, and begins to watch for calls that do not return. */
void crash_watch(struct plugins *p);
void crash_unwatch(struct plugins *p);
/* exit() was called. When a plugin did, this does not return, as a rule: its
 * function does. Else the status to exit with. */
int crash_exit(int status);

#endif
