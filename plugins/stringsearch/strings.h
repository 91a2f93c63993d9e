/* The strings that are looked for. */
#ifndef STRINGSEARCH_STRINGS_H
#define STRINGSEARCH_STRINGS_H

#include "stringsearch/matcher.h"

#include <stdbool.h>

struct strings {
    uint32_t n;     /* strings that there have been; numbers stay */
    uint32_t n_now; /* that are there */
    bool utf16, fold;
    struct pattern *patterns; /* one or two a string */
    size_t n_patterns;
};

/* NULL, or what is wrong; to be freed. */
char *strings_add(struct strings *s, const uint8_t *bytes, size_t length);
bool strings_remove(struct strings *s, const uint8_t *bytes, size_t length);
void strings_reset(struct strings *s);
/* Lines `"text"` or `0a:1b:2c`. */
char *strings_read(struct strings *s, const char *file);

#endif
