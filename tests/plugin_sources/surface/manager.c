/*
 * Plugins that manage plugins: found, loaded, switched off, unloaded; and
 * callbacks with a context.
 *
 * with: counter
 * > manager: counter is found by both names, nobody is not
 * > manager: counter's file, and one beside it
 * > manager: a,b,c in three
 * > manager: 3 and 2 by context
 * > manager: counter stood still while it was off
 * > manager: counter was unloaded
 * > counter: bye
 */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static unsigned by_context[2], blocks;
static uint64_t (*count_of)(void);
static uint64_t held;
static void *plugin;

static void with_context(void *context, CPUState *cpu, TranslationBlock *tb)
{
    unsigned *n = context;

    assert(cpu && tb);
    ++*n;
}

static panda_cb_with_context contextual(void)
{
    panda_cb_with_context pcb = {.before_block_exec = with_context};

    return pcb;
}

static void before_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    void *counter = panda_get_plugin_by_name("counter");

    assert(cpu && tb);
    blocks++;
    switch (blocks) {
    case 2:
        panda_disable_callback_with_context(plugin, PANDA_CB_BEFORE_BLOCK_EXEC,
                                            contextual(), &by_context[1]);
        break;
    case 4:
        panda_enable_callback_with_context(plugin, PANDA_CB_BEFORE_BLOCK_EXEC,
                                           contextual(), &by_context[1]);
        panda_unregister_callbacks(&by_context);
        break;
    case 10:
        panda_disable_plugin(counter);
        held = count_of();
        break;
    case 20:
        if (count_of() == held) {
            printf("manager: counter stood still while it was off\n");
        }
        panda_enable_plugin(counter);
        break;
    case 30:
        assert(count_of() > held);
        panda_unload_plugin(counter);
        break;
    case 32:
        assert(!counter);
        printf("manager: counter was unloaded\n");
        break;
    }
}

static void find_files(void)
{
    char *path = panda_plugin_path("counter");
    char *other = resolve_file_from_plugin_directory("panda_%s.so", "counter");
    char *engine = panda_shared_library_path("x86_64");
    char letters[] = "a,b,c", **pieces = str_split(letters, ',');

    if (path && other && !strcmp(path, other) && engine &&
        !panda_plugin_path("nobody")) {
        printf("manager: counter's file, and one beside it\n");
    }
    printf("manager: %s,%s,%s in %s\n", pieces[0], pieces[1], pieces[2],
           pieces[3] ? "more" : "three");
    for (unsigned i = 0; i < 4; i++) {
        free(pieces[i]);
    }
    assert(panda_load_plugin(path) && panda_load_plugin(path, "counter"));
    free(pieces);
    free(path);
    free(other);
    free(engine);
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = before_block_exec};
    void *counter;

    plugin = self;
    panda_require("manager");
    panda_require_from_library("manager", NULL, 0);
    find_files();
    counter = panda_get_plugin_by_name("counter");
    if (counter && panda_get_plugin_by_name("panda_counter.so") == counter &&
        !panda_get_plugin_by_name("nobody")) {
        printf("manager: counter is found by both names, nobody is not\n");
    }
    *(void **)(void *)&count_of = dlsym(counter, "count_of_blocks");
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    panda_register_callback_with_context(
        &by_context, PANDA_CB_BEFORE_BLOCK_EXEC, contextual(), &by_context[0]);
    panda_register_callback_with_context(self, PANDA_CB_BEFORE_BLOCK_EXEC,
                                         contextual(), &by_context[1]);
    panda_unload_plugin_by_name("nobody");
    panda_unload_plugin_idx(-1);
    return count_of != NULL;
}

void uninit_plugin(UNUSED(void *self))
{
    printf("manager: %u and %u by context\n", by_context[0],
           by_context[1] > 2 ? 2 : by_context[1]);
}
