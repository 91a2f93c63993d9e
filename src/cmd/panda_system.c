/* panda-system-x86_64: run a PC, record it, replay it. */
#include "base/error.h"
#include "board/pc.h"
#include "boundary/hash.h"
#include "cmd/engine.h"
#include "cmd/options.h"
#include "cmd/pace.h"
#include "cmd/plugins.h"
#include "cmd/recording.h"
#include "guest/x86/state.h"
#include "monitor/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session {
    struct options options;
    struct pc *pc;
    struct engine *engine;
    struct plugins *plugins;
    struct boundary *record; /* while recording */
    struct stream *serial, *monitor_stream;
    struct monitor *monitor; /* may be NULL */
    bool shared;             /* one terminal for both */
    bool to_monitor, escape; /* of that terminal */
    bool running, quit;
    struct pace pace;
    struct timespec flushed;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* -- The monitor's target -------------------------------------------------- */

static char *begin_record(void *opaque, const char *name)
{
    struct session *s = opaque;
    char *message = NULL;

    if (s->record) {
        return panda_message("a recording is running: end_record first");
    }
    s->record = recording_begin(s->pc->live, name, &message);
    if (s->record) {
        plugins_set_mode(s->plugins, RR_RECORD, 0);
    }
    return message;
}

static char *end_record(void *opaque)
{
    struct session *s = opaque;
    char *message = NULL;

    if (!s->record) {
        return panda_message("no recording is running");
    }
    record_end(s->record, &message);
    s->record = NULL;
    plugins_set_mode(s->plugins, RR_OFF, 0);
    return message;
}

static void quit(void *opaque)
{
    ((struct session *)opaque)->quit = true;
}

static void set_running(void *opaque, bool running)
{
    ((struct session *)opaque)->running = running;
}

static bool info(void *opaque, const char *topic, struct stream *out)
{
    struct session *s = opaque;
    struct machine *m = s->pc->machine;
    char *text = NULL;
    size_t size;
    FILE *file;

    if (!strcmp(topic, "status")) {
        stream_print(out, "VM status: %s\ncount: %" PRIu64 "\n",
                     s->running ? "running" : "paused", m->cpu->count);
    } else if (!strcmp(topic, "record")) {
        stream_print(out, "%s, count %" PRIu64 "\n",
                     s->record ? "recording" : "not recording",
                     m->cpu->count);
    } else if (!strcmp(topic, "hash")) {
        stream_print(out, "count %" PRIu64 " hash %016" PRIx64 "\n",
                     m->cpu->count, hash_state(m));
    } else if (!strcmp(topic, "registers")) {
        file = open_memstream(&text, &size);
        m->cpu->guest->print_registers(m->cpu, file);
        fclose(file);
        stream_write(out, text, size);
        free(text);
    } else {
        return false;
    }
    return true;
}

static void plugin(void *opaque, const char *command, const char *argument,
                   struct stream *out)
{
    plugin_command(((struct session *)opaque)->plugins, command, argument,
                   out);
}

/* -- Characters ------------------------------------------------------------ */

static void serial_put(void *opaque, uint8_t byte)
{
    stream_write(((struct session *)opaque)->serial, &byte, 1);
}

static void change_console(struct session *s)
{
    s->to_monitor = !s->to_monitor;
    if (s->to_monitor) {
        monitor_prompt(s->monitor);
    }
}

/* A key behind Ctrl-A. */
static void escaped(struct session *s, char c)
{
    s->escape = false;
    switch (c) {
    case 'x':
        s->quit = true;
        break;
    case 'c':
        change_console(s);
        break;
    case 'b':
        uart16550_receive_break(&s->pc->com1);
        break;
    case 1:
    case 'a':
        uart16550_receive(&s->pc->com1, 1);
        break;
    default:
        stream_print(s->serial, "\nCtrl-A h    this help\n"
                                "Ctrl-A x    end the program\n"
                                "Ctrl-A c    change between console and "
                                "monitor\n"
                                "Ctrl-A b    send a break\n"
                                "Ctrl-A a    send Ctrl-A; as Ctrl-A "
                                "Ctrl-A\n");
    }
}

