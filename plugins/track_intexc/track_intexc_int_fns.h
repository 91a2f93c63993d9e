/* Functions that other plugins may call; include track_intexc_ext.h. */
#ifndef TRACK_INTEXC_INT_FNS_H
#define TRACK_INTEXC_INT_FNS_H

#include "panda/plugin.h"

/* Does the handler of a hardware interrupt run, or something below it? */
bool check_in_interrupt(void);
/* Of an exception, or of an INT instruction? */
bool check_in_exception(void);

#endif
