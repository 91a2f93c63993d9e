/*
 * The interface of plugins. A plugin is a shared object panda_NAME.so with
 *
 *     bool init_plugin(void *self);
 *     void uninit_plugin(void *self);
 *
 * which registers functions for the events it wants to hear of.
 */
#ifndef PANDA_PLUGIN_H
#define PANDA_PLUGIN_H

#include "panda/callbacks/cb-defs.h"
#include "panda/common.h"
#include "panda/cpu.h"
#include "panda/debug.h"
#include "panda/engine.h"
#include "panda/host.h"
#include "panda/rr/rr_log.h"
#include "panda/types.h"
#if !defined(PANDA_ENGINE) && __has_include("plog.pb-c.h")
#include "panda/plog.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* -- Callbacks ------------------------------------------------------------- */

/*
 * `plugin` is what init_plugin() was given. Functions of one type are called
 * in the order of their registration. May be called at any time, also from
 * a callback: a new function hears of events from the next block on at the
 * latest, a disabled one at once of none. A type that nothing raises is warned
 * of; a number that is no type's makes the load fail.
 */
void panda_register_callback(void *plugin, panda_cb_type type, panda_cb cb);
void panda_register_callback_with_context(void *plugin, panda_cb_type type,
                                          panda_cb_with_context cb,
                                          void *context);
void panda_disable_callback(void *plugin, panda_cb_type type, panda_cb cb);
void panda_enable_callback(void *plugin, panda_cb_type type, panda_cb cb);
void panda_disable_callback_with_context(void *plugin, panda_cb_type type,
                                         panda_cb_with_context cb,
                                         void *context);
void panda_enable_callback_with_context(void *plugin, panda_cb_type type,
                                        panda_cb_with_context cb,
                                        void *context);
/*
 * Ours, beyond PANDA: leaves events out before they cost anything.
 * PANDA_ON_NEW_ASID, for before_block_exec: a block is told of when it runs
 * for the first time in an address space; sometimes again later, when there
 * are many or blocks are translated anew.
 * PANDA_ON_CALL, PANDA_ON_RETURN, for end_block_exec and after_block_exec:
 * blocks that end with an instruction that calls a function, or returns from
 * one (not system calls and interrupts). PANDA_ON_SYSTEM_RETURN: those that
 * return from an exception, an interrupt or a system call.
 * 0: no filter. More of them are in panda/filter.h.
 */
#define PANDA_ON_NEW_ASID 1u
#define PANDA_ON_CALL 2u
#define PANDA_ON_RETURN 4u
#define PANDA_ON_SYSTEM_RETURN 8u
void panda_filter_callback(void *plugin, panda_cb_type type, panda_cb cb,
                           unsigned filter);
/* False, after a warning, for a function that was never registered. */
bool panda_is_callback_enabled(void *plugin, panda_cb_type type, panda_cb cb);
/* Takes all of a plugin's functions away. */
void panda_unregister_callbacks(void *plugin);
/* Switch all functions of a plugin at once. */
void panda_enable_plugin(void *plugin);
void panda_disable_plugin(void *plugin);

/* -- Plugins --------------------------------------------------------------- */

/* Loads a plugin from a file: true when it is, or was already. The name may be
 * left out, or NULL: then it is made of the file's. */
bool panda_load_plugin(const char *filename);
bool panda_load_plugin_as(const char *filename, const char *plugin_name);
#define panda_load_plugin(...) PANDA_LOAD_PLUGIN_(__VA_ARGS__, NULL, ~)
#define PANDA_LOAD_PLUGIN_(filename, plugin_name, ...) \
    panda_load_plugin_as(filename, plugin_name)
/* The handle of a loaded plugin, good for dlsym(), or NULL. */
void *panda_get_plugin_by_name(const char *name);
/* Loads a plugin by name unless it is, or its init is running; if it cannot,
 * the plugin whose init is running fails to load. The one that requires is
 * unloaded before the required one. */
void panda_require(const char *name);
/* The same with arguments, KEY=VALUE each. */
void panda_require_from_library(const char *name, char **args,
                                uint32_t num_args);
/* Unloads before the next block; the number is list_plugins'. */
void panda_unload_plugin(void *plugin);
void panda_unload_plugin_by_name(const char *name);
void panda_unload_plugin_idx(int idx);
void panda_unload_plugins(void);
/* Where these lie, to be freed; or NULL: a plugin of that name, the engine
 * itself, and a file beside plugins, whose name is made of a format with one
 * %s and a name. */
