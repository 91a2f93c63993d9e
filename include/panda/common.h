/* What the guest is doing, its code and its memory. */
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
/* Does the CPU run privileged code: on x86, at privilege level 0? */
bool panda_in_kernel_mode(const CPUState *cpu);
bool panda_in_kernel(const CPUState *cpu);
/* Whether code at the address, or at the current pc, is Linux's own. */
bool address_in_kernel_code_linux(target_ulong address);
bool panda_in_kernel_code_linux(CPUState *cpu);
/* The stack pointer. */
target_ulong panda_current_sp(const CPUState *cpu);
/* What a function that has just returned left as its result: on x86 rax. */
target_ulong panda_get_retval(const CPUState *cpu);
/* Of the kernel: where its stack begins while user code runs; 0: unknown. */
target_ulong panda_current_ksp(CPUState *cpu);

/*
 * Guest code as text, an instruction a line; the pc is that of the first.
 * `code` of panda_disas() is memory of the process, which is taken to lie at
 * the current pc, or, if there is none, a virtual address of the guest. The
 * other two leave no doubt.
 */
void panda_disas(FILE *out, void *code, unsigned long size);
void panda_disas_guest(FILE *out, CPUState *cpu, target_ulong pc,
                       unsigned long size);
void panda_disas_bytes(FILE *out, const void *bytes, unsigned long size,
                       target_ulong pc);

/*
 * Guest memory by virtual address, in the current address space, and by
 * physical address. 0; or -1 when some of it is not memory, and then nothing
 * is transferred.
 *
 * What a plugin writes, here and to `regs`, `eip`, `eflags` and `segs` in the
 * CPU struct, takes effect between two instructions: before the next one, when
 * all callbacks that come before it have been called (of its block's start, of
 * itself), else when the running one is over. The plugin itself reads what it
 * has written. While recording, writes become part of the recording, and a
 * replay makes them, with or without the plugin; what a plugin writes there
 * otherwise is without effect and reported once (-replay-allow-writes).
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

/*
 * Ours: registers that the CPU struct only shows. 0; or -1 when there is no
 * such register, or none that takes this value. On x86 the control registers
 * 0, 2, 3, 4 and 8, and model-specific registers by their number.
 */
int panda_write_control_register(CPUState *cpu, unsigned number,
                                 uint64_t value);
int panda_write_debug_register(CPUState *cpu, unsigned number, uint64_t value);
int panda_write_msr(CPUState *cpu, uint32_t number, uint64_t value);

/* The physical address; -1 as a hwaddr when the address is not mapped. */
hwaddr panda_virt_to_phys(CPUState *cpu, target_ulong addr);
/* Where the engine keeps `len` bytes of guest memory, for reading until the
 * callback returns; NULL unless all of them lie in one page of RAM. */
void *panda_map_virt_to_host(CPUState *cpu, target_ulong addr, int len);
/* Behind the last address of RAM. */
Int128 panda_find_max_ram_address(void);
/* The place within RAM of an address; MEMTX_ERROR: it is none of RAM. */
MemTxResult PandaPhysicalAddressToRamOffset(ram_addr_t *out, hwaddr addr,
                                            bool is_write);
MemTxResult PandaVirtualAddressToRamOffset(ram_addr_t *out, CPUState *cpu,
                                           target_ulong addr, bool is_write);

/* Nothing needs them: every page can be read. */
static inline bool enter_priv(CPUState *cpu)
{
    return cpu != NULL;
}
static inline void exit_priv(CPUState *cpu)
{
    (void)cpu;
}

/* As the -os option; ends the program when there is no such system. */
void panda_set_os_name(char *os_name);

#ifdef __cplusplus
}
#endif

#endif
