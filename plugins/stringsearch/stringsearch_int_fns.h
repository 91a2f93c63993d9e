/* Functions that other plugins may call; include stringsearch_ext.h. */
#ifndef STRINGSEARCH_INT_FNS_H
#define STRINGSEARCH_INT_FNS_H

#include <stdbool.h>

/* False: there is no room for it, or no such string. What has been read of
 * any string so far is forgotten. */
bool add_string(const char *string);
bool remove_string(const char *string);
void reset_strings(void);

#endif
