/*
 * The head of a file that the boot protocol of Linux takes for a kernel: it
 * begins at `start`, at 1 MiB, in flat 32-bit protected mode. Linked so that
 * offset 0x400 of the file is there. And what the programs share.
 */
    .code32
    .globl _start
_start:
    .org 0x1f1
    .byte 1             /* one sector of setup behind the first */
    .org 0x1fe
    .word 0xaa55
    .byte 0xeb, 0x2e
    .ascii "HdrS"
    .word 0x203
    .org 0x211
    .byte 1             /* to be loaded at 1 MiB */
    .org 0x400

.macro outb port, value
    mov $\value, %al
    mov $\port, %dx
    out %al, (%dx)
.endm

.macro say c
    outb 0x3f8, \c
.endm

/* Says c if the condition of the last comparison holds, else '!'. */
.macro check condition, c
    j\condition 1f
    say '!'
    jmp 2f
1:  say \c
2:
.endm

/* By ACPI's control register: SLP_TYP 0, SLP_EN. */
.macro power_off
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, (%dx)
.endm
