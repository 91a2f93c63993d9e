/*
 * Plugins that know of each other: who must be unloaded before whom, the
 * functions that one registers with another one, and those that it calls.
 *
 * The points themselves lie within the plugins (panda/plugin_plugin.h) and
 * are found by name. What went through here is noted, so that no pointer into
 * a plugin outlives it.
 */
#include "plugin/plugins.h"

#include "base/error.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* -- Who needs whom -------------------------------------------------------- */

struct plugin *links_owner(struct plugins *p, const void *address)
{
    struct plugin *plugin;
    Dl_info mine, theirs;

    if (!dladdr(address, &mine)) {
        return NULL;
    }
    for (plugin = p->plugins; plugin; plugin = plugin->next) {
        if (dladdr(dlsym(plugin->handle, "init_plugin"), &theirs) &&
            mine.dli_fbase == theirs.dli_fbase) {
            return plugin;
        }
    }
    return NULL;
}

void links_need(struct plugin *from, struct plugin *to)
{
    if (!from || from == to) {
        return;
    }
    for (size_t i = 0; i < from->n_needs; i++) {
        if (from->needs[i] == to) {
            return;
        }
    }
    from->needs = panda_must(
        realloc(from->needs, (from->n_needs + 1) * sizeof(from->needs[0])));
    from->needs[from->n_needs++] = to;
}

static void forget_need(struct plugin *from, const struct plugin *to)
{
    for (size_t i = 0; i < from->n_needs; i++) {
        if (from->needs[i] == to) {
            from->needs[i] = from->needs[--from->n_needs];
            return;
        }
    }
}

/* -- Callback points ------------------------------------------------------- */

/* The functions that PPP_CB_BOILERPLATE defines. */
static void *point_function(const struct plugin *plugin, const char *verb,
                            const struct panda_ppp *what)
{
    char *name = panda_message("ppp_%s_cb_%s%s", verb, what->point,
                               what->has_context ? "_with_context" : "");
    void *function = dlsym(plugin->handle, name);

    free(name);
    return function;
}

static void call_add(void *symbol, const struct panda_ppp *what)
{
    void (*add)(panda_any_function);
    void (*add_with_context)(panda_any_function, void *);

    if (what->has_context) {
        *(void **)(void *)&add_with_context = symbol;
        add_with_context(what->function, what->context);
    } else {
        *(void **)(void *)&add = symbol;
        add(what->function);
    }
}

static bool call_remove(void *symbol, const struct panda_ppp *what)
{
    bool (*remove)(panda_any_function);
    bool (*remove_with_context)(panda_any_function, void *);

    if (!symbol) {
        return false;
    }
    if (what->has_context) {
        *(void **)(void *)&remove_with_context = symbol;
        return remove_with_context(what->function, what->context);
    }
    *(void **)(void *)&remove = symbol;
    return remove(what->function);
}

static void registration_free(struct registration **link)
{
    struct registration *r = *link;

    *link = r->next;
    free((char *)r->what.point);
    free(r);
}

/* The message for what a plugin misses in another one. */
static char *no_plugin(const struct plugin *from, const char *plugin)
{
    const char *name = from ? from->name : "a plugin";

    return panda_message("%s needs the plugin %s, which is not loaded: load "
                         "it first (-panda '%s;%s'), or let %s call "
                         "panda_require(\"%s\")",
                         name, plugin, plugin, name, name, plugin);
}

void panda_ppp_add(const void *object, struct panda_ppp what)
{
    struct plugins *p = plugins_current();
    struct plugin *from = links_owner(p, object);
    struct plugin *to = plugins_find(p, what.plugin);
    struct registration *r;
    void *add;

    if (!to && p->help) { /* it is not going to run */
        return;
    }
    if (!to) {
        plugins_fail(p, no_plugin(from, what.plugin));
        return;
    }
    add = point_function(to, "add", &what);
    if (!add) {
        plugins_fail(p,
                     panda_message("the plugin %s has no callback point %s%s",
                                   to->name, what.point,
                                   what.has_context ? " with a context" : ""));
        return;
    }
    r = panda_must(malloc(sizeof(*r)));
    *r = (struct registration){from, to, what, p->registrations};
    r->what.point = panda_must(strdup(what.point));
    p->registrations = r;
    links_need(from, to);
    call_add(add, &what);
}

bool panda_ppp_remove(const void *object, struct panda_ppp what)
{
    struct plugins *p = plugins_current();
    struct plugin *from = links_owner(p, object);
    struct plugin *to = plugins_find(p, what.plugin);

    if (!to) { /* gone, and all that was registered with it */
        return false;
    }
    for (struct registration **link = &p->registrations; *link;
         link = &(*link)->next) {
        const struct panda_ppp *that = &(*link)->what;

        if ((*link)->from == from && (*link)->to == to &&
            that->function == what.function && that->context == what.context &&
            that->has_context == what.has_context &&
            !strcmp(that->point, what.point)) {
            registration_free(link);
            break;
        }
    }
    return call_remove(point_function(to, "remove", &what), &what);
}

void links_drop(struct plugins *p, struct plugin *plugin)
{
    struct registration **link = &p->registrations;

    while (*link) {
        struct registration *r = *link;

        if (r->from == plugin && r->to != plugin) {
            call_remove(point_function(r->to, "remove", &r->what), &r->what);
        }
        if (r->from == plugin || r->to == plugin) {
            registration_free(link);
        } else {
            link = &r->next;
        }
    }
    for (struct plugin *other = p->plugins; other; other = other->next) {
        forget_need(other, plugin);
    }
    free(plugin->needs);
    plugin->needs = NULL;
    plugin->n_needs = 0;
}

/* -- Functions ------------------------------------------------------------- */

bool panda_import_api(const void *object, const char *plugin,
                      const struct panda_import *imports, size_t n)
{
    struct plugins *p = plugins_current();
    struct plugin *from = links_owner(p, object);
    struct plugin *to = plugins_find(p, plugin);

    if (!to && p->help) {
        return true;
    }
    if (!to) {
        char *message = no_plugin(from, plugin);

        panda_warn("%s", message);
        free(message);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        void *function = dlsym(to->handle, imports[i].name);

        if (!function) {
            panda_warn("the plugin %s has no function %s(), which %s calls: "
                       "build both against one version",
                       to->name, imports[i].name,
                       from ? from->name : "another one");
            return false;
        }
        *(void **)imports[i].variable = function;
    }
    links_need(from, to);
    return true;
}
