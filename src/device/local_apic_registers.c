/* The local APIC's page of registers, and the commands given through it. */
#include "device/local_apic_parts.h"

#define VERSION_REGISTER (0x14u | (LVT_ENTRIES - 1) << 16)

/* Register numbers: offset / 16. */
enum {
    ID = 0x02,
    VERSION = 0x03,
    TASK_PRIORITY = 0x08,
    ARBITRATION_PRIORITY,
    PROCESSOR_PRIORITY,
    END_OF_INTERRUPT,
    REMOTE_READ,
    LOGICAL_DESTINATION,
    DESTINATION_FORMAT,
    SPURIOUS,
    ISR = 0x10, /* 8 each */
    TMR = 0x18,
    IRR = 0x20,
    ERROR_STATUS = 0x28,
    COMMAND_LOW = 0x30,
    COMMAND_HIGH,
    LVT = 0x32, /* to 0x37 */
    TIMER_INITIAL = 0x38,
    TIMER_CURRENT,
    TIMER_DIVIDE = 0x3e,
};

/* -- Commands -------------------------------------------------------------- */

/* Messages between CPUs are edges; a de-assert of INIT does nothing. */
static void send_command(struct local_apic *apic)
{
    uint32_t low = apic->icr[0];
    struct apic_message message = {
        .vector = low & 0xff,
        .delivery = low >> 8 & 7,
        .destination = apic->icr[1] >> 24,
        .logical = low >> 11 & 1,
    };
    unsigned shorthand = low >> 18 & 3;

    if (message.delivery == APIC_RESERVED ||
        message.delivery == APIC_EXTERNAL ||
        (message.delivery == APIC_INIT && (low & 0xc000) == 0x8000)) {
        return;
    }
    if (message.delivery <= APIC_LOWEST_PRIORITY && message.vector < 16) {
        local_apic_note_error(apic, ERROR_SEND_VECTOR);
        return;
    }
    if (shorthand == 0) {
        apic_bus_send(apic->bus, &message);
    } else if (shorthand > 1) {
        apic_bus_send_all(apic->bus, &message, shorthand == 3 ? apic : NULL);
    } else if (message.delivery == APIC_FIXED) {
        local_apic_receive(apic, &message);
    }
}

/* -- Registers ------------------------------------------------------------- */

static uint32_t read_register(struct local_apic *apic, unsigned n)
{
    if (n >= LVT && n < LVT + LVT_ENTRIES) {
        return apic->lvt[n - LVT];
    }
    if (n >= ISR && n < IRR + 8) {
        const uint32_t *set = n < TMR   ? apic->isr
                              : n < IRR ? apic->tmr
                                        : apic->irr;
        return set[n & 7];
    }
    switch (n) {
    case ID:
        return apic->id << 24;
    case VERSION:
        return VERSION_REGISTER;
    case TASK_PRIORITY:
        return apic->tpr;
    case ARBITRATION_PRIORITY:
    case PROCESSOR_PRIORITY:
        return local_apic_priority(apic);
    case END_OF_INTERRUPT:
    case REMOTE_READ:
        return 0;
    case LOGICAL_DESTINATION:
        return apic->ldr;
    case DESTINATION_FORMAT:
        return apic->dfr;
    case SPURIOUS:
        return apic->spurious;
    case ERROR_STATUS:
        return apic->esr;
    case COMMAND_LOW:
    case COMMAND_HIGH:
        return apic->icr[n - COMMAND_LOW];
    case TIMER_INITIAL:
        return apic->initial;
    case TIMER_CURRENT:
        return local_apic_timer_current(apic);
    case TIMER_DIVIDE:
        return apic->divide;
    default:
        local_apic_note_error(apic, ERROR_REGISTER);
        return 0;
    }
}

static void write_register(struct local_apic *apic, unsigned n, uint32_t value)
{
    if (n >= LVT && n < LVT + LVT_ENTRIES) {
        local_apic_set_lvt(apic, n - LVT, value);
        return;
    }
    switch (n) {
    case ID:
        apic->id = value >> 24;
        break;
    case TASK_PRIORITY:
        local_apic_set_task_priority(apic, value);
        break;
    case END_OF_INTERRUPT:
        local_apic_end_of_interrupt(apic);
        break;
    case LOGICAL_DESTINATION:
        apic->ldr = value & 0xff000000;
        break;
    case DESTINATION_FORMAT:
        apic->dfr = value | 0x0fffffff;
        break;
    case SPURIOUS:
        local_apic_set_spurious(apic, value);
        break;
    case ERROR_STATUS: /* a write shows what has come since the last */
        apic->esr = apic->errors;
        apic->errors = 0;
        break;
    case COMMAND_LOW:
        apic->icr[0] = value & 0xccfff;
        send_command(apic);
        break;
    case COMMAND_HIGH:
        apic->icr[1] = value & 0xff000000;
        break;
    case TIMER_INITIAL:
        local_apic_timer_set_initial(apic, value);
        break;
    case TIMER_DIVIDE:
        local_apic_timer_set_divide(apic, value);
        break;
    default:
        if (n < VERSION || n > TIMER_CURRENT) {
            local_apic_note_error(apic, ERROR_REGISTER);
        }
    }
}

/* A register is the first four of each sixteen bytes. */
static uint64_t apic_read(void *opaque, uint64_t address, unsigned size)
{
    struct local_apic *apic = opaque;

    (void)size;
    if (!apic->enabled) {
        return ~0ull;
    }
    return (address & 15) < 4
               ? read_register(apic, address >> 4) >> (address & 3) * 8
               : 0;
}

static void apic_write(void *opaque, uint64_t address, uint64_t value,
                       unsigned size)
{
    struct local_apic *apic = opaque;

    if (apic->enabled && size == 4 && !(address & 15)) {
        write_register(apic, address >> 4, value);
    }
}

const struct io_handlers local_apic_handlers = {apic_read, apic_write, 4};
