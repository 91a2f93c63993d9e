/*
 * One table of options: name, what follows, help, and the member it sets.
 */
#include "cmd/options.h"

#include "base/error.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind { FLAG, TEXT, NUMBER, RTC, DEVICE, IGNORED };

static const struct option {
    const char *name, *value, *help;
    enum kind kind;
    size_t member;
} table[] = {
#define AT(member) offsetof(struct options, member)
    {"-kernel", "FILE", "Linux kernel (bzImage)", TEXT, AT(kernel)},
    {"-initrd", "FILE", "its initial RAM disk", TEXT, AT(initrd)},
    {"-append", "TEXT", "its command line", TEXT, AT(append)},
    {"-m", "MIB", "memory of the guest (128)", NUMBER, AT(megabytes)},
    {"-serial", "STREAM", "where COM1 leads to (stdio)", TEXT, AT(serial)},
    {"-monitor", "STREAM", "where the monitor is", TEXT, AT(monitor)},
    {"-nographic", NULL, "console and monitor on the terminal (Ctrl-A c)",
     FLAG, AT(nographic)},
    {"-display", "none", "there is no display yet", IGNORED, 0},
    {"-no-reboot", NULL, "end the run at a reset (always so today)", IGNORED,
     0},
    {"-rtc", "base=DATE", "YYYY-MM-DDTHH:MM:SS or seconds since 1970", RTC,
     AT(rtc_base)},
    {"-device", "isa-debug-exit[,iobase=PORT]", "ends the run on a write",
     DEVICE, AT(debug_exit_port)},
    {"-replay", "NAME", "replay a recording", TEXT, AT(replay)},
    {"-replay-verify", NULL, "print the recorded hash and our own", FLAG,
     AT(verify)},
    {"-replay-drive", NULL, "replay with the real devices, compared", FLAG,
     AT(drive)},
    {"-replay-diagnose", NULL, "when a replay differs, find where it parts",
     FLAG, AT(diagnose)},
    {"-debug-flip", "WHAT@COUNT[:BIT]", NULL, TEXT, AT(flip)},
    {"-accel", "interp|jit", "how guest code runs (jit)", TEXT, AT(accel)},
    {"-unit-insns", "N", "guest instructions a unit, 1 to 64", NUMBER,
     AT(unit_insns)},
    {"-limit", "STEPS", "end the run there", NUMBER, AT(limit)},
#undef AT
};
#define N_OPTIONS (sizeof(table) / sizeof(table[0]))

static void print_help(void)
{
    printf("usage: panda-system-x86_64 [options]\n");
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        char left[64];

        if (!table[i].help) {
            continue; /* for tests of the program itself */
        }
        snprintf(left, sizeof(left), "%s %s", table[i].name,
                 table[i].value ? table[i].value : "");
        printf("  %-38s %s\n", left, table[i].help);
    }
}

static uint64_t number(const char *option, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (end == text || *end || *text == '-') {
        panda_fatal("%s: '%s' is not a number", option, text);
    }
    return value;
}

static int64_t rtc_base(const char *text)
{
    struct tm tm = {0};
    const char *end;

    if (strncmp(text, "base=", 5)) {
        panda_fatal("-rtc: '%s' is not base=DATE", text);
    }
    text += 5;
    if (!strcmp(text, "utc") || !strcmp(text, "localtime")) {
        return time(NULL);
    }
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end) {
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    return end && !*end ? (int64_t)timegm(&tm)
                        : (int64_t)number("-rtc", text);
}

static uint16_t device_port(const char *text)
{
    static const char name[] = "isa-debug-exit";
    uint64_t port = 0x501;

    if (strncmp(text, name, sizeof(name) - 1)) {
        panda_fatal("-device: there is no '%s'; there is %s", text, name);
    }
    text += sizeof(name) - 1;
    while (*text) {
        if (!strncmp(text, ",iobase=", 8)) {
            char *end;

            port = strtoull(text + 8, &end, 0);
            text = end;
        } else if (!strncmp(text, ",iosize=", 8)) {
            text += 8 + strcspn(text + 8, ",");
        } else {
            panda_fatal("-device %s: '%s' is not iobase=PORT", name, text);
        }
    }
    if (!port || port > 0xfffc) {
        panda_fatal("-device %s: iobase is from 1 to 0xfffc", name);
    }
    return (uint16_t)port;
}

static void set(const struct option *option, const char *value,
                struct options *options)
{
    void *member = (char *)options + option->member;

    switch (option->kind) {
    case FLAG:
        *(bool *)member = true;
        break;
    case TEXT:
        *(const char **)member = value;
        break;
    case NUMBER:
        *(uint64_t *)member = number(option->name, value);
        break;
    case RTC:
        *(int64_t *)member = rtc_base(value);
        break;
    case DEVICE:
        *(uint16_t *)member = device_port(value);
        break;
    case IGNORED:
        break;
    }
}

static void check(const struct options *options)
{
    if (!options->kernel && !options->replay) {
        panda_fatal("nothing to run: give -kernel FILE or -replay NAME "
                    "(-help lists the options)");
    }
    if (options->kernel && options->replay) {
        panda_fatal("-kernel and -replay exclude each other: a recording "
                    "brings its machine");
    }
    if (!options->replay &&
        (options->verify || options->drive || options->diagnose)) {
        panda_fatal("-replay-verify, -replay-drive and -replay-diagnose go "
                    "with -replay NAME");
    }
    if (strcmp(options->accel, "interp") && strcmp(options->accel, "jit")) {
        panda_fatal("-accel: '%s' is neither interp nor jit", options->accel);
    }
    if (options->unit_insns < 1 || options->unit_insns > 64) {
        panda_fatal("-unit-insns: from 1 to 64");
    }
}

void options_parse(char **argv, struct options *options)
{
    *options = (struct options){.append = "", .accel = "jit", .megabytes = 128,
                                .limit = UINT64_MAX, .unit_insns = 64,
                                .rtc_base = time(NULL)};
    for (int i = 1; argv[i]; i++) {
        const char *name = argv[i];
        unsigned k = 0;

        if (!strcmp(name, "-help") || !strcmp(name, "--help")) {
            print_help();
            exit(0);
        }
        while (k < N_OPTIONS && strcmp(name, table[k].name)) {
            k++;
        }
        if (k == N_OPTIONS) {
            panda_fatal("%s: no such option (-help lists them)", name);
        }
        if (table[k].value && !argv[i + 1]) {
            panda_fatal("%s: %s is missing", name, table[k].value);
        }
        set(&table[k], table[k].value ? argv[++i] : NULL, options);
    }
    check(options);
}
