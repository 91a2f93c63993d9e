/*
 * The Intel MP table, which tells of CPU and interrupt controllers: a
 * "floating pointer" that systems look for at 16-byte boundaries, and the
 * configuration table itself.
 */
#include "board/pc_parts.h"

#include <string.h>

struct table {
    uint8_t bytes[512];
    size_t size;
    unsigned entries;
};

static void put(struct table *table, const void *bytes, size_t size)
{
    memcpy(table->bytes + table->size, bytes, size);
    table->size += size;
}

static void put_number(struct table *table, unsigned size, uint64_t value)
{
    put(table, &value, size);
}
#define PUT(...) \
    put(table, (const uint8_t[]){__VA_ARGS__}, \
        sizeof((const uint8_t[]){__VA_ARGS__}))

/* The byte that makes the sum of all bytes 0. */
static uint8_t checksum(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return (uint8_t)-sum;
}

/* -- Entries --------------------------------------------------------------- */

enum { PROCESSOR, BUS, IO_APIC, IO_INTERRUPT, LOCAL_INTERRUPT };
enum { VECTORED, NMI, SMI, EXTERNAL }; /* kinds of interrupts */
#define ALL_APICS 0xff

static void put_processor(struct table *table)
{
    /* APIC id, its version, usable and the boot CPU */
    PUT(PROCESSOR, 0, 0x14, 3);
    put_number(table, 4, 0x60fb1); /* family, model, stepping */
    put_number(table, 4, 0x201);   /* features: FPU, APIC */
    put_number(table, 8, 0);
    table->entries++;
}

static void put_bus(struct table *table)
{
    PUT(BUS, 0, 'I', 'S', 'A', ' ', ' ', ' ');
    table->entries++;
}

static void put_io_apic(struct table *table)
{
    PUT(IO_APIC, IO_APIC_ID, 0x20, 1);
    put_number(table, 4, IO_APIC_BASE);
    table->entries++;
}

/* Polarity and trigger are those of the bus. */
static void put_interrupt(struct table *table, uint8_t entry, uint8_t kind,
                          uint8_t line, uint8_t apic, uint8_t input)
{
    PUT(entry, kind, 0, 0, 0, line, apic, input);
    table->entries++;
}

static void put_interrupts(struct table *table)
{
    for (uint8_t line = 0; line < 16; line++) {
        if (line != 2) { /* where the second 8259 is */
            put_interrupt(table, IO_INTERRUPT, VECTORED, line, IO_APIC_ID,
                          line ? line : 2);
        }
    }
    put_interrupt(table, LOCAL_INTERRUPT, EXTERNAL, 0, ALL_APICS, 0);
    put_interrupt(table, LOCAL_INTERRUPT, NMI, 0, ALL_APICS, 1);
}

/* -- The tables ------------------------------------------------------------ */

enum { LENGTH_AT = 4, CHECKSUM_AT = 7, COUNT_AT = 34 };

static void put_configuration(struct table *table)
{
    uint16_t length;

    PUT('P', 'C', 'M', 'P', 0, 0, 4, 0); /* version 1.4 */
    put(table, "PANDA   ", 8);
    put(table, "PC          ", 12);
    put_number(table, 8, 0); /* no table of a manufacturer; and COUNT_AT */
    put_number(table, 4, LOCAL_APIC_BASE);
    put_number(table, 4, 0); /* nothing extended */
    put_processor(table);
    put_bus(table);
    put_io_apic(table);
    put_interrupts(table);
    length = (uint16_t)table->size;
    memcpy(table->bytes + LENGTH_AT, &length, 2);
    table->bytes[COUNT_AT] = (uint8_t)table->entries;
    table->bytes[CHECKSUM_AT] = checksum(table->bytes, table->size);
}

void pc_write_mp_table(struct pc *pc, uint32_t at)
{
    struct table pointer = {0}, configuration = {0}, *table = &pointer;

    PUT('_', 'M', 'P', '_');
    put_number(table, 4, at + 16);
    PUT(1, 4, 0, 0, 0, 0, 0, 0); /* of 16 bytes, version 1.4 */
    pointer.bytes[10] = checksum(pointer.bytes, 16);
    put_configuration(&configuration);
    mem_write_physical(pc->machine->memory, at, pointer.bytes, pointer.size);
    mem_write_physical(pc->machine->memory, at + 16, configuration.bytes,
                       configuration.size);
}
