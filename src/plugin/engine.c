/* What include/panda/engine.h offers, variables excepted. */
#include "plugin/plugins.h"

#include "base/error.h"
#include "mem/mem.h"

/* -- Messages -------------------------------------------------------------- */

int qemu_log(const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vfprintf(stderr, format, args);
    va_end(args);
    return length;
}

/* The engine prints to files; `print` may be something else. */
void cpu_dump_state(CPUState *cpu, FILE *file, fprintf_function print,
                    int flags)
{
    struct plugins *p = plugins_current();
    char *text = NULL;
    size_t size = 0;
    FILE *memory;

    (void)cpu, (void)flags;
    if (!p || !p->machine) {
        return;
    }
    memory = open_memstream(&text, &size);
    if (!memory) {
        return;
    }
    p->machine->cpu->guest->print_registers(p->machine->cpu, memory);
    fclose(memory);
    print(file, "%s", text);
    free(text);
}

/* -- The CPU and memory ---------------------------------------------------- */

CPUState *panda_current_cpu(void)
{
    struct plugins *p = plugins_current();

    return p && p->machine && p->machine->running ? &p->cpu : NULL;
}

CPUState *panda_cpu_of(const CPUArchState *env)
{
    struct plugins *p = plugins_current();

    return p && p->machine && p->cpu.env_ptr == env ? &p->cpu : NULL;
}

void cpu_physical_memory_read(hwaddr address, void *buffer, int length)
{
    struct plugins *p = plugins_current();

    if (p && p->machine && length > 0) {
        mem_read_physical(p->machine->memory, address, buffer, (size_t)length);
    }
}

/* -- Text ------------------------------------------------------------------ */

void pstrcpy(char *to, int room, const char *from)
{
    if (room > 0) {
        snprintf(to, (size_t)room, "%s", from);
    }
}

char *pstrcat(char *to, int room, const char *from)
{
    int length = (int)strlen(to);

    pstrcpy(to + length, room - length, from);
    return to;
}

char **str_split(char *text, const char separator)
{
    const char between[2] = {separator, '\0'};
    char **pieces = NULL, *copy = panda_must(strdup(text)), *save = NULL;
    char *piece = strtok_r(copy, between, &save);
    size_t n = 0;

    do {
        pieces = panda_must(realloc(pieces, (n + 1) * sizeof(*pieces)));
        pieces[n++] = piece ? panda_must(strdup(piece)) : NULL;
        piece = piece ? strtok_r(NULL, between, &save) : NULL;
    } while (pieces[n - 1]);
    free(copy);
    return pieces;
}
