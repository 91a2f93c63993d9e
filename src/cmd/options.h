/* The command line of panda-system. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *kernel, *initrd, *append;
    const char *serial, *monitor; /* stream specifications, or NULL */
    const char *record, *replay, *accel, *jit, *hash_at, *flip, *mutant;
    const char *trace;
    const char *pandalog, *os;
    uint64_t megabytes;
    uint64_t limit; /* steps */
    int64_t rtc_base;
    struct debug_exit_option {
        uint16_t port, size; /* port 0: none */
    } debug_exit;
    uint64_t unit_insns, seed;
    uint64_t patience; /* seconds */
    bool nographic, verify, drive, diagnose, no_reboot, no_shutdown, stopped;
    bool allow_writes;
    bool sleep;             /* an idle guest takes real time */
    struct options_plugin { /* in the order given */
        char kind; /* of -panda, -panda-plugin, -panda-arg: 'l', 'f', 'a' */
        const char *value;
    } plugins[64];
    unsigned n_plugins;
};

/* Ends the program with a sentence when something is wrong. */
void options_parse(char **argv, struct options *options);

#endif
