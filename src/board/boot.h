/* What the ways to boot share. */
#ifndef BOARD_BOOT_H
#define BOARD_BOOT_H

#include "board/pc.h"

#include <stddef.h>

/* NULL: *message (to be freed) says why. */
uint8_t *boot_read_file(const char *path, size_t *size, char **message);

/* An ELF file with a multiboot header (version 1): the one of them that
 * `file` holds is loaded and started. */
bool boot_is_elf(const uint8_t *file, size_t size);
bool boot_multiboot(struct pc *pc, const char *path, const uint8_t *file,
                    size_t size, const char *initrd, const char *append,
                    char **message);

#endif
