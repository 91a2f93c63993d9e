/*
 * A guest for tests of recordings: a bzImage that never ends by itself. It
 * needs 4 MiB, takes timer and serial interrupts, writes memory at random and
 * reads devices. What is typed at it decides what it does:
 *
 *     w   works (the start)        i   reads ports, mostly
 *     h   halts, mostly            q   ends the run through isa-debug-exit
 *     r   resets the machine
 *
 * Everything typed is echoed and goes into a sum in memory.
 */
    .code32

    /* The boot sector and the header that a boot loader looks for. */
    .section .setup, "ax"
    .org 0x1f1
    .byte 4                  /* sectors of set-up code after the first */
    .org 0x1fe
    .word 0xaa55
    .byte 0xeb, 0x66         /* the header ends at 0x268 */
    .ascii "HdrS"
    .word 0x020c
    .org 0x211
    .byte 1                  /* loaded at 1 MiB */
    .org 0x230
    .org 5 * 512

    .set IDT, 0x200000
    .set STACK, 0x280000
    .set MODE, 0x280000
    .set TICKS, 0x280004
    .set SUM, 0x280008
    .set FIELD, 0x300000     /* 1 MiB that is written all over */

    .macro send value, port
    movb $\value, %al
    movw $\port, %dx
    outb %al, %dx
    .endm

    .text
    .globl _start
_start:
    cli
    movl $STACK, %esp
    movl $'w', MODE
    incl starts              /* a reset gives it back what it was */
    /* Every vector leads to `ignore`, two of them elsewhere. */
    xorl %ecx, %ecx
1:  movl $ignore, %ebx
    call set_gate
    incl %ecx
    cmpl $256, %ecx
    jb 1b
    movl $0x20, %ecx
    movl $timer, %ebx
    call set_gate
    movl $0x24, %ecx
    movl $serial, %ebx
    call set_gate
    lidt idt_register

    send 0x11, 0x20          /* both 8259: vectors from 0x20 and 0x28 on */
    send 0x11, 0xa0
    send 0x20, 0x21
    send 0x28, 0xa1
    send 0x04, 0x21
    send 0x02, 0xa1
    send 0x01, 0x21
    send 0x01, 0xa1
    send 0xee, 0x21          /* lines 0 and 4 */
    send 0xff, 0xa1
    send 0x34, 0x43          /* channel 0: about 4000 times a second */
    send 0x2a, 0x40
    send 0x01, 0x40
    send 0x01, 0x3f9         /* interrupt when something was received */
    send 0x07, 0x3fa         /* FIFO */
    send 0x0b, 0x3fc
    send 'G', 0x3f8
    send 'O', 0x3f8
    send '\n', 0x3f8
    sti

    movl $0x9e3779b9, %esi   /* random numbers */
    xorl %edi, %edi          /* turns */
turn:
    movl %esi, %eax
    shll $13, %eax
    xorl %eax, %esi
    movl %esi, %eax
    shrl $17, %eax
    xorl %eax, %esi
    movl %esi, %eax
    shll $5, %eax
    xorl %eax, %esi
    movl %esi, %eax
    andl $0xffffc, %eax
    addl %esi, FIELD(%eax)
    roll $7, FIELD(%eax)
    incl %edi
    cmpl $'h', MODE
    je halt
    cmpl $'i', MODE
    je ports
    testl $0xfff, %edi
    jnz turn
    testl $0x3ffff, %edi
    jnz ports
    send '.', 0x3f8
halt:
    hlt
ports:
    send 0x00, 0x43          /* latch, and read the counter */
    inb $0x40, %al
    movb %al, %ah
    inb $0x40, %al
    addl %eax, %esi
    send 0x00, 0x70          /* seconds */
    inb $0x71, %al
    addl %eax, SUM
    jmp turn

set_gate:
    movw %bx, IDT(, %ecx, 8)
    movw %cs, IDT + 2(, %ecx, 8)
    movw $0x8e00, IDT + 4(, %ecx, 8)
    shrl $16, %ebx
    movw %bx, IDT + 6(, %ecx, 8)
    ret

timer:
    pushl %eax
    incl TICKS
    movb $0x20, %al
    outb %al, $0x20
    popl %eax
ignore:
    iret

serial:
    pusha
1:  movw $0x3fd, %dx
    inb %dx, %al
    testb $1, %al
    jz 2f
    movw $0x3f8, %dx
    xorl %eax, %eax
    inb %dx, %al
    outb %al, %dx
    imull $31, SUM, %ebx
    addl %eax, %ebx
    movl %ebx, SUM
    movl %eax, MODE
    cmpb $'r', %al
    jne 3f
    movb $0xfe, %al
    outb %al, $0x64
3:  cmpb $'q', %al
    jne 1b
    movw $0x501, %dx
    outb %al, %dx
    jmp 1b
2:  movb $0x20, %al
    outb %al, $0x20
    popa
    iret

    .balign 4096
starts:
    .long 0
    .balign 8
idt_register:
    .word 256 * 8 - 1
    .long IDT
