/* Functions that other plugins may call; include sample_ext.h for them. */
#ifndef SAMPLE_INT_FNS_H
#define SAMPLE_INT_FNS_H

#include <stdint.h>

/* How many blocks have begun since the plugin was loaded. */
uint64_t sample_function(void);

#endif
