/* A return to virtual-8086 mode, from flat protected mode. */
#include "start.S"

    .set VM, 1 << 17

start:
    cli
    say 'v'
    mov $0x8000, %esp
    xor %eax, %eax
    push %eax           /* gs fs ds es */
    push %eax
    push %eax
    push %eax
    push %eax           /* ss:esp */
    push $0x7000
    push $VM | 2
    push $0x1234        /* cs:eip */
    push $0x56
    iret
    say '!'
