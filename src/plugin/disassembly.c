/* Guest code as text. */
#include "plugin/plugins.h"

#include "base/error.h"

#define LINE_BYTES 11u /* most instructions; a longer one is a wider line */

static struct cpu *the_cpu(void)
{
    struct plugins *p = plugins_current();

    return p && p->machine ? p->machine->cpu : NULL;
}

/* One instruction. Returns its length; 1 for a byte that begins none. */
static size_t print_one(FILE *out, const struct cpu *cpu, uint64_t pc,
                        const uint8_t *bytes, size_t size)
{
    char text[160] = "(bad)", hex[64] = "";
    size_t length = cpu->guest->disassemble(cpu->guest->mode(cpu), pc, bytes,
                                            size, text, sizeof(text));

    length = length ? length : 1;
    for (size_t i = 0; i < length; i++) {
        snprintf(hex + 3 * i, sizeof(hex) - 3 * i, "%02x ", bytes[i]);
    }
    fprintf(out, "0x" TARGET_FMT_lx ":  %-*s %s\n", pc, (int)LINE_BYTES * 3,
            hex, text);
    return length;
}

void panda_disas_bytes(FILE *out, const void *bytes, unsigned long size,
                       target_ulong pc)
{
    const struct cpu *cpu = the_cpu();

    for (size_t at = 0; cpu && at < size;) {
        at += print_one(out, cpu, pc + at, (const uint8_t *)bytes + at,
                        size - at);
    }
}

void panda_disas_guest(FILE *out, CPUState *cpu, target_ulong pc,
                       unsigned long size)
{
    uint8_t *copy = panda_must(malloc(size + 1));
    unsigned long n = 0;

    while (the_cpu() && n < size &&
           !panda_virtual_memory_read(cpu, pc + n, copy + n, 1)) {
        n++;
    }
    panda_disas_bytes(out, copy, n, pc);
    if (n < size) {
        fprintf(out, "0x" TARGET_FMT_lx ":  not mapped\n", (uint64_t)pc + n);
    }
    free(copy);
}

/* Is the memory of this process? The kernel is asked by having it read. */
static bool is_ours(const uint8_t *bytes, unsigned long size)
{
    uint64_t start = (uintptr_t)bytes, page = start & PAGE_MASK_;
    bool good = true;
    int ends[2];

    if (start + size < start || pipe(ends)) {
        return false;
    }
    for (; good && page < start + size; page += PAGE_SIZE_) {
        const uint8_t *first = page < start ? bytes
                                            : (const uint8_t *)(uintptr_t)page;
        char drained;

        good = write(ends[1], first, 1) == 1 && read(ends[0], &drained, 1) == 1;
    }
    close(ends[0]);
    close(ends[1]);
    return good;
}

void panda_disas(FILE *out, void *code, unsigned long size)
{
    CPUState *cpu = panda_first_cpu();

    if (is_ours(code, size)) {
        panda_disas_bytes(out, code, size, panda_current_pc(cpu));
    } else {
        panda_disas_guest(out, cpu, (uintptr_t)code, size);
    }
}
