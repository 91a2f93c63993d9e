/*
 * A plugin for tests/plugins_beside.py: calls a plugin that does nothing by
 * itself (`of`), so that it watches, and says at the end how often it was
 * called back. What it asks for lies in the guest of tests/callbacks/events.c,
 * from first to last.
 */
#define PLUGIN_MAIN
#include "panda/plugin.h"

#include "hooks/hooks_ext.h"
#include "hw_proc_id/hw_proc_id_ext.h"
#include "hypercaller/hypercaller_ext.h"
#include "mem_hooks/mem_hooks_ext.h"

#define NOT_CALLED 0x12340000u /* nobody's hypercall */

static uint64_t first, last, n;
static const char *of;

static void hooked(CPUState *cpu, TranslationBlock *tb, struct hook *hook)
{
    (void)cpu, (void)tb, (void)hook;
    n++;
}

static void accessed(CPUState *cpu, struct memory_access_desc *desc)
{
    (void)cpu, (void)desc;
    n++;
}

static void called(CPUState *cpu)
{
    (void)cpu;
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)tb;
    n += id_is_initialized() && get_id(cpu) == panda_current_asid(cpu);
}

static void add_hooks(void)
{
    struct hook hook = {.km = MODE_ANY, .enabled = true};

    for (uint64_t at = first; at <= last; at++) {
        hook.addr = at;
        hook.type = PANDA_CB_BEFORE_TCG_CODEGEN; /* any instruction */
        hook.cb.before_tcg_codegen = hooked;
        add_hook(&hook);
        hook.type = PANDA_CB_BEFORE_BLOCK_EXEC;
        hook.cb.before_block_exec = hooked;
        add_hook(&hook);
    }
}

static void add_regions(void)
{
    struct memory_hooks_region region = {
        .start_address = first,
        .stop_address = last,
        .enabled = true,
        .on_before = true,
        .on_after = true,
        .on_read = true,
        .on_write = true,
        .on_virtual = true,
        .on_physical = true,
        .cb = accessed,
    };

    add_mem_hook(&region);
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("neighbour");
    panda_cb pcb = {.before_block_exec = on_block};

    of = panda_parse_string(args, "of", "");
    first = panda_parse_uint64(args, "first", 0);
    last = panda_parse_uint64(args, "last", 0);
    if (!strcmp(of, "hooks")) {
        assert(init_hooks_api());
        add_hooks();
    } else if (!strcmp(of, "mem_hooks")) {
        assert(init_mem_hooks_api());
        add_regions();
    } else if (!strcmp(of, "hypercaller")) {
        assert(init_hypercaller_api());
        register_hypercall(NOT_CALLED, called);
        n = 1;
    } else {
        assert(init_hw_proc_id_api());
        panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    }
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    if (!strcmp(of, "hypercaller")) {
        unregister_hypercall(NOT_CALLED);
    }
    printf("neighbour of %s: %" PRIu64 "\n", of, n);
}
