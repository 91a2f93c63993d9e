/*
 * Reset. There is no firmware to load the kernel again, so memory gets back
 * what it held when the machine was started, and the CPU finds, where it
 * begins after a reset, code that leads it into the state it was started in:
 * flat protected mode. All of it crosses the boundary as RESET and WRITEs,
 * so that a recording may have a reset in it.
 */
#include "board/pc_parts.h"

#include "base/error.h"
#include "guest/x86/state.h"

#include <stdlib.h>
#include <string.h>

struct pc_image {
    struct pc_image *next;
    uint64_t offset; /* of a page in RAM */
    uint8_t page[PAGE_SIZE_];
};

/* -- What is started anew -------------------------------------------------- */

struct code {
    uint8_t *at;
};

static void put(struct code *code, unsigned size, uint64_t value)
{
    memcpy(code->at, &value, size);
    code->at += size;
}

static void put_bytes(struct code *code, const void *bytes, size_t size)
{
    memcpy(code->at, bytes, size);
    code->at += size;
}
#define PUT(...) \
    put_bytes(code, (const uint8_t[]){__VA_ARGS__}, \
              sizeof((const uint8_t[]){__VA_ARGS__}))

/* Offsets in the page of firmware; the CPU begins at RESET_VECTOR, in a code
 * segment whose last 64 KiB end with the page. */
enum {
    CODE_16 = 0xf00,
    TABLE_POINTERS = 0xf40, /* IDT: 8 bytes, GDT */
    CODE_32 = 0xf60,
    RESET_VECTOR = 0xff0,
};
#define IN_SEGMENT(offset) (0xf000u + (offset))

static void put_code_16(struct code *code, uint16_t cs)
{
    PUT(0xfa, 0x2e, 0x66, 0x0f, 0x01, 0x1e); /* cli; lidtl %cs:pointer */
    put(code, 2, IN_SEGMENT(TABLE_POINTERS));
    PUT(0x2e, 0x66, 0x0f, 0x01, 0x16); /* lgdtl %cs:pointer */
    put(code, 2, IN_SEGMENT(TABLE_POINTERS + 8));
    PUT(0x66, 0xb8, 0x11, 0, 0, 0); /* mov $0x11, %eax: PE and ET */
    PUT(0x0f, 0x22, 0xc0);          /* mov %eax, %cr0 */
    PUT(0x66, 0xea);                /* ljmpl $cs, $code */
    put(code, 4, FIRMWARE + CODE_32);
    put(code, 2, cs);
}

static void put_code_32(struct code *code, const struct x86_cpu *x86)
{
    /* mov number, register: of EAX to EDI, without ESP */
    static const uint8_t order[] = {1, 2, 3, 5, 6, 7, 0};

    PUT(0xb8); /* mov $ds, %eax; and into DS, ES, SS, FS, GS */
    put(code, 4, x86->segment[X86_DS].selector);
    PUT(0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8);
    for (unsigned i = 0; i < sizeof(order); i++) {
        put(code, 1, 0xb8u + order[i]);
        put(code, 4, x86->gpr[order[i]]);
    }
    PUT(0xe9); /* jmp */
    put(code, 4,
        x86->rip -
            (FIRMWARE + (uint64_t)(CODE_32 + 5 + 10 + 5 * sizeof(order) + 5)));
}

static void write_firmware(struct pc *pc)
{
    const struct x86_cpu *x86 = x86_of(pc->machine->cpu);
    uint8_t page[FIRMWARE_SIZE] = {0};
    struct code at = {page + RESET_VECTOR}, *code = &at;

    PUT(0xe9); /* jmp */
    put(code, 2, (uint16_t)(CODE_16 - (RESET_VECTOR + 3)));
    code->at = page + CODE_16;
    put_code_16(code, x86->segment[X86_CS].selector);
    code->at = page + TABLE_POINTERS;
    put(code, 2, x86->idtr.limit);
    put(code, 6, x86->idtr.base);
    put(code, 2, x86->gdtr.limit);
    put(code, 4, x86->gdtr.base);
    code->at = page + CODE_32;
    put_code_32(code, x86);
    mem_write_physical(pc->machine->memory, FIRMWARE, page, sizeof(page));
}

static struct pc_image *keep_page(const struct pc *pc, uint64_t offset)
{
    struct pc_image *image = malloc(sizeof(*image));

    if (!image) {
        panda_bug("out of memory");
    }
    image->next = NULL;
    image->offset = offset;
    memcpy(image->page, pc->ram->host + offset, PAGE_SIZE_);
    return image;
}

void pc_set_image(struct pc *pc)
{
    struct pc_image **tail = &pc->image;

    panda_assert(!pc->image);
    for (uint64_t at = 0; at < pc->ram->size; at += PAGE_SIZE_) {
        if (pc->ram->page_flags[at >> PAGE_BITS] & PAGE_WRITTEN) {
            *tail = keep_page(pc, at);
            tail = &(*tail)->next;
        }
    }
    write_firmware(pc);
}

void pc_free_image(struct pc_image *image)
{
    while (image) {
        struct pc_image *next = image->next;

        free(image);
        image = next;
    }
}

/* -- Resetting ------------------------------------------------------------- */

void pc_ask_reset(struct pc *pc, const char *why)
{
    const struct inward_event event = {.kind = INWARD_RESET};

    if (pc->options.no_reboot) {
        machine_stop(pc->machine, why);
    } else {
        live_post(pc->live, &event);
    }
}

static void restore_ram(struct pc *pc)
{
    const struct pc_image *image = pc->image;

    for (; image; image = image->next) {
        const struct inward_event event = {.kind = INWARD_WRITE,
                                           .what = pc->ram->id,
                                           .address = image->offset,
                                           .bytes = image->page,
                                           .size = PAGE_SIZE_};

        if (memcmp(pc->ram->host + image->offset, image->page, PAGE_SIZE_)) {
            live_post(pc->live, &event);
        }
    }
}

/* The CPU has been reset; A20 is open then. */
void pc_reset(void *opaque)
{
    struct pc *pc = opaque;
    const struct rtc_cmos rtc = pc->rtc;

    pc_show_ram_of_apic(pc);
    live_renew(pc->live);
    pc_add_devices(pc, &rtc);
    restore_ram(pc);
}
