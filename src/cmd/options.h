/* The command line of panda-system. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *kernel, *initrd, *append;
    const char *serial, *monitor; /* stream specifications, or NULL */
    const char *replay, *accel, *flip;
    uint64_t megabytes;
    uint64_t limit; /* steps */
    int64_t rtc_base;
    uint16_t debug_exit_port;
    uint64_t unit_insns;
    bool nographic, verify, drive, diagnose;
};

/* Ends the program with a sentence when something is wrong. */
void options_parse(char **argv, struct options *options);

#endif
