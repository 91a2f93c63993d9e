#include "stringsearch/strings.h"

#include "stringsearch/must.h"
#include "stringsearch/stringsearch.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

static char *say(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();
    }
    va_end(args);
    return text;
}

/* -- The list -------------------------------------------------------------- */

static void append(struct strings *s, const uint8_t *bytes, size_t length,
                   bool wide)
{
    size_t step = wide ? 2 : 1;
    struct pattern *pattern;

    s->patterns = must(
        realloc(s->patterns, (s->n_patterns + 1) * sizeof(*s->patterns)));
    pattern = &s->patterns[s->n_patterns++];
    pattern->bytes = must(calloc(length, step));
    for (size_t i = 0; i < length; i++) {
        pattern->bytes[i * step] = bytes[i];
    }
    pattern->length = (uint32_t)(length * step);
    pattern->string = s->n;
}

static bool is_pattern(const struct pattern *pattern, const uint8_t *bytes,
                       size_t length)
{
    return pattern->length == length && !memcmp(pattern->bytes, bytes, length);
}

char *strings_add(struct strings *s, const uint8_t *bytes, size_t length)
{
    if (!length || length > MAX_STRLEN) {
        return say("a string of %zu bytes: 1 to %d are possible", length,
                   MAX_STRLEN);
    }
    if (s->n_now == MAX_STRINGS) {
        return say("more than %d strings", MAX_STRINGS);
    }
    for (size_t i = 0; i < s->n_patterns; i++) {
        if (is_pattern(&s->patterns[i], bytes, length)) {
            return NULL; /* it is looked for already */
        }
    }
    append(s, bytes, length, false);
    if (s->utf16) {
        append(s, bytes, length, true);
    }
    s->n++;
    s->n_now++;
    return NULL;
}

bool strings_remove(struct strings *s, const uint8_t *bytes, size_t length)
{
    size_t at = 0, kept = 0;
    uint32_t string;

    while (at < s->n_patterns && !is_pattern(&s->patterns[at], bytes, length)) {
        at++;
    }
    if (at == s->n_patterns) {
        return false;
    }
    string = s->patterns[at].string;
    for (size_t i = 0; i < s->n_patterns; i++) {
        if (s->patterns[i].string == string) {
            free(s->patterns[i].bytes);
        } else {
            s->patterns[kept++] = s->patterns[i];
        }
    }
    s->n_patterns = kept;
    s->n_now--;
    return true;
}

void strings_reset(struct strings *s)
{
    for (size_t i = 0; i < s->n_patterns; i++) {
        free(s->patterns[i].bytes);
    }
    free(s->patterns);
    s->patterns = NULL;
    s->n_patterns = s->n_now = 0;
}

/* -- The file -------------------------------------------------------------- */

static int digit(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

/* 0a:1b:2c, into the same place. 0: it is something else. */
static size_t from_hex(char *text)
{
    uint8_t *to = (uint8_t *)text;
    size_t n = 0;

    for (;;) {
        int value = digit(*text++);

        if (value < 0) {
            return 0;
        }
        if (digit(*text) >= 0) {
            value = value << 4 | digit(*text++);
        }
        to[n++] = (uint8_t)value;
        if (!*text) {
            return n;
        }
        if (*text++ != ':') {
            return 0;
        }
    }
}

static char *add_line(struct strings *s, char *line)
{
    size_t length = strlen(line);

    while (length && isspace((unsigned char)line[length - 1])) {
        line[--length] = '\0';
    }
    if (!length) {
        return NULL;
    }
    if (length >= 2 && line[0] == '"' && line[length - 1] == '"') {
        return strings_add(s, (uint8_t *)line + 1, length - 2);
    }
    length = from_hex(line);
    return length ? strings_add(s, (uint8_t *)line, length)
                  : say("this is neither \"text\" nor bytes like 0a:1b:2c");
}

char *strings_read(struct strings *s, const char *name)
{
    FILE *file = fopen(name, "r");
    char *line = NULL, *wrong = NULL, *message = NULL;
    unsigned number = 0;
    size_t size = 0;

    if (!file) {
        return say("%s cannot be read: %s", name, strerror(errno));
    }
    while (!wrong && getline(&line, &size, file) >= 0) {
        number++;
        wrong = add_line(s, line);
    }
    if (wrong) {
        message = say("%s:%u: %s", name, number, wrong);
    }
    free(wrong);
    free(line);
    fclose(file);
    return message;
}