char *panda_plugin_path(const char *name);
char *panda_shared_library_path(const char *name);
char *resolve_file_from_plugin_directory(const char *format, const char *name);
/* The pieces of a text between separators, and NULL; all to be freed. */
char **str_split(char *text, const char separator);

/* -- Arguments ------------------------------------------------------------- */

typedef struct panda_arg {
    char *argptr; /* key=value as it was given */
    char *key;
    char *value;
} panda_arg;

typedef struct panda_arg_list {
    int nargs;
    panda_arg *list;
    char *plugin_name;
} panda_arg_list;

/* What was given to a plugin by -panda and its kin. Never NULL. Strings live
 * until panda_free_args(). */
panda_arg_list *panda_get_args(const char *plugin_name);
void panda_free_args(panda_arg_list *args);
/* Adds an argument, KEY=VALUE, as if -panda had given it. */
bool panda_add_arg(const char *plugin_name, const char *arg);

/*
 * A value that is none of its type is named, and the plugin fails to load;
 * so does one that misses a required (_req) argument. A key without a value
 * is true for a bool. The help texts are printed for the key `help`.
 */
#define PANDA_PARSE_(kind, type) \
    type panda_parse_##kind(panda_arg_list *args, const char *argname, \
                            type defval); \
    type panda_parse_##kind##_req(panda_arg_list *args, const char *argname, \
                                  const char *help); \
    type panda_parse_##kind##_opt(panda_arg_list *args, const char *argname, \
                                  type defval, const char *help)
PANDA_PARSE_(ulong, target_ulong);
PANDA_PARSE_(uint32, uint32_t);
PANDA_PARSE_(uint64, uint64_t);
PANDA_PARSE_(double, double);
bool panda_parse_bool(panda_arg_list *args, const char *argname);
bool panda_parse_bool_req(panda_arg_list *args, const char *argname,
                          const char *help);
bool panda_parse_bool_opt(panda_arg_list *args, const char *argname,
                          const char *help);
char *panda_parse_string(panda_arg_list *args, const char *argname,
                         const char *defval);
char *panda_parse_string_req(panda_arg_list *args, const char *argname,
                             const char *help);
char *panda_parse_string_opt(panda_arg_list *args, const char *argname,
                             const char *defval, const char *help);

/* -- Translation control --------------------------------------------------- */

/* Before the next block, all blocks are forgotten and translated again. */
void panda_do_flush_tb(void);
/* In start_block_exec: the pc that was written is gone to, and not the block.
 * Here it is in any case. */
static inline void panda_do_break_exec(void) {}

/*
 * Memory callbacks of the calling plugin. One that calls these nowhere has
 * them from registration on; any other has none before the first is called.
 */
void panda_switch_memcb(void *plugin, bool on);
static const char panda_this_object_ = 0;
static inline void panda_enable_memcb(void)
{
    panda_switch_memcb((void *)(uintptr_t)&panda_this_object_, true);
}
static inline void panda_disable_memcb(void)
{
    panda_switch_memcb((void *)(uintptr_t)&panda_this_object_, false);
}

/* Accepted: the pc is always exact, and chaining is never seen. */
static inline void panda_enable_precise_pc(void)
{
    panda_update_pc = true;
}
static inline void panda_disable_precise_pc(void)
{
    panda_update_pc = false;
}
static inline void panda_enable_tb_chaining(void)
{
    panda_tb_chaining = true;
}
static inline void panda_disable_tb_chaining(void)
{
    panda_tb_chaining = false;
}

/* -- The machine ----------------------------------------------------------- */

/* Ends the run before the next block. 0. */
int panda_vm_quit(void);

/* Writes to the monitor that a `monitor` callback was given. */
void panda_monitor_print(Monitor *mon, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* -- What the loader looks at ---------------------------------------------- */

#define PANDA_PLUGIN_INTERFACE 2u

/* An argument that it never asks for is no reason to refuse the plugin, but
 * of one that defines this before it includes anything. */
#ifdef PANDA_STRICT_ARGUMENTS
#define PANDA_PLUGIN_STRICT_ 1u
#else
#define PANDA_PLUGIN_STRICT_ 0u
#endif

struct panda_plugin_interface {
    uint32_t version;
    char target[24];
    uint32_t strict;
};
extern const struct panda_plugin_interface panda_plugin_built_for
    __attribute__((weak, visibility("default")));
#ifndef PANDA_ENGINE
const struct panda_plugin_interface panda_plugin_built_for = {
    PANDA_PLUGIN_INTERFACE, TARGET_NAME, PANDA_PLUGIN_STRICT_};
#endif

#ifdef __cplusplus
}
#endif

#include "panda/plugin_plugin.h"

#endif
