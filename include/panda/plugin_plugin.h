/*
 * Plugins that talk to each other.
 *
 * A plugin offers callback points, where functions of other plugins run:
 *
 *     typedef void (*on_thing_t)(CPUState *cpu, target_ulong what);  its .h
 *     PPP_PROT_REG_CB(on_thing)                                      its .c
 *     PPP_CB_BOILERPLATE(on_thing)
 *     ...    PPP_RUN_CB(on_thing, cpu, what);
 *
 *     PPP_REG_CB("provider", on_thing, my_function);  in another's init
 *
 * and functions, listed in NAME_int_fns.h; of that scripts/panda-api-generate
 * makes NAME_ext.h with init_NAME_api().
 *
 * A plugin that registers with, requires or calls another one is unloaded
 * before it, and what it registered goes with it.
 */
#ifndef PANDA_PLUGIN_PLUGIN_H
#define PANDA_PLUGIN_PLUGIN_H

#include "panda/plugin.h"
#include "panda/plugin_words.h"

#define PPP_MAX_CB 256

#define PPP_EXPORT_ __attribute__((visibility("default")))

#ifdef __cplusplus
#define PPP_C_BEGIN_ extern "C" {
#define PPP_C_END_ }
#else
#define PPP_C_BEGIN_
#define PPP_C_END_
#endif

/* -- What the engine does -------------------------------------------------- */

/* Any function; called as what it is. */
typedef void (*panda_any_function)(void);

/* A function that a plugin calls in another one, and where to put it. */
struct panda_import {
    const char *name;
    void *variable;
};

/* What is registered: where, and what. With a context or without. */
struct panda_ppp {
    const char *plugin, *point;
    panda_any_function function;
    void *context;
    bool has_context;
};

PPP_C_BEGIN_
/* Fills the variables. False, after a message: the plugin is not loaded, or
 * has no such function. `object` is &panda_this_object_, here and below. */
bool panda_import_api(const void *object, const char *plugin,
                      const struct panda_import *imports, size_t n);
/* What is missing makes the load of the calling plugin fail. */
void panda_ppp_add(const void *object, struct panda_ppp what);
bool panda_ppp_remove(const void *object, struct panda_ppp what);
PPP_C_END_

static inline void panda_ppp_full_(const char *point)
{
    fprintf(stderr,
            PANDA_MSG "E> no more than %d functions can be registered "
                      "with %s\n",
            PPP_MAX_CB, point);
}

/* -- With a context -------------------------------------------------------- */

/*
 * Of a point only the type NAME_t is known. C++ makes of it the type with a
 * context in front. C cannot; there such functions are called as if they took
 * any arguments, each as wide as a register, which is how plugins are called
 * anyway.
 */
#ifdef __cplusplus
extern "C++" {
template <typename F> struct panda_ppp_context_;
template <typename R, typename... A> struct panda_ppp_context_<R (*)(A...)> {
    typedef R (*type)(void *, A...);
};
}
#define PPP_CONTEXT_TYPE_(cb) panda_ppp_context_<cb##_t>::type
#define PPP_WITH_CONTEXT_TYPE_(cb) PPP_CONTEXT_TYPE_(cb)
#define PPP_WIDE_(...) __VA_OPT__(, ) __VA_ARGS__
#else
typedef void (*panda_ppp_any_)(void *context, ...);
#define PPP_CONTEXT_TYPE_(cb) panda_ppp_any_
#define PPP_WITH_CONTEXT_TYPE_(cb) cb##_with_context_t
#define PPP_IS_INT_(x) \
    _Generic((x), _Bool : 1, char : 1, signed char : 1, unsigned char : 1, \
             short : 1, unsigned short : 1, int : 1, unsigned : 1, long : 1, \
             unsigned long : 1, long long : 1, unsigned long long : 1, \
             default : 0)
#define PPP_WIDEN_(x) \
    __builtin_choose_expr( \
        PPP_IS_INT_(x), \
        (unsigned long long)__builtin_choose_expr(PPP_IS_INT_(x), (x), 0), \
        (x))
#define PPP_WIDE_(...) PANDA_EACH_(PPP_WIDEN_ __VA_OPT__(, ) __VA_ARGS__)
#endif

/* -- The side that is listened to ------------------------------------------ */

