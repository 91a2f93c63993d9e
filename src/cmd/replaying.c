/*
 * -replay NAME: runs to the end of the recording and says how it went. The
 * exit status is 0 only for a replay that is the recorded run, of a recording
 * that is whole.
 */
#include "base/error.h"
#include "cmd/diagnose.h"
#include "cmd/flip.h"
#include "cmd/session.h"
#include "guest/x86/state.h"
#include "snapshot/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct replaying {
    struct session session; /* first */
    struct snapshot_check *check;
    bool terminal, shown;
    double began, next; /* seconds of host time */
    clock_t cpu_began;
};

static double host_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* -- Progress -------------------------------------------------------------- */

/* On a terminal a line that is kept up; elsewhere a line now and then. */
static void show_progress(struct replaying *r)
{
    const struct session *s = &r->session;
    double seconds = host_seconds() - r->began, steps, all, speed;
    struct replay_info info;

    replay_info(s->replay, &info);
    steps = (double)(s->machine->cpu->count - info.first_count);
    all = (double)(info.last_count - info.first_count);
    speed = steps / seconds;
    fprintf(
        stderr, "%s%s: %5.1f %%, count %" PRIu64 ", %.0f MIPS, %.0f s left%s",
        r->terminal ? "\r" : "", s->options->replay,
        all > 0 ? 100 * steps / all : 100, s->machine->cpu->count, speed / 1e6,
        speed > 0 ? (all - steps) / speed : 0, r->terminal ? "\033[K" : "\n");
    r->shown = true;
}

static enum poll_result slice(void *opaque)
{
    struct replaying *r = opaque;
    double now = host_seconds();

    if (now >= r->next) {
        show_progress(r);
        r->next = now + (r->terminal ? 0.2 : 10);
    }
    return session_slice(&r->session);
}

/* The snapshot is mapped: whoever cuts its file short meanwhile takes memory
 * away that the guest has yet to touch. */
static void on_bus_error(int number)
{
    static const char text[] =
        "\npanda: the snapshot cannot be read any more: its file has shrunk, "
        "or its disk fails\n";

    (void)number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        _exit(2);
    }
    _exit(1);
}

/* -- The run --------------------------------------------------------------- */

static void open_recording(struct replaying *r)
{
    struct session *s = &r->session;
    const struct options *o = s->options;
    char *message = NULL;

    if (o->drive) {
        s->pc = recording_open_driven(o->replay, &r->check, &message);
        s->machine = s->pc ? s->pc->machine : NULL;
    } else {
        s->machine = recording_open(&x86_guest, o->replay, &r->check, &message);
    }
    if (!s->machine) {
        plugins_shut_down(s->plugins);
        plugins_free(s->plugins);
        panda_fatal("%s", message);
    }
    s->replay = s->machine->boundary;
    replay_set_slice(s->replay, slice, r);
}

/* Devices that run may end the run, as they did while recording: what the
 * recording has behind that is still to be compared. */
static void run(struct replaying *r)
{
    struct session *s = &r->session;
    enum run_end end = session_run(s);
    uint64_t count;

    do {
        count = s->machine->cpu->count;
        if (end == RUN_STOP && s->options->drive && !s->quit &&
            !session_interrupted && replay_state(s->replay) == REPLAY_RUNNING) {
            end = engine_run(s->engine);
        }
    } while (count != s->machine->cpu->count);
    if (end == RUN_BROKEN) {
        replay_stuck(s->replay, s->machine->reason);
    }
}

static const char *verdict(struct replaying *r, const char *damage)
{
    struct session *s = &r->session;

    if (damage) {
        return "DAMAGED";
    }
    switch (replay_state(s->replay)) {
    case REPLAY_IDENTICAL:
        return !s->options->drive || drive_is_complete(s->replay)
                   ? "identical"
                   : "DIVERGED in its devices' final state";
    case REPLAY_DIVERGED:
        return "DIVERGED";
    case REPLAY_TORN:
        return "torn";
    case REPLAY_LEFT:
        return "left the recording";
    default:
        return s->ended ? "ended at request" : "not ended";
    }
}

/* A good replay in which a bit was to be flipped: no fault was noticed. */
static int flip_status(const struct session *s)
{
    bool flipped = s->flipped || replay_has_flipped(s->replay);

    fputs(flipped ? "panda: the flipped bit was without effect\n"
                  : "panda: nothing was flipped: the replay has nothing to "
                    "flip at that count or later\n",
          stderr);
    return flipped ? FLIP_WITHOUT_EFFECT : FLIP_NOT_DONE;
}

static int report(struct replaying *r)
{
    struct session *s = &r->session;
    double seconds = (double)(clock() - r->cpu_began) / CLOCKS_PER_SEC;
    char *damage = snapshot_check_end(r->check);
    const char *how = verdict(r, damage), *message;
    struct replay_info info;
    uint64_t recorded, own, steps;
    bool good = (!strcmp(how, "identical") ||
                 (s->ended && replay_state(s->replay) == REPLAY_RUNNING)) &&
                !damage && !engine_differed(s->engine);

    replay_info(s->replay, &info);
    replay_hashes(s->replay, &recorded, &own);
    message = damage ? damage : replay_message(s->replay);
    steps = s->machine->cpu->count - info.first_count;
    if (r->terminal && r->shown) {
        fprintf(stderr, "\r\033[K");
    }
    if (message) {
        fprintf(stderr, "panda: %s\n", message);
    } else if (s->ended) {
        printf("Replay terminated at user request.\n");
    }
    printf("replay of %s: %s, %" PRIu64 " steps, %.1f million a second\n",
           s->options->replay, how, steps,
           (double)steps / 1e6 / (seconds + 1e-9));
    if (s->options->verify) {
        printf("recorded %016" PRIx64 "\nown      %016" PRIx64 "\n", recorded,
               own);
    }
    free(damage);
    if (good && s->options->flip) {
        return flip_status(s);
    }
    good = good && !s->plugins->exited;
    return good ? 0 : session_interrupted ? 128 + session_interrupted : 1;
}

static void end(struct replaying *r)
{
    struct session *s = &r->session;

    session_close_streams(s);
    engine_free(s->engine);
    s->replay->ops->free(s->replay);
    if (s->pc) {
        pc_free(s->pc);
    } else {
        machine_free(s->machine);
    }
}

int session_replay(const struct options *o, struct plugins *plugins)
{
    struct replaying r = {
        .session = {.options = o, .running = true, .plugins = plugins},
        .terminal = isatty(STDERR_FILENO)};
    struct replay_info info;
    uint64_t count;
    bool diverged;
    int status;

    signal(SIGBUS, on_bus_error);
    plugins_before_load(plugins);
    open_recording(&r);
    session_open_streams(&r.session);
    r.session.engine = engine_new(r.session.machine, o);
    plugins->steer.allowed = o->allow_writes;
    plugins_attach(plugins, r.session.machine, RR_REPLAY);
    session_serve_plugins(&r.session);
    replay_info(r.session.replay, &info);
    plugins_set_mode(plugins, RR_REPLAY, info.last_count - info.first_count);
    r.began = host_seconds();
    r.next = r.began + (r.terminal ? 0.2 : 10);
    r.cpu_began = clock();
    run(&r);
    plugins_shut_down(plugins);
    status = report(&r);
    plugins_free(plugins);
    replay_info(r.session.replay, &info);
    count = r.session.machine->cpu->count;
    diverged = replay_state(r.session.replay) == REPLAY_DIVERGED;
    end(&r);
    if (o->diagnose && diverged) {
        fflush(stdout);
        diagnose(o, info.last_good, count);
    }
    return status;
}
