/* How guest code is run: -accel, -jit, -unit-insns; and -limit, -hash-at. */
#ifndef CMD_ENGINE_H
#define CMD_ENGINE_H

#include "cmd/options.h"
#include "exec/machine.h"

struct engine;

/* Ends the program with a sentence when an option is wrong. */
void engine_check(const struct options *options);

/* How the machine runs guest code, lockstep aside. */
void engine_choose(struct machine *machine, const struct options *options);

/* The machine is about to run for the first time. */
struct engine *engine_new(struct machine *machine,
                          const struct options *options);
/* As machine_run() up to -limit; prints the hashes asked for. */
enum run_end engine_run(struct engine *engine);
/* Lockstep found a difference; it has been printed. */
bool engine_differed(const struct engine *engine);
void engine_free(struct engine *engine);

#endif
