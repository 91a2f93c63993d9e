/*
 * The least of ACPI that lets a kernel switch the machine off and find its
 * devices without probing:
 *
 *     RSDP -> RSDT -> FADT -> DSDT   devices, and how to switch off (_S5)
 *                          -> FACS
 *                  -> MADT           interrupt controllers
 *
 * All of it lies in one piece; a table is at a multiple of 64.
 */
#include "board/pc_parts.h"

#include "base/error.h"

#include <string.h>

#define AREA 0x1000u

struct area {
    uint8_t bytes[AREA];
    uint32_t address, size;
};

static uint32_t here(const struct area *a)
{
    return a->address + a->size;
}

static void put(struct area *a, const void *bytes, size_t size)
{
    panda_assert(a->size + size <= AREA);
    memcpy(a->bytes + a->size, bytes, size);
    a->size += (uint32_t)size;
}

static void put_number(struct area *a, unsigned size, uint64_t value)
{
    put(a, &value, size);
}
#define PUT(...) \
    put(a, (const uint8_t[]){__VA_ARGS__}, \
        sizeof((const uint8_t[]){__VA_ARGS__}))

static void put_checksum(struct area *a, uint32_t start, uint32_t size,
                         uint32_t at)
{
    uint8_t sum = 0;

    for (uint32_t i = start; i < start + size; i++) {
        sum = (uint8_t)(sum + a->bytes[i]);
    }
    a->bytes[at] = (uint8_t)(a->bytes[at] - sum);
}

static void align(struct area *a)
{
    a->size = (a->size + 63) & ~63u;
}

/* A table begins; its address comes back. Its length is filled in at the
 * end. */
static uint32_t begin(struct area *a, const char *name, uint8_t revision)
{
    uint32_t at;

    align(a);
    at = here(a);
    put(a, name, 4);
    put_number(a, 4, 0); /* length */
    PUT(revision, 0);    /* and checksum */
    put(a, "PANDA PANDA-PC", 14);
    put_number(a, 4, 1);
    put(a, "PNDA", 4);
    put_number(a, 4, 1);
    return at;
}

static void end(struct area *a, uint32_t address)
{
    uint32_t start = address - a->address, size = a->size - start;

    memcpy(a->bytes + start + 4, &size, 4);
    put_checksum(a, start, size, start + 9);
}

/* -- The DSDT: byte code of ACPI ------------------------------------------- */

enum {
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_DWORD = 0x0c,
    AML_SCOPE = 0x10,
    AML_BUFFER = 0x11,
    AML_PACKAGE = 0x12,
    AML_EXTENDED = 0x5b,
    AML_DEVICE = 0x82, /* behind AML_EXTENDED */
};

/* A length in two bytes, which counts itself; filled in by close_length(). */
static uint32_t open_length(struct area *a)
{
    PUT(0, 0);
    return a->size - 2;
}

static void close_length(struct area *a, uint32_t at)
{
    uint32_t length = a->size - at;

    panda_assert(length < 1u << 12);
    a->bytes[at] = (uint8_t)(0x40 | (length & 15));
    a->bytes[at + 1] = (uint8_t)(length >> 4);
}

static void put_name(struct area *a, const char *name)
{
    PUT(AML_NAME);
    put(a, name, 4);
}

/* A device's kind: three letters, packed, and a number. */
static void put_kind(struct area *a, uint16_t number)
{
    unsigned p = 'P' - 64, n = 'N' - 64;

    put_name(a, "_HID");
    PUT(AML_DWORD, (uint8_t)(p << 2 | n >> 3), (uint8_t)(n << 5 | p),
        (uint8_t)(number >> 8), (uint8_t)number);
}

struct resources {
    uint16_t kind; /* PNPxxxx */
    const char *name;
    uint16_t port[2], ports; /* 0: none */
    uint8_t line;
};

static void put_ports(struct area *a, uint16_t port, uint16_t ports)
{
    PUT(0x47, 1); /* decodes 16 address bits; from, to, alignment, number */
    put_number(a, 2, port);
    put_number(a, 2, port);
    PUT(1, (uint8_t)ports);
}

static void put_device(struct area *a, const struct resources *device)
{
    uint32_t length, buffer, size;

    PUT(AML_EXTENDED, AML_DEVICE);
    length = open_length(a);
    put(a, device->name, 4);
    put_kind(a, device->kind);
    put_name(a, "_CRS");
    PUT(AML_BUFFER);
    buffer = open_length(a);
    PUT(AML_BYTE, 0);
    size = a->size;
    for (unsigned i = 0; i < 2; i++) {
        if (device->port[i]) {
            put_ports(a, device->port[i], device->ports);
        }
    }
    PUT(0x22); /* interrupt lines */
    put_number(a, 2, 1u << device->line);
    PUT(0x79, 0); /* the end */
    a->bytes[size - 1] = (uint8_t)(a->size - size);
    close_length(a, buffer);
    close_length(a, length);
}

static void put_off(struct area *a)
{
    uint32_t length;

    put_name(a, "_S5_");
    PUT(AML_PACKAGE);
    length = open_length(a);
    PUT(4, AML_BYTE, ACPI_PM_OFF, AML_BYTE, ACPI_PM_OFF, AML_BYTE, 0, AML_BYTE,
        0);
    close_length(a, length);
}

