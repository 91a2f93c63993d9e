/*
 * Booting an ELF file by the multiboot standard, version 1: the segments go
 * where the program headers say, and the CPU starts in flat 32-bit protected
 * mode with a magic number in EAX and the address of an information block in
 * EBX. Small kernels and bare-metal tests are started like that.
 *
 * Below 640 KiB, where boot loaders live, lie the tables that a guest finds:
 *
 *     0x9000  information block, memory map, list of modules
 *     0xa000  command line
 *     0xb000  the GDT to begin with
 */
#include "board/boot.h"

#include "base/error.h"
#include "guest/x86/state.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAGIC 0x1badb002u
#define HEADER_WITHIN 8192u
#define LOADED_MAGIC 0x2badb002u
#define INFORMATION 0x9000u
#define MEMORY_MAP 0x9100u
#define MODULES 0x9200u
#define COMMAND_LINE 0xa000u
#define COMMAND_LINE_MAX 4096u
#define GDT 0xb000u
#define BASE_MEMORY 0x9fc00u

/* Header flags: below 16 what must be understood or refused. */
#define WANTS_ALIGNED_MODULES 1u
#define WANTS_MEMORY 2u
#define HAS_ADDRESSES 0x10000u

struct information { /* as far as it is filled in */
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count,
        mods_addr, syms[4], mmap_length, mmap_addr;
};
#define INFO_MEMORY 1u
#define INFO_CMDLINE 4u
#define INFO_MODULES 8u
#define INFO_MMAP 0x40u

struct map_entry {
    uint32_t size; /* of what follows */
    uint64_t start, length;
    uint32_t type; /* 1: RAM */
} __attribute__((packed));

bool boot_is_elf(const uint8_t *file, size_t size)
{
    return size >= sizeof(Elf32_Ehdr) && !memcmp(file, ELFMAG, SELFMAG);
}

/* -- The file -------------------------------------------------------------- */

static bool find_header(const char *path, const uint8_t *file, size_t size,
                        char **message)
{
    uint32_t header[3];

    for (size_t at = 0; at + 12 <= size && at + 12 <= HEADER_WITHIN; at += 4) {
        memcpy(header, file + at, sizeof(header));
        if (header[0] != HEADER_MAGIC || header[0] + header[1] + header[2]) {
            continue;
        }
        if (header[1] & 0xffffu & ~(WANTS_ALIGNED_MODULES | WANTS_MEMORY)) {
            *message = panda_message("%s: its multiboot header asks for more "
                                     "than memory information and aligned "
                                     "modules (flags 0x%x)",
                                     path, header[1]);
            return false;
        }
        if (header[1] & HAS_ADDRESSES) {
            *message = panda_message("%s: its multiboot header gives load "
                                     "addresses; only ELF's are used",
                                     path);
            return false;
        }
        return true;
    }
    *message = panda_message("%s is an ELF file without a multiboot header",
                             path);
    return false;
}

static bool check_elf(const char *path, const uint8_t *file, size_t size,
                      Elf32_Ehdr *elf, char **message)
{
    memcpy(elf, file, sizeof(*elf));
    if (elf->e_ident[EI_CLASS] != ELFCLASS32 || elf->e_machine != EM_386 ||
        elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_type != ET_EXEC) {
        *message = panda_message("%s is not a 32-bit x86 executable: "
                                 "multiboot starts no other ELF file (objcopy "
                                 "-O elf32-i386 makes one)",
                                 path);
        return false;
    }
    if (elf->e_phentsize != sizeof(Elf32_Phdr) || elf->e_phoff > size ||
        elf->e_phnum > (size - elf->e_phoff) / sizeof(Elf32_Phdr)) {
        *message = panda_message("%s: its program headers lie beyond its end",
                                 path);
        return false;
    }
    return find_header(path, file, size, message);
}

