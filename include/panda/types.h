/*
 * The types that every plugin header speaks of, for the target that the
 * plugin is built for: TARGET_X86_64 or TARGET_I386, on the command line.
 */
#ifndef PANDA_TYPES_H
#define PANDA_TYPES_H

#include "panda/host.h"

/* -- The target ------------------------------------------------------------ */

#if defined(TARGET_X86_64)
#ifndef TARGET_I386
#define TARGET_I386 1 /* of both x86 targets, as sources expect */
#endif
#define TARGET_NAME "x86_64"
#define TARGET_LONG_BITS 64
#elif defined(TARGET_I386)
#define TARGET_NAME "i386"
#define TARGET_LONG_BITS 32
#else
#error "no target is chosen: build the plugin with -DTARGET_X86_64 or " \
       "-DTARGET_I386"
#endif
#define CONFIG_SOFTMMU 1

#define TARGET_LONG_SIZE (TARGET_LONG_BITS / 8)
#if TARGET_LONG_BITS == 64
typedef uint64_t target_ulong;
typedef int64_t target_long;
#define TARGET_FMT_lx "%016" PRIx64
#define TARGET_FMT_ld "%" PRId64
#define TARGET_FMT_lu "%" PRIu64
#else
typedef uint32_t target_ulong;
typedef int32_t target_long;
#define TARGET_FMT_lx "%08x"
#define TARGET_FMT_ld "%d"
#define TARGET_FMT_lu "%u"
#endif

#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE ((target_ulong)1 << TARGET_PAGE_BITS)
#define TARGET_PAGE_MASK (~(TARGET_PAGE_SIZE - 1))

/* -- Numbers --------------------------------------------------------------- */

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
#define RAM_ADDR_FMT "%" PRIxPTR

__extension__ typedef __int128 Int128;

/* Of an access to memory from outside the CPU. */
typedef uint32_t MemTxResult;
#define MEMTX_OK 0
#define MEMTX_ERROR (1U << 0)
#define MEMTX_DECODE_ERROR (1U << 1)

/* -- Of the compiler ------------------------------------------------------- */

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#define UNUSED(declaration) declaration __attribute__((unused))
#define HOST_DSOSUF ".so"

/* -- Structs, by name ------------------------------------------------------ */

/* The types of a callback point (panda/plugin_plugin.h): NAME_t and
 * NAME_with_context_t. */
#define PPP_CB_TYPEDEF(result, name, ...) \
    typedef result (*name##_t)(__VA_ARGS__); \
    typedef result (*name##_with_context_t)(void *context __VA_OPT__(, ) \
                                                __VA_ARGS__);

typedef struct CPUState CPUState;
typedef struct TranslationBlock TranslationBlock;
typedef struct MachineState MachineState;
typedef struct MemoryRegion MemoryRegion;
typedef struct Monitor Monitor;

/* Of the guest, as -os says. */
typedef enum PandaOsFamily {
    OS_UNKNOWN,
    OS_WINDOWS,
    OS_LINUX,
    OS_FREEBSD
} PandaOsFamily;

#endif