static uint32_t put_dsdt(struct area *a)
{
    static const struct resources devices[] = {
        {0x0b00, "RTC_", {0x70, 0}, 2, 8},
        {0x0303, "KBD_", {0x60, 0x64}, 1, 1},
        {0x0f13, "MOU_", {0, 0}, 0, 12},
        {0x0501, "COM1", {0x3f8, 0}, 8, 4},
    };
    uint32_t at = begin(a, "DSDT", 1), length;

    put_off(a);
    PUT(AML_SCOPE);
    length = open_length(a);
    put(a, "\\_SB_", 5);
    for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        put_device(a, &devices[i]);
    }
    close_length(a, length);
    end(a, at);
    return at;
}

/* -- The tables ------------------------------------------------------------ */

static uint32_t put_facs(struct area *a)
{
    uint32_t at;

    align(a);
    at = here(a);
    put(a, "FACS", 4);
    put_number(a, 4, 64);
    a->size += 64 - 8;
    return at;
}

/* A register: in port space, of so many bits, accessed by words. */
static void put_register(struct area *a, unsigned bits, uint32_t port)
{
    PUT(1, (uint8_t)bits, 0, bits ? 2 : 0);
    put_number(a, 8, port);
}

static void put_no_registers(struct area *a, unsigned n)
{
    while (n--) {
        put_register(a, 0, 0);
    }
}

/* Of the boot architecture: devices at their old places, a keyboard
 * controller, no VGA. Of the flags: WBINVD works, HLT is C1, and there are no
 * fixed buttons and no RTC wake-up. */
#define BOOT_ARCHITECTURE 0x0007u
#define FADT_FLAGS 0x0075u

static uint32_t put_fadt(struct area *a, uint32_t facs, uint32_t dsdt)
{
    uint32_t at = begin(a, "FACP", 3);

    put_number(a, 4, facs);
    put_number(a, 4, dsdt);
    PUT(0, 1); /* a desktop */
    put_number(a, 2, SCI_LINE);
    put_number(a, 8, 0); /* no SMI: ACPI is always on */
    put_number(a, 8, ACPI_PM_BASE);
    put_number(a, 8, ACPI_PM_CONTROL);
    put_number(a, 8, 0); /* no PM2, no timer */
    put_number(a, 8, 0); /* no general events */
    PUT(4, 2, 0, 0, 0, 0, 0, 0);
    put_number(a, 2, 0xfff); /* no C2, C3 */
    put_number(a, 2, 0xfff);
    put_number(a, 4, 0);
    PUT(0, 0, 0, 0, 0x32); /* the century is in the CMOS there */
    put_number(a, 2, BOOT_ARCHITECTURE);
    PUT(0);
    put_number(a, 4, FADT_FLAGS);
    put_no_registers(a, 1); /* of reset */
    put_number(a, 4, 0);
    put_number(a, 8, 0); /* FACS: as above */
    put_number(a, 8, dsdt);
    put_register(a, 32, ACPI_PM_BASE);
    put_no_registers(a, 1);
    put_register(a, 16, ACPI_PM_CONTROL);
    put_no_registers(a, 5);
    end(a, at);
    return at;
}

enum { LOCAL_APIC, IO_APIC, OVERRIDE, LOCAL_NMI = 4 };

static uint32_t put_madt(struct area *a)
{
    uint32_t at = begin(a, "APIC", 1);

    put_number(a, 4, LOCAL_APIC_BASE);
    put_number(a, 4, 1);      /* there are 8259s, too */
    PUT(LOCAL_APIC, 8, 0, 0); /* processor 0 has APIC 0 */
    put_number(a, 4, 1);      /* and is usable */
    PUT(IO_APIC, 12, IO_APIC_ID, 0);
    put_number(a, 4, IO_APIC_BASE);
    put_number(a, 4, 0);
    PUT(OVERRIDE, 10, 0, 0); /* ISA line 0 is on input 2 */
    put_number(a, 4, 2);
    put_number(a, 2, 0);
    PUT(OVERRIDE, 10, 0, SCI_LINE); /* active high, by level */
    put_number(a, 4, SCI_LINE);
    put_number(a, 2, 0xd);
    PUT(LOCAL_NMI, 6, 0xff, 0, 0, 1); /* LINT1 of all */
    end(a, at);
    return at;
}

static void put_rsdp(struct area *a, uint32_t rsdt)
{
    put(a, "RSD PTR \0PANDA ", 15); /* a checksum amid */
    PUT(0);
    put_number(a, 4, rsdt);
    put_checksum(a, 0, 20, 8);
}

void pc_write_acpi(struct pc *pc, uint32_t address)
{
    struct area area = {.address = address, .size = 64}, *a = &area;
    uint32_t dsdt = put_dsdt(a), facs = put_facs(a);
    uint32_t fadt = put_fadt(a, facs, dsdt), madt = put_madt(a);
    uint32_t rsdt = begin(a, "RSDT", 1), size;

    put_number(a, 4, fadt);
    put_number(a, 4, madt);
    end(a, rsdt);
    size = a->size;
    a->size = 0;
    put_rsdp(a, rsdt);
    mem_write_physical(pc->machine->memory, address, a->bytes, size);
}
