/*
 * Messages of plugins, on the standard error. A plugin defines
 * PANDA_LOG_LEVEL (0 none, 1 errors, 2 warnings, 3 and 4 more) before it
 * includes anything, to hear more or less.
 */
#ifndef PANDA_DEBUG_H
#define PANDA_DEBUG_H

#include <stdio.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "core"
#endif
#define PANDA_MSG "PANDA[" PLUGIN_NAME "]:"
#define PANDA_MSG_FMT "PANDA[%s]:"
#define PANDA_CORE_NAME "core"
/* A flag, as a word. */
#define PANDA_FLAG_STATUS(flag) ((flag) ? "ENABLED" : "DISABLED")

#define PANDA_LOG_ERROR 1
#define PANDA_LOG_WARNING 2
#define PANDA_LOG_INFO 3
#define PANDA_LOG_DEBUG 4
#ifndef PANDA_LOG_LEVEL
#define PANDA_LOG_LEVEL PANDA_LOG_WARNING
#endif

#define PANDA_LOG_LINE_(level, letter, ...) \
    do { \
        if (PANDA_LOG_LEVEL >= (level)) { \
            fprintf(stderr, PANDA_MSG letter "> "); \
            fprintf(stderr, __VA_ARGS__); \
            fputc('\n', stderr); \
        } \
    } while (0)

/* Print a line, at that level and above, as printf() does; with the plugin's
 * name, and for an error the place. */
#define LOG_ERROR(...) \
    do { \
        if (PANDA_LOG_LEVEL >= PANDA_LOG_ERROR) { \
            fprintf(stderr, PANDA_MSG "E:%s(%s)> ", __FILE__, __func__); \
            fprintf(stderr, __VA_ARGS__); \
            fputc('\n', stderr); \
        } \
    } while (0)
/* The same of less weight. */
#define LOG_WARNING(...) PANDA_LOG_LINE_(PANDA_LOG_WARNING, "W", __VA_ARGS__)
#define LOG_INFO(...) PANDA_LOG_LINE_(PANDA_LOG_INFO, "I", __VA_ARGS__)
#define LOG_DEBUG(...) PANDA_LOG_LINE_(PANDA_LOG_DEBUG, "D", __VA_ARGS__)
/* That control came here. */
#define PANDALN LOG_DEBUG("%s:%d(%s)", __FILE__, __LINE__, __func__)

#endif
