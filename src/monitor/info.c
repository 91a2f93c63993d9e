/* `info`: a table of topics. */
#include "monitor/commands.h"

#include "boundary/hash.h"
#include "exec/machine.h"
#include "exec/unit_cache.h"

#include <inttypes.h>
#include <string.h>

static void info_status(const struct monitor_target *target, FILE *out)
{
    fprintf(out, "VM status: %s\ncount: %" PRIu64 "\n",
            target->is_running(target->opaque) ? "running"
            : target->machine->reason          ? "paused (shutdown)"
                                               : "paused",
            target->machine->cpu->count);
}

static void info_registers(const struct monitor_target *target, FILE *out)
{
    const struct cpu *cpu = target->machine->cpu;

    cpu->guest->print_registers(cpu, out);
}

static void info_hash(const struct monitor_target *target, FILE *out)
{
    const struct machine *m = target->machine;

    fprintf(out, "count %" PRIu64 " hash %016" PRIx64 "\n", m->cpu->count,
            hash_state(m));
}

static void info_jit(const struct monitor_target *target, FILE *out)
{
    const struct machine *m = target->machine;
    struct machine_code code = machine_code(m);

    fprintf(out, "units: %u\n", unit_cache_count(m->units));
    if (!code.size) {
        fprintf(out, "no generated code: everything is interpreted\n");
        return;
    }
    fprintf(out,
            "code: %zu of %zu bytes\nflushes: %" PRIu64 "\nlinks made: %" PRIu64
            "\n",
            code.used, code.size, code.n_flushes, code.n_links);
}

static void info_record(const struct monitor_target *target, FILE *out)
{
    target->info_record(target->opaque, out);
}

static void info_replay(const struct monitor_target *target, FILE *out)
{
    target->info_replay(target->opaque, out);
}

static const struct {
    const char *name, *help;
    void (*print)(const struct monitor_target *target, FILE *out);
} topics[] = {
    {"status", "does the guest run, and its step count", info_status},
    {"registers", "of the CPU", info_registers},
    {"hash", "of the whole state", info_hash},
    {"record", "the recording being made", info_record},
    {"replay", "the replay that runs", info_replay},
    {"jit", "generated code", info_jit},
};
#define N_TOPICS (sizeof(topics) / sizeof(topics[0]))

void monitor_info(const struct monitor_target *target, const char *topic,
                  FILE *out)
{
    for (unsigned i = 0; i < N_TOPICS; i++) {
        if (!strcmp(topic, topics[i].name)) {
            topics[i].print(target, out);
            return;
        }
    }
    if (*topic) {
        fprintf(out, "info: there is nothing about '%s'\n", topic);
    }
    for (unsigned i = 0; i < N_TOPICS; i++) {
        fprintf(out, "info %s -- %s\n", topics[i].name, topics[i].help);
    }
}
