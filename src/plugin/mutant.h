/*
 * Faults on purpose, for tests of callbacks: one event in so many of one
 * callback is dropped, given twice, given behind the next one, or given with
 * something altered. A test that does not notice tests nothing.
 */
#ifndef PLUGIN_MUTANT_H
#define PLUGIN_MUTANT_H

#include "plugin/plugins.h"

/* drop|double|delay|alter:CALLBACK[:EVERY], the callback in lower case, as in
 * before_block_exec; 1000 is the default. False: *message says why not. */
bool mutant_set(struct plugins *p, const char *text, char **message);
uint64_t mutant_raise(struct plugins *p, const uint64_t arguments[6]);

#endif
