/*
 * RAM-like blocks. The mapping begins on a huge page's edge and asks for huge
 * pages: a guest touches its memory all over, and the host's own TLB misses
 * come on top of ours. Nothing is resident before it is written.
 */
#include "mem/internal.h"
#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_SIZE (2ull << 20)

void *mem_allocate(size_t count, size_t size)
{
    return panda_must(calloc(count, size));
}

void *mem_grow(void *array, size_t count, size_t size)
{
    return panda_must(reallocarray(array, count, size));
}

/* Maps more than is wanted and gives back both ends. */
static uint8_t *map_aligned(uint64_t size)
{
    uint64_t align = size >= HUGE_SIZE ? HUGE_SIZE : PAGE_SIZE_;
    uint64_t whole = size + align - PAGE_SIZE_;
    uint8_t *from, *host;

    if (whole < size) {
        errno = ENOMEM;
        return NULL;
    }
    from = mmap(NULL, whole, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (from == MAP_FAILED) {
        return NULL;
    }
    host = (uint8_t *)(((uintptr_t)from + align - 1) & ~(align - 1));
    if (host > from) {
        munmap(from, host - from);
    }
    if (host + size < from + whole) {
        munmap(host + size, from + whole - (host + size));
    }
    if (align == HUGE_SIZE) {
        madvise(host, size, MADV_HUGEPAGE); /* a wish; it may be refused */
    }
    return host;
}

struct mem_block *mem_add_block(struct memory *mem, const char *name,
                                enum block_kind kind, uint64_t size)
{
    uint64_t pages = size >> PAGE_BITS;
    struct block *block;

    panda_assert(size && !(size & PAGE_OFFSET_MASK));
    block = mem_allocate(1, sizeof(*block));
    block->shown.kind = kind;
    block->shown.size = size;
    block->shown.id = mem->n_blocks;
    block->shown.name = strdup(name);
    block->shown.host = map_aligned(size);
    if (block->shown.host) {
        /* Large arrays of zeroes: the host gives pages as they are used. */
        block->shown.page_flags = calloc(pages, 1);
        block->tables = calloc(pages, sizeof(block->tables[0]));
        block->fast_at = calloc(pages, sizeof(block->fast_at[0]));
    }
    if (!block->shown.name || !block->shown.page_flags || !block->tables ||
        !block->fast_at) {
        block_free(block);
        errno = ENOMEM;
        return NULL;
    }
    mem->blocks = mem_grow(mem->blocks, mem->n_blocks + 1,
                           sizeof(mem->blocks[0]));
    mem->blocks[mem->n_blocks++] = block;
    return &block->shown;
}

bool mem_map_file(struct mem_block *block, uint64_t offset, uint64_t size,
                  int fd, uint64_t file_offset)
{
    panda_assert(size <= block->size && offset <= block->size - size);
    return mmap(block->host + offset, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
                (off_t)file_offset) != MAP_FAILED;
}

void block_free(struct block *block)
{
    if (block->tables) {
        for (uint64_t i = 0; i < block->shown.size >> PAGE_BITS; i++) {
            free(block->tables[i]);
        }
    }
    if (block->shown.host) {
        munmap(block->shown.host, block->shown.size);
    }
    free(block->tables);
    free(block->fast_at);
    free(block->shown.page_flags);
    free((char *)block->shown.name);
    free(block);
}

unsigned mem_block_count(const struct memory *mem)
{
    return mem->n_blocks;
}

struct mem_block *mem_block_at(const struct memory *mem, unsigned index)
{
    return index < mem->n_blocks ? &mem->blocks[index]->shown : NULL;
}

struct block *block_of_host(const struct memory *mem, const uint8_t *host,
                            uint64_t *offset)
{
    for (unsigned i = 0; i < mem->n_blocks; i++) {
        struct block *block = mem->blocks[i];
        uint64_t distance = (uintptr_t)host - (uintptr_t)block->shown.host;

        if (distance < block->shown.size) {
            *offset = distance;
            return block;
        }
    }
    panda_bug("a TLB entry leads to no block");
}

void mem_set_code(struct memory *mem, struct mem_block *shown, uint64_t offset)
{
    struct block *block = block_of(shown);

    *page_flags_at(block, offset) |= PAGE_HAS_CODE;
    tlb_drop_writes(mem, block, offset);
}

void mem_clear_code(struct mem_block *shown, uint64_t offset)
{
    *page_flags_at(block_of(shown), offset) &= (uint8_t)~PAGE_HAS_CODE;
}

/* Most pages that were written are led to by no tag any more. */
static void clear(struct memory *mem, struct mem_block *shown, uint8_t flag)
{
    uint8_t seen = 0;

    for (uint64_t i = 0; i < shown->size >> PAGE_BITS; i++) {
        if (shown->page_flags[i] & flag) {
            seen |= shown->page_flags[i];
            shown->page_flags[i] &= (uint8_t) ~(flag | PAGE_FAST_WRITE);
        }
    }
    if (seen & PAGE_FAST_WRITE) {
        tlb_drop_all_writes(mem);
    }
}

void mem_clear_written(struct memory *mem, struct mem_block *block)
{
    clear(mem, block, PAGE_WRITTEN);
}

void mem_set_keeper(struct memory *mem, const struct mem_keeper *keeper)
{
    for (unsigned i = 0; i < mem->n_blocks; i++) {
        mem->blocks[i]->keeper = keeper ? *keeper : (struct mem_keeper){0};
    }
}

void mem_clear_changed(struct memory *mem, struct mem_block *block)
{
    clear(mem, block, PAGE_CHANGED);
}
