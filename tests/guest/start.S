/*
 * The common start of the bare-metal programs: multiboot header, long mode
 * with the first 42 MiB and the last GiB below 4 GiB mapped at their own
 * addresses, descriptor tables, and the way into a snippet and back.
 */
#include "bare.h"

    .section .multiboot, "a"
    .align 4
    .long 0x1badb002, 0, -0x1badb002

    .text
    .code32
    .globl _start
_start:
    cli
    cld
    movl $kernel_stack_top, %esp
    /* Pages of 4 KiB for the first 42 MiB, open to all. */
    movl $page_tables, %edi
    movl $7, %eax
    movl $SMALL_PAGES, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b
    movl $page_directory, %edi
    movl $page_tables + 7, %eax
    movl $SMALL_PAGES / 512, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b
    /* 3 to 4 GiB, where devices are, as large pages without caching. */
    movl $device_directory, %edi
    movl $0xc000009f, %eax
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    movl $page_directory + 7, pointers
    movl $device_directory + 7, pointers + 24
    movl $pointers + 7, top_table

    movl $0x2b0, %eax        /* PAE, PGE, OSFXSR, PSE */
    movl %eax, %cr4
    movl $top_table, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx   /* EFER: LME, NXE, SCE */
    xorl %edx, %edx
    movl $0x901, %eax
    wrmsr
    movl $0x80010013, %eax   /* PG WP ET MP PE */
    movl %eax, %cr0
    lgdt gdt_register
    ljmp $KERNEL_CS, $1f

    .code64
1:  movl $KERNEL_DS, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $kernel_stack_top, %rsp
    call guest_start
    ud2

/*
 * void enter(struct context *): loads all registers and goes there; comes
 * back when an exception or an interrupt has been delivered, with all
 * registers as they were stored in the context.
 */
    .globl enter, enter_iret
enter:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, saved_stack
    movq %rdi, current
    movw 184(%rdi), %ds
    movw 186(%rdi), %es
    movw 188(%rdi), %fs
    movw 190(%rdi), %gs
    pushq 152(%rdi)
    pushq 32(%rdi)
    pushq 144(%rdi)
    pushq 136(%rdi)
    pushq 128(%rdi)
    movq 0(%rdi), %rax
    movq 8(%rdi), %rcx
    movq 16(%rdi), %rdx
    movq 24(%rdi), %rbx
    movq 40(%rdi), %rbp
    movq 48(%rdi), %rsi
    movq 64(%rdi), %r8
    movq 72(%rdi), %r9
    movq 80(%rdi), %r10
    movq 88(%rdi), %r11
    movq 96(%rdi), %r12
    movq 104(%rdi), %r13
    movq 112(%rdi), %r14
    movq 120(%rdi), %r15
    movq 56(%rdi), %rdi
enter_iret:
    iretq

/* Every vector's gate leads here: vector and error code are pushed. */
common:
    cld
    cmpq $0, current
    je unexpected
    pushq %rax
    movq current, %rax
    movq %rcx, 8(%rax)
    movq %rdx, 16(%rax)
    movq %rbx, 24(%rax)
    movq %rbp, 40(%rax)
    movq %rsi, 48(%rax)
    movq %rdi, 56(%rax)
    movq %r8, 64(%rax)
    movq %r9, 72(%rax)
    movq %r10, 80(%rax)
    movq %r11, 88(%rax)
    movq %r12, 96(%rax)
    movq %r13, 104(%rax)
    movq %r14, 112(%rax)
    movq %r15, 120(%rax)
    popq 0(%rax)
    popq 160(%rax)
    popq 168(%rax)
    movq %rsp, 192(%rax)     /* where the frame lay */
    popq 128(%rax)
    popq 136(%rax)
    popq 144(%rax)
    popq 32(%rax)
    popq 152(%rax)
    movw %ds, 184(%rax)
    movw %es, 186(%rax)
    movw %fs, 188(%rax)
    movw %gs, 190(%rax)
    movw %ss, 200(%rax)
    movq %cr2, %rcx
    movq %rcx, 176(%rax)
    movq saved_stack, %rsp
    movq $0, current
    movl $KERNEL_DS, %ecx
    movl %ecx, %ss
    pushq $2
    popfq
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

unexpected:
    movq %rsp, %rdi
    movq $kernel_stack_top - 4096, %rsp
    call guest_unexpected
    ud2

    .globl stubs
    .balign 16
stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp common
    .set vector, vector + 1
    .endr

    .data
    .balign 16
    .globl gdt, gdt_register, idt_register
gdt:
    .quad 0
    .quad 0x00209b0000000000 /* 08 kernel, 64-bit */
    .quad 0x00cf93000000ffff /* 10 kernel, data */
    .quad 0x00cffb000000ffff /* 18 user, 32-bit */
    .quad 0x00cff3000000ffff /* 20 user, data */
    .quad 0x0020fb0000000000 /* 28 user, 64-bit */
    .quad 0x00cf9b000000ffff /* 30 kernel, 32-bit */
    .quad 0x000f9b000000ffff /* 38 kernel, 16-bit */
    .quad 0, 0               /* 40 TSS */
    .fill 54, 8, 0           /* 50... free for programs */
gdt_end:
gdt_register:
    .word gdt_end - gdt - 1
    .quad gdt
idt_register:
    .word 4095
    .quad idt

    .bss
    .balign 4096
    .globl top_table, pointers, page_directory, page_tables
    .globl device_directory, current, kernel_stack_top
top_table:
    .skip 4096
pointers:
    .skip 4096
page_directory:
    .skip 4096
device_directory:
    .skip 4096
page_tables:
    .skip SMALL_PAGES * 8
    .skip 32768
kernel_stack_top:
    .globl stack_top, user_stack_top
    .skip 16384
stack_top: /* of snippets in the kernel; there is room above it, too */
    .skip 16384
user_stack_top:
    .skip 16384
current:
    .skip 8
saved_stack:
    .skip 8
