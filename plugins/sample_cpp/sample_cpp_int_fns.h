/* Functions that other plugins may call; include sample_cpp_ext.h for them.
 * Read as C by the generator, and by the plugin itself as C++. */
#ifndef SAMPLE_CPP_INT_FNS_H
#define SAMPLE_CPP_INT_FNS_H

#include <stdint.h>

/* How many blocks have begun since the plugin was loaded. */
uint64_t sample_cpp_function(void);

#endif
