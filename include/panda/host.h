/*
 * Headers of the host that sources expect behind panda/plugin.h: the usual
 * ones of C, dlopen's, and GLib.
 *
 * In C++ they are C++, also where a plugin includes ours in an extern "C".
 */
#ifndef PANDA_HOST_H
#define PANDA_HOST_H

#ifdef __cplusplus
extern "C++" {
#include <type_traits>
#endif

#include <assert.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#ifndef PANDA_ENGINE
#include <glib.h>
#endif

#ifdef __cplusplus
}
#endif

#endif