static void typed(struct session *s, char c)
{
    if (s->shared && s->escape) {
        escaped(s, c);
    } else if (s->shared && c == 1) {
        s->escape = true;
    } else if (s->to_monitor) {
        monitor_type(s->monitor, c);
    } else {
        uart16550_receive(&s->pc->com1, (uint8_t)c);
    }
}

static void poll_serial(struct session *s)
{
    char c;

    while ((s->to_monitor || uart16550_room(&s->pc->com1)) &&
           stream_read(s->serial, &c, 1)) {
        typed(s, c);
    }
}

/* -- Between slices -------------------------------------------------------- */

static bool a_second_passed(struct session *s)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - s->flushed.tv_sec < 1) {
        return false;
    }
    s->flushed = now;
    return true;
}

static void look_at_input(struct session *s)
{
    poll_serial(s);
    if (s->monitor && !s->shared) {
        monitor_poll(s->monitor);
    }
}

static enum poll_result slice(void *opaque)
{
    struct session *s = opaque;
    struct stream *const streams[] = {s->serial, s->monitor_stream};

    look_at_input(s);
    if (!s->running) {
        pace_stop(&s->pace);
        while (!s->running && !s->quit && !interrupted) {
            stream_wait(streams, 2, 100000000);
            look_at_input(s);
        }
        pace_go_on(&s->pace);
    }
    if (s->record && a_second_passed(s)) {
        record_flush(s->record);
    }
    return s->quit || interrupted ? POLL_STOP : POLL_RUN;
}

/* The guest is idle. Characters that the serial port has no room for do not
 * end its sleep. */
static uint64_t idle(void *opaque, uint64_t now, uint64_t ns)
{
    struct session *s = opaque;
    bool room = s->to_monitor || uart16550_room(&s->pc->com1);
    struct stream *const streams[] = {room ? s->serial : NULL,
                                      s->monitor_stream};

    if (ns == LIVE_FOREVER && !stream_is_open(s->serial)) {
        return LIVE_FOREVER;
    }
    if (ns != LIVE_FOREVER && !s->options.sleep) {
        return ns;
    }
    return pace_sleep(&s->pace, now, ns, streams, 2);
}

/* -- A live run ------------------------------------------------------------ */

static struct stream *must_open(const char *option, const char *spec)
{
    char *message;
    struct stream *stream = stream_open(spec, &message);

    if (!stream) {
        panda_fatal("%s: %s", option, message);
    }
    return stream;
}

static bool is_stdio(const char *spec)
{
    return !strcmp(spec, "stdio") || !strcmp(spec, "mon:stdio");
}

static void open_streams(struct session *s)
{
    const struct options *o = &s->options;
    const struct monitor_target target = {
        s, begin_record, end_record, quit, set_running, info,
        plugin};

    const char *serial = o->serial ? o->serial
                         : !o->monitor || !is_stdio(o->monitor) ? "mon:stdio"
                                                                : "null";

    s->shared = is_stdio(serial) &&
                (!o->monitor || !strcmp(o->monitor, "mon:stdio"));
    if (s->shared) { /* Ctrl-C is for the guest then */
        serial = "mon:stdio";
    } else if (o->monitor && is_stdio(serial) && is_stdio(o->monitor)) {
        panda_fatal("-serial and -monitor cannot both have stdio: for a "
                    "terminal that changes between them by Ctrl-A c, give "
                    "-serial mon:stdio alone");
    } else if (o->monitor) {
        s->monitor_stream = must_open("-monitor", o->monitor);
        s->monitor = monitor_new(s->monitor_stream, &target);
    }
    s->serial = must_open("-serial", serial);
    if (s->shared) {
        s->monitor = monitor_new(s->serial, &target);
    }
}

