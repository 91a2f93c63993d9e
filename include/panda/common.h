/* What the guest is doing, and its memory. */
#ifndef PANDA_COMMON_H
#define PANDA_COMMON_H

#include "panda/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The address space that runs: on x86 CR3. */
target_ulong panda_current_asid(CPUState *cpu);
/* The linear pc: of a block at its start, else of the current instruction;
 * in after_* of instructions and blocks of the next one. */
target_ulong panda_current_pc(CPUState *cpu);
bool panda_in_kernel_mode(const CPUState *cpu);
bool panda_in_kernel(const CPUState *cpu); /* the same */
/* Whether code at the address, or at the current pc, is Linux's own. */
bool address_in_kernel_code_linux(target_ulong address);
bool panda_in_kernel_code_linux(CPUState *cpu);
target_ulong panda_current_sp(const CPUState *cpu);
target_ulong panda_get_retval(const CPUState *cpu);

/*
 * Guest memory by virtual address, in the current address space, and by
 * physical address. 0; or -1 when some of it is not memory, and then nothing
 * is transferred. Writes are refused (-1) by this version.
 */
int panda_virtual_memory_rw(CPUState *cpu, target_ulong addr, uint8_t *buf,
                            int len, bool is_write);
int panda_virtual_memory_read(CPUState *cpu, target_ulong addr, uint8_t *buf,
                              int len);
int panda_virtual_memory_write(CPUState *cpu, target_ulong addr, uint8_t *buf,
                               int len);
int panda_physical_memory_rw(hwaddr addr, uint8_t *buf, int len, bool is_write);
int panda_physical_memory_read(hwaddr addr, uint8_t *buf, int len);
int panda_physical_memory_write(hwaddr addr, uint8_t *buf, int len);

/* -1 as a hwaddr when the address is not mapped. */
hwaddr panda_virt_to_phys(CPUState *cpu, target_ulong addr);

#ifdef __cplusplus
}
#endif

#endif
