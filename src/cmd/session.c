#include "cmd/session.h"

#include "base/error.h"
#include "cmd/flip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

volatile sig_atomic_t session_interrupted;

static void on_signal(int number)
{
    session_interrupted = number;
}

/* A file that reaches its limit is an error of write(), not a death. */
void session_catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

/* -- The monitor's target -------------------------------------------------- */

char *session_begin_record(struct session *s, const char *name, bool force)
{
    char *message = NULL;

    if (s->replay) {
        return panda_message("a replay cannot be recorded: it is a "
                             "recording");
    }
    if (s->record) {
        return panda_message("a recording is running: end_record first");
    }
    s->record = recording_begin(s->pc->live, name, &s->made_of, force,
                                &message);
    if (s->record) {
        s->record_name = strdup(name);
        s->told_failure = false;
        plugins_set_name(s->plugins, name);
        plugins_set_mode(s->plugins, RR_RECORD, 0);
    }
    return message;
}

static char *begin_record(void *opaque, const char *name, bool force)
{
    return session_begin_record(opaque, name, force);
}

char *session_end_record(struct session *s)
{
    char *message = NULL;

    if (s->record) {
        record_end(s->record, &message);
        s->record = NULL;
        free(s->record_name);
        s->record_name = NULL;
        plugins_set_name(s->plugins, NULL);
        plugins_set_mode(s->plugins, RR_OFF, 0);
    }
    return message;
}

static char *end_record(void *opaque)
{
    struct session *s = opaque;

    return s->record ? session_end_record(s)
                     : panda_message("no recording is running");
}

/* At the monitor the guest is stopped, too. */
static char *end_record_and_stop(void *opaque)
{
    struct session *s = opaque;

    if (s->record) {
        s->running = false;
    }
    return end_record(opaque);
}

/* The machine that runs is given up for it. */
static char *begin_replay(void *opaque, const char *name)
{
    struct session *s = opaque;
    char *log = panda_message("%s-rr-nondet.log", name);
    bool there = access(log, R_OK) == 0;

    free(log);
    if (s->replay || s->record) {
        return panda_message("a %s is running: end_%s first",
                             s->replay ? "replay" : "recording",
                             s->replay ? "replay" : "record");
    }
    if (!there) {
        return panda_message("there is no recording %s (%s-rr-nondet.log)",
                             name, name);
    }
    free(s->next_replay);
    s->next_replay = strdup(name);
    s->quit = true;
    machine_stop(s->machine, "a replay begins");
    return NULL;
}

static char *end_replay(void *opaque)
{
    struct session *s = opaque;

    if (!s->replay) {
        return panda_message("no replay is running");
    }
    s->quit = s->ended = true;
    machine_stop(s->machine, "Replay terminated at user request.");
    return NULL;
}

static char *plugin_begins_record(void *opaque, const char *name)
{
    return session_begin_record(opaque, name, false);
}

void session_serve_plugins(struct session *s)
{
    s->host = (struct plugins_host){s, plugin_begins_record, end_record,
                                    begin_replay, end_replay};
    s->plugins->host = &s->host;
}

static void quit(void *opaque)
{
    ((struct session *)opaque)->quit = true;
}

/* Whoever stops may well look at the files next. */
static void set_running(void *opaque, bool running)
{
    struct session *s = opaque;

    if (s->off) {
        return;
    }
    if (s->running && !running && s->record) {
        record_flush(s->record);
    }
    s->running = running;
}

static bool is_running(void *opaque)
{
    return ((struct session *)opaque)->running;
}

static void info_record(void *opaque, FILE *out)
{
    struct session *s = opaque;
    struct record_info info;

    if (!s->record) {
        fprintf(out, "not recording, count %" PRIu64 "\n",
                s->machine->cpu->count);
        return;
    }
    record_info(s->record, &info);
    fprintf(out,
            "recording %s, count %" PRIu64 ", begun at %" PRIu64 ", %" PRIu64
            " bytes and %" PRIu64 " chunks on disk, %.1f seconds\n",
            s->record_name, s->machine->cpu->count, info.first_count,
            info.bytes, info.chunks, info.seconds);
    if (info.failure) {
        fprintf(out, "%s\n", info.failure);
    }
}

static void info_replay(void *opaque, FILE *out)
{
    struct session *s = opaque;
    uint64_t count = s->machine->cpu->count, done, all;
    struct replay_info info;

    if (!s->replay) {
        fprintf(out, "no replay\n");
        return;
    }
    replay_info(s->replay, &info);
    done = count - info.first_count;
    all = info.last_count - info.first_count;
    fprintf(out,
            "replaying %s, count %" PRIu64 ", %" PRIu64 " of %" PRIu64
            " steps (%.1f %%), %" PRIu64 " entries; the last of %" PRIu64
            " checks fitted at count %" PRIu64 "\n",
            s->options->replay, count, done, all,
            all ? 100.0 * (double)done / (double)all : 100.0, info.n_entries,
            info.n_checks, info.last_good);
}

static void plugin(void *opaque, const char *command, const char *argument,
                   FILE *out)
{
    plugin_command(((struct session *)opaque)->plugins, command, argument, out);
}

/* -- Characters ------------------------------------------------------------ */

void session_serial_put(void *opaque, uint8_t byte)
{
    stream_write(((struct session *)opaque)->serial, &byte, 1);
}

static bool has_room(const struct session *s)
{
    return s->pc && uart16550_room(&s->pc->com1);
}

