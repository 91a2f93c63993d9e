/*
 * Callbacks of older sources whose arguments differ from today's: functions
 * that are registered in their place and call them.
 */
#include "plugin/plugins.h"

/* From the host's buffer into RAM, or the other way: where from and where to,
 * as the older ones are told. */
struct way {
    uint64_t from, to;
};

static struct way way_of(const uint8_t *buf, hwaddr addr, bool is_write)
{
    uint64_t buffer = (uintptr_t)buf;

    return is_write ? (struct way){buffer, addr} : (struct way){addr, buffer};
}

static void before_dma(void *function, CPUState *cpu, const uint8_t *buf,
                       hwaddr addr, size_t size, bool is_write)
{
    struct way way = way_of(buf, addr, is_write);
    panda_cb cb;

    *(void **)(void *)&cb = function;
    cb.replay_before_cpu_physical_mem_rw_ram(cpu, is_write, way.from, way.to,
                                             (uint32_t)size);
}

static void after_dma(void *function, CPUState *cpu, const uint8_t *buf,
                      hwaddr addr, size_t size, bool is_write)
{
    struct way way = way_of(buf, addr, is_write);
    panda_cb cb;

    *(void **)(void *)&cb = function;
    cb.replay_after_cpu_physical_mem_rw_ram(
        cpu, is_write, (uint8_t *)(uintptr_t)way.from, way.to, (uint32_t)size);
}

bool older_callback(panda_cb_type *type, panda_cb cb, panda_cb_with_context *by,
                    void **context)
{
    if (*type == PANDA_CB_REPLAY_BEFORE_CPU_PHYSICAL_MEM_RW_RAM) {
        *type = PANDA_CB_REPLAY_BEFORE_DMA;
        by->replay_before_dma = before_dma;
    } else if (*type == PANDA_CB_REPLAY_AFTER_CPU_PHYSICAL_MEM_RW_RAM) {
        *type = PANDA_CB_REPLAY_AFTER_DMA;
        by->replay_after_dma = after_dma;
    } else {
        return false;
    }
    *context = *(void **)(void *)&cb;
    return true;
}
