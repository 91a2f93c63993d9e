/*
 * A CPU's local APIC, in xAPIC mode. It owns the pin to the CPU: the board
 * asks local_apic_raised() and takes the vector by local_apic_acknowledge(),
 * also while the APIC is switched off and LINT0 leads straight through.
 *
 * The timer's input is 1 GHz of virtual time before the divider.
 */
#ifndef DEVICE_LOCAL_APIC_H
#define DEVICE_LOCAL_APIC_H

#include "device/apic_bus.h"
#include "device/device.h"

#define LOCAL_APIC_BASE 0xfee00000u
#define LOCAL_APIC_TIMER_HZ 1000000000u

enum local_apic_lvt {
    LVT_TIMER,
    LVT_THERMAL,
    LVT_PERFORMANCE,
    LVT_LINT0,
    LVT_LINT1,
    LVT_ERROR,
    LVT_ENTRIES
};

/* What reaches the CPU beside the vectors; each may be NULL. */
struct local_apic_cpu {
    struct wire nmi, smi, init; /* pulses */
    void (*startup)(void *opaque, unsigned vector);
    /* The guest wrote the task priority register: CR8 follows. */
    void (*priority)(void *opaque, unsigned cr8);
    /* INTA cycles to the 8259 pair on LINT0. */
    unsigned (*acknowledge)(void *opaque);
    void *opaque;
};

struct local_apic {
    struct local_apic_cpu cpu;
    struct apic_bus *bus;
    struct clock *clock;
    struct timer timer;
    struct io_map *io;
    uint64_t base;    /* of the registers, by the base MSR */
    uint64_t io_base; /* where they are in `io` now */
    uint32_t enabled; /* in the base MSR */
    uint32_t id, tpr, ldr, dfr, spurious;
    uint32_t esr, errors; /* errors: come since ESR was written */
    uint32_t icr[2];
    uint32_t lvt[LVT_ENTRIES];
    uint32_t irr[8], isr[8], tmr[8];
    uint8_t lines;    /* LINT0 and LINT1 */
    uint8_t external; /* an ExtINT message waits */
    /* The timer counted `count` at `start`; 0: it stands. */
    uint64_t start;
    uint32_t count, initial, divide;
    uint64_t tsc_deadline; /* 0: none */
    uint64_t tsc_offset;   /* TSC - virtual time */
};

/* cpu is set after init. Joins no bus by itself. */
void local_apic_init(struct local_apic *apic, struct clock *clock,
                     struct apic_bus *bus, unsigned id);
bool local_apic_attach(struct local_apic *apic, struct io_map *map);

/* -- The CPU's side -------------------------------------------------------- */
bool local_apic_raised(const struct local_apic *apic);
unsigned local_apic_acknowledge(struct local_apic *apic);
/* The global enable in the base MSR; off resets it. */
void local_apic_enable(struct local_apic *apic, bool enabled);
/* Where the base MSR puts the registers: a multiple of the page size. */
void local_apic_set_base(struct local_apic *apic, uint64_t base);
/* As INIT does: everything but the id and the global enable. */
void local_apic_reset(struct local_apic *apic);
/* As firmware leaves it, for who knows nothing of APICs: on, with LINT0
 * straight from the 8259s and LINT1 as NMI. */
void local_apic_virtual_wire(struct local_apic *apic);
/* LINT0 is an NMI, so that the 8259s get through with interrupts off. */
bool local_apic_line_is_nmi(const struct local_apic *apic);
unsigned local_apic_cr8(const struct local_apic *apic);
void local_apic_set_cr8(struct local_apic *apic, unsigned cr8);
/* The TSC_DEADLINE MSR, in TSC; and the TSC's offset when it changes. */
uint64_t local_apic_tsc_deadline(struct local_apic *apic);
void local_apic_set_tsc_deadline(struct local_apic *apic, uint64_t tsc);
void local_apic_set_tsc_offset(struct local_apic *apic, uint64_t offset);

/* -- The devices' side ----------------------------------------------------- */
/* For a struct wire: line 0 is LINT0 (from the 8259s), 1 is LINT1 (NMI). */
void local_apic_set_line(void *apic, unsigned line, bool level);
bool local_apic_addressed(const struct local_apic *apic,
                          const struct apic_message *message);
/* It is on, in its spurious vector register also. */
bool local_apic_accepts(const struct local_apic *apic);
unsigned local_apic_priority(const struct local_apic *apic);
bool local_apic_receive(struct local_apic *apic,
                        const struct apic_message *message);

extern const struct device_table local_apic_table;

#endif
