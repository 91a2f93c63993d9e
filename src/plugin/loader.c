/*
 * Plugins as files: where they lie, opening them, starting and ending them.
 *
 * A plugin that is not made for this program is told apart by the record that
 * include/panda/plugin.h leaves in each.
 */
#include "plugin/plugins.h"

#include "base/error.h"

#include <libgen.h>
#include <link.h>
#include <unistd.h>

#ifndef PANDA_LIBDIR
#define PANDA_LIBDIR "/usr/local/lib"
#endif

/* -- Where they lie -------------------------------------------------------- */

/* panda_NAME.so in a directory. NULL: not there; then *places grows. */
static char *look_in(char *directory, const char *name, char **places)
{
    char *path, *longer;

    path = panda_message("%s/panda_%s.so", directory, name);
    if (access(path, F_OK) == 0) {
        free(directory);
        return path;
    }
    longer = panda_message("%s\n    %s", *places ? *places : "", directory);
    free(*places);
    *places = longer;
    free(path);
    free(directory);
    return NULL;
}

static char *beside_program(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n < 0) {
        n = 0;
    }
    path[n] = '\0';
    return panda_message("%s/panda/plugins", dirname(path));
}

/* The file, or NULL; then *places, to be freed, is where it was looked for. */
char *plugins_search(const char *name, char **places)
{
    const char *own = getenv("PANDA_PLUGIN_DIR"), *root = getenv("PANDA_DIR");
    char *path = NULL;

    *places = NULL;
    if (own) {
        path = look_in(panda_message("%s", own), name, places);
    }
    if (!path && root) {
        path = look_in(
            panda_message("%s/" TARGET_NAME "-softmmu/panda/plugins", root),
            name, places);
    }
    if (!path) {
        path = look_in(beside_program(), name, places);
    }
    if (!path) {
        path = look_in(panda_message(PANDA_LIBDIR "/panda/" TARGET_NAME), name,
                       places);
    }
    return path;
}

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

static void unload(struct plugins *p, struct plugin *plugin)
{
    void (*uninit)(void *);

    plugins_set_current(p);
    if (p->machine) {
        show_here(p);
    }
    *(void **)(void *)&uninit = dlsym(plugin->handle, "uninit_plugin");
    if (uninit) {
        uninit(plugin->handle);
    }
    registry_unregister(p, plugin->handle);
    plugin_free(p, plugin);
}

void plugins_unload_marked(struct plugins *p)
{
    struct plugin *plugin = p->plugins;

    while (plugin) {
        struct plugin *next = plugin->next;

        if (plugin->unload) {
            unload(p, plugin);
        }
        plugin = next;
    }
}

/* -- Starting -------------------------------------------------------------- */

/* Why a file is no plugin for this program, or NULL. */
static char *unfit(void *handle, const char *path)
{
    const struct panda_plugin_interface *made = dlsym(handle,
                                                      "panda_plugin_built_for");

    if (!made) {
        return panda_message("%s was not built against the headers of this "
                             "program (include/panda): build it from its "
                             "source",
                             path);
    }
    if (strncmp(made->target, TARGET_NAME, sizeof(made->target))) {
        return panda_message(
            "%s is built for %.*s guests, this program runs " TARGET_NAME, path,
            (int)sizeof(made->target), made->target);
    }
    if (made->version != PANDA_PLUGIN_INTERFACE) {
        return panda_message("%s is built for version %u of the plugin "
                             "interface, this program has %u: build it anew",
                             path, made->version, PANDA_PLUGIN_INTERFACE);
    }
    if (!dlsym(handle, "init_plugin")) {
        return panda_message("%s has no init_plugin()", path);
    }
    return NULL;
}

static void *open_file(const char *path, char **message)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    char *why;

    if (!handle) {
        *message = panda_message("%s", dlerror());
        return NULL;
    }
    why = unfit(handle, path);
    if (!why && !dlopen(path, RTLD_NOW | RTLD_NOLOAD)) {
        why = panda_message("%s", dlerror());
    } else if (!why) {
        dlclose(handle); /* opened twice now */
    }
    if (why) {
        dlclose(handle);
        *message = why;
        return NULL;
    }
    return handle;
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
    if (good && !p->failure && !p->help) {
        const struct argument *extra = arguments_unasked(p, plugin->name);

        if (extra) {
            p->failure = panda_message("it has no argument '%s'", extra->key);
        }
    }
    if ((good || p->help) && !p->failure) { /* none may start for its help */
        p->failure = outer_failure;
        return true;
    }
    registry_unregister(p, plugin->handle);
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
    void *handle;

    if (plugin) {
        free(bare);
        return true;
    }
    handle = open_file(path, message);
    if (!handle) {
        free(bare);
        return false;
    }
    plugin = panda_must(calloc(1, sizeof(*plugin)));
    plugin->name = bare;
    plugin->path = panda_must(strdup(path));
    plugin->handle = handle;
    plugin->memory = plugin->enabled = true;
    plugin->next = p->plugins;
    p->plugins = plugin;
    if (start(p, plugin)) {
        return true;
    }
    *message = panda_message("plugin %s: %s", plugin->name, p->failure);
    free(p->failure);
    p->failure = NULL;
    plugin_free(p, plugin);
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
    return panda_must(calloc(1, sizeof(struct plugins)));
}

void plugins_free(struct plugins *p)
{
    if (!p) {
        return;
    }
    while (p->plugins) {
        unload(p, p->plugins);
    }
    plugins_close_log(p);
    registry_sweep(p);
    arguments_free(p);
    if (p->machine) {
        p->machine->watch = NULL;
        p->machine->cpu->access_told = NULL;
        block_forget_all(p);
    }
    if (plugins_current() == p) {
        plugins_set_current(NULL);
    }
    free(p->failure);
    free(p->cache);
    free(p);
}
