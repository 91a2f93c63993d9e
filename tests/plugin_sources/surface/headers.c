/*
 * Every header that sources include besides panda/plugin.h, none of which
 * does harm; and what a plugin prints with.
 *
 * > headers: included
 * ! PANDA[headers]: included
 */
#include "config-host.h"
#include "config-target.h"
#include "qemu-common.h"
#include "include/exec/address-spaces.h"
#include "exec/cpu-all.h"
#include "exec/cpu-common.h"
#include "exec/cpu-defs.h"
#include "exec/hwaddr.h"
#include "exec/log.h"
#include "exec/tb-hash.h"
#include "monitor/monitor.h"
#include "qemu/typedefs.h"
#include "tcg.h"
#include "translate-all.h"
#include "panda/callbacks/cb-defs.h"
#include "panda/rr/rr_log_all.h"
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

bool init_plugin(UNUSED(void *self))
{
    panda_cb_type none = PANDA_CB_LAST;
    char name[] = "windows_32_xpsp3";

    panda_set_os_name(name);
    assert(panda_os_familyno == OS_WINDOWS && panda_os_bits == 32);
    assert(!strcmp(panda_os_variant, "xpsp3"));

    fprintf(stderr, PANDA_MSG " included\n");
    return printf("headers: included\n") > 0 && none == 51;
}

void uninit_plugin(UNUSED(void *self)) {}
