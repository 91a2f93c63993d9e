/* Loading plugins: who is loaded, starting and ending them. */
#include "plugin/plugins.h"

#include "base/error.h"

/* -- Who is loaded --------------------------------------------------------- */

/* `test`, and the manual's panda_test.so, are one name. */
static char *bare_name(const char *name)
{
    const char *slash = strrchr(name, '/'), *start = slash ? slash + 1 : name;
    size_t length = strlen(start);

    if (!strncmp(start, "panda_", 6) && length > 9 &&
        !strcmp(start + length - 3, ".so")) {
        return panda_must(strndup(start + 6, length - 9));
    }
    return panda_must(strdup(start));
}

struct plugin *plugins_find(struct plugins *p, const char *name)
{
    char *bare = bare_name(name);
    struct plugin *plugin = p->plugins;

    while (plugin && strcmp(plugin->name, bare)) {
        plugin = plugin->next;
    }
    free(bare);
    return plugin;
}

struct plugin *plugins_of_handle(struct plugins *p, const void *handle)
{
    struct plugin *plugin = p->plugins;

    while (plugin && plugin->handle != handle) {
        plugin = plugin->next;
    }
    return plugin;
}

void plugins_fail(struct plugins *p, char *message)
{
    if (!p->starting) {
        panda_warn("%s", message);
    } else if (!p->failure) {
        p->failure = message;
        return;
    }
    free(message);
}

/* -- Ending ---------------------------------------------------------------- */

static void plugin_free(struct plugins *p, struct plugin *plugin)
{
    struct plugin **link = &p->plugins;

    while (*link != plugin) {
        link = &(*link)->next;
    }
    *link = plugin->next;
    dlclose(plugin->handle);
    free(plugin->name);
    free(plugin->path);
    free(plugin);
}

static void end(struct plugins *p, struct plugin *plugin, bool was_started)
{
    void (*uninit)(void *);

    plugins_set_current(p);
    if (p->machine) {
        show_here(p);
    }
    *(void **)(void *)&uninit = dlsym(plugin->handle, "uninit_plugin");
    if (uninit && was_started) {
        p->ending = plugin;
        uninit(plugin->handle);
        p->ending = NULL;
    }
    registry_unregister(p, plugin->handle);
}

/* A plugin and those that need it, these first. Those of a circle are in the
 * order of `needs` as far as there is one. */
struct leavers {
    struct plugin **plugin;
    size_t n;
};

static bool needs(const struct plugin *plugin, const struct plugin *other)
{
    for (size_t i = 0; i < plugin->n_needs; i++) {
        if (plugin->needs[i] == other) {
            return true;
        }
    }
    return false;
}

static void add_leaver(struct plugins *p, struct leavers *leavers,
                       struct plugin *plugin)
{
    if (plugin->leaving) {
        return;
    }
    plugin->leaving = true;
    for (struct plugin *other = p->plugins; other; other = other->next) {
        if (needs(other, plugin)) {
            add_leaver(p, leavers, other);
        }
    }
    leavers->plugin = panda_must(
        realloc(leavers->plugin, (leavers->n + 1) * sizeof(struct plugin *)));
    leavers->plugin[leavers->n++] = plugin;
}

/* All are ended before the first is closed: some call each other in a
 * circle. `failed`: its init has, and its uninit is not called. */
static void unload(struct plugins *p, struct leavers *leavers,
                   const struct plugin *failed)
{
    for (size_t i = 0; i < leavers->n; i++) {
        end(p, leavers->plugin[i], leavers->plugin[i] != failed);
    }
    for (size_t i = 0; i < leavers->n; i++) {
        links_drop(p, leavers->plugin[i]);
    }
    for (size_t i = 0; i < leavers->n; i++) {
        plugin_free(p, leavers->plugin[i]);
    }
    free(leavers->plugin);
}

void plugins_unload_marked(struct plugins *p)
{
    struct leavers leavers = {0};

    for (struct plugin *plugin = p->plugins; plugin; plugin = plugin->next) {
        if (plugin->unload) {
            add_leaver(p, &leavers, plugin);
        }
    }
    unload(p, &leavers, NULL);
}

/* -- Starting -------------------------------------------------------------- */

/* Some were given that the plugin has not asked for: wrong, or suspicious. */
static void check_arguments(struct plugins *p, const struct plugin *plugin,
                            bool good)
{
    char *wrong;

    while (good && !p->failure && !p->help &&
           (wrong = arguments_unasked(p, plugin->name))) {
        if (plugin->strict) {
            p->failure = wrong;
        } else {
            panda_warn("plugin %s: %s", plugin->name, wrong);
            free(wrong);
        }
    }
}

