/*
 * One table of options: name, what follows, help, and the member it sets.
 */
#include "cmd/options.h"

#include "base/error.h"
#include "cmd/engine.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind {
    FLAG,
    TEXT,
    NUMBER,
    MEMORY,
    RTC,
    DEVICE,
    CLOCK,
    CPUS,
    MACHINE,
    CPU,
    DISPLAY,
    PLUGIN,
};

static const struct option {
    const char *name, *value, *help;
    enum kind kind;
    size_t member;
} table[] = {
#define AT(member) offsetof(struct options, member)
    {"-kernel", "FILE", "Linux kernel (bzImage), or multiboot ELF", TEXT,
     AT(kernel)},
    {"-initrd", "FILE", "its initial RAM disk", TEXT, AT(initrd)},
    {"-append", "TEXT", "its command line", TEXT, AT(append)},
    {"-M", "pc", "the machine; there is one", MACHINE, 0},
    {"-machine", "pc", "the same", MACHINE, 0},
    {"-cpu", "qemu64", "the CPU; there is one", CPU, 0},
    {"-smp", "1", "how many CPUs", CPUS, 0},
    {"-m", "SIZE", "memory of the guest in MiB, or with M or G (128)", MEMORY,
     AT(megabytes)},
    {"-serial", "STREAM", "where COM1 leads to (stdio)", TEXT, AT(serial)},
    {"-monitor", "STREAM", "where the monitor is", TEXT, AT(monitor)},
    {"-nographic", NULL, "console and monitor on the terminal (Ctrl-A c)", FLAG,
     AT(nographic)},
    {"-display", "none", "there is no display yet", DISPLAY, 0},
    {"-no-reboot", NULL, "end the run where the guest resets the machine", FLAG,
     AT(no_reboot)},
    {"-no-shutdown", NULL,
     "stay with the monitor when the guest is off or its run ends", FLAG,
     AT(no_shutdown)},
    {"-S", NULL, "wait for the monitor's cont before the first instruction",
     FLAG, AT(stopped)},
    {"-icount", "sleep=on|off", "whether an idle guest takes real time (on)",
     CLOCK, AT(sleep)},
    {"-rtc", "base=DATE", "YYYY-MM-DDTHH:MM:SS or seconds since 1970", RTC,
     AT(rtc_base)},
    {"-device", "isa-debug-exit[,iobase=PORT][,iosize=N]",
     "ends the run on a write", DEVICE, AT(debug_exit)},
    {"-record", "NAME", "record from the first instruction", TEXT, AT(record)},
    {"-replay", "NAME", "replay a recording", TEXT, AT(replay)},
    {"-replay-verify", NULL, "print the recorded hash and our own", FLAG,
     AT(verify)},
    {"-replay-drive", NULL, "replay with the real devices, compared", FLAG,
     AT(drive)},
    {"-replay-allow-writes", NULL,
     "let plugins write what the recording has not", FLAG, AT(allow_writes)},
    {"-replay-diagnose", NULL, "when a replay differs, find where it parts",
     FLAG, AT(diagnose)},
    {"-debug-flip", "WHAT@COUNT[:BIT]", NULL, TEXT, AT(flip)},
    {"-seed", "N", "what the guest's random numbers follow from (0)", NUMBER,
     AT(seed)},
    {"-accel", "interp|jit|lockstep[,step=N]", "how guest code runs (jit)",
     TEXT, AT(accel)},
    {"-jit", "chaos=SEED|perfmap",
     "make the engine's invisible choices at "
     "random; name units for perf",
     TEXT, AT(jit)},
    {"-panda", "'NAME:KEY=VALUE,...;...'",
     "load plugins (NAME:help: about "
     "one)",
     PLUGIN, 'l'},
    {"-os", "NAME", "which system the guest runs: linux-64-..., ...", TEXT,
     AT(os)},
    {"-panda-plugin", "FILE", "load a plugin from a file", PLUGIN, 'f'},
    {"-panda-arg", "NAME:KEY=VALUE", "an argument for a plugin", PLUGIN, 'a'},
    {"-pandalog", "FILE", "where plugins log to", TEXT, AT(pandalog)},
    {"-plugin-mutant", "HOW:CALLBACK[:EVERY]", NULL, TEXT, AT(mutant)},
    {"-panda-patience", "SECONDS",
     "a plugin that takes longer for a call ends the program (60; 0: never)",
     NUMBER, AT(patience)},
    {"-trace", "FILE",
     "write what the interpreter runs, with all accesses (-accel interp)", TEXT,
     AT(trace)},
    {"-unit-insns", "N", "guest instructions a unit, 1 to 64", NUMBER,
     AT(unit_insns)},
    {"-limit", "STEPS", "end the run there", NUMBER, AT(limit)},
    {"-hash-at", "N[,N...]", "print the hash of the state at these counts",
     TEXT, AT(hash_at)},
#undef AT
};
#define N_OPTIONS (sizeof(table) / sizeof(table[0]))

