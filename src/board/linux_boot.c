/*
 * Booting Linux without firmware, by its 32-bit boot protocol: the kernel's
 * protected-mode part goes to 1 MiB, and finds in ESI the boot parameters
 * that a boot loader would have filled in.
 */
#include "board/boot.h"

#include "base/draw.h"
#include "base/error.h"
#include "guest/x86/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS 0x90000u
#define COMMAND_LINE 0x9a000u
#define COMMAND_LINE_MAX 2048u
#define GDT 0x9b000u
#define SEED_DATA 0x9b800u
#define KERNEL 0x100000u

/* Offsets in the boot parameters, most of them also in the kernel's file. */
enum {
    E820_ENTRIES = 0x1e8,
    SETUP_SECTORS = 0x1f1,
    BOOT_FLAG = 0x1fe,
    HEADER_LENGTH = 0x201,
    HEADER_MAGIC = 0x202,
    VERSION = 0x206,
    LOADER_TYPE = 0x210,
    LOAD_FLAGS = 0x211,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    COMMAND_LINE_PTR = 0x228,
    INITRD_ADDRESS_MAX = 0x22c,
    SETUP_DATA = 0x250,
    E820_TABLE = 0x2d0,
    PARAMETERS_SIZE = 0x1000,
};

uint8_t *boot_read_file(const char *path, size_t *size, char **message)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long length = -1;

    if (file && fseek(file, 0, SEEK_END) == 0) {
        length = ftell(file);
        rewind(file);
    }
    if (length >= 0) {
        bytes = malloc((size_t)length + 1);
    }
    if (bytes && fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        free(bytes);
        bytes = NULL;
    }
    if (!bytes) {
        *message = panda_message("cannot read %s: %s", path, strerror(errno));
    }
    if (file) {
        fclose(file);
    }
    *size = bytes ? (size_t)length : 0;
    return bytes;
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, 4);
    return value;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
}

static void add_e820(uint8_t *parameters, uint64_t start, uint64_t end,
                     uint32_t type)
{
    uint8_t *at = parameters + E820_TABLE + 20 * parameters[E820_ENTRIES]++;
    uint64_t size = end - start;

    memcpy(at, &start, 8);
    memcpy(at + 8, &size, 8);
    put32(at + 16, type);
}

static void describe(const struct pc *pc, uint8_t *parameters)
{
    add_e820(parameters, 0, 0x9fc00, 1);
    add_e820(parameters, 0x9fc00, 0xa0000, 2);
    add_e820(parameters, 0xf0000, 0x100000, 2);
    add_e820(parameters, 0x100000, pc->ram->size, 1);
}

/*
 * What a boot loader can give the kernel's random numbers to begin with. It
 * follows from -seed alone, so boots with equal seeds draw equal numbers; in
 * a recording it is part of the memory at its start.
 */
#define SEED_SIZE 32u
#define SETUP_RNG_SEED 9u

static void offer_seed(const struct pc *pc, uint8_t *parameters)
{
    struct {
        uint64_t next;
        uint32_t type, size;
        uint64_t words[SEED_SIZE / 8];
    } data = {.type = SETUP_RNG_SEED, .size = SEED_SIZE};
    struct draw draw = {pc->seed};

    if ((parameters[VERSION] | parameters[VERSION + 1] << 8) < 0x209) {
        return; /* it knows no such list */
    }
    for (unsigned i = 0; i < SEED_SIZE / 8; i++) {
        data.words[i] = draw_next(&draw);
    }
    mem_write_physical(pc->machine->memory, SEED_DATA, &data, sizeof(data));
    put32(parameters + SETUP_DATA, SEED_DATA);
}

/* Checks the file and copies its header into the parameters. */
static bool take_header(const char *path, const uint8_t *file, size_t size,
                        uint8_t *parameters, char **message)
{
    size_t end;

    if (size < 0x400 || memcmp(file + HEADER_MAGIC, "HdrS", 4) != 0 ||
        (file[VERSION] | file[VERSION + 1] << 8) < 0x203 ||
        !(file[LOAD_FLAGS] & 1)) {
        *message = panda_message("%s is neither a Linux bzImage nor an ELF "
                                 "file",
                                 path);
        return false;
    }
    end = 0x202u + file[HEADER_LENGTH];
    memcpy(parameters + SETUP_SECTORS, file + SETUP_SECTORS,
           end - SETUP_SECTORS);
    parameters[LOADER_TYPE] = 0xff;
    return true;
}

static bool load_kernel(struct pc *pc, const char *path, const uint8_t *file,
                        size_t size, uint8_t *parameters, char **message)
{
    bool good = take_header(path, file, size, parameters, message);
    size_t setup;

    if (good) {
        setup = 512u * ((file[SETUP_SECTORS] ? file[SETUP_SECTORS] : 4) + 1u);
        if (setup >= size || size - setup > pc->ram->size - KERNEL) {
            *message = panda_message("%s does not fit into the guest's "
                                     "memory: use a larger -m",
                                     path);
            good = false;
        } else {
            mem_write_physical(pc->machine->memory, KERNEL, file + setup,
                               size - setup);
        }
    }
    return good;
}

static bool load_initrd(struct pc *pc, const char *path, uint8_t *parameters,
                        char **message)
{
    uint64_t top = pc->ram->size;
    uint64_t highest = get32(parameters + INITRD_ADDRESS_MAX);
    size_t size;
    uint8_t *file = boot_read_file(path, &size, message);
    bool good = file;

    if (highest && highest + 1 < top) {
        top = highest + 1;
    }
    if (good && size + 64 * 1024 * 1024 > top) {
        *message = panda_message("%s does not fit into the guest's memory: "
                                 "use a larger -m",
                                 path);
        good = false;
    }
    if (good) {
        uint32_t at = (uint32_t)((top - size) & PAGE_MASK_);

        mem_write_physical(pc->machine->memory, at, file, size);
        put32(parameters + RAMDISK_IMAGE, at);
        put32(parameters + RAMDISK_SIZE, (uint32_t)size);
    }
    free(file);
    return good;
}

static bool boot_linux(struct pc *pc, const char *path, const uint8_t *file,
                       size_t size, const char *initrd, const char *append,
                       char **message)
{
    uint8_t parameters[PARAMETERS_SIZE] = {0};
    size_t length = strlen(append) + 1;

    if (length > COMMAND_LINE_MAX) {
        *message = panda_message("-append: more than %u characters",
                                 COMMAND_LINE_MAX - 1);
        return false;
    }
    if (!load_kernel(pc, path, file, size, parameters, message) ||
        (initrd && !load_initrd(pc, initrd, parameters, message))) {
        return false;
    }
    describe(pc, parameters);
    offer_seed(pc, parameters);
    put32(parameters + COMMAND_LINE_PTR, COMMAND_LINE);
    mem_write_physical(pc->machine->memory, PARAMETERS, parameters,
                       sizeof(parameters));
    mem_write_physical(pc->machine->memory, COMMAND_LINE, append, length);
    x86_start_flat(pc->machine->cpu, KERNEL, PARAMETERS, GDT);
    return true;
}

bool pc_boot_kernel(struct pc *pc, const char *kernel, const char *initrd,
                    const char *append, char **message)
{
    size_t size;
    uint8_t *file = boot_read_file(kernel, &size, message);
    bool good = file && (boot_is_elf(file, size) ? boot_multiboot : boot_linux)(
                            pc, kernel, file, size, initrd, append, message);

    free(file);
    return good;
}
