/*
 * The types that every plugin header speaks of, for the target that the
 * plugin is built for: one of TARGET_X86_64 is defined on the command line.
 */
#ifndef PANDA_TYPES_H
#define PANDA_TYPES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(TARGET_X86_64)
#ifndef TARGET_I386
#define TARGET_I386 1 /* of both x86 targets, as sources expect */
#endif
#define TARGET_NAME "x86_64"
#define TARGET_LONG_BITS 64
#else
#error "no target is chosen: build the plugin with -DTARGET_X86_64"
#endif
#define CONFIG_SOFTMMU 1

#define TARGET_LONG_SIZE (TARGET_LONG_BITS / 8)
typedef uint64_t target_ulong;
typedef int64_t target_long;
#define TARGET_FMT_lx "%016" PRIx64
#define TARGET_FMT_ld "%" PRId64
#define TARGET_FMT_lu "%" PRIu64

typedef target_ulong target_ptr_t;
typedef int32_t target_pid_t;
#define TARGET_PTR_FMT TARGET_FMT_lx
#define TARGET_PID_FMT "%u"

typedef uint64_t hwaddr;
typedef hwaddr target_phys_addr_t;
typedef uint64_t vaddr;
typedef uintptr_t ram_addr_t;
#define TARGET_FMT_plx "%016" PRIx64
#define HWADDR_PRIx PRIx64
#define VADDR_PRIx PRIx64

#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE ((target_ulong)1 << TARGET_PAGE_BITS)
#define TARGET_PAGE_MASK (~(TARGET_PAGE_SIZE - 1))

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#define UNUSED(declaration) declaration __attribute__((unused))

typedef struct CPUState CPUState;
typedef struct TranslationBlock TranslationBlock;
typedef struct MachineState MachineState;
typedef struct Monitor Monitor;

#endif
