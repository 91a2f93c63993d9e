/*
 * The guest that plugins of tests/plugin_sources are run on: a multiboot
 * kernel in 32 bits that does a known number of known things, and ends.
 */
    .code32
    .text
    .globl _start
    .align 4
    .long 0x1badb002, 0, -0x1badb002
_start:
    mov $stack, %esp
    lgdt gdtr
    lidt idtr
    ljmp $8, $1f
1:  mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss

/* 64 stores of 4 bytes: 0x1000 + i at 0x200000 + 4 * i; then as many loads.
 * The sum comes back in EAX. */
    .globl fill
fill:
    mov $0x200000, %edi
    xor %ecx, %ecx
2:  lea 0x1000(%ecx), %eax
    mov %eax, (%edi,%ecx,4)
    inc %ecx
    cmp $64, %ecx
    jne 2b
    .globl sum
sum:
    xor %ecx, %ecx
    xor %eax, %eax
3:  add (%edi,%ecx,4), %eax
    inc %ecx
    cmp $64, %ecx
    jne 3b

/* A call of a function that leaves 0x1234 in EAX. */
    push $0x77
    call answer
    add $4, %esp

/* A hypercall: EAX and EBX say who is meant, ECX says what. */
    mov $0x50414e44, %eax
    mov $3, %ebx
    mov $0x600d, %ecx
    cpuid

/* Three address spaces, without paging. */
    mov $0x300000, %eax
    mov %eax, %cr3
    mov $0x301000, %eax
    mov %eax, %cr3
    mov $0x302000, %eax
    mov %eax, %cr3

/* Five software interrupts. */
    mov $5, %ebp
4:  int $0x30
    dec %ebp
    jnz 4b

/* The task priority of the local APIC, which is device memory. */
    mov $0xfee00080, %esi
    movl $0x20, (%esi)
    mov (%esi), %ebx
    movl $0, (%esi)

/* A line on the console. */
    mov $text, %esi
    mov $0x3f8, %dx
5:  lodsb
    test %al, %al
    jz 6f
    out %al, (%dx)
    jmp 5b
6:

/* SSE: XMM1 is 1, 2, 3, 4. x87: ST(0) is 1. */
    mov %cr0, %eax
    and $~4, %eax
    mov %eax, %cr0
    mov %cr4, %eax
    or $0x600, %eax
    mov %eax, %cr4
    movups numbers, %xmm1
    fld1
    .globl last
last:
    mov $0x501, %dx
    out %al, (%dx)
    hlt

    .globl answer
answer:
    mov $0x1234, %eax
    ret

handler:
    iret

    .align 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:
    .word 23
    .long gdt
idtr:
    .word 0x31 * 8 - 1
    .long idt
/* One gate, of vector 0x30; the linker has put the handler below 1.0625 MiB,
 * so that the upper half of its address is that of the text. */
idt:
    .fill 0x30, 8, 0
    .word handler - _start + 0x100c, 8, 0x8e00, 0x10
text:
    .asciz "surface\n"
    .align 16
numbers:
    .long 1, 2, 3, 4
    .bss
    .fill 4096
stack:
