#include "device/acpi_pm.h"

#include <string.h>

enum { STATUS = 0, ENABLE = 2, CONTROL = 4 };

/* Of the control register. */
#define SCI_ENABLED 0x0001u
#define SLEEP_TYPE(value) ((value) >> 10 & 7)
#define SLEEP 0x2000u /* reads as 0 */
#define KEPT 0x1c03u

/* A register is two bytes; each of them may be accessed alone. */
static uint16_t register_at(const struct acpi_pm *pm, uint64_t address)
{
    switch (address & ~1ull) {
    case ENABLE:
        return pm->enable;
    case CONTROL:
        return pm->control | SCI_ENABLED;
    default: /* nothing sets a status bit */
        return 0;
    }
}

static uint64_t pm_read(void *opaque, uint64_t address, unsigned size)
{
    (void)size;
    return register_at(opaque, address) >> (address & 1) * 8;
}

static void write_control(struct acpi_pm *pm, uint16_t value)
{
    pm->control = value & KEPT;
    if ((value & SLEEP) && SLEEP_TYPE(value) == ACPI_PM_OFF) {
        wire_pulse(&pm->power_off);
    }
}

static void pm_write(void *opaque, uint64_t address, uint64_t value,
                     unsigned size)
{
    struct acpi_pm *pm = opaque;
    uint16_t old = register_at(pm, address), whole = (uint16_t)value;

    if (size == 1) {
        whole = address & 1 ? (uint16_t)((old & 0xff) | value << 8)
                            : (uint16_t)((old & 0xff00) | (value & 0xff));
    }
    if ((address & ~1ull) == ENABLE) {
        pm->enable = whole;
    } else if ((address & ~1ull) == CONTROL) {
        write_control(pm, whole);
    }
}

bool acpi_pm_attach(struct acpi_pm *pm, struct io_map *map)
{
    static const struct io_handlers handlers = {pm_read, pm_write, 2};

    return io_map_add(map, IO_PORT, ACPI_PM_BASE, 6, &handlers, pm);
}

void acpi_pm_init(struct acpi_pm *pm)
{
    memset(pm, 0, sizeof(*pm));
}

static void loaded(void *opaque)
{
    ((struct acpi_pm *)opaque)->control &= KEPT;
}

static const struct device_field fields[] = {
    DEVICE_FIELD(struct acpi_pm, enable),
    DEVICE_FIELD(struct acpi_pm, control)};

const struct device_table acpi_pm_table = {"acpi_pm", fields, 2, loaded};
