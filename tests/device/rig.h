/*
 * All devices in one machine without a CPU, wired as in a PC, and what the
 * tests of them share.
 */
#ifndef TESTS_DEVICE_RIG_H
#define TESTS_DEVICE_RIG_H

#include "device/acpi_pm.h"
#include "device/i8042.h"
#include "device/i8259.h"
#include "device/io_apic.h"
#include "device/isa_debug_exit.h"
#include "device/local_apic.h"
#include "device/pit8254.h"
#include "device/port92.h"
#include "device/rtc_cmos.h"
#include "device/uart16550.h"

#define RIG_DATE 951782399 /* 2000-02-28 23:59:59, a Monday */
#define RIG_DEVICES 10

struct rig {
    struct clock *clock;
    struct io_map *io;
    struct i8259 pic;
    struct pit8254 pit;
    struct rtc_cmos rtc;
    struct uart16550 uart;
    struct i8042 keyboard;
    struct port92 port92;
    struct acpi_pm pm;
    struct isa_debug_exit debug_exit;
    struct apic_bus bus;
    struct local_apic apic;
    struct io_apic io_apic;

    bool isa[16];       /* lines as driven */
    unsigned rises[16]; /* their rising edges */
    bool a20[2];        /* keyboard controller, port 0x92 */
    unsigned resets, nmis, smis, inits, power_offs, startups;
    unsigned cr8, exit_value;
    uint8_t sent[64];
    unsigned n_sent, n_ready;
    uint64_t trace; /* a hash of everything that came out */
};

struct rig_part {
    const struct device_table *table;
    void *device;
};

struct rig *rig_new(void);
void rig_free(struct rig *rig);
void rig_parts(struct rig *rig, struct rig_part parts[RIG_DEVICES]);

uint8_t in(struct rig *rig, uint16_t port);
void out(struct rig *rig, uint16_t port, uint8_t value);
uint32_t apic_in(struct rig *rig, unsigned offset);
void apic_out(struct rig *rig, unsigned offset, uint32_t value);
uint32_t io_apic_in(struct rig *rig, unsigned n);
void io_apic_out(struct rig *rig, unsigned n, uint32_t value);

/* Lets time pass from timer to timer. */
void pass(struct rig *rig, uint64_t ns);
/* Initialises the 8259s at vectors 0x20 and 0x28, all inputs open. */
void pic_start(struct rig *rig);

/* Prints the case and counts it. */
bool expect(bool good, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool equal(uint64_t got, uint64_t wanted, const char *what);

void test_clock(void);
void test_io_map(void);
void test_i8259(void);
void test_pit8254(void);
void test_calendar(void);
void test_rtc_cmos(void);
void test_uart16550(void);
void test_i8042(void);
void test_ports(void);
void test_acpi_pm(void);
void test_local_apic(void);
void test_apic_timer(void);
void test_io_apic(void);
void test_hostile(uint64_t seed, unsigned steps);

#endif
