/*
 * What sources call or read of the engine beyond PANDA's own interface:
 * globals, messages, byte order, physical memory, the CPU as text.
 */
#ifndef PANDA_ENGINE_H
#define PANDA_ENGINE_H

#include "panda/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- Globals --------------------------------------------------------------- */

/* Of the -os option: NULL, 0 and OS_UNKNOWN without it. */
extern char *panda_os_name, *panda_os_family, *panda_os_variant;
extern uint32_t panda_os_bits;
extern PandaOsFamily panda_os_familyno;

/* Of the run. */
extern ram_addr_t ram_size;     /* bytes; 0 in init_plugin() */
extern const char *qemu_file;   /* the program's path */
extern const char *replay_name; /* of the -replay option, or NULL */
extern int qemu_loglevel;       /* of LOG_PANDA, CPU_LOG_*; 0 until set */
/* All arguments of plugins, NAME:KEY=VALUE each. */
#define MAX_PANDA_PLUGINS 16
#define MAX_PANDA_PLUGIN_ARGS 32
extern char *panda_argv[MAX_PANDA_PLUGIN_ARGS];
extern int panda_argc;
/* Arguments are printed (NAME:help), and nothing will run. */
extern bool panda_help_wanted;
/* The guest runs, or may: from behind after_machine_init to pre_shutdown. */
extern bool panda_in_main_loop;
/* What was switched on; nothing comes of the first and the last. */
extern bool panda_update_pc, panda_use_memcb, panda_tb_chaining;

/* -- Messages -------------------------------------------------------------- */

/* Writes to the monitor that a `monitor` callback was given. */
void monitor_printf(Monitor *mon, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void monitor_vprintf(Monitor *mon, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Prints to the standard error, as printf() does. */
int qemu_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define LOG_PANDA (1 << 17)
#define CPU_LOG_TAINT_OPS (1 << 28)
#define CPU_LOG_RR (1 << 29)
#define CPU_LOG_LLVM_IR (1 << 30)
#define CPU_LOG_LLVM_ASM (1u << 31)
#define qemu_loglevel_mask(mask) ((qemu_loglevel & (mask)) != 0)
#define qemu_log_mask(mask, ...) \
    do { \
        if (qemu_loglevel_mask(mask)) { \
            qemu_log(__VA_ARGS__); \
        } \
    } while (0)

typedef int (*fprintf_function)(FILE *file, const char *format, ...);
#define CPU_DUMP_CODE 0x00010000
#define CPU_DUMP_FPU 0x00020000
#define CPU_DUMP_CCOP 0x00040000
/* Prints the CPU's registers by a function like fprintf(). */
void cpu_dump_state(CPUState *cpu, FILE *file, fprintf_function print,
                    int flags);

/* -- Memory ---------------------------------------------------------------- */

/* Reads by physical address; what is no memory is read as 0xff. */
void cpu_physical_memory_read(hwaddr address, void *buffer, int length);

/* Nothing changes while a callback runs. */
static inline void rcu_read_lock(void) {}
static inline void rcu_read_unlock(void) {}

/* -- Values ---------------------------------------------------------------- */

/* The bytes in the opposite order. */
static inline uint16_t bswap16(uint16_t x)
{
    return __builtin_bswap16(x);
}

/* The bytes in the opposite order. */
static inline uint32_t bswap32(uint32_t x)
{
    return __builtin_bswap32(x);
}

/* The bytes in the opposite order. */
static inline uint64_t bswap64(uint64_t x)
{
    return __builtin_bswap64(x);
}

#define atomic_read(pointer) __atomic_load_n(pointer, __ATOMIC_RELAXED)
#define atomic_set(pointer, value) \
    __atomic_store_n(pointer, value, __ATOMIC_RELAXED)

/* Text copied, and appended, as far as there is room. */
void pstrcpy(char *to, int room, const char *from);
char *pstrcat(char *to, int room, const char *from);

#ifdef __cplusplus
}
#endif

#endif