static int finish_live(struct session *s, enum run_end end)
{
    struct machine *m = s->pc->machine;
    char *message = s->record ? end_record(s) : NULL;

    if (message) {
        panda_warn("%s", message);
        free(message);
    }
    fprintf(stderr, "\npanda: %s (count %" PRIu64 ")\n",
            m->reason         ? m->reason
            : interrupted     ? "ended by a signal"
            : end == RUN_STOP ? "ended"
                              : "the limit is reached",
            m->cpu->count);
    if (end == RUN_BROKEN) {
        m->cpu->guest->print_registers(m->cpu, stderr);
    }
    return engine_differed(s->engine) ? 1
           : interrupted              ? 128 + interrupted
           : s->pc->exit_status >= 0 ? s->pc->exit_status
                                     : end == RUN_BROKEN;
}

static int run_live(struct session *s)
{
    const struct options *o = &s->options;
    struct pc_options how = {.ram_size = o->megabytes << 20,
                             .rtc_base = o->rtc_base,
                             .serial = {.put = serial_put, .opaque = s},
                             .debug_exit_port = o->debug_exit.port,
                             .debug_exit_size = o->debug_exit.size,
                             .no_reboot = o->no_reboot,
                             .seed = o->seed};
    enum run_end end = RUN_STOP;
    char *message;
    int status;

    s->pc = pc_new(&how, &message);
    if (!s->pc ||
        !pc_boot_linux(s->pc, o->kernel, o->initrd, o->append, &message)) {
        panda_fatal("%s", message);
    }
    pc_set_image(s->pc);
    open_streams(s);
    pace_start(&s->pace, &interrupted);
    s->running = !o->stopped;
    s->pc->live->slice = slice;
    s->pc->live->sleep = idle;
    s->pc->live->opaque = s;
    s->engine = engine_new(s->pc->machine, o);
    plugins_attach(s->plugins, s->pc->machine, RR_OFF);
    if (s->running || slice(s) == POLL_RUN) {
        end = engine_run(s->engine);
    }
    status = finish_live(s, end);
    plugins_shut_down(s->plugins);
    plugins_free(s->plugins);
    engine_free(s->engine);
    monitor_free(s->monitor);
    stream_close(s->monitor_stream);
    stream_close(s->serial);
    pc_free(s->pc);
    return status;
}

/* -- A replay -------------------------------------------------------------- */

static int run_replay(const struct options *o, struct plugins *plugins)
{
    char *message;
    struct machine *m = recording_open(&x86_guest, o->replay, &message);
    uint64_t recorded, own, first;
    enum replay_state state;
    struct boundary *replay;
    clock_t start = clock();
    struct engine *engine;
    double seconds;
    bool differed;

    if (!m) {
        panda_fatal("%s", message);
    }
    replay = m->boundary;
    engine = engine_new(m, o);
    plugins_attach(plugins, m, RR_REPLAY);
    first = m->cpu->count;
    engine_run(engine);
    differed = engine_differed(engine);
    engine_free(engine);
    seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    state = replay_state(replay);
    plugins_shut_down(plugins);
    plugins_free(plugins);
    replay_hashes(replay, &recorded, &own);
    if (replay_message(replay)) {
        fprintf(stderr, "panda: %s\n", replay_message(replay));
    }
    printf("replay of %s: %s, %" PRIu64 " steps, %.1f million a second\n",
           o->replay,
           state == REPLAY_IDENTICAL  ? "identical"
           : state == REPLAY_DIVERGED ? "DIVERGED"
           : state == REPLAY_TORN     ? "torn"
                                      : "not ended",
           m->cpu->count - first,
           (double)(m->cpu->count - first) / 1e6 / (seconds + 1e-9));
    if (o->verify) {
        printf("recorded %016" PRIx64 "\nown      %016" PRIx64 "\n", recorded,
               own);
    }
    replay->ops->free(replay);
    machine_free(m);
    return state == REPLAY_IDENTICAL && !differed ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct session session = {0};

    (void)argc;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    options_parse(argv, &session.options);
    session.plugins = load_plugins(&session.options);
    return session.options.replay ? run_replay(&session.options,
                                               session.plugins)
                                  : run_live(&session);
}
