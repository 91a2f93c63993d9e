/* panda-system-x86_64: run a PC, record it, replay it. */
#include "base/error.h"
#include "cmd/plugins.h"
#include "cmd/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int finish_live(struct session *s, enum run_end end)
{
    struct machine *m = s->machine;
    char *message = session_end_record(s);

    if (message) {
        panda_warn("%s", message);
        free(message);
    }
    fprintf(stderr, "\npanda: %s (count %" PRIu64 ")\n",
            m->reason             ? m->reason
            : session_interrupted ? "ended by a signal"
            : end == RUN_STOP     ? "ended"
                                  : "the limit is reached",
            m->cpu->count);
    if (end == RUN_BROKEN) {
        m->cpu->guest->print_registers(m->cpu, stderr);
    }
    return engine_differed(s->engine) || s->plugins->exited ? 1
           : session_interrupted     ? 128 + session_interrupted
           : s->pc->exit_status >= 0 ? s->pc->exit_status
                                     : end == RUN_BROKEN;
}

/* In place of the machine that ran; the console was its own. */
static int replay_next(const struct options *o, struct plugins *plugins,
                       char *name)
{
    struct options next = *o;
    int status;

    next.replay = name;
    plugins_set_name(plugins, name);
    status = session_replay(&next, plugins);
    free(name);
    return status;
}

static int run_live(const struct options *o, struct plugins *plugins)
{
    struct session session = {
        .options = o, .running = !o->stopped, .plugins = plugins};
    struct session *s = &session;
    enum run_end end = RUN_STOP;
    char *message;
    int status;

    s->made_of = (struct pc_options){
        .ram_size = o->megabytes << 20,
        .rtc_base = o->rtc_base,
        .serial = {.put = session_serial_put, .opaque = s},
        .debug_exit_port = o->debug_exit.port,
        .debug_exit_size = o->debug_exit.size,
        .no_reboot = o->no_reboot,
        .seed = o->seed};
    s->pc = pc_new(&s->made_of, &message);
    if (!s->pc ||
        !pc_boot_kernel(s->pc, o->kernel, o->initrd, o->append, &message)) {
        panda_fatal("%s", message);
    }
    pc_set_image(s->pc);
    s->machine = s->pc->machine;
    s->engine = engine_new(s->machine, o);
    session_open_streams(s);
    session_go_live(s);
    plugins_attach(s->plugins, s->machine, RR_OFF);
    session_serve_plugins(s);
    if (o->record && (message = session_begin_record(s, o->record, false))) {
        plugins_shut_down(s->plugins);
        plugins_free(s->plugins);
        panda_fatal("%s", message);
    }
    if (s->running || session_slice(s) == POLL_RUN) {
        end = session_run(s);
        if (end == RUN_STOP) {
            session_stay(s);
        }
    }
    status = finish_live(s, end);
    if (s->next_replay) {
        plugins_detach(s->plugins);
    } else {
        plugins_shut_down(s->plugins);
        plugins_free(s->plugins);
    }
    session_close_streams(s);
    engine_free(s->engine);
    pc_free(s->pc);
    return s->next_replay ? replay_next(o, plugins, s->next_replay) : status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct plugins *plugins;

    (void)argc;
    session_catch_signals();
    options_parse(argv, &options);
    plugins = load_plugins(&options);
    return options.replay ? session_replay(&options, plugins)
                          : run_live(&options, plugins);
}
