#ifndef PLUGIN_FILTER_H
#define PLUGIN_FILTER_H

#include "plugin/plugins.h"

#include "panda/filter.h"

/* Whether events of the kind can be filtered. */
bool filter_is_for(panda_cb_type kind);
/* For weaving: whether anybody might be told of such an event at that pc, of
 * a block or an instruction; `size` of an access, or 0. */
bool filter_may_pass(const struct plugins *p, panda_cb_type kind, uint64_t pc,
                     uint64_t mode, unsigned size);
/* For an event that is there. */
bool filter_passes(const struct plugins *p, const panda_filter *filter,
                   panda_cb_type kind, const uint64_t arguments[6]);

#endif
