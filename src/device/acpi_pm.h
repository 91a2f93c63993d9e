/*
 * The fixed hardware of ACPI that an operating system needs to switch a PC
 * off: the PM1 event and control registers. There is no legacy mode, no
 * button, and no state to sleep in but "off".
 */
#ifndef DEVICE_ACPI_PM_H
#define DEVICE_ACPI_PM_H

#include "device/device.h"

#define ACPI_PM_BASE 0x600u
#define ACPI_PM_CONTROL 0x604u
/* The SLP_TYP that switches off: what _S5 tells. */
#define ACPI_PM_OFF 0u

struct acpi_pm {
    struct wire power_off; /* a pulse */
    uint16_t enable, control;
};

/* Wires are set after init. */
void acpi_pm_init(struct acpi_pm *pm);
bool acpi_pm_attach(struct acpi_pm *pm, struct io_map *map);

extern const struct device_table acpi_pm_table;

#endif
