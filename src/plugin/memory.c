/*
 * Guest memory for plugins: reads by a walk without effects, writes that take
 * effect as steer.h says. A transfer is whole or not at all.
 */
#include "plugin/plugins.h"

#include "mem/mem.h"

static struct cpu *the_cpu(void)
{
    const struct plugins *p = plugins_current();

    return p && p->machine ? p->machine->cpu : NULL;
}

static int page_part(uint64_t addr, int len)
{
    int rest = (int)(PAGE_SIZE_ - (addr & ~PAGE_MASK_));

    return len < rest ? len : rest;
}

/* -- A page, or less ------------------------------------------------------- */

static void transfer(struct plugins *p, const struct mem_block *block,
                     uint64_t offset, uint8_t *buf, int len, bool is_write)
{
    if (is_write) {
        steer_write_memory(p, block, offset, buf, (size_t)len);
        return;
    }
    memcpy(buf, block->host + offset, (size_t)len);
    if (p->steer.writes) {
        steer_overlay(p, block, offset, buf, (size_t)len);
    }
}

/* -- Whole ranges ---------------------------------------------------------- */

hwaddr panda_virt_to_phys(CPUState *cpu, target_ulong addr)
{
    struct cpu *c = the_cpu();
    struct walk_result walk;

    (void)cpu;
    /* As the supervisor, who may read every page. */
    return c && c->guest->walk(c, addr, MEM_READ, 0, true, &walk)
               ? walk.physical
               : (hwaddr)-1;
}

static hwaddr as_it_is(CPUState *cpu, target_ulong addr)
{
    (void)cpu;
    return addr;
}

/* `physical` finds the physical address of each part. */
static int rw(CPUState *cpu, uint64_t addr, uint8_t *buf, int len,
              bool is_write, hwaddr (*physical)(CPUState *, target_ulong))
{
    struct plugins *p = plugins_current();
    const struct memory *memory;
    int n;

    if (!the_cpu() || len < 0) {
        return -1;
    }
    memory = p->machine->memory;
    for (int pass = 0; pass < 2; pass++) { /* the first one only looks */
        for (int at = 0; at < len; at += n) {
            hwaddr where = physical(cpu, addr + (unsigned)at);
            const struct mem_block *block;
            uint64_t offset;

            n = page_part(addr + (unsigned)at, len - at);
            block = where == (hwaddr)-1 ? NULL
                                        : mem_lookup(memory, where, &offset);
            if (!block) {
                return -1;
            }
            if (pass) {
                transfer(p, block, offset, buf + at, n, is_write);
            }
        }
    }
    return 0;
}

int panda_physical_memory_rw(hwaddr addr, uint8_t *buf, int len, bool is_write)
{
    return rw(NULL, addr, buf, len, is_write, as_it_is);
}

int panda_physical_memory_read(hwaddr addr, uint8_t *buf, int len)
{
    return panda_physical_memory_rw(addr, buf, len, false);
}

int panda_physical_memory_write(hwaddr addr, uint8_t *buf, int len)
{
    return panda_physical_memory_rw(addr, buf, len, true);
}

int panda_virtual_memory_rw(CPUState *cpu, target_ulong addr, uint8_t *buf,
                            int len, bool is_write)
{
    return rw(cpu, addr, buf, len, is_write, panda_virt_to_phys);
}

int panda_virtual_memory_read(CPUState *cpu, target_ulong addr, uint8_t *buf,
                              int len)
{
    return panda_virtual_memory_rw(cpu, addr, buf, len, false);
}

int panda_virtual_memory_write(CPUState *cpu, target_ulong addr, uint8_t *buf,
                               int len)
{
    return panda_virtual_memory_rw(cpu, addr, buf, len, true);
}

/* -- Registers that the struct only shows ---------------------------------- */

static const struct guest_plugin *guest(void)
{
    static const struct guest_plugin none = {0};

    return the_cpu() ? the_cpu()->guest->plugin : &none;
}

static int write_register(uint32_t number, const void *bytes, size_t size)
{
    const struct cpu *cpu = the_cpu();

    if (!cpu || !cpu->guest->plugin->may_poke(cpu, number, bytes, size)) {
        return -1;
    }
    steer_write_register(plugins_current(), number, bytes, size);
    return 0;
}

int panda_write_control_register(CPUState *cpu, unsigned number, uint64_t value)
{
    (void)cpu;
    return number < 16
               ? write_register(guest()->control_number + number, &value, 8)
               : -1;
}

int panda_write_debug_register(CPUState *cpu, unsigned number, uint64_t value)
{
    (void)cpu;
    return number < 8
               ? write_register(guest()->debug_number + number, &value, 8)
               : -1;
}

int panda_write_msr(CPUState *cpu, uint32_t number, uint64_t value)
{
    uint8_t bytes[12];

    (void)cpu;
    memcpy(bytes, &number, 4);
    memcpy(bytes + 4, &value, 8);
    return write_register(guest()->msr_number, bytes, 12);
}
