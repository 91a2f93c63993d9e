/* The PC: what stands where, and which wire leads to which pin. */
#ifndef BOARD_PC_H
#define BOARD_PC_H

#include "boundary/live.h"
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
#include "exec/machine.h"

struct pc_options {
    uint64_t ram_size;          /* bytes, a multiple of 1 MiB, up to 3 GiB */
    int64_t rtc_base;           /* seconds since 1970-01-01 at virtual time 0 */
    struct char_backend serial; /* of COM1 */
    uint16_t debug_exit_port;   /* 0: no such device */
    uint16_t debug_exit_size;   /* ports */
    bool no_reboot;             /* a reset ends the run */
    uint64_t seed;              /* of all that is random in the machine */
};

struct pc {
    struct machine *machine;
    struct live *live;
    struct mem_block *ram, *firmware;
    struct pc_options options;
    struct apic_bus apics;
    struct local_apic local_apic;
    struct io_apic io_apic;
    struct i8259 pic;
    struct pit8254 pit;
    struct rtc_cmos rtc;
    struct uart16550 com1;
    struct i8042 keyboard;
    struct port92 port92;
    struct acpi_pm pm;
    struct isa_debug_exit debug_exit;

    uint8_t nmi_waits;
    uint8_t a20[2]; /* levels: keyboard controller, port 0x92 */
    uint8_t a20_open;

    unsigned com1_input, com1_break; /* for live_input() */
    struct pc_image *image;          /* what a reset starts anew */
    int exit_status;                 /* of the debug exit; -1: not used */
    uint64_t seed;
};

/* The board's own state, beside that of its devices. */
extern const struct device_table pc_table;

/* NULL: *message (to be freed) says why. */
struct pc *pc_new(const struct pc_options *options, char **message);
void pc_free(struct pc *pc);

/* What a recording needs to know to build the machine again: a text of lines
 * (to be freed), and back. False: *message as above. */
char *pc_options_print(const struct pc_options *options);
bool pc_options_parse(const char *text, struct pc_options *options,
                      char **message);

/* Loads a bzImage or a multiboot ELF file, an initial RAM disk (path may be
 * NULL) and a command line, and points the CPU at the kernel. False: *message
 * as above. */
bool pc_boot_kernel(struct pc *pc, const char *kernel, const char *initrd,
                    const char *append, char **message);

/* What memory and registers hold now is what every reset leads back to. To
 * be called once, when something was loaded. */
void pc_set_image(struct pc *pc);

#endif