/* Declares the functions by which others register. At file scope. */
#define PPP_PROT_REG_CB(cb) \
    PPP_C_BEGIN_ \
    PPP_EXPORT_ void ppp_add_cb_##cb(cb##_t fptr); \
    PPP_EXPORT_ void ppp_add_cb_##cb##_slot(cb##_t fptr, int slot); \
    PPP_EXPORT_ bool ppp_remove_cb_##cb(cb##_t fptr); \
    PPP_EXPORT_ void ppp_add_cb_##cb##_with_context( \
        PPP_CONTEXT_TYPE_(cb) fptr, void *context); \
    PPP_EXPORT_ void ppp_add_cb_##cb##_slot_with_context( \
        PPP_CONTEXT_TYPE_(cb) fptr, int slot, void *context); \
    PPP_EXPORT_ bool ppp_remove_cb_##cb##_with_context( \
        PPP_CONTEXT_TYPE_(cb) fptr, void *context); \
    PPP_C_END_

/* Declares the arrays, for other files of the plugin that run the point. */
#define PPP_CB_EXTERN(cb) \
    PPP_C_BEGIN_ \
    PPP_EXPORT_ extern cb##_t ppp_##cb##_cb[PPP_MAX_CB]; \
    PPP_EXPORT_ extern int ppp_##cb##_num_cb; \
    PPP_EXPORT_ extern PPP_CONTEXT_TYPE_(cb) \
        ppp_##cb##_cb_with_context[PPP_MAX_CB]; \
    PPP_EXPORT_ extern void *ppp_##cb##_cb_context[PPP_MAX_CB]; \
    PPP_EXPORT_ extern int ppp_##cb##_num_cb_with_context; \
    PPP_C_END_