/* Loads one segment and moves *end, the end of what is loaded. */
static bool load_segment(struct pc *pc, const char *path, const uint8_t *file,
                         size_t size, const Elf32_Phdr *p, uint64_t *end,
                         char **message)
{
    uint64_t top = (uint64_t)p->p_paddr + p->p_memsz;
    struct memory *memory = pc->machine->memory;

    if (p->p_offset > size || p->p_filesz > size - p->p_offset ||
        p->p_filesz > p->p_memsz) {
        *message = panda_message("%s: a segment lies beyond the end of the "
                                 "file",
                                 path);
        return false;
    }
    /* Memory is zero still. */
    if (p->p_paddr < 0x100000 || top > pc->ram->size ||
        !mem_write_physical(memory, p->p_paddr, file + p->p_offset,
                            p->p_filesz)) {
        *message = panda_message("%s: a segment is to lie from 0x%x to "
                                 "0x%llx; there is room from 1 MiB to the "
                                 "end of memory (-m)",
                                 path, p->p_paddr, (unsigned long long)top);
        return false;
    }
    *end = top > *end ? top : *end;
    return true;
}

/* -- What it is told ------------------------------------------------------- */

static bool load_module(struct pc *pc, const char *path, uint64_t at,
                        struct information *info, char **message)
{
    size_t size;
    uint8_t *file = boot_read_file(path, &size, message);
    uint32_t module[4] = {0};
    bool good = file && size <= pc->ram->size && at <= pc->ram->size - size;

    if (file && !good) {
        *message = panda_message("%s does not fit into the guest's memory: "
                                 "use a larger -m",
                                 path);
    }
    if (good) {
        module[0] = (uint32_t)at;
        module[1] = (uint32_t)(at + size);
        mem_write_physical(pc->machine->memory, at, file, size);
        mem_write_physical(pc->machine->memory, MODULES, module,
                           sizeof(module));
        info->flags |= INFO_MODULES;
        info->mods_count = 1;
        info->mods_addr = MODULES;
    }
    free(file);
    return good;
}

static void describe_memory(struct pc *pc, struct information *info)
{
    const uint32_t rest = sizeof(struct map_entry) - 4;
    const struct map_entry map[] = {
        {rest, 0, BASE_MEMORY, 1},
        {rest, BASE_MEMORY, 0xa0000 - BASE_MEMORY, 2},
        {rest, 0xf0000, 0x10000, 2},
        {rest, 0x100000, pc->ram->size - 0x100000, 1},
    };

    mem_write_physical(pc->machine->memory, MEMORY_MAP, map, sizeof(map));
    info->flags |= INFO_MEMORY | INFO_MMAP;
    info->mem_lower = BASE_MEMORY / 1024;
    info->mem_upper = (uint32_t)((pc->ram->size - 0x100000) / 1024);
    info->mmap_length = sizeof(map);
    info->mmap_addr = MEMORY_MAP;
}

bool boot_multiboot(struct pc *pc, const char *path, const uint8_t *file,
                    size_t size, const char *initrd, const char *append,
                    char **message)
{
    struct information info = {.flags = INFO_CMDLINE, .cmdline = COMMAND_LINE};
    struct memory *memory = pc->machine->memory;
    /* QEMU passes the file's name first, and so does GRUB. */
    char *line = panda_message("%s %s", path, append);
    uint64_t end = 0x100000;
    Elf32_Ehdr elf;
    Elf32_Phdr p;
    bool good = check_elf(path, file, size, &elf, message);

    for (unsigned i = 0; good && i < elf.e_phnum; i++) {
        memcpy(&p, file + elf.e_phoff + i * sizeof(p), sizeof(p));
        good = p.p_type != PT_LOAD || !p.p_memsz ||
               load_segment(pc, path, file, size, &p, &end, message);
    }
    end = (end + PAGE_SIZE_ - 1) & PAGE_MASK_;
    good = good && (!initrd || load_module(pc, initrd, end, &info, message));
    if (good && strlen(line) >= COMMAND_LINE_MAX) {
        *message = panda_message("-append: more than %u characters",
                                 COMMAND_LINE_MAX - 1);
        good = false;
    }
    if (good) {
        describe_memory(pc, &info);
        mem_write_physical(memory, COMMAND_LINE, line, strlen(line) + 1);
        mem_write_physical(memory, INFORMATION, &info, sizeof(info));
        x86_start_flat(pc->machine->cpu, elf.e_entry, 0, GDT);
        x86_of(pc->machine->cpu)->gpr[0] = LOADED_MAGIC;
        x86_of(pc->machine->cpu)->gpr[3] = INFORMATION;
    }
    free(line);
    return good;
}
