/*
 * Plugins as files: where they lie, and opening them.
 *
 * A plugin that is not made for this program is told apart by the record that
 * include/panda/plugin.h leaves in each.
 */
#include "plugin/plugins.h"

#include "base/error.h"
#include "plugin/places.h" /* PANDA_LIBRARIES: the way from bin/ to lib/ */

#include <libgen.h>
#include <link.h>
#include <sys/mman.h>

/* -- Where they lie -------------------------------------------------------- */

/* A file in a directory. NULL: not there; then *places grows. */
static char *look_in(char *directory, const char *file, char **places)
{
    char *path, *longer;

    path = panda_message("%s/%s", directory, file);
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

/* A directory given by the way from the program's; so a tree of files that was
 * installed can be moved. */
static char *from_program(const char *way)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s", qemu_file);
    return panda_message("%s/%s", dirname(path), way);
}

/* The file, or NULL; then *places, to be freed, is where it was looked for. */
char *plugins_search_file(const char *file, char **places)
{
    const char *own = getenv("PANDA_PLUGIN_DIR"), *root = getenv("PANDA_DIR");
    char *path = NULL;

    *places = NULL;
    if (own) {
        path = look_in(panda_message("%s", own), file, places);
    }
    if (!path && root) {
        path = look_in(
            panda_message("%s/" TARGET_NAME "-softmmu/panda/plugins", root),
            file, places);
    }
    if (!path) {
        path = look_in(from_program("panda/plugins"), file, places);
    }
    if (!path) {
        path = look_in(from_program(PANDA_LIBRARIES "/panda/" TARGET_NAME),
                       file, places);
    }
    return path;
}

char *plugins_search(const char *name, char **places)
{
    char *file = panda_message("panda_%s.so", name);
    char *path = plugins_search_file(file, places);

    free(file);
    return path;
}

/* -- Opening them ---------------------------------------------------------- */

static char *foreign(const char *path)
{
    return panda_message("%s was not built against the headers of this "
                         "program (include/panda): build it from its source",
                         path);
}

/* Why a file is no plugin for this program, or NULL. */
static char *unfit(void *handle, const char *path)
{
    const struct panda_plugin_interface *made = dlsym(handle,
                                                      "panda_plugin_built_for");

    if (!made) {
        return foreign(path);
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

/* Does the file hold the name of that record? Asked of one that cannot be
 * opened: a plugin made for PANDA misses variables of that program. */
static bool names_record(const char *path)
{
    static const char name[] = "panda_plugin_built_for";
    struct stat status;
    bool named = false;
    void *bytes;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return true;
    }
    bytes = fstat(file, &status) ? MAP_FAILED
                                 : mmap(NULL, (size_t)status.st_size, PROT_READ,
                                        MAP_PRIVATE, file, 0);
    if (bytes != MAP_FAILED) {
        named = memmem(bytes, (size_t)status.st_size, name, sizeof(name));
        munmap(bytes, (size_t)status.st_size);
    }
    close(file);
    return named;
}

/* Why the dynamic linker refused a file: of one made for something else that
 * is the reason, not the name that it misses. */
static char *refusal(const char *path, const char *reason)
{
    char *said = panda_message("%s", reason), *why = NULL;

    if (strstr(said, "undefined symbol")) {
        void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);

        if (handle) {
            why = unfit(handle, path);
            dlclose(handle);
        } else if (!names_record(path)) {
            why = foreign(path);
        }
    }
    if (why) {
        free(said);
        return why;
    }
    return said;
}

void *plugins_open_file(const char *path, char **message)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    *message = handle ? unfit(handle, path) : refusal(path, dlerror());
    if (*message && handle) {
        dlclose(handle);
    }
    return *message ? NULL : handle;
}

/* -- What a plugin uses ---------------------------------------------------- */

static uintptr_t dynamic(const ElfW(Dyn) * entry, ElfW(Sxword) tag)
{
    while (entry->d_tag != DT_NULL && entry->d_tag != tag) {
        entry++;
    }
    return entry->d_tag == tag ? (uintptr_t)entry->d_un.d_ptr : 0;
}

/* In one of its tables of relocations: every name that it takes from
 * elsewhere is in one. */
static bool names_symbol(const ElfW(Dyn) * entries, ElfW(Sxword) table,
                         ElfW(Sxword) bytes, const char *symbol)
{
    const ElfW(Sym) *symbols = (void *)dynamic(entries, DT_SYMTAB);
    const char *names = (char *)dynamic(entries, DT_STRTAB);
    const ElfW(Rela) *rows = (void *)dynamic(entries, table);
    size_t n = rows ? dynamic(entries, bytes) / sizeof(*rows) : 0;

    for (size_t i = 0; i < n; i++) {
        size_t number = ELF64_R_SYM(rows[i].r_info);

        if (!strcmp(names + symbols[number].st_name, symbol)) {
            return true;
        }
    }
    return false;
}

bool plugins_file_uses(void *handle, const char *symbol)
{
    const struct link_map *map;

    return !dlinfo(handle, RTLD_DI_LINKMAP, &map) &&
           (names_symbol(map->l_ld, DT_JMPREL, DT_PLTRELSZ, symbol) ||
            names_symbol(map->l_ld, DT_RELA, DT_RELASZ, symbol));
}