static void type_to_guest(struct session *s, char c)
{
    live_input(s->pc->live, s->pc->com1_input, &c, 1);
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
        live_input(s->pc->live, s->pc->com1_break, NULL, 0);
        break;
    case 1:
    case 'a':
        type_to_guest(s, 1);
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
        type_to_guest(s, c);
    }
}

static void poll_serial(struct session *s)
{
    char c;

    while (s->serial && (s->to_monitor || has_room(s)) &&
           stream_read(s->serial, &c, 1)) {
        typed(s, c);
    }
}

/* -- Between slices -------------------------------------------------------- */

static void tell_failure(struct session *s)
{
    struct record_info info;

    record_info(s->record, &info);
    if (info.failure && !s->told_failure) {
        panda_warn("%s; the guest runs on", info.failure);
        s->told_failure = true;
    }
}

static void look_at_input(struct session *s)
{
    poll_serial(s);
    if (s->monitor && !s->shared) {
        monitor_poll(s->monitor);
    }
}

enum poll_result session_slice(void *opaque)
{
    struct session *s = opaque;
    struct stream *const streams[] = {s->serial, s->monitor_stream};

    look_at_input(s);
    if (!s->running) {
        pace_stop(&s->pace);
        while (!s->running && !s->quit && !session_interrupted) {
            stream_wait(streams, 2, 100000000);
            look_at_input(s);
        }
        pace_go_on(&s->pace);
    }
    if (s->record) {
        tell_failure(s);
    }
    plugins_main_loop(s->plugins);
    return s->quit || session_interrupted ? POLL_STOP : POLL_RUN;
}

void session_stay(struct session *s)
{
    struct machine *m = s->machine;

    if (s->options->no_shutdown && !s->quit && !session_interrupted &&
        m->reason && s->pc->exit_status < 0) {
        panda_warn("%s (count %" PRIu64 "); the monitor's quit ends the "
                   "program",
                   m->reason, m->cpu->count);
        s->off = true;
        s->running = false;
        session_slice(s);
    }
}

/* The guest is idle. Characters that the serial port has no room for do not
 * end its sleep. */
static uint64_t idle(void *opaque, uint64_t now, uint64_t ns)
{
    struct session *s = opaque;
    bool room = s->to_monitor || has_room(s);
    struct stream *const streams[] = {room ? s->serial : NULL,
                                      s->monitor_stream};

    if (ns == LIVE_FOREVER && !stream_is_open(s->serial)) {
        return LIVE_FOREVER;
    }
    if (ns != LIVE_FOREVER && !s->options->sleep) {
        return ns;
    }
    return pace_sleep(&s->pace, now, ns, streams, 2);
}

void session_go_live(struct session *s)
{
    pace_start(&s->pace, &session_interrupted);
    s->pc->live->slice = session_slice;
    s->pc->live->sleep = idle;
    s->pc->live->opaque = s;
}

enum run_end session_run(struct session *s)
{
    enum run_end end = RUN_LIMIT;
    struct flip flip;

    if (!s->options->flip) {
        return engine_run(s->engine);
    }
    flip_parse(s->options->flip, &flip);
    if (flip.what == FLIP_VALUE && s->replay) {
        replay_flip_value(s->replay, flip.count, (unsigned)flip.bit);
    } else if (flip.what == FLIP_VALUE) {
        panda_fatal("-debug-flip value goes with -replay");
    } else {
        end = machine_run(s->machine, flip.count);
    }
    if (end == RUN_LIMIT && flip.what != FLIP_VALUE) {
        flip_apply(&flip, s->machine);
        s->flipped = true;
    }
    return end == RUN_LIMIT ? engine_run(s->engine) : end;
}

/* -- Streams --------------------------------------------------------------- */

static struct stream *must_open(const char *option, const char *spec)
{
    char *message;
    struct stream *stream = stream_open(spec, &message);

    if (!stream) {
        panda_fatal("%s: %s", option, message);
    }
    return stream;
}

static struct monitor *new_monitor(struct session *s, struct stream *stream)
{
    const struct monitor_target target = {.opaque = s,
                                          .machine = s->machine,
                                          .begin_record = begin_record,
                                          .end_record = end_record_and_stop,
                                          .begin_replay = begin_replay,
                                          .end_replay = end_replay,
                                          .quit = quit,
                                          .set_running = set_running,
                                          .is_running = is_running,
                                          .info_record = info_record,
                                          .info_replay = info_replay,
                                          .plugin = plugin};

    return monitor_new(stream, &target);
}

static bool is_stdio(const char *spec)
{
    return !strcmp(spec, "stdio") || !strcmp(spec, "mon:stdio");
}

static void open_console(struct session *s)
{
    const struct options *o = s->options;
    const char *serial = o->serial                              ? o->serial
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
    }
    s->serial = must_open("-serial", serial);
    if (s->shared) {
        s->monitor = new_monitor(s, s->serial);
    }
}

/* A replay has no console, and its terminal is for the progress. */
void session_open_streams(struct session *s)
{
    if (!s->replay) {
        open_console(s);
    }
    if (s->options->monitor && !s->shared) {
        s->monitor_stream = must_open("-monitor", s->options->monitor);
        s->monitor = new_monitor(s, s->monitor_stream);
    }
}

void session_close_streams(struct session *s)
{
    monitor_free(s->monitor);
    stream_close(s->monitor_stream);
    stream_close(s->serial);
}