#define PPP_SLOT_IS_GOOD_(cb, slot) \
    if ((slot) < 0 || (slot) >= PPP_MAX_CB) { \
        panda_ppp_full_(#cb); \
        return; \
    }

#define PPP_CB_PLAIN_(cb) \
    cb##_t ppp_##cb##_cb[PPP_MAX_CB]; \
    int ppp_##cb##_num_cb; \
    void ppp_add_cb_##cb##_slot(cb##_t fptr, int slot) \
    { \
        PPP_SLOT_IS_GOOD_(cb, slot) \
        ppp_##cb##_cb[slot] = fptr; \
        if (slot >= ppp_##cb##_num_cb) { \
            ppp_##cb##_num_cb = slot + 1; \
        } \
    } \
    void ppp_add_cb_##cb(cb##_t fptr) \
    { \
        ppp_add_cb_##cb##_slot(fptr, ppp_##cb##_num_cb); \
    } \
    bool ppp_remove_cb_##cb(cb##_t fptr) \
    { \
        int i = 0, n = ppp_##cb##_num_cb; \
        while (i < n && ppp_##cb##_cb[i] != fptr) { \
            i++; \
        } \
        if (i == n) { \
            return false; \
        } \
        for (; i + 1 < n; i++) { \
            ppp_##cb##_cb[i] = ppp_##cb##_cb[i + 1]; \
        } \
        ppp_##cb##_num_cb = n - 1; \
        return true; \
    }

#define PPP_CB_CONTEXT_(cb) \
    PPP_CONTEXT_TYPE_(cb) ppp_##cb##_cb_with_context[PPP_MAX_CB]; \
    void *ppp_##cb##_cb_context[PPP_MAX_CB]; \
    int ppp_##cb##_num_cb_with_context; \
    void ppp_add_cb_##cb##_slot_with_context(PPP_CONTEXT_TYPE_(cb) fptr, \
                                             int slot, void *context) \
    { \
        PPP_SLOT_IS_GOOD_(cb, slot) \
        ppp_##cb##_cb_with_context[slot] = fptr; \
        ppp_##cb##_cb_context[slot] = context; \
        if (slot >= ppp_##cb##_num_cb_with_context) { \
            ppp_##cb##_num_cb_with_context = slot + 1; \
        } \
    } \
    void ppp_add_cb_##cb##_with_context(PPP_CONTEXT_TYPE_(cb) fptr, \
                                        void *context) \
    { \
        ppp_add_cb_##cb##_slot_with_context( \
            fptr, ppp_##cb##_num_cb_with_context, context); \
    } \
    bool ppp_remove_cb_##cb##_with_context(PPP_CONTEXT_TYPE_(cb) fptr, \
                                           void *context) \
    { \
        int i = 0, n = ppp_##cb##_num_cb_with_context; \
        while (i < n && (ppp_##cb##_cb_with_context[i] != fptr || \
                         ppp_##cb##_cb_context[i] != context)) { \
            i++; \
        } \
        if (i == n) { \
            return false; \
        } \
        for (; i + 1 < n; i++) { \
            ppp_##cb##_cb_with_context[i] = ppp_##cb##_cb_with_context[i + 1]; \
            ppp_##cb##_cb_context[i] = ppp_##cb##_cb_context[i + 1]; \
        } \
        ppp_##cb##_num_cb_with_context = n - 1; \
        return true; \
    }

/* Defines all that belongs to a point. At file scope, once a plugin. */
#define PPP_CB_BOILERPLATE(cb) \
    PPP_PROT_REG_CB(cb) \
    PPP_CB_EXTERN(cb) \
    PPP_C_BEGIN_ \
    PPP_CB_PLAIN_(cb) \
    PPP_CB_CONTEXT_(cb) \
    PPP_C_END_

/* Runs all functions, plain ones first, in the order of registration. One
 * that is added on the way runs, too. */
#define PPP_RUN_CB(cb, ...) \
    { \
        for (int ppp_i_ = 0; ppp_i_ < ppp_##cb##_num_cb; ppp_i_++) { \
            if (ppp_##cb##_cb[ppp_i_] != NULL) { \
                ppp_##cb##_cb[ppp_i_](__VA_ARGS__); \
            } \
        } \
        for (int ppp_i_ = 0; ppp_i_ < ppp_##cb##_num_cb_with_context; \
             ppp_i_++) { \
            if (ppp_##cb##_cb_with_context[ppp_i_] != NULL) { \
                ppp_##cb##_cb_with_context[ppp_i_]( \
                    ppp_##cb##_cb_context[ppp_i_] PPP_WIDE_(__VA_ARGS__)); \
            } \
        } \
    }

/* Followed by a statement, which is run when one of the plain functions, all
 * of which are called, returned true. Once in a scope. */
#define IF_PPP_RUN_BOOL_CB(cb, ...) \
    bool __ret = false; \
    for (int ppp_i_ = 0; ppp_i_ < ppp_##cb##_num_cb; ppp_i_++) { \
        if (ppp_##cb##_cb[ppp_i_] != NULL) { \
            __ret |= ppp_##cb##_cb[ppp_i_](__VA_ARGS__); \
        } \
    } \
    if (__ret)

/* Is any function registered? */
#define PPP_CHECK_CB(cb) \
    (ppp_##cb##_num_cb > 0 || ppp_##cb##_num_cb_with_context > 0)

/* -- The side that listens ------------------------------------------------- */

#define PPP_CALL_(call, type, plugin_, cb, func, context_, has) \
    { \
        type ppp_function_ = (func); \
        struct panda_ppp ppp_what_ = {(plugin_), #cb, \
                                      (panda_any_function)ppp_function_, \
                                      (context_), (has)}; \
        call(&panda_this_object_, ppp_what_); \
    }

/* Has func called at the point cb of a plugin; a plugin or a point that is
 * missing makes the load fail. */
#define PPP_REG_CB(plugin, cb, func) \
    PPP_CALL_(panda_ppp_add, cb##_t, plugin, cb, func, NULL, false)
/* Takes it away again. */
#define PPP_REMOVE_CB(plugin, cb, func) \
    PPP_CALL_(panda_ppp_remove, cb##_t, plugin, cb, func, NULL, false)
/* The same for a function whose first argument is the context given. */
#define PPP_REG_CB_WITH_CONTEXT(plugin, cb, func, context) \
    PPP_CALL_(panda_ppp_add, PPP_WITH_CONTEXT_TYPE_(cb), plugin, cb, func, \
              context, true)
#define PPP_REMOVE_CB_WITH_CONTEXT(plugin, cb, func, context) \
    PPP_CALL_(panda_ppp_remove, PPP_WITH_CONTEXT_TYPE_(cb), plugin, cb, func, \
              context, true)

#endif
