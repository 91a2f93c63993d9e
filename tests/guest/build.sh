#!/bin/sh
# Builds bare-metal programs: build.sh DIRECTORY NAME... makes DIRECTORY/NAME,
# a 32-bit multiboot ELF file, out of NAME.c here, or at the path given.
set -eu
to=$1
shift
here=$(dirname "$0")
cc="${CC:-gcc} -m64 -std=gnu17 -O1 -Wall -Wextra -Werror -ffreestanding
    -nostdlib -static -fno-pic -fno-pie -no-pie -mno-red-zone -mcmodel=small
    -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables
    -fcf-protection=none -fno-toplevel-reorder -I$here"
mkdir -p "$to"
$cc -c -o "$to/start.o" "$here/start.S"
$cc -c -o "$to/bare.o" "$here/bare.c"
for source; do # or a path
    name=$(basename "$source" .c)
    [ "$source" = "$name" ] && source=$here/$name.c
    $cc -c -o "$to/$name.o" "$source"
    ld -m elf_x86_64 -z max-page-size=4096 -z noexecstack \
        --no-warn-rwx-segments -T "$here/bare.ld" -o "$to/$name.64" \
        "$to/start.o" "$to/bare.o" "$to/$name.o"
    objcopy -O elf32-i386 "$to/$name.64" "$to/$name"
    rm "$to/$name.64"
done
