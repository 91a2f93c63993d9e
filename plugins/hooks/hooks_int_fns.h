/* Functions that other plugins may call, and their types: include this and
 * look the functions up by dlsym(), or include hooks_ext.h. */
#ifndef HOOKS_INT_FNS_H
#define HOOKS_INT_FNS_H

#include "panda/plugin.h"

#define HOOKS_NAME_SIZE 256

struct hook;

/* Functions by what they hook: the engine's callbacks, and the hook last. */
typedef union hooks_panda_cb {
    void (*before_tcg_codegen)(CPUState *, TranslationBlock *, struct hook *);
    void (*before_block_translate)(CPUState *, target_ptr_t pc, struct hook *);
    void (*after_block_translate)(CPUState *, TranslationBlock *,
                                  struct hook *);
    bool (*before_block_exec_invalidate_opt)(CPUState *, TranslationBlock *,
                                             struct hook *);
    void (*before_block_exec)(CPUState *, TranslationBlock *, struct hook *);
    void (*after_block_exec)(CPUState *, TranslationBlock *, uint8_t,
                             struct hook *);
    void (*start_block_exec)(CPUState *, TranslationBlock *, struct hook *);
    void (*end_block_exec)(CPUState *, TranslationBlock *, struct hook *);
} hooks_panda_cb;

enum kernel_mode { MODE_ANY, MODE_KERNEL_ONLY, MODE_USER_ONLY };

struct symbol {
    target_ulong address;
    char name[HOOKS_NAME_SIZE];
    char section[HOOKS_NAME_SIZE];
};

/* asid 0: any. type: one of the union's. A function that clears `enabled`
 * removes its hook. */
struct hook {
    target_ulong addr, asid;
    panda_cb_type type;
    hooks_panda_cb cb;
    enum kernel_mode km;
    bool enabled;
    struct symbol sym;
    void *context;
};

/* The hook is copied; functions are given the copy. */
void add_hook(struct hook *h);
/* All hooks. */
void enable_hooking(void);
void disable_hooking(void);

#endif