static void print_help(void)
{
    printf("usage: panda-system-x86_64 [options]\n");
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        char left[64];

        if (!table[i].help) { /* for tests, and who works on the engine */
            continue;
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

/* In MiB, or with a suffix; also as size=. */
static uint64_t memory_size(const char *text)
{
    char *end;
    uint64_t size;

    text += strncmp(text, "size=", 5) ? 0 : 5;
    size = strtoull(text, &end, 10);
    if (end == text || *text == '-' ||
        (*end && (end[1] || !strchr("mMgG", *end)))) {
        panda_fatal("-m: '%s' is not a size: give MiB, or a number with M "
                    "or G",
                    text);
    }
    if (*end == 'g' || *end == 'G') {
        size = size < 1u << 20 ? size * 1024 : UINT64_MAX;
    }
    if (size < 4 || size > 3072) {
        panda_fatal("-m %s: a PC has from 4 MiB to 3 GiB of memory", text);
    }
    return size;
}

static void one_cpu(const char *text)
{
    const char *count = text + (strncmp(text, "cpus=", 5) ? 0 : 5);

    if (strcmp(count, "1")) {
        panda_fatal("-smp %s: this machine has one CPU", text);
    }
}

/* An option for which there is one value. */
static void only(const char *option, const char *text, const char *value)
{
    if (strcmp(text, value)) {
        panda_fatal("%s: there is no '%s'; there is: %s", option, text, value);
    }
}

static bool clock_sleeps(const char *text)
{
    if (strcmp(text, "sleep=on") && strcmp(text, "sleep=off")) {
        panda_fatal("-icount: '%s' is neither sleep=on nor sleep=off", text);
    }
    return !strcmp(text, "sleep=on");
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
        time_t now = time(NULL);

        return *text == 'u' ? now : now + localtime(&now)->tm_gmtoff;
    }
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end) {
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    return end && !*end ? (int64_t)timegm(&tm) : (int64_t)number("-rtc", text);
}

/* The value behind `name` in a list by commas. */
static bool device_value(const char **text, const char *name, uint64_t *value)
{
    size_t length = strlen(name);
    char *end;

    if (strncmp(*text, name, length)) {
        return false;
    }
    *value = strtoull(*text + length, &end, 0);
    if (end == *text + length || (*end && *end != ',')) {
        panda_fatal("-device: '%s' is not %sNUMBER", *text, name);
    }
    *text = end;
    return true;
}

static struct debug_exit_option device(const char *text)
{
    static const char name[] = "isa-debug-exit";
    size_t length = strcspn(text, ",");
    uint64_t port = 0x501, size = 2;

    if (length != sizeof(name) - 1 || strncmp(text, name, length)) {
        panda_fatal("-device: there is no '%s'; there is: %s", text, name);
    }
    text += length;
    while (*text) {
        if (!device_value(&text, ",iobase=", &port) &&
            !device_value(&text, ",iosize=", &size)) {
            panda_fatal("-device %s: '%s' is neither iobase=PORT nor "
                        "iosize=N",
                        name, text + 1);
        }
    }
    if (!port || !size || size > 4 || port > 0x10000 - size) {
        panda_fatal("-device %s: iobase is from 1 to 0xffff, iosize from 1 "
                    "to 4",
                    name);
    }
    return (struct debug_exit_option){(uint16_t)port, (uint16_t)size};
}

static void add_plugin(struct options *options, char kind, const char *value)
{
    unsigned most = sizeof(options->plugins) / sizeof(options->plugins[0]);

    if (options->n_plugins == most) {
        panda_fatal("-panda: at most %u of these options", most);
    }
    options->plugins[options->n_plugins++] = (struct options_plugin){kind,
                                                                     value};
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
    case MEMORY:
        *(uint64_t *)member = memory_size(value);
        break;
    case PLUGIN:
        add_plugin(options, (char)option->member, value);
        break;
    case DEVICE:
        *(struct debug_exit_option *)member = device(value);
        break;
    case CLOCK:
        *(bool *)member = clock_sleeps(value);
        break;
    case CPUS:
        one_cpu(value);
        break;
    case MACHINE:
    case CPU:
    case DISPLAY:
        only(option->name, value, option->value);
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
    if (options->record && options->replay) {
        panda_fatal("-record and -replay exclude each other");
    }
    if (!options->replay &&
        (options->verify || options->drive || options->diagnose)) {
        panda_fatal("-replay-verify, -replay-drive and -replay-diagnose go "
                    "with -replay NAME");
    }
    engine_check(options);
    if (options->unit_insns < 1 || options->unit_insns > 64) {
        panda_fatal("-unit-insns: from 1 to 64");
    }
}

void options_parse(char **argv, struct options *options)
{
    *options = (struct options){.append = "",
                                .accel = "jit",
                                .jit = "",
                                .hash_at = "",
                                .megabytes = 128,
                                .limit = UINT64_MAX,
                                .unit_insns = 64,
                                .patience = 60,
                                .rtc_base = time(NULL),
                                .sleep = true};
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
