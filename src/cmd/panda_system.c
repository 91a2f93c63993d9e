/*
 * panda-system-x86_64: a PC that boots a Linux kernel with its console on
 * the terminal.
 */
#include "base/error.h"
#include "board/pc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    const char *kernel, *initrd, *append;
    uint64_t megabytes;
    uint64_t limit; /* steps; for tests */
};

static const char usage[] =
    "usage: panda-system-x86_64 -kernel FILE [-initrd FILE] [-append TEXT]\n"
    "                           [-m MIB] [-nographic] [-limit STEPS]\n";

static const char *value_of(char **argv, int *i)
{
    if (!argv[*i + 1]) {
        panda_fatal("%s: a value is missing\n%s", argv[*i], usage);
    }
    return argv[++*i];
}

static uint64_t number_of(char **argv, int *i)
{
    const char *option = argv[*i], *text = value_of(argv, i);
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (end == text || *end) {
        panda_fatal("%s: '%s' is not a number", option, text);
    }
    return value;
}

static void parse(char **argv, struct options *options)
{
    for (int i = 1; argv[i]; i++) {
        if (!strcmp(argv[i], "-kernel")) {
            options->kernel = value_of(argv, &i);
        } else if (!strcmp(argv[i], "-initrd")) {
            options->initrd = value_of(argv, &i);
        } else if (!strcmp(argv[i], "-append")) {
            options->append = value_of(argv, &i);
        } else if (!strcmp(argv[i], "-m")) {
            options->megabytes = number_of(argv, &i);
        } else if (!strcmp(argv[i], "-limit")) {
            options->limit = number_of(argv, &i);
        } else if (strcmp(argv[i], "-nographic")) {
            panda_fatal("%s: no such option\n%s", argv[i], usage);
        }
    }
    if (!options->kernel) {
        panda_fatal("-kernel is missing\n%s", usage);
    }
}

static void serial_put(void *opaque, uint8_t byte)
{
    (void)opaque;
    putchar(byte);
    if (byte == '\n') {
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct options options = {.append = "", .megabytes = 128,
                              .limit = UINT64_MAX};
    struct pc_options how = {.serial.put = serial_put,
                             .debug_exit_port = 0xf4};
    char *message;
    struct pc *pc;
    enum run_end end;

    (void)argc;
    parse(argv, &options);
    how.ram_size = options.megabytes << 20;
    pc = pc_new(&how, &message);
    if (!pc || !pc_boot_linux(pc, options.kernel, options.initrd,
                              options.append, &message)) {
        panda_fatal("%s", message);
    }
    end = machine_run(pc->machine, options.limit);
    fflush(stdout);
    fprintf(stderr, "\npanda: %s after %" PRIu64 " steps\n",
            pc->machine->reason ? pc->machine->reason
            : end == RUN_LIMIT  ? "the limit is reached"
                                : "the run ended",
            pc->machine->cpu->count);
    pc->machine->cpu->guest->print_registers(pc->machine->cpu, stderr);
    pc_free(pc);
    return end == RUN_BROKEN;
}
