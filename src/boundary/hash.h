/*
 * The state hash: architectural state in canonical form, so that it does not
 * depend on any cache of ours, on the compiler or on the host.
 */
#ifndef BOUNDARY_HASH_H
#define BOUNDARY_HASH_H

#include <stdint.h>

struct machine;

/* Registers, count and skipped time. */
uint64_t hash_registers(const struct machine *machine);
/* The above and every RAM-like block. */
uint64_t hash_state(const struct machine *machine);

#endif
