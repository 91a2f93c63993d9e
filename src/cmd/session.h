/*
 * One run of a program: a machine, live or in a replay, with its console, its
 * monitor and the recording being made.
 */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "cmd/engine.h"
#include "cmd/options.h"
#include "cmd/pace.h"
#include "cmd/plugins.h"
#include "cmd/recording.h"
#include "monitor/monitor.h"

#include <signal.h>
#include <time.h>

struct session {
    const struct options *options;
    struct machine *machine;
    struct engine *engine;
    struct plugins *plugins;
    struct pc *pc;             /* NULL in a replay without devices */
    struct pc_options made_of; /* of a live one */
    struct boundary *record;   /* while recording */
    struct boundary *replay;   /* in a replay */
    bool told_failure;         /* of the recording */
    struct stream *serial, *monitor_stream;
    struct monitor *monitor; /* may be NULL */
    bool shared;             /* one terminal for both */
    bool to_monitor, escape; /* of that terminal */
    bool running, quit;
    bool off;     /* -no-shutdown: the run is over, the monitor is not */
    bool ended;   /* a replay, at request */
    bool flipped; /* -debug-flip has done so, to a register or to memory */
    struct pace pace;
    char *record_name;
    char *next_replay; /* to be replayed when the run has ended */
    struct plugins_host host;
};

/* The number of the signal that asked for the end; 0: none did. */
extern volatile sig_atomic_t session_interrupted;
void session_catch_signals(void);

/* Opens console and monitor; ends the program when it cannot. */
void session_open_streams(struct session *session);
void session_close_streams(struct session *session);

/* Between slices: console, monitor, the recording's health. */
enum poll_result session_slice(void *session);
/* What the guest sends: a struct char_backend's put. */
void session_serial_put(void *session, uint8_t byte);

/* NULL, or a message to be freed. */
char *session_begin_record(struct session *session, const char *name,
                           bool force);
/* Ends a recording that still runs. NULL, or a message to be freed. */
char *session_end_record(struct session *session);

/* What plugins may ask of it. */
void session_serve_plugins(struct session *session);

/* Virtual time begins; from now on slice() and sleep() are ours. */
void session_go_live(struct session *session);

/* After a run that the guest ended, with -no-shutdown: the monitor is served
 * until it quits. */
void session_stay(struct session *session);

/* Runs up to -limit, with -debug-flip on the way. */
enum run_end session_run(struct session *session);

/* replaying.c: the whole of -replay; the exit status. */
int session_replay(const struct options *options, struct plugins *plugins);

#endif
