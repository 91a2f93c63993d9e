/*
 * Four ways to a reset, and power-off in the end. How often it was begun is
 * in the CMOS. Each time memory and registers must be as they were loaded.
 */
#include "start.S"

start:
    mov $0x90000, %eax
    cmp %eax, %esi
    check e, 'p'
    cmpl $0x53726448, 0x90202   /* HdrS, in the boot parameters */
    check e, 'h'
    cmpl $12345, variable
    check e, 'm'
    incl variable
    incl 0x90202
    mov $0x200000, %esp
    cmpl $1, %esp               /* not zero: the A20 gate is open */
    outb 0x70, 0x50
    in $0x71, %al
    mov %al, %bl
    add $'0', %al
    mov $0x3f8, %dx
    out %al, (%dx)
    mov %bl, %al
    inc %al
    out %al, $0x71
    cmp $1, %bl
    jb by_keyboard
    je by_port92
    cmp $3, %bl
    jb by_triple_fault
    je by_init
    power_off
by_keyboard:
    outb 0x64, 0xfe
    hlt
by_port92:
    outb 0x92, 0x03
    hlt
by_triple_fault:
    lidt nothing
    int3
by_init:                        /* to itself */
    movl $0x4500, 0xfee00300
    movl $0, 0xfee00310
    movl $0x4500, 0xfee00300
    hlt

nothing:
    .word 0
    .long 0
variable:
    .long 12345
