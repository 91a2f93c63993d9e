/* Private to the PC: what its files know of each other. */
#ifndef BOARD_PC_PARTS_H
#define BOARD_PC_PARTS_H

#include "board/pc.h"

/* Where firmware is on a PC. */
#define FIRMWARE 0xfffff000u
#define FIRMWARE_SIZE 0x1000u
/* What tells of the hardware, in memory that is reserved. */
#define TABLES 0xf0000u

#define IO_APIC_ID 1u
#define SCI_LINE 9u /* ISA line of ACPI's interrupt */

/* -- pc_reset.c ------------------------------------------------------------ */
/* For live: RESET has reached the CPU. */
void pc_reset(void *pc);
/* Somebody wants a reset: it comes, or the run ends. */
void pc_ask_reset(struct pc *pc, const char *why);
void pc_free_image(struct pc_image *image);

/* -- pc.c ------------------------------------------------------------------ */
/* Makes all devices as they are when the power comes; the date of `rtc`, if
 * it is not NULL, goes on. False: there is no room for the debug exit. */
bool pc_add_devices(struct pc *pc, const struct rtc_cmos *rtc);
/* Ends the local APIC's hiding of RAM. */
void pc_show_ram_of_apic(struct pc *pc);

/* -- pc_tables.c ----------------------------------------------------------- */
void pc_write_mp_table(struct pc *pc, uint32_t at);
/* -- pc_acpi.c ------------------------------------------------------------- */
void pc_write_acpi(struct pc *pc, uint32_t at);

#endif
