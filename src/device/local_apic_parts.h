/* Private to the local APIC: what its files know of each other. */
#ifndef DEVICE_LOCAL_APIC_PARTS_H
#define DEVICE_LOCAL_APIC_PARTS_H

#include "device/local_apic.h"

#define LVT_MASKED 0x10000u
#define SPURIOUS_ENABLE 0x100u

enum {
    ERROR_SEND_VECTOR = 0x20,
    ERROR_RECEIVE_VECTOR = 0x40,
    ERROR_REGISTER = 0x80,
};

/* -- local_apic.c ---------------------------------------------------------- */
/* What a local interrupt's LVT entry says happens. */
void local_apic_raise_lvt(struct local_apic *apic, enum local_apic_lvt entry);
void local_apic_note_error(struct local_apic *apic, uint32_t error);
void local_apic_end_of_interrupt(struct local_apic *apic);
void local_apic_set_lvt(struct local_apic *apic, unsigned entry,
                        uint32_t value);
void local_apic_set_spurious(struct local_apic *apic, uint32_t value);
void local_apic_set_task_priority(struct local_apic *apic, uint32_t value);

/* -- local_apic_registers.c ------------------------------------------------ */
extern const struct io_handlers local_apic_handlers;

/* -- local_apic_timer.c ---------------------------------------------------- */
void local_apic_timer_init(struct local_apic *apic);
void local_apic_timer_reset(struct local_apic *apic);
/* Takes notice of the time that passed, and arms for what is to come; after
 * each change of what the timer depends on. */
void local_apic_timer_update(struct local_apic *apic);
void local_apic_timer_set_lvt(struct local_apic *apic, uint32_t value);
void local_apic_timer_set_initial(struct local_apic *apic, uint32_t value);
void local_apic_timer_set_divide(struct local_apic *apic, uint32_t value);
uint32_t local_apic_timer_current(struct local_apic *apic);
/* After a snapshot: any bytes become safe. */
void local_apic_timer_loaded(struct local_apic *apic);

#endif
