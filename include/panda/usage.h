/*
 * Ours, beyond PANDA: how much the engine holds for plugins, to find what is
 * not given back.
 */
#ifndef PANDA_USAGE_H
#define PANDA_USAGE_H

#include "panda/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct panda_usage {
    unsigned plugins;       /* loaded */
    unsigned subscriptions; /* functions registered for callbacks */
    unsigned registrations; /* and with other plugins */
    unsigned arguments;     /* of plugins, loaded or not */
    unsigned blocks;        /* of the guest, that plugins have seen */
    unsigned translations;  /* live units of translated code */
} panda_usage;

/* Fills in what is held now. In any callback, and in init and uninit. */
void panda_get_usage(panda_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
