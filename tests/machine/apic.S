/*
 * What of the local APIC reaches into the CPU: NMIs, CR8, the base register;
 * and the A20 gate. Ends by power-off.
 */
#include "start.S"
#define APIC 0xfee00000
#define MOVED 0x300000

start:
    mov $0x180000, %esp
    mov $nmi, %eax              /* NMI is vector 2 */
    mov %ax, table + 16
    shr $16, %eax
    mov %ax, table + 22
    lidt idt

    /* An NMI to itself, and within its handler another one. */
    movl $0x400, APIC + 0x300
    nop
    cmpl $2, nmis
    check e, 'n'

    /* The gate, from a place that is the same when it is closed. */
    mov $gate, %esi
    mov $0x200000, %edi
    mov $gate_end - gate, %ecx
    rep movsb
    mov $0x200000, %eax
    call *%eax

    /* The base register: over RAM, which comes back. */
    movl $0x12345678, MOVED + 0x30
    mov $0x1b, %ecx
    rdmsr
    mov %eax, %ebx
    mov $MOVED | 0x900, %eax
    wrmsr
    mov MOVED + 0x30, %al
    cmp $0x14, %al
    check e, 'b'
    mov %ebx, %eax
    xor %edx, %edx
    mov $0x1b, %ecx
    wrmsr
    cmpl $0x12345678, MOVED + 0x30
    check e, 'r'
    cmpb $0x14, APIC + 0x30
    check e, 'a'

    /* Off, CPUID does not show it. */
    mov %ebx, %eax
    and $~0x800, %eax
    xor %edx, %edx
    wrmsr
    mov $1, %eax
    cpuid
    test $0x200, %edx
    check z, 'o'
    mov $0x1b, %ecx
    rdmsr
    or $0x800, %eax
    wrmsr
    mov $1, %eax
    cpuid
    test $0x200, %edx
    check nz, 'f'

    /* CR8 needs 64-bit mode: pages of 2 MiB for what is used. */
    movl $0x403000 + 7, 0x402000
    movl $0x404000 + 7, 0x403000
    movl $0x405000 + 7, 0x403018
    movl $0x000087, 0x404000
    movl $0xfee00087, 0x405fb8
    mov $0x402000, %eax
    mov %eax, %cr3
    mov $0x20, %eax
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    mov $0x100, %eax
    xor %edx, %edx
    wrmsr
    mov $0x80000011, %eax
    mov %eax, %cr0
    lgdt gdt
    ljmp $8, $wide
    .code64
wide:
    mov $APIC, %ebx
    mov $5, %eax
    mov %rax, %cr8
    cmpb $0x50, 0x80(%rbx)
    check e, 't'
    movl $0x7f, 0x80(%rbx)
    mov %cr8, %rax
    cmp $7, %rax
    check e, 'c'
    power_off
    hlt
    .code32

/* Closed, 1 MiB more is the same place; and so is the stack elsewhere. */
gate:
    movl $0xaaaa5555, 0x280000
    movl $0, 0x380000
    outb 0x64, 0xd1
    outb 0x60, 0xdd             /* the keyboard controller's half */
    mov 0x380000, %ebx
    outb 0x92, 2                /* the other one opens it */
    cmpl $0, 0x380000
    check e, '2'
    cmp $0xaaaa5555, %ebx
    check e, '0'
    ret
gate_end:

nmi:
    incl nmis
    cmpl $1, nmis
    jne back
    movl $0x400, APIC + 0x300   /* waits for the IRET */
    nop
    nop
    cmpl $1, nmis
    check e, 'i'
back:
    iret

nmis:
    .long 0
idt:
    .word 23
    .long table
    .balign 8
table:
    .fill 2, 8, 0
    .word 0, 0x10, 0x8e00, 0
gdt:
    .word 15
    .long descriptors
    .balign 8
descriptors:
    .quad 0, 0x00209a0000000000
