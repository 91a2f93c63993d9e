/* The plugins and their machine. */
#include "plugin/plugins.h"

#include "base/error.h"

void plugins_attach(struct plugins *p, struct machine *machine, RR_mode mode)
{
    const struct guest_plugin *guest = machine->cpu->guest->plugin;

    p->watch.enter = dispatch_slice_begins;
    p->watch.leave = dispatch_slice_ends;
    p->watch.block = block_at;
    p->watch.weave = weave;
    p->watch.left = block_left;
    p->watch.serve = registry_serve;
    p->watch.written = block_written;
    p->watch.asid_changed = dispatch_asid_changed;
    p->watch.hypercall = dispatch_hypercall;
    p->watch.exception = dispatch_exception;
    p->watch.interrupt = dispatch_interrupt;
    p->watch.device = dispatch_device;
    p->watch.nobody = dispatch_nobody;
    p->watch.dma = dispatch_dma;
    p->watch.transfer = dispatch_transfer;
    p->cache = calloc(1, guest->cache_size + 1);
    if (!p->cache) {
        panda_bug("out of memory");
    }
    p->machine = machine;
    variables_show(p);
    steer_open(p);
    p->cpu.exception_index = -1;
    p->step = UINT64_MAX;
    machine->watch = &p->watch;
    if (mode == RR_REPLAY) {
        dispatch_simple(p, PANDA_CB_AFTER_LOADVM);
    }
    plugins_set_mode(p, mode, 0);
    p->changed = true;
    registry_update(p);
    plugins_request(p);
    if (!p->introduced) {
        p->introduced = true;
        dispatch_simple(p, PANDA_CB_AFTER_MACHINE_INIT);
    }
    variables_show(p);
}

void plugins_detach(struct plugins *p)
{
    steer_free(p);
    block_forget_all(p);
    p->machine->watch = NULL;
    p->machine->cpu->access_told = NULL;
    p->machine = NULL;
    p->watch.woven = 0;
    p->mode = RR_OFF;
    free(p->cache);
    p->cache = NULL;
    variables_show(NULL);
}

void plugins_set_mode(struct plugins *p, RR_mode mode, uint64_t total)
{
    block_goes_on(p, NULL, 0); /* a replay begins with a block, too */
    p->machine->last_exit = NULL;
    p->step = UINT64_MAX;
    p->mode = mode;
    control_show(p);
    p->count_total = total;
    if (mode != RR_OFF) { /* behind a recording its count goes on */
        p->count_base = p->machine->cpu->count;
    }
}

void plugins_before_load(struct plugins *p)
{
    dispatch_simple(p, PANDA_CB_BEFORE_LOADVM);
}

void plugins_main_loop(struct plugins *p)
{
    struct machine *m = p->machine;

    dispatch_simple(p, PANDA_CB_MAIN_LOOP_WAIT);
    plugins_tick_log(p);
    if (m->cpu->request && registry_serve(&p->watch)) {
        m->cpu->request = 0;
    }
}

/* All of it was replayed; how well, the program says. */
static bool is_complete(const struct plugins *p)
{
    return p->mode == RR_REPLAY && p->machine && p->count_total &&
           p->machine->cpu->count - p->count_base == p->count_total;
}

void plugins_shut_down(struct plugins *p)
{
    rr_replay_complete = is_complete(p);
    dispatch_simple(p, PANDA_CB_PRE_SHUTDOWN);
    p->over = true;
    variables_show(p);
}

/* -- What plugins ask of it ------------------------------------------------ */

void panda_do_flush_tb(void)
{
    struct plugins *p = plugins_current();

    p->flush = true;
    plugins_request(p);
}

int panda_vm_quit(void)
{
    struct plugins *p = plugins_current();

    p->quit = true;
    plugins_request(p);
    return 0;
}
