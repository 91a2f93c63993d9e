/*
 * What plugins hear, against a truth that never passes through them: an
 * unwatched machine goes step by step, and from its registers and memory
 * before and after each step a few lines of this file say which events there
 * must be. Random programs of the made-up guest write into themselves,
 * straddle pages, touch devices and fault; interrupts come at fixed counts.
 *
 * The events must be the same in generated code and in the interpreter, with
 * units of any length, whatever is flushed.
 */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int passed, failed;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

#define STEPS 5000u
#define SEEDS 3u

static const struct {
    const char *name;
    struct how how;
} ways[] = {
    {"interpreter", {64, 0, UINT64_MAX / 2, false, NULL}},
    {"interpreter, 7 instructions a unit", {7, 0, UINT64_MAX / 2, false, NULL}},
    {"interpreter, 1 instruction a unit", {1, 0, UINT64_MAX / 2, false, NULL}},
    {"interpreter, flushes and pieces", {5, 40, 101, false, NULL}},
    {"generated code", {64, 0, UINT64_MAX / 2, true, NULL}},
    {"generated code, 7 instructions a unit",
     {7, 0, UINT64_MAX / 2, true, NULL}},
    {"generated code, 1 instruction a unit",
     {1, 0, UINT64_MAX / 2, true, NULL}},
    {"generated code, flushed often", {64, 20, UINT64_MAX / 2, true, NULL}},
    {"generated code, flushes and pieces", {5, 40, 101, true, NULL}},
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

static void against_truth(void)
{
    for (unsigned k = 0; k < N_WAYS; k++) {
        bool good = true;
        uint64_t kinds = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct listing truth = {0}, heard = {0};

            list_truth(seed, STEPS, &truth);
            list_heard(seed, STEPS, &ways[k].how, LISTEN, &heard);
            good = same_listing(&truth, &heard) && good;
            kinds |= heard.kinds;
            free(truth.event);
            free(heard.event);
        }
        expect(good && kinds == ALL_KINDS, ways[k].name);
    }
}

/* Callbacks that switch others on and off, flush and unregister, at counts
 * drawn from a seed: what is heard must not depend on the engine's cuts, and
 * the guest must not notice. */
static void switching(void)
{
    const struct how plain = {64, 0, UINT64_MAX / 2, false, NULL};

    for (unsigned k = 2; k < N_WAYS; k += 2) {
        bool good = true, untouched = true;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct listing first = {0}, heard = {0}, none = {0};

            list_heard(seed, STEPS, &plain, SWITCH, &first);
            list_heard(seed, STEPS, &ways[k].how, SWITCH, &heard);
            list_heard(seed, STEPS, &plain, SILENT, &none);
            good = same_listing(&first, &heard) && first.n > 100 && good;
            untouched = untouched && first.state == none.state &&
                        heard.state == none.state;
            free(first.event);
            free(heard.event);
        }
        printf("  %s\n", ways[k].name);
        expect(good, "switching hears the same");
        expect(untouched, "and the guest ends as unwatched");
    }
}

/* A flush at each request must not keep the guest from going on. */
static void invalidating(void)
{
    bool good = true;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct listing some = {0}, none = {0};

        list_heard(seed, 2000, &ways[4].how, INVALIDATE, &some);
        list_heard(seed, 2000, &ways[0].how, SILENT, &none);
        good = good && some.state == none.state && some.n > 100 &&
               same_twice(&some);
        free(some.event);
    }
    expect(good, "a block translated anew each time is asked about once");
}

/* Every kind of fault in every kind of event must be noticed above. */
static void mutants(void)
{
    static const char *const hows[] = {"drop", "double", "delay", "alter"};
    const uint64_t steps = 1500;
    struct listing truth = {0};

    list_truth(1, steps, &truth);
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        bool asks = kind == PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT;
        unsigned noticed = 0;

        for (unsigned i = 0; i < 4; i++) {
            struct how how = ways[4].how;
            struct listing heard = {0};
            char text[80];

            if (!asks && !(ALL_KINDS & KIND_BIT(kind))) {
                continue;
            }
            snprintf(text, sizeof(text), "%s:%s:50", hows[i],
                     registry_name((panda_cb_type)kind));
            how.mutant = text;
            list_heard(1, steps, &how, asks ? INVALIDATE : LISTEN, &heard);
            noticed += !(asks ? same_twice(&heard)
                              : same_listing(&truth, &heard));
            free(heard.event);
        }
        if (asks || ALL_KINDS & KIND_BIT(kind)) {
            printf("  faults in %s\n", registry_name((panda_cb_type)kind));
            expect(noticed == 4, "are noticed");
        }
    }
    free(truth.event);
}

static void transfers(void)
{
    char path[64];

    snprintf(path, sizeof(path), "build/test-plugins-%d.log", (int)getpid());
    for (unsigned k = 0; k < N_WAYS; k++) {
        printf("  %s\n", ways[k].name);
        expect(transfers_are_heard(path, &ways[k].how),
               "a replay tells of each transfer and DMA");
    }
    expect(transfer_faults_noticed(path) == 4 * N_TRANSFER_KINDS,
           "and faults in that are noticed");
    unlink(path);
}

static void errors(void)
{
    struct plugins *p = plugins_new();
    char *message = NULL;
    panda_cb pcb = {.cbaddr = NULL};

    expect(!plugins_load_list(p, "nosuch", &message) && message &&
               strstr(message, "panda_nosuch.so") &&
               strstr(message, "/panda/plugins"),
           "an unknown plugin names where it was looked for");
    free(message);
    plugins_set_current(p);
    p->starting = (struct plugin *)p; /* as in an init */
    panda_register_callback(NULL, (panda_cb_type)999, pcb);
    expect(p->failure && strstr(p->failure, "999"),
           "a number that is none is refused");
    p->starting = NULL;
    plugins_free(p);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    against_truth();
    switching();
    invalidating();
    mutants();
    transfers();
    errors();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