/* Calls init. False: p->failure may say why. */
static bool start(struct plugins *p, struct plugin *plugin)
{
    struct plugin *outer = p->starting;
    char *outer_failure = p->failure;
    bool (*init)(void *);
    bool good;

    *(void **)(void *)&init = dlsym(plugin->handle, "init_plugin");
    plugins_set_current(p);
    p->starting = plugin;
    p->failure = NULL;
    good = init(plugin->handle);
    p->starting = outer;
    check_arguments(p, plugin, good);
    if ((good || p->help) && !p->failure) { /* none may start for its help */
        p->failure = outer_failure;
        return true;
    }
    if (!p->failure) {
        p->failure = panda_message("its init_plugin() returned false");
    }
    free(outer_failure);
    return false;
}

bool plugins_load(struct plugins *p, const char *path, const char *name,
                  char **message)
{
    char *bare = bare_name(name ? name : path);
    struct plugin *plugin = plugins_find(p, bare);
    const struct panda_plugin_interface *made;
    struct leavers leavers = {0};
    void *handle;

    if (plugin) {
        free(bare);
        return true;
    }
    handle = plugins_open_file(path, message);
    if (!handle) {
        free(bare);
        return false;
    }
    if (!p->crash) {
        crash_watch(p);
    }
    plugin = panda_must(calloc(1, sizeof(*plugin)));
    plugin->name = bare;
    plugin->path = panda_must(strdup(path));
    plugin->handle = handle;
    plugin->enabled = true;
    plugin->memory = !plugins_file_uses(handle, "panda_switch_memcb");
    made = dlsym(handle, "panda_plugin_built_for");
    plugin->strict = made->strict;
    plugin->next = p->plugins;
    p->plugins = plugin;
    if (start(p, plugin)) {
        return true;
    }
    *message = panda_message("plugin %s: %s", plugin->name, p->failure);
    free(p->failure);
    p->failure = NULL;
    add_leaver(p, &leavers, plugin);
    unload(p, &leavers, plugin);
    return false;
}

bool plugins_require(struct plugins *p, const char *name, char **message)
{
    char *places = NULL, *path;
    bool good;

    if (plugins_find(p, name)) {
        return true;
    }
    path = strchr(name, '/') ? panda_must(strdup(name))
                             : plugins_search(name, &places);
    if (!path) {
        *message = panda_message("there is no plugin '%s': panda_%s.so is in "
                                 "none of%s",
                                 name, name, places);
        free(places);
        return false;
    }
    good = plugins_load(p, path, NULL, message);
    free(places);
    free(path);
    return good;
}

/* NAME[:ARGUMENT,...]; `general` only takes arguments. */
static bool load_one(struct plugins *p, char *spec, char **message)
{
    char *arguments = strchr(spec, ':'), *name, *save = NULL;
    bool good = true;

    if (arguments) {
        *arguments++ = '\0';
    }
    if (!*spec) {
        *message = panda_message("a plugin without a name");
        return false;
    }
    name = bare_name(spec);
    for (char *a = arguments ? strtok_r(arguments, ",", &save) : NULL; a;
         a = strtok_r(NULL, ",", &save)) {
        arguments_add(p, name, a);
    }
    if (strcmp(name, "general")) {
        good = plugins_require(p, spec, message);
    }
    free(name);
    return good;
}

bool plugins_load_list(struct plugins *p, const char *list, char **message)
{
    char *copy = panda_must(strdup(list)), *save = NULL;
    bool good = true;

    for (char *spec = strtok_r(copy, ";", &save); spec && good;
         spec = strtok_r(NULL, ";", &save)) {
        good = load_one(p, spec, message);
    }
    free(copy);
    return good;
}

/* -- All of them ----------------------------------------------------------- */

struct plugins *plugins_new(void)
{
    struct plugins *p = panda_must(calloc(1, sizeof(*p)));

    p->patience = 60;
    variables_show(p);
    return p;
}

void plugins_free(struct plugins *p)
{
    if (!p) {
        return;
    }
    for (struct plugin *plugin = p->plugins; plugin; plugin = plugin->next) {
        plugin->unload = true;
    }
    plugins_unload_marked(p);
    plugins_close_log(p);
    crash_unwatch(p);
    registry_sweep(p);
    arguments_free(p);
    if (p->machine) {
        plugins_detach(p);
    }
    if (plugins_current() == p) {
        plugins_set_current(NULL);
    }
    free(p->failure);
    free(p->mutant);
    free(p->control_name);
    free(p->rr_name);
    free(p->cache);
    free(p->bytes);
    free(p);
}
