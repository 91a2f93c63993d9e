#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void print(const char *kind, const char *format, va_list args)
{
    fflush(stdout);
    fprintf(stderr, "panda: %s", kind);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void panda_bug_at(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("bug: ", format, args);
    va_end(args);
    fprintf(stderr, "  at %s:%d\n", file, line);
    abort();
}

void panda_fatal(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("", format, args);
    va_end(args);
    exit(1);
}

void panda_warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("warning: ", format, args);
    va_end(args);
}

char *panda_message(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        panda_bug("out of memory");
    }
    va_end(args);
    return text;
}

void *panda_must(void *memory)
{
    if (!memory) {
        panda_bug("out of memory");
    }
    return memory;
}
